// SPDX-License-Identifier: Apache-2.0
// The statements and views of tenants over HTTP: JSON in and out, the errors' numbers those of the statements. Whoever
// has the secret may do everything.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/http_server.h"
#include "tenants/tenant_server.h"

namespace sluice {

// Any thread.
class RestApi {
 public:
  using Execute = std::function<Result<StatementResult>(const Statement&)>;
  RestApi(Execute execute, std::string secret) : execute_(std::move(execute)), secret_(std::move(secret)) {}
  HttpReply answer(const HttpRequest& request) const;

 private:
  const Execute execute_;
  const std::string secret_;
};

// Serves the API on a port of loopback until the result is destroyed, which waits for the answers under way. The secret
// is new at every start and stands in the server's folder, in rest.cnf, for `curl --config`.
Result<std::unique_ptr<HttpServer>> serve_rest(TenantServer& server, int64_t port);

}  // namespace sluice
