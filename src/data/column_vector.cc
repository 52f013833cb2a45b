// SPDX-License-Identifier: Apache-2.0
#include "data/column_vector.h"

#include <xxhash.h>

namespace sluice {

void ColumnVector::append_without_value(Presence presence) {
  presence_.push_back(presence);
  switch (storage_) {
    case Storage::kInt64: ints_.push_back(0); break;
    case Storage::kDouble: doubles_.push_back(0); break;
    case Storage::kBytes: offsets_.push_back(bytes_.size()); break;
  }
}

void ColumnVector::append_from(const ColumnVector& other, size_t row) {
  if (!other.has_value(row)) return append_without_value(other.presence(row));
  switch (storage_) {
    case Storage::kInt64: append_int(other.int_at(row)); break;
    case Storage::kDouble: append_double(other.double_at(row)); break;
    case Storage::kBytes: append_bytes(other.bytes_at(row)); break;
  }
}

bool ColumnVector::equal_at(size_t row, const ColumnVector& other, size_t other_row) const {
  if (presence_[row] != other.presence_[other_row]) return false;
  if (presence_[row] != Presence::kValue) return true;
  switch (storage_) {
    case Storage::kInt64: return ints_[row] == other.ints_[other_row];
    case Storage::kDouble:
      // Bitwise, so that NaN equals NaN and a copy is exact.
      return XXH3_64bits(&doubles_[row], sizeof(double)) == XXH3_64bits(&other.doubles_[other_row], sizeof(double));
    case Storage::kBytes: return bytes_at(row) == other.bytes_at(other_row);
  }
  return false;
}

uint64_t ColumnVector::hash_at(size_t row, uint64_t seed) const {
  if (presence_[row] != Presence::kValue) {
    const auto mark = static_cast<uint8_t>(presence_[row]);
    return XXH3_64bits_withSeed(&mark, 1, seed ^ 0x9e3779b97f4a7c15ULL);
  }
  switch (storage_) {
    case Storage::kInt64: return XXH3_64bits_withSeed(&ints_[row], sizeof(int64_t), seed);
    case Storage::kDouble: return XXH3_64bits_withSeed(&doubles_[row], sizeof(double), seed);
    case Storage::kBytes: {
      const auto value = bytes_at(row);
      return XXH3_64bits_withSeed(value.data(), value.size(), seed);
    }
  }
  return seed;
}

void ColumnVector::clear() {
  presence_.clear();
  ints_.clear();
  doubles_.clear();
  bytes_.clear();
  if (storage_ == Storage::kBytes) offsets_.resize(1);
}

void ColumnVector::pop_back() {
  presence_.pop_back();
  switch (storage_) {
    case Storage::kInt64: ints_.pop_back(); break;
    case Storage::kDouble: doubles_.pop_back(); break;
    case Storage::kBytes:
      offsets_.pop_back();
      bytes_.resize(offsets_.back());
      break;
  }
}

}  // namespace sluice
