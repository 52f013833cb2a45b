// SPDX-License-Identifier: Apache-2.0
// Whether a job's transform and route blocks still make the same of a table's rows as when the job ran last. Rows that
// are copied already are not computed again, so a job whose rules changed would leave a target of two minds.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/job_spec.h"
#include "data/types.h"

namespace sluice {

// The rules as a line of JSON for the job's ledger: digests of expressions, patterns and names of tables.
std::string describe_rules(const JobSpec& spec);

// What is different for these tables from what `before`, made by describe_rules(), says: "the projection of shop.orders
// (shop.yaml:7)", "the route of shop.orders, which led to dw.orders", ... Blanks between words do not
// count, nor do rules for other tables. kState if `before` cannot be read.
Result<std::vector<std::string>> changed_rules(const std::string& before, const JobSpec& spec,
                                               std::span<const TableId> tables);

}  // namespace sluice
