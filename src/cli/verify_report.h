// SPDX-License-Identifier: Apache-2.0
// What `verify` says about a table, for people and as JSON lines.
#pragma once

#include <string>

#include "verify/verifier.h"

namespace sluice {

// "shop.t: equal, 3 rows".
std::string verdict_text(const TableVerdict& verdict);
// One line for each difference that is named, and for how many are not.
std::vector<std::string> difference_texts(const TableVerdict& verdict);
// One object for each difference that is named, then one for the table.
std::vector<std::string> json_lines(const TableVerdict& verdict);

}  // namespace sluice
