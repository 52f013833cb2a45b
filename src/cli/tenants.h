// SPDX-License-Identifier: Apache-2.0
// 'sluice server' keeps tenants; 'sluice sql' sends it statements.
#pragma once

#include "base/context.h"
#include "cli/command_line.h"

namespace sluice {

int server_command(const Command& command, Context& context);
int sql_command(const Command& command);

}  // namespace sluice
