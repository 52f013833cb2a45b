// SPDX-License-Identifier: Apache-2.0
#include "verify/hash_range.h"

#include <algorithm>
#include <thread>

#include "connector/row_hasher.h"

namespace sluice {
namespace {

// Of one source table, whose columns the target has alike.
bool passes_unchanged(const Range& range) {
  const TableSchema& source = *range.sources.front().first;
  const bool one_table =
      std::ranges::all_of(range.sources, [&](const auto& each) { return each.first->id == source.id; });
  return one_table && std::ranges::equal(source.columns, range.target->columns, [](const Column& a, const Column& b) {
           return a.name == b.name && a.type == b.type;
         });
}

Result<bool> hash_alike(Context& context, RowHasher& source, RowHasher& target, const Range& range) {
  ASSIGN_OR_RETURN(const auto ours, source.hash_forms(context, *range.sources.front().first));
  ASSIGN_OR_RETURN(const auto theirs, target.hash_forms(context, *range.target));
  return ours == theirs && std::ranges::none_of(ours, &std::string::empty);
}

}  // namespace

Result<std::optional<uint64_t>> rows_hashed_equal(Sides& sides, ChunkReader& source, TableReader& target,
                                                  const Range& range, const EachBegun& begun) {
  auto* ours = dynamic_cast<RowHasher*>(&source);
  auto* theirs = dynamic_cast<RowHasher*>(&target);
  if (ours == nullptr || theirs == nullptr || !passes_unchanged(range)) return std::optional<uint64_t>();
  ASSIGN_OR_RETURN(const bool alike, hash_alike(sides.context, *ours, *theirs, range));
  if (!alike) return std::optional<uint64_t>();
  const auto& [schema, first] = range.sources.front();
  const bool cut = range.rows.lower || range.rows.upper;
  const SnapshotChunk chunk = cut ? first : SnapshotChunk{.table = schema->id};
  Result<HashedRows> found = HashedRows();
  Result<HashedRows> expected = HashedRows();
  {
    const std::jthread other([&] { found = theirs->hash_rows(sides.context, range.rows, range.target); });
    expected = ours->hash_rows(sides.context, chunk, schema);
  }
  if (!expected) return std::move(expected).error();
  if (!found) return std::move(found).error();
  for (const auto& [table, part] : range.sources) {
    if (begun) begun(part);
  }
  if (sides.limiter != nullptr && !sides.limiter->acquire(sides.context, expected->rows, 0)) {
    return Error(ErrorCode::kStopped, "stopped while verifying");
  }
  return *expected == *found ? std::optional(expected->rows) : std::nullopt;
}

}  // namespace sluice
