// SPDX-License-Identifier: Apache-2.0
// `sluice run FILE`
#pragma once

#include "base/context.h"
#include "cli/command_line.h"
#include "connector/registry.h"

namespace sluice {

// Runs a job until it ends, fails or is asked to stop; returns the exit code.
int run_command(const Command& command, const ConnectorRegistry& registry, Context& context);

}  // namespace sluice
