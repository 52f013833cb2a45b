// SPDX-License-Identifier: Apache-2.0
// `sluice explain FILE`
#pragma once

#include "base/context.h"
#include "cli/command_line.h"
#include "connector/registry.h"

namespace sluice {

// Prints tables, chunks, target statements, guarantee and plan of a job; returns the exit code.
int explain_command(const Command& command, const ConnectorRegistry& registry, Context& context);

}  // namespace sluice
