// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_number.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "data/json_value.h"

namespace sluice {
namespace {

// Enough for 300 digits; PostgreSQL's numerics may have more.
constexpr size_t kUsualLimbs = 32;
constexpr size_t kDigitsPerLimb = 9;  // that certainly fit

// limbs = limbs * factor + summand, little-endian in base 2^32.
void multiply_add(std::span<uint32_t> limbs, uint32_t factor, uint32_t summand) {
  uint64_t carry = summand;
  for (uint32_t& limb : limbs) {
    const uint64_t product = uint64_t{limb} * factor + carry;
    limb = static_cast<uint32_t>(product);
    carry = product >> 32;
  }
}

void read_digits(std::string_view text, std::span<uint32_t> limbs) {
  uint32_t part = 0;
  uint32_t factor = 1;
  for (const char c : text) {
    if (c == '.') continue;
    part = part * 10 + static_cast<uint32_t>(c - '0');
    factor *= 10;
    if (factor < 1'000'000'000) continue;
    multiply_add(limbs, factor, part);
    part = 0;
    factor = 1;
  }
  if (factor > 1) multiply_add(limbs, factor, part);
}

void negate(std::span<uint32_t> limbs) {
  uint64_t carry = 1;
  for (uint32_t& limb : limbs) {
    carry += static_cast<uint32_t>(~limb);
    limb = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
}

// Writes the bytes big-endian into `bytes` and returns those that matter.
std::string_view significant(std::span<const uint32_t> limbs, std::span<char> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t byte = bytes.size() - 1 - i;
    bytes[i] = static_cast<char>(limbs[byte / 4] >> (byte % 4 * 8) & 0xff);
  }
  size_t first = 0;
  const char sign = (bytes[0] & 0x80) != 0 ? '\xff' : '\0';
  while (first + 1 < bytes.size() && bytes[first] == sign && ((bytes[first + 1] ^ sign) & 0x80) == 0) ++first;
  return {bytes.data() + first, bytes.size() - first};
}

void append_number(std::string_view digits, bool negative, std::span<uint32_t> limbs, std::span<char> bytes,
                   std::string& out) {
  read_digits(digits, limbs);
  if (negative) negate(limbs);
  out += '"';
  append_base64(significant(limbs, bytes), out);
  out += '"';
}

bool is_plain(std::string_view digits) {
  return !digits.empty() && digits.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

Result<> append_unscaled(std::string_view text, std::string& out) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (!is_plain(digits)) {
    return Error(ErrorCode::kData, fmt::format("the number '{}' has no form in Kafka Connect's Decimal", text),
                 "Set decimal.handling.mode: string or double.");
  }
  const size_t needed = digits.size() / kDigitsPerLimb + 2;
  if (needed <= kUsualLimbs) {
    std::array<uint32_t, kUsualLimbs> limbs{};
    std::array<char, kUsualLimbs * 4> bytes;
    append_number(digits, negative, std::span(limbs).first(needed), std::span(bytes).first(needed * 4), out);
  } else {
    std::vector<uint32_t> limbs(needed);
    std::vector<char> bytes(needed * 4);
    append_number(digits, negative, limbs, bytes, out);
  }
  return {};
}

Result<> append_variable_decimal(std::string_view text, std::string& out) {
  const size_t point = text.find('.');
  size_t scale = 0;
  if (point != std::string_view::npos && is_plain(text.substr(text.starts_with('-') ? 1 : 0))) {
    while (text.ends_with('0')) text.remove_suffix(1);
    scale = text.size() - point - 1;
    if (scale == 0) text.remove_suffix(1);
  }
  fmt::format_to(std::back_inserter(out), "{{\"scale\":{},\"value\":", scale);
  RETURN_IF_ERROR(append_unscaled(text, out));
  out += '}';
  return {};
}

}  // namespace sluice
