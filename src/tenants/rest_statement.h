// SPDX-License-Identifier: Apache-2.0
// What a request of the REST API means, as a statement of the tenant language: the same parser, checks and errors serve
// both. docs/tenants.md lists the requests.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

struct RestRequest {
  std::string_view method;  // "POST"
  std::string_view path;    // "/v1/tenants/shop/clones"
  const std::map<std::string, std::string>& query;
  std::string_view body;  // a JSON object, or nothing
};
struct RestStatement {
  std::string sql;
  bool many = false;       // several statements of the user's own, each with a result
  int absent_code = 0;     // the error if the view has no such row; 0: any number of rows is good
  std::string cancel_job;  // not a statement, but: cancel the clone of the job with this number
};
// Errors have a number, as all of statements have; kNoSuchRequest if there is no such path or method.
Result<RestStatement> rest_statement(const RestRequest& request);

}  // namespace sluice
