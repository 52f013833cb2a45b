// SPDX-License-Identifier: Apache-2.0
// Java's .properties files: lines of key=value, key:value or "key value"; '#' and '!' begin comments, a backslash at
// the end joins lines, and \t \n \r \f \uXXXX are escapes. Text is UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "config/setting.h"

namespace sluice {

// A key that is given twice has its last value, as in Java, with a warning. A wrong escape is an error.
Settings parse_properties(const std::string& file_name, std::string_view text, Problems& problems);

}  // namespace sluice
