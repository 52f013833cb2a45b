// SPDX-License-Identifier: Apache-2.0
// Which tables a job captures.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "connector/table_selector.h"
#include "data/types.h"

namespace sluice::mysql {

// The helper tables of gh-ost and pt-online-schema-change are not captured beside the table they serve.
struct CapturedTables {
  TableSelector include;
  std::optional<TableSelector> exclude;
  bool contains(const TableId& table) const;
};

// For a job that makes no copy: the target's rows of these tables do not follow what the statement did to them.
void warn_of_old_rows(const CapturedTables& captured, const std::vector<TableId>& tables, std::string_view statement);

}  // namespace sluice::mysql
