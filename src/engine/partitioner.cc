// SPDX-License-Identifier: Apache-2.0
#include "engine/partitioner.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "connector/relational_batch.h"

namespace sluice {
namespace {

// Stable over runs and processes, unlike std::hash: the lane of a table must be the same after a restart.
uint64_t table_hash(const TableId& id) {
  ColumnVector name(TypeKind::kString);
  name.append_bytes(id.text());
  return name.hash_at(0, 0);
}

bool has_absent_value(const ChangeBatch& batch, size_t row) {
  return std::ranges::any_of(batch.columns,
                             [&](const ColumnVector& column) { return column.presence(row) == Presence::kAbsent; });
}

}  // namespace

Partitioner Partitioner::of(const Sink& sink, const JobState& state) {
  const auto* confines = state.confined ? dynamic_cast<const ConfinesTables*>(&sink) : nullptr;
  return {state.lanes.size(), sink.keys_compare_bytewise(), confines,
          confines != nullptr ? *state.confined : std::set<TableId>()};
}

bool Partitioner::whole_table(const TableSchema& schema) const {
  if (schema.key.empty() || confined_.contains(schema.id)) return true;
  if (confines_ != nullptr && confines_->confines(schema)) return true;
  if (bytewise_) return false;
  return std::ranges::any_of(schema.key, [&](uint32_t column) {
    const TypeKind kind = schema.columns[column].type.kind;
    return kind == TypeKind::kString || kind == TypeKind::kEnum || kind == TypeKind::kSet;
  });
}

size_t Partitioner::lane_of(const ChangeBatch& batch, size_t row) const {
  if (lanes_ == 1) return 0;
  return whole_table(*batch.schema) ? table_hash(batch.schema->id) % lanes_ : lane_of_key(batch, row);
}

uint64_t Partitioner::table_key(const ChangeBatch& batch) const { return table_hash(batch.schema->id); }

uint64_t Partitioner::row_key(const ChangeBatch& batch, size_t row, uint64_t table) const {
  uint64_t hash = table;
  for (const uint32_t column : batch.schema->key) {
    // An update may leave out what it did not change.
    hash = batch.columns[column].hash_at(value_row(batch, column, row), hash);
  }
  return hash;
}

size_t Partitioner::lane_of_key(const ChangeBatch& batch, size_t row) const { return row_key(batch, row, 0) % lanes_; }

Result<std::vector<std::shared_ptr<const ChangeBatch>>> Partitioner::split(ChangeBatch batch) {
  std::vector<std::shared_ptr<const ChangeBatch>> result(lanes_);
  if (lanes_ == 1 || whole_table(*batch.schema)) {
    const size_t lane = batch.rows() == 0 ? 0 : lane_of(batch, 0);
    result[lane] = std::make_shared<const ChangeBatch>(std::move(batch));
    return result;
  }
  std::vector<std::shared_ptr<ChangeBatch>> parts(lanes_);
  const auto append = [&](size_t lane, size_t row) -> ChangeBatch& {
    if (!parts[lane]) {
      parts[lane] = std::make_shared<ChangeBatch>(batch.schema);
      parts[lane]->transactions = batch.transactions;
    }
    parts[lane]->append_row_from(batch, row);
    return *parts[lane];
  };
  for (size_t row = 0; row < batch.rows(); ++row) {
    const size_t lane = lane_of_key(batch, row);
    if (batch.kinds[row] != RowKind::kUpdateBefore) {
      append(lane, row);
      continue;
    }
    const size_t after = row + 1;
    const size_t after_lane = lane_of_key(batch, after);
    ChangeBatch& old_part = append(lane, row);
    if (after_lane == lane) {
      append(lane, after);
    } else {
      if (has_absent_value(batch, after)) {
        return Error(
            ErrorCode::kUnsupported,
            fmt::format("an update of {} changes the key and carries only some columns", batch.schema->id.text()),
            "Set binlog_row_image=FULL at the source, or parallelism: 1 in the pipeline.");
      }
      old_part.kinds.back() = RowKind::kDelete;
      append(after_lane, after).kinds.back() = RowKind::kInsert;
    }
    row = after;
  }
  for (size_t lane = 0; lane < lanes_; ++lane) result[lane] = std::move(parts[lane]);
  return result;
}

}  // namespace sluice
