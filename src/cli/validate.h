// SPDX-License-Identifier: Apache-2.0
// `sluice validate FILE [--connect]`: every mistake of a job file, on standard output.
#pragma once

#include <string>

#include "base/context.h"
#include "cli/command_line.h"
#include "connector/registry.h"

namespace sluice {

struct ValidationReport {
  std::string text;   // problems, then what was found
  int exit_code = 0;  // 0; 3 for a wrong file; with --connect the code of the first server's error
};
ValidationReport validate_job(const Command& command, const ConnectorRegistry& registry, Context& context);

// Prints the report and returns its exit code.
int validate_command(const Command& command, const ConnectorRegistry& registry, Context& context);

}  // namespace sluice
