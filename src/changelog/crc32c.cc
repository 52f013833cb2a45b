// SPDX-License-Identifier: Apache-2.0
#include "changelog/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace sluice {
namespace {

constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78U : value >> 1;
    table[byte] = value;
  }
  return table;
}();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t by_processor(std::string_view bytes) {
  uint64_t value = ~0U;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    value = _mm_crc32_u64(value, word);
  }
  auto low = static_cast<uint32_t>(value);
  for (; left > 0; ++at, --left) low = _mm_crc32_u8(low, static_cast<uint8_t>(*at));
  return ~low;
}
#endif

}  // namespace

uint32_t crc32c_by_table(std::string_view bytes) {
  uint32_t value = ~0U;
  for (const char byte : bytes) value = kTable[(value ^ static_cast<uint8_t>(byte)) & 0xff] ^ value >> 8;
  return ~value;
}

uint32_t crc32c(std::string_view bytes) {
#if defined(__x86_64__)
  static const bool able = __builtin_cpu_supports("sse4.2") != 0;
  if (able) return by_processor(bytes);
#endif
  return crc32c_by_table(bytes);
}

}  // namespace sluice
