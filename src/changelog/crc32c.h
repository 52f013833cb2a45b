// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), which processors compute by themselves.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

uint32_t crc32c(std::string_view bytes);
// Without the processor's help; the same.
uint32_t crc32c_by_table(std::string_view bytes);

}  // namespace sluice
