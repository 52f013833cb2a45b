// SPDX-License-Identifier: Apache-2.0
// Which tables a pattern means. Used by sources (`tables`, `tables.exclude`) and by transforms (`source-table`).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/types.h"

namespace sluice {

// True if a table id matches the selector dialect of `tables` options (flink-cdc: comma list, '.' separates parts, '\.'
// any character, full match without case). A pattern between slashes is one expression for the whole name
// "schema.table", as Debezium's lists have them: "/inventory\..*/"; of "/a/&/b/" both must match. Compiled once.
class TableSelector {
 public:
  static Result<TableSelector> compile(std::string_view patterns);
  bool matches(const TableId& table) const;
  // For systems whose tables have three names: patterns of three parts against database, schema and table.
  bool matches(std::string_view database, const TableId& table) const;
  // The first part of each pattern of three parts, "" for a shorter one; without repeats.
  std::vector<std::string> databases() const;

  TableSelector(TableSelector&&) noexcept;
  TableSelector& operator=(TableSelector&&) noexcept;
  ~TableSelector();

 private:
  struct Impl;
  explicit TableSelector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
