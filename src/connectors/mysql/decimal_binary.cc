// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/decimal_binary.h"

namespace sluice::mysql {
namespace {

constexpr uint32_t kGroupDigits = 9;
constexpr uint8_t kBytesOfDigits[kGroupDigits + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr uint32_t kPowersOf10[kGroupDigits + 1] = {1,      10,      100,      1000,      10000,
                                                    100000, 1000000, 10000000, 100000000, 1000000000};

// Reads the groups of digits one after the other, undoing the sign's inversion.
class Groups {
 public:
  Groups(const uint8_t* bytes, bool negative) : at_(bytes), mask_(negative ? 0xff : 0) {}

  // Writes exactly `digits` digits; false if the bytes say more than fits.
  bool write(uint32_t digits, char*& out) {
    uint32_t value = 0;
    for (uint8_t i = 0; i < kBytesOfDigits[digits]; ++i) {
      auto byte = static_cast<uint8_t>(*at_++ ^ mask_);
      if (first_) byte ^= 0x80;
      first_ = false;
      value = value << 8 | byte;
    }
    if (value >= kPowersOf10[digits]) return false;
    for (uint32_t i = digits; i > 0; --i) {
      out[i - 1] = static_cast<char>('0' + value % 10);
      value /= 10;
    }
    out += digits;
    return true;
  }

 private:
  const uint8_t* at_;
  uint8_t mask_;
  bool first_ = true;
};

}  // namespace

size_t decimal_size(uint32_t precision, uint32_t scale) {
  if (precision == 0 || precision > kMaxDecimalDigits || scale > precision || scale > kMaxDecimalScale) return 0;
  uint32_t whole = precision - scale;
  return whole / kGroupDigits * 4 + kBytesOfDigits[whole % kGroupDigits] + scale / kGroupDigits * 4 +
         kBytesOfDigits[scale % kGroupDigits];
}

std::string_view decimal_text(const uint8_t* bytes, uint32_t precision, uint32_t scale, char (&out)[kMaxDecimalText]) {
  bool negative = (bytes[0] & 0x80) == 0;
  Groups groups(bytes, negative);
  char digits[kMaxDecimalDigits];
  char* at = digits;
  uint32_t whole = precision - scale;
  if (!groups.write(whole % kGroupDigits, at)) return {};
  for (uint32_t i = 0; i < whole / kGroupDigits; ++i) {
    if (!groups.write(kGroupDigits, at)) return {};
  }
  for (uint32_t i = 0; i < scale / kGroupDigits; ++i) {
    if (!groups.write(kGroupDigits, at)) return {};
  }
  if (!groups.write(scale % kGroupDigits, at)) return {};

  uint32_t first = 0;
  while (first < whole && digits[first] == '0') ++first;
  bool zero = first == whole;
  for (uint32_t i = whole; zero && i < precision; ++i) zero = digits[i] == '0';
  char* text = out;
  if (negative && !zero) *text++ = '-';
  if (first == whole) *text++ = '0';
  for (uint32_t i = first; i < whole; ++i) *text++ = digits[i];
  if (scale > 0) *text++ = '.';
  for (uint32_t i = whole; i < precision; ++i) *text++ = digits[i];
  return {out, static_cast<size_t>(text - out)};
}

}  // namespace sluice::mysql
