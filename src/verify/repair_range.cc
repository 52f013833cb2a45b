// SPDX-License-Identifier: Apache-2.0
#include "verify/repair_range.h"

#include <unordered_map>

namespace sluice {
namespace {

// Rows of one side, by key: the hash of the row, and whether the target has the key with other values.
struct Wanted {
  Digest row;
  bool different = false;
};
using WantedRows = std::unordered_map<Digest, Wanted, DigestHash>;

void append_as(RowKind kind, const ChangeBatch& batch, size_t row, ChangeBatch& rows) {
  rows.append_row_from(batch, row);
  rows.kinds.back() = kind;
}

}  // namespace

Result<> RangeRepair::write(const ChangeBatch& rows) const {
  return rows.rows() == 0 ? Result<>() : writer.write(sides.context, policy.fit(rows), false);
}

Result<RepairCounts> RangeRepair::repair(const Range& range, const RangeSums& sums) const {
  RepairCounts counts;
  const std::bitset<kBuckets> differing = sums.differing();
  if (differing.none()) return counts;
  if (range.target->key.empty()) {
    RETURN_IF_ERROR(fill_again(range, counts));
    for (const auto& sum : sums.target) counts.surplus += counts.different == 0 ? sum.rows : 0;
    return counts;
  }
  std::bitset<kBuckets> buckets;
  uint64_t rows = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (!differing.test(i)) continue;
    buckets.set(i);
    rows += sums.rows_of(i);
    if (rows < kSuspectRows) continue;
    RETURN_IF_ERROR(repair_buckets(range, buckets, counts));
    buckets.reset();
    rows = 0;
  }
  if (buckets.any()) RETURN_IF_ERROR(repair_buckets(range, buckets, counts));
  return counts;
}

Result<> RangeRepair::repair_buckets(const Range& range, const std::bitset<kBuckets>& buckets,
                                     RepairCounts& counts) const {
  WantedRows wanted;
  RETURN_IF_ERROR(sides.read_source(source, range, [&](const ChangeBatch& batch) -> Result<> {
    for (size_t row = 0; row < batch.rows(); ++row) {
      const Digest key = key_digest(batch, row);
      if (buckets.test(bucket_of(key))) wanted[key].row = row_digest(batch, row);
    }
    return {};
  }));
  // What the target refuses must not leave a reader in the middle of its rows: it would be of no use any more.
  Result<> written;
  // Away with the surplus first, and with what is in the way of unique values.
  RETURN_IF_ERROR(sides.read_target(target, range, [&](const ChangeBatch& batch) -> Result<> {
    ChangeBatch removed(batch.schema);
    for (size_t row = 0; row < batch.rows(); ++row) {
      const Digest key = key_digest(batch, row);
      if (!buckets.test(bucket_of(key))) continue;
      const auto found = wanted.find(key);
      if (found == wanted.end()) {
        append_as(RowKind::kDelete, batch, row, removed);
        ++counts.surplus;
      } else if (found->second.row == row_digest(batch, row)) {
        wanted.erase(found);
      } else {
        found->second.different = true;
        ++counts.different;
        if (remove_only) append_as(RowKind::kDelete, batch, row, removed);
      }
    }
    if (written) written = write(removed);
    return {};
  }));
  RETURN_IF_ERROR(std::move(written));
  if (remove_only || wanted.empty()) return {};
  written = {};
  RETURN_IF_ERROR(sides.read_source(source, range, [&](const ChangeBatch& batch) -> Result<> {
    ChangeBatch rows(batch.schema);
    for (size_t row = 0; row < batch.rows(); ++row) {
      const auto found = wanted.find(key_digest(batch, row));
      if (found == wanted.end()) continue;
      append_as(RowKind::kInsert, batch, row, rows);
      if (!found->second.different) ++counts.missing;
    }
    if (written) written = write(rows);
    return {};
  }));
  return written;
}

// Rows that may repeat cannot be told from one another.
Result<> RangeRepair::fill_again(const Range& range, RepairCounts& counts) const {
  RETURN_IF_ERROR(writer.truncate(sides.context, {.tables = {range.target}, .transaction = {}}));
  Result<> written;
  const auto append = [&](const ChangeBatch& batch) -> Result<> {
    ChangeBatch rows(batch.schema);
    for (size_t row = 0; row < batch.rows(); ++row) append_as(RowKind::kInsert, batch, row, rows);
    counts.different += rows.rows();
    if (written) written = write(rows);
    return {};
  };
  RETURN_IF_ERROR(sides.read_source(source, range, append, filling));
  return written;
}

}  // namespace sluice
