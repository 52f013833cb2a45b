// SPDX-License-Identifier: Apache-2.0
// What the standard library lacks about files. Any thread.
#pragma once

#include <string>

#include "base/result.h"

namespace sluice {

// Makes the names in a folder durable. kState.
Result<> sync_folder(const std::string& path);

}  // namespace sluice
