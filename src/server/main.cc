// SPDX-License-Identifier: Apache-2.0
// The program: reads the command line, wires connectors and commands together.
#include <fmt/format.h>

#include <cstdio>

#include "base/context.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "cli/connectors.h"
#include "cli/explain.h"
#include "cli/run.h"
#include "cli/tenants.h"
#include "cli/validate.h"
#include "cli/verify.h"
#include "cli/version.h"
#include "connectors/all.h"
#include "server/stop_signals.h"

namespace sluice {
namespace {

int dispatch(const Command& command) {
  Context context;
  const StopSignals stop_signals(context);
  const ConnectorRegistry registry = all_connectors();
  switch (command.kind) {
    case CommandKind::kRun: return run_command(command, registry, context);
    case CommandKind::kValidate: return validate_command(command, registry, context);
    case CommandKind::kExplain: return explain_command(command, registry, context);
    case CommandKind::kVerify: return verify_command(command, registry, context);
    case CommandKind::kConnectors: return connectors_command(command, registry);
    case CommandKind::kServer: return server_command(command, context);
    case CommandKind::kSql: return sql_command(command);
    case CommandKind::kVersion: fmt::print(stdout, "sluice {}\n", kVersion); return 0;
  }
  return 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const auto parsed = sluice::parse_command_line(argc, argv);
  if (!parsed.command) {
    fmt::print(parsed.exit_code == 0 ? stdout : stderr, "{}", parsed.text);
    return parsed.exit_code;
  }
  sluice::set_log_level(parsed.command->log_level);
  return sluice::dispatch(*parsed.command);
}
