// SPDX-License-Identifier: Apache-2.0
// Reads little- and big-endian numbers, strings and MySQL's packed integers from bytes that come from outside. Reading
// past the end never touches memory: it yields zeros and sets failed(), so a parser may read on and ask once.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice::mysql {

using Bytes = std::span<const uint8_t>;

inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// N bytes (1 to 8) as an unsigned number; the caller has checked that they exist.
template <int N>
uint64_t load_little_endian(const uint8_t* from) {
  uint64_t value = 0;
  std::memcpy(&value, from, N);
  return value;
}
template <int N>
uint64_t load_big_endian(const uint8_t* from) {
  uint64_t value = 0;
  for (int i = 0; i < N; ++i) value = value << 8 | from[i];
  return value;
}

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  Bytes rest() const { return {at_, left()}; }

  // The next `count` bytes; empty and failed() if there are fewer.
  Bytes bytes(uint64_t count) {
    if (count > left()) {
      fail();
      return {};
    }
    Bytes result(at_, static_cast<size_t>(count));
    at_ += count;
    return result;
  }
  std::string_view text(uint64_t count) { return as_text(bytes(count)); }
  void skip(uint64_t count) { bytes(count); }
  void fail() {
    failed_ = true;
    at_ = end_;
  }

  uint8_t u8() { return static_cast<uint8_t>(little_endian<1>()); }
  uint16_t u16() { return static_cast<uint16_t>(little_endian<2>()); }
  uint32_t u24() { return static_cast<uint32_t>(little_endian<3>()); }
  uint32_t u32() { return static_cast<uint32_t>(little_endian<4>()); }
  uint64_t u48() { return little_endian<6>(); }
  uint64_t u64() { return little_endian<8>(); }

  // 1, 3, 4 or 9 bytes. 251 (NULL) and 255 have no meaning where this is used and are failures.
  uint64_t packed() {
    uint8_t first = u8();
    if (first < 251) return first;
    switch (first) {
      case 252: return u16();
      case 253: return u24();
      case 254: return u64();
      default: fail(); return 0;
    }
  }

 private:
  template <int N>
  uint64_t little_endian() {
    if (left() < N) {
      fail();
      return 0;
    }
    uint64_t value = load_little_endian<N>(at_);
    at_ += N;
    return value;
  }

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  bool failed_ = false;
};

}  // namespace sluice::mysql
