// SPDX-License-Identifier: Apache-2.0
// `sluice verify FILE`
#pragma once

#include "base/context.h"
#include "cli/command_line.h"
#include "connector/registry.h"

namespace sluice {

// Compares target and source, and repairs if asked; 0 equal, 1 different, 2 could not tell.
int verify_command(const Command& command, const ConnectorRegistry& registry, Context& context);

}  // namespace sluice
