// SPDX-License-Identifier: Apache-2.0
// MySQL's packed DECIMAL to canonical text: nine digits in four bytes, the sign in the inverted first bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "connectors/mysql/byte_reader.h"

namespace sluice::mysql {

inline constexpr uint32_t kMaxDecimalDigits = 65;
inline constexpr uint32_t kMaxDecimalScale = 38;  // MariaDB's; MySQL stops at 30
// Sign, digits, point and a zero in front of it.
inline constexpr size_t kMaxDecimalText = kMaxDecimalDigits + 3;

// Bytes of a value; 0 if there is no such DECIMAL(precision, scale).
size_t decimal_size(uint32_t precision, uint32_t scale);

// Writes the text of `bytes` (exactly decimal_size of them) to `out` and returns it; empty if the bytes are damaged.
std::string_view decimal_text(const uint8_t* bytes, uint32_t precision, uint32_t scale, char (&out)[kMaxDecimalText]);

}  // namespace sluice::mysql
