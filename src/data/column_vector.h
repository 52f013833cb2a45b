// SPDX-License-Identifier: Apache-2.0
// One column of a batch: a presence byte per value and one of three layouts (int64, double, offsets + bytes).
// Owned by one thread at a time. A cleared vector keeps its memory, so refilling it does not allocate.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/types.h"

namespace sluice {

// kAbsent: the log did not carry the value (partial row image); it says nothing about what the row holds.
enum class Presence : uint8_t { kNull = 0, kValue = 1, kAbsent = 2 };

class ColumnVector {
 public:
  explicit ColumnVector(TypeKind kind) : kind_(kind), storage_(storage_of(kind)) {
    if (storage_ == Storage::kBytes) offsets_.push_back(0);
  }

  TypeKind kind() const { return kind_; }
  Storage storage() const { return storage_; }
  size_t size() const { return presence_.size(); }
  size_t byte_size() const { return presence_.size() * 9 + bytes_.size(); }

  void append_int(int64_t value) {
    presence_.push_back(Presence::kValue);
    ints_.push_back(value);
  }
  void append_double(double value) {
    presence_.push_back(Presence::kValue);
    doubles_.push_back(value);
  }
  void append_bytes(std::string_view value) {
    presence_.push_back(Presence::kValue);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    offsets_.push_back(bytes_.size());
  }
  void append_null() { append_without_value(Presence::kNull); }
  void append_absent() { append_without_value(Presence::kAbsent); }
  // Appends value `row` of `other`, which must have the same storage.
  void append_from(const ColumnVector& other, size_t row);

  Presence presence(size_t row) const { return presence_[row]; }
  bool has_value(size_t row) const { return presence_[row] == Presence::kValue; }
  int64_t int_at(size_t row) const { return ints_[row]; }
  double double_at(size_t row) const { return doubles_[row]; }
  std::string_view bytes_at(size_t row) const {
    return {bytes_.data() + offsets_[row], static_cast<size_t>(offsets_[row + 1] - offsets_[row])};
  }

  // Both present and equal, or equally not present. Needs the same storage.
  bool equal_at(size_t row, const ColumnVector& other, size_t other_row) const;
  // A hash of presence and value (xxh3); equal values of equal storage hash alike.
  uint64_t hash_at(size_t row, uint64_t seed) const;

  void clear();
  void pop_back();  // forgets the last value

 private:
  void append_without_value(Presence presence);

  TypeKind kind_;
  Storage storage_;
  std::vector<Presence> presence_;
  std::vector<int64_t> ints_;
  std::vector<double> doubles_;
  std::vector<uint64_t> offsets_;  // size() + 1 entries when storage is kBytes
  std::vector<char> bytes_;
};

}  // namespace sluice
