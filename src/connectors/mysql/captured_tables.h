// SPDX-License-Identifier: Apache-2.0
// Which tables a job captures.
#pragma once

#include <optional>

#include "connector/table_selector.h"
#include "data/types.h"

namespace sluice::mysql {

// The helper tables of gh-ost and pt-online-schema-change are not captured beside the table they serve.
struct CapturedTables {
  TableSelector include;
  std::optional<TableSelector> exclude;
  bool contains(const TableId& table) const;
};

}  // namespace sluice::mysql
