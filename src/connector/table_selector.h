// SPDX-License-Identifier: Apache-2.0
// Which tables a pattern means. Used by sources (`tables`, `tables.exclude`) and by transforms (`source-table`).
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "data/types.h"

namespace sluice {

// True if a table id matches the selector dialect of `tables` options (flink-cdc: comma list, '.' separates parts, '\.'
// any character, full match without case). Compiled once.
class TableSelector {
 public:
  static Result<TableSelector> compile(std::string_view patterns);
  bool matches(const TableId& table) const;

  TableSelector(TableSelector&&) noexcept;
  TableSelector& operator=(TableSelector&&) noexcept;
  ~TableSelector();

 private:
  struct Impl;
  explicit TableSelector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
