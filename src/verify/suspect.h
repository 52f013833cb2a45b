// SPDX-License-Identifier: Apache-2.0
// Rows whose sums differed, to be looked at one by one: some buckets of keys of a range, and what both sides hold
// there.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "verify/ranges.h"
#include "verify/row_digest.h"

namespace sluice {

// The rows of a range fall into buckets by the hash of their key, so that a few rows that differ in a large range bring
// only a small part of it under suspicion.
constexpr size_t kBuckets = 1024;
inline size_t bucket_of(const Digest& key) { return key.high % kBuckets; }

// Rows under suspicion are looked at once there are so many, because both sides' hashes of them are held in memory.
constexpr uint64_t kSuspectRows = 500'000;

struct Suspect {
  const Range* range = nullptr;
  size_t table = 0;  // ordinal of the verdict
  std::bitset<kBuckets> buckets;
  KeyedRows source;  // as of the source's snapshot; later as of what the target holds
  KeyedRows target;
  std::unordered_set<Digest, DigestHash> pending;  // keys with changes that the target did not have yet
  std::unordered_set<Digest, DigestHash> untold;   // keys of which the log does not tell what the target should have

  bool keyless() const { return range->target->key.empty(); }
  bool holds(const ChangeBatch& batch, size_t row, const Digest& key) const {
    return buckets.test(bucket_of(key)) && range->holds(batch, row);
  }
  void clear() {
    source.clear();
    target.clear();
    pending.clear();
    untold.clear();
  }
};

}  // namespace sluice
