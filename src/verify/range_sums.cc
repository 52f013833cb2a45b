// SPDX-License-Identifier: Apache-2.0
#include "verify/range_sums.h"

#include <thread>

namespace sluice {
namespace {

EachBatch add_to(std::vector<DigestSum>& sums) {
  return [&sums](const ChangeBatch& batch) -> Result<> {
    for (size_t row = 0; row < batch.rows(); ++row) {
      const size_t bucket = sums.size() == 1 ? 0 : bucket_of(key_digest(batch, row));
      sums[bucket].add(row_digest(batch, row));
    }
    return {};
  };
}

}  // namespace

uint64_t RangeSums::rows() const {
  uint64_t rows = 0;
  for (const auto& sum : source) rows += sum.rows;
  return rows;
}

std::bitset<kBuckets> RangeSums::differing() const {
  std::bitset<kBuckets> buckets;
  for (size_t i = 0; i < source.size(); ++i) buckets.set(i, source[i] != target[i]);
  if (source.size() == 1 && buckets.test(0)) buckets.set();
  return buckets;
}

uint64_t RangeSums::rows_of(size_t bucket) const {
  if (source.size() == 1) return bucket == 0 ? source[0].rows + target[0].rows : 0;
  return source[bucket].rows + target[bucket].rows;
}

Result<RangeSums> sum_range(Sides& sides, ChunkReader& source, TableReader& target, const Range& range,
                            const EachBegun& begun) {
  const bool cut = range.rows.lower || range.rows.upper;
  RangeSums sums{.source = std::vector<DigestSum>(cut ? 1 : kBuckets),
                 .target = std::vector<DigestSum>(cut ? 1 : kBuckets)};
  Result<> target_read;
  Result<> source_read;
  {
    const std::jthread other([&] { target_read = sides.read_target(target, range, add_to(sums.target)); });
    source_read = sides.read_source(source, range, add_to(sums.source), begun);
  }
  RETURN_IF_ERROR(std::move(source_read));
  RETURN_IF_ERROR(std::move(target_read));
  return sums;
}

}  // namespace sluice
