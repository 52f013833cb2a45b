// SPDX-License-Identifier: Apache-2.0
// What a source can do besides the contract of source.h: read a table piece by piece in the order of its key, while
// its log is followed. Found by dynamic_cast.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "data/change_batch.h"

namespace sluice {

// The values of the key columns of one row, as text that only the source reads.
using KeyText = std::vector<std::string>;

// The next rows of a table in the server's order of `columns`: after < key <= upto.
struct KeyRange {
  std::vector<uint32_t> columns;
  std::optional<KeyText> after;
  std::optional<KeyText> upto;
  std::string condition;  // SQL that rows must fulfil besides, or a SELECT among whose rows they must be; may be empty
  int64_t limit = 0;      // rows
};

// True if the condition is a whole SELECT.
bool is_select(std::string_view condition);
// Of columns that are quoted: the condition as what stands behind WHERE.
std::string where_of(std::string_view condition, std::string_view columns);

// Has connections of its own; used by one thread. After an error it is thrown away.
class KeyRangeReader {
 public:
  virtual ~KeyRangeReader() = default;
  // Gives up the last snapshot, opens one of now, and returns exactly where in the log it stands.
  virtual Result<Position> open_snapshot(Context& context) = 0;
  // Gives up the snapshot, with all that others at the source might have to wait for.
  virtual Result<> close_snapshot(Context& context) = 0;
  // The table as the snapshot shows it; null if it does not. kSchemaChanged if it has been altered since.
  virtual Result<TableSchemaPtr> find_table(Context& context, const TableId& table) = 0;
  // The greatest key of the rows that fulfil range.condition; nothing if there are none. kUnsupported if the columns
  // are of a kind that cannot be told apart by text.
  virtual Result<std::optional<KeyText>> greatest_key(Context& context, const TableSchemaPtr& schema,
                                                      const KeyRange& range) = 0;
  // Appends the rows (kind kRead) to the empty batch, and returns the key of the last one; nothing if there are none.
  virtual Result<std::optional<KeyText>> read(Context& context, const KeyRange& range, ChangeBatch& batch) = 0;
};

class ReadsKeyRanges {
 public:
  virtual ~ReadsKeyRanges() = default;
  // For a source that is open, and lives longer.
  virtual std::unique_ptr<KeyRangeReader> make_key_range_reader() = 0;
};

}  // namespace sluice
