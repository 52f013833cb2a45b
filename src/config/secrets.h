// SPDX-License-Identifier: Apache-2.0
// References to values that do not belong into a configuration file: ${env:NAME} is the environment variable,
// ${file:PATH} the content of a file without its last line end (a relative path counts from the configuration file's
// folder), ${file:PATH:KEY} a key of a .properties file. "$${" stands for "${". Other uses of "${" are left as they are, except a word and a colon, which would be a
// misspelt reference.
#pragma once

#include <string>

#include "config/setting.h"

namespace sluice {

// Replaces the references in setting.value and marks the setting. A reference that cannot be followed becomes a problem
// that names the reference, never a content; then the value is left as it is and false is returned.
bool resolve_references(Setting& setting, Problems& problems);

}  // namespace sluice
