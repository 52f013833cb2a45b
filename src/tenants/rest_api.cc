// SPDX-License-Identifier: Apache-2.0
#include "tenants/rest_api.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "tenants/file_tree.h"
#include "tenants/instance.h"
#include "tenants/rest_statement.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

using nlohmann::json;

constexpr int kThreads = 16;  // a clone's request keeps one until the clone is there

int http_status(int code) {
  switch (code) {
    case kAccessDenied: return 401;
    case kSyntaxError:
    case kIncorrectArguments:
    case kNameTooLong:
    case kValueTooSmall:
    case kDuplicateOption: return 400;
    case kNoSuchRequest:
    case kUnitNotExist:
    case kPoolNotExist:
    case kTenantNotExist:
    case kSnapshotNotExist: return 404;
    case kNotAllowed:
    case kPoolAlreadyGranted:
    case kUnitIsReferenced:
    case kUnitExists:
    case kPoolExists:
    case kInProcedure:
    case kTenantExists:
    case kSnapshotExists: return 409;
    case kNotSupported: return 501;
    case kSnapshotFailed:
    case kResourcesNotEnough: return 507;
    default: return 500;
  }
}

HttpReply reply(const json& body, int status = 200) {
  return {.content_type = "application/json",
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n",
          .status = status};
}

HttpReply refuse(const Error& error, const std::string& statement = {}) {
  const int code = sql_error_code(error);
  json body = {{"code", code}, {"state", sql_error_state(code)}, {"message", sql_error_message(error)}};
  if (!statement.empty()) body["statement"] = statement;
  return reply({{"error", std::move(body)}}, http_status(code));
}

// Rows as objects, every value a string or null, as the views give them.
json to_objects(const StatementResult& result) {
  json rows = json::array();
  for (const auto& row : result.rows.rows) {
    json object = json::object();
    for (size_t i = 0; i < row.size(); ++i) object[result.rows.columns[i]] = row[i] ? json(*row[i]) : json();
    rows.push_back(std::move(object));
  }
  return {{"rows", std::move(rows)}, {"notes", result.notes}};
}

// For statements of the user's own, whose columns may have the same name twice.
json to_table(const StatementResult& result) {
  json rows = json::array();
  for (const auto& row : result.rows.rows) {
    json cells = json::array();
    for (const auto& cell : row) cells.push_back(cell ? json(*cell) : json());
    rows.push_back(std::move(cells));
  }
  return {{"columns", result.rows.columns}, {"rows", std::move(rows)}, {"notes", result.notes}};
}

Result<StatementResult> run_one(const RestApi::Execute& execute, const std::string& sql) {
  ASSIGN_OR_RETURN(const auto statements, parse_statements(sql));
  if (statements.size() != 1) return sql_error(kSyntaxError, "this is not one statement");
  return execute(statements[0]);
}

HttpReply run_all(const RestApi::Execute& execute, const std::string& sql) {
  const auto statements = parse_statements(sql);
  if (!statements) return refuse(statements.error());
  json results = json::array();
  for (const Statement& statement : *statements) {
    const auto result = execute(statement);
    if (!result) {
      HttpReply refused = refuse(result.error());
      json body = json::parse(refused.body);
      body["results"] = std::move(results);  // of the statements before it, which are done
      return reply(body, refused.status);
    }
    results.push_back(to_table(*result));
  }
  return reply({{"results", std::move(results)}});
}

// The statement names the clone, the request its job.
Result<StatementResult> cancel(const RestApi::Execute& execute, const std::string& job) {
  const bool number = !job.empty() && job.size() < 19 && job.find_first_not_of("0123456789") == std::string::npos;
  ASSIGN_OR_RETURN(const StatementResult found,
                   run_one(execute, fmt::format("SELECT CLONE_TENANT_NAME FROM DBA_OB_CLONE_PROGRESS WHERE "
                                                "CLONE_JOB_ID = {}",
                                                number ? job : "-1")));
  if (found.rows.rows.empty()) {
    return sql_error(kNotAllowed, "clone job does not exist or has finished, cancel clone not allowed");
  }
  return execute({CancelClone{found.rows.rows[0][0].value_or("")}});
}

}  // namespace

HttpReply RestApi::answer(const HttpRequest& request) const {
  const std::string wanted = "Bearer " + secret_;
  if (request.authorization.size() != wanted.size() ||
      CRYPTO_memcmp(request.authorization.data(), wanted.data(), wanted.size()) != 0) {
    return refuse(sql_error(kAccessDenied,
                            "Access denied: the header 'Authorization: Bearer ...' of rest.cnf in the "
                            "server's data folder is required"));
  }
  auto made = rest_statement({request.method, request.path, request.query, request.body});
  if (!made) return refuse(made.error());
  if (made->many) return run_all(execute_, made->sql);
  const auto result = made->cancel_job.empty() ? run_one(execute_, made->sql) : cancel(execute_, made->cancel_job);
  if (!result) return refuse(result.error(), made->sql);
  if (made->absent_code != 0 && result->rows.rows.empty()) {
    return refuse(sql_error(static_cast<SqlCode>(made->absent_code), "there is no such row: {}", request.path));
  }
  return reply(to_objects(*result));
}

Result<std::unique_ptr<HttpServer>> serve_rest(TenantServer& server, int64_t port) {
  const std::string secret = random_text(32);
  auto api =
      std::make_shared<RestApi>([&server](const Statement& statement) { return server.execute(statement); }, secret);
  ASSIGN_OR_RETURN(auto http, HttpServer::start(
                                  fmt::format("127.0.0.1:{}", port),
                                  [api](const HttpRequest& request) { return api->answer(request); }, kThreads));
  const std::string url = fmt::format("http://127.0.0.1:{}/v1", http->port());
  RETURN_IF_ERROR(write_file(server.folder() + "/rest.cnf",
                             fmt::format("# For curl --config. Written by sluice at every start.\n# {}\n"
                                         "header = \"Authorization: Bearer {}\"\n",
                                         url, secret)));
  log_info("REST: curl --config {}/rest.cnf {}/tenants", server.folder(), url);
  return http;
}

}  // namespace sluice
