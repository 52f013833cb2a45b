// SPDX-License-Identifier: Apache-2.0
// Rows as hashes of their canonical values, so that two sides can be compared without holding their rows.
#pragma once

#include <compare>
#include <cstdint>
#include <unordered_map>

#include "data/change_batch.h"

namespace sluice {

// A 128-bit hash of a row's values in column order; JSON counts by its meaning, not its spacing or key order.
struct Digest {
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const Digest&, const Digest&) = default;
};
Digest row_digest(const ChangeBatch& batch, size_t row);
// Of the key columns; of the whole row if the table has no key.
Digest key_digest(const ChangeBatch& batch, size_t row);
// True if the values count as equal in a row digest. Both batches have the same columns.
bool same_value(const ChangeBatch& batch, size_t row, const ChangeBatch& other, size_t other_row, size_t column);

// Order does not matter; equal sets of rows have equal sums.
struct DigestSum {
  uint64_t rows = 0;
  uint64_t high = 0;
  uint64_t low = 0;
  void add(const Digest& digest) {
    ++rows;
    high += digest.high;
    low += digest.low;
  }
  friend bool operator==(const DigestSum&, const DigestSum&) = default;
};

struct DigestHash {
  size_t operator()(const Digest& digest) const { return digest.low; }
};

// Rows by key. Rows without a key may repeat: `count` of the same.
struct KeyedRow {
  Digest row;
  uint64_t count = 0;
  friend bool operator==(const KeyedRow&, const KeyedRow&) = default;
};
using KeyedRows = std::unordered_map<Digest, KeyedRow, DigestHash>;

}  // namespace sluice
