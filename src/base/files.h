// SPDX-License-Identifier: Apache-2.0
// What the standard library lacks about files. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

// Makes the names in a folder durable. kState.
Result<> sync_folder(const std::string& path);

// Any name as one part of a path or of a dotted name: '/', '.' and '%' as '%' and two hexadecimal digits.
std::string path_part(std::string_view name);

}  // namespace sluice
