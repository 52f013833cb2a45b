// SPDX-License-Identifier: Apache-2.0
// A small HTTP server for what operators and their tools look at. Loopback only: it knows no users.
//
// start() listens and answers in threads of its own until the server is destroyed; handlers are called from any of
// them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace sluice {

struct HttpRequest {
  std::string method;                        // "GET"
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded; of requests without a body
  std::string authorization;                 // that header
  std::string content_type;                  // that header
  std::string body;
};
struct HttpReply {
  std::string content_type;
  std::string body;
  int status = 200;
};
using HttpHandler = std::function<HttpReply(const HttpRequest&)>;

class HttpServer {
 public:
  // `address` is "PORT", "HOST:PORT" or "[::1]:PORT"; port 0 takes any free one. `handler` gets every request, up to
  // `threads` of them at a time, and says itself what is not found; 403 answers those whose Host header names no
  // loopback address.
  static Result<std::unique_ptr<HttpServer>> start(const std::string& address, HttpHandler handler, int threads);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  const std::string& host() const;
  int port() const;

 private:
  struct Listener;
  HttpServer();
  std::unique_ptr<Listener> listener_;
};

}  // namespace sluice
