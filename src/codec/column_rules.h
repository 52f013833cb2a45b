// SPDX-License-Identifier: Apache-2.0
// Debezium's options about columns: which are shown, which are masked or shortened, and which make the key
// (column.include.list, column.exclude.list, column.truncate.to.N.chars, column.mask.with.N.chars,
// column.mask.hash[.v2].ALGORITHM.with.salt.SALT, message.key.columns), and whose type the schema tells
// (column.propagate.source.type, datatype.propagate.source.type). Expressions are for the whole name
// "schema.table.column", without case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/java_regex.h"
#include "config/setting.h"
#include "data/types.h"

namespace sluice {

struct ColumnMask {
  enum class Kind : uint8_t { kTruncate, kAsterisks, kHash };
  Kind kind = Kind::kAsterisks;
  size_t length = 0;      // kTruncate: characters kept; kAsterisks: how many
  std::string algorithm;  // kHash: as Java and OpenSSL call it
  std::string salt;
  bool version2 = false;

  // `column_length` is the longest text that the column takes, 0 for none.
  std::string of(std::string_view value, size_t column_length) const;
};

class ColumnRules {
 public:
  // Null without such options, and after mistakes.
  static std::shared_ptr<const ColumnRules> make(const Settings& settings, Problems& problems);

  bool shows(const TableId& table, std::string_view column) const;
  const ColumnMask* mask(const TableId& table, std::string_view column) const;  // null: none
  // True if the column's schema tells the type that it has in the source, called `type`.
  bool propagates(const TableId& table, std::string_view column, std::string_view type) const;
  // The columns of message.key.columns, else of the table's own key.
  std::vector<uint32_t> key(const TableSchema& table) const;

 private:
  bool take(const Setting& setting, Problems& problems);
  bool take_keys(const Setting& setting, Problems& problems);

  std::optional<JavaRegex> include_;
  std::optional<JavaRegex> exclude_;
  std::optional<JavaRegex> propagated_;
  std::optional<JavaRegex> propagated_types_;
  std::vector<std::pair<JavaRegex, ColumnMask>> masks_;
  std::vector<std::pair<JavaRegex, std::vector<JavaRegex>>> keys_;  // tables and columns
};

}  // namespace sluice
