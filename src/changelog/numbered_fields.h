// SPDX-License-Identifier: Apache-2.0
// Bytes made of numbered fields, each a number or a run of bytes. A reader passes over numbers it does not know, so
// that fields can be added; a number is never used again for something else. The encoding is that of Protocol Buffers
// (varints and length-delimited fields only).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

inline void append_varint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
// Small numbers of either sign take few bytes.
inline uint64_t zigzag(int64_t value) { return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63); }
inline int64_t unzigzag(uint64_t value) { return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1)); }

// Takes one off the front; false if there is none, or none of at most 64 bits.
inline bool take_varint(std::string_view& in, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return false;
    const auto byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    value |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

constexpr uint64_t kNumberField = 0;
constexpr uint64_t kBytesField = 2;

inline void append_field(uint32_t number, uint64_t value, std::string& out) {
  append_varint(uint64_t{number} << 3 | kNumberField, out);
  append_varint(value, out);
}
inline void append_field(uint32_t number, std::string_view value, std::string& out) {
  append_varint(uint64_t{number} << 3 | kBytesField, out);
  append_varint(value.size(), out);
  out.append(value);
}

class FieldReader {
 public:
  explicit FieldReader(std::string_view in) : in_(in) {}

  // False at the end, or where the bytes make no sense: then failed().
  bool next() {
    if (in_.empty() || failed_) return false;
    uint64_t tag = 0;
    failed_ = !take_varint(in_, tag) || !take_varint(in_, value_);
    number_ = tag >> 3;
    bytes_ = {};
    if ((tag & 7) == kBytesField && !failed_) {
      failed_ = value_ > in_.size();
      if (failed_) return false;
      bytes_ = in_.substr(0, value_);
      in_.remove_prefix(value_);
    } else if ((tag & 7) != kNumberField) {
      failed_ = true;
    }
    return !failed_;
  }
  bool failed() const { return failed_; }

  uint64_t number() const { return number_; }
  uint64_t value() const { return value_; }
  std::string_view bytes() const { return bytes_; }
  std::string text() const { return std::string(bytes_); }

 private:
  std::string_view in_;
  uint64_t number_ = 0;
  uint64_t value_ = 0;
  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace sluice
