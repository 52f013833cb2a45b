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

struct HttpReply {
  std::string content_type;
  std::string body;
};
// By path: "/metrics".
using HttpRoutes = std::map<std::string, std::function<HttpReply()>>;

class HttpServer {
 public:
  // `address` is "PORT", "HOST:PORT" or "[::1]:PORT"; port 0 takes any free one.
  static Result<std::unique_ptr<HttpServer>> start(const std::string& address, HttpRoutes routes);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  const std::string& host() const;
  int port() const;

 private:
  HttpServer() = default;
  struct Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace sluice
