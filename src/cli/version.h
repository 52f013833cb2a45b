// SPDX-License-Identifier: Apache-2.0
// The version that `sluice version` prints: the same as VERSION of project() in the top CMakeLists.txt.
#pragma once

#include <string_view>

namespace sluice {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace sluice
