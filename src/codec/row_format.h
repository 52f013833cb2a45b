// SPDX-License-Identifier: Apache-2.0
// Three ways to print a row change as a line. A RowFormat is used by one thread; it may keep what it
// has prepared for a table.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "data/change_batch.h"

namespace sluice {

enum class RowOperation : uint8_t { kRead, kInsert, kUpdate, kDelete };

// One row change: rows of a batch, or kNoRow where there is no image.
struct RowChange {
  static constexpr size_t kNoRow = static_cast<size_t>(-1);
  RowOperation operation = RowOperation::kRead;
  size_t before = kNoRow;
  size_t after = kNoRow;
};

// The change that begins at `row`; moves `row` behind it. An old image without its
// new one is a deletion, a new image alone an update whose old row is unknown.
RowChange take_change(const ChangeBatch& batch, size_t& row);

class RowFormat {
 public:
  virtual ~RowFormat() = default;
  // Called before the changes of a batch.
  virtual void begin(const ChangeBatch& batch) = 0;
  // Appends whole lines.
  virtual void append(const ChangeBatch& batch, const RowChange& change, std::string& out) = 0;
};

// "flink", "changelog" or "debezium-json".
std::unique_ptr<RowFormat> make_row_format(const std::string& name);

// A schema change as Flink CDC prints it, without line end.
std::string schema_event_text(const SchemaChange& change);

}  // namespace sluice
