// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <httplib.h>
#include <strings.h>

#include <atomic>
#include <charconv>
#include <string>
#include <thread>

namespace sluice {
namespace {

constexpr int kMaxPort = 65535;
constexpr size_t kMaxBody = size_t{1} << 20;

struct Address {
  std::string host = "127.0.0.1";
  int port = 0;
};

Result<Address> parse_address(const std::string& text) {
  Address address;
  std::string_view port = text;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    address.host = text.substr(0, colon);
    port.remove_prefix(colon + 1);
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port < 0 || address.port > kMaxPort) {
    return Error(ErrorCode::kConfig, fmt::format("'{}' is not an address to listen at", text),
                 "Write PORT or HOST:PORT, as in 127.0.0.1:9400.");
  }
  if (address.host != "localhost" && address.host != "::1" && !address.host.starts_with("127.")) {
    return Error(ErrorCode::kConfig, fmt::format("'{}' is not a loopback address", address.host),
                 "There are no users and no encryption here: listen at 127.0.0.1 behind a proxy that has them.");
  }
  return address;
}

// Whether a Host header names this machine as such. A web page of elsewhere can have its own name lead here, and then
// read and send what it likes.
bool names_loopback(std::string host) {
  const size_t colon = host.rfind(':');
  if (colon != std::string::npos && !host.ends_with(']')) host.resize(colon);
  if (host == "[::1]" || strcasecmp(host.c_str(), "localhost") == 0) return true;
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && host.starts_with("127.");
}

}  // namespace

struct HttpServer::Listener {
  httplib::Server server;
  Address address;
  std::atomic<bool> ended{false};
  std::thread thread;
};

HttpServer::HttpServer() : listener_(std::make_unique<Listener>()) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& address, HttpHandler handler, int threads) {
  std::unique_ptr<HttpServer> result(new HttpServer());
  ASSIGN_OR_RETURN(result->listener_->address, parse_address(address));
  httplib::Server& server = result->listener_->server;
  const auto answer = [handler = std::move(handler)](const httplib::Request& from, httplib::Response& response) {
    if (!names_loopback(from.get_header_value("Host"))) {
      response.status = 403;
      response.set_content("the header Host must be localhost or a loopback address; a proxy must set it so\n",
                           "text/plain; charset=utf-8");
      return;
    }
    HttpRequest request{.method = from.method,
                        .path = from.path,
                        .query = {},
                        .authorization = from.get_header_value("Authorization"),
                        .content_type = from.get_header_value("Content-Type"),
                        .body = from.body};
    // With a body there may be fields of a form among them.
    if (from.body.empty()) request.query.insert(from.params.begin(), from.params.end());
    HttpReply reply = handler(request);
    response.status = reply.status;
    response.set_content(std::move(reply.body), reply.content_type.c_str());
  };
  server.Get(".*", answer);
  server.Post(".*", answer);
  server.Put(".*", answer);
  server.Patch(".*", answer);
  server.Delete(".*", answer);
  server.set_payload_max_length(kMaxBody);
  Listener& listener = *result->listener_;
  listener.server.new_task_queue = [threads] { return new httplib::ThreadPool(static_cast<size_t>(threads)); };
  // SO_REUSEPORT, httplib's default, would let two processes share the port in silence.
  listener.server.set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  int& port = listener.address.port;
  const bool bound = port == 0 ? (port = listener.server.bind_to_any_port(listener.address.host)) > 0
                               : listener.server.bind_to_port(listener.address.host, port);
  if (!bound) {
    return Error(ErrorCode::kConfig, fmt::format("cannot listen at {}:{}", listener.address.host, port),
                 "The port may be taken: choose another one.");
  }
  listener.thread = std::thread([&listener] {
    listener.server.listen_after_bind();
    listener.ended = true;
  });
  // stop() is lost on a server that does not run yet.
  while (!listener.server.is_running() && !listener.ended) std::this_thread::yield();
  return result;
}

HttpServer::~HttpServer() {
  if (!listener_ || !listener_->thread.joinable()) return;
  listener_->server.stop();
  listener_->thread.join();
}

const std::string& HttpServer::host() const { return listener_->address.host; }
int HttpServer::port() const { return listener_->address.port; }

}  // namespace sluice
