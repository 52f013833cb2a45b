// SPDX-License-Identifier: Apache-2.0
// The connectors that this program is built with.
#pragma once

#include "connector/registry.h"

namespace sluice {

// Every connector of this build.
ConnectorRegistry all_connectors();

}  // namespace sluice
