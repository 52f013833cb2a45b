// SPDX-License-Identifier: Apache-2.0
// Which target tables a source table's rows go to: a job's `route` rules in Flink CDC's router dialect. In
// `source-table` an unescaped '.' is the separator itself, '\.' any character, ',' an alternative; the match is full
// and heeds case. Immutable after compile.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/job_spec.h"
#include "config/setting.h"
#include "data/types.h"

namespace sluice {

class Router {
 public:
  // Mistakes are added to `problems`; the result is then null.
  static std::unique_ptr<Router> compile(const std::vector<RouteSpec>& rules, bool first_match, Problems& problems);

  // The targets in the rules' order, each once; the table itself if no rule matches. A name that cannot be a table's
  // is kConfig with the rule's place.
  Result<std::vector<TableId>> targets(const TableId& source) const;

  // A mistake for every rule that matches none of the tables.
  void check_use(const std::vector<TableId>& tables, Problems& problems) const;

  ~Router();

 private:
  struct Rule;
  explicit Router(bool first_match);

  bool first_match_;
  std::vector<std::unique_ptr<Rule>> rules_;
};

// `kind`: "route" or "transform".
void report_unused_rule(std::string_view kind, const std::string& pattern, const Location& place,
                        const std::vector<TableId>& tables, Problems& problems);

}  // namespace sluice
