// SPDX-License-Identifier: Apache-2.0
// Folders that are made once and copied many times: the data folder of a server that was just initialised. Kept between
// runs; safe against several tests that want the same one at once.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace sluice::support {

// The folder in `parent` for this name, made by `fill(path)` if it does not exist yet.
Result<std::string> template_folder(const std::string& parent, const std::string& name,
                                    const std::function<Result<>(const std::string&)>& fill);

}  // namespace sluice::support
