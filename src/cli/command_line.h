// SPDX-License-Identifier: Apache-2.0
// What the user asked for on the command line. Parsing touches nothing but its arguments.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "cli/job_file.h"

namespace sluice {

enum class CommandKind : uint8_t { kRun, kValidate, kExplain, kVerify, kConnectors, kServer, kSql, kVersion };

struct Command {
  CommandKind kind = CommandKind::kVersion;
  LogLevel log_level = LogLevel::kInfo;
  std::vector<std::string> files;        // job files: run
  std::string file;                      // job file: validate, explain, verify
  ConnectorPaths connector_files;        // with a connector's file: run, validate, explain, verify
  std::string state_dir;                 // as given: run, explain, verify
  std::string metrics;                   // run: [HOST:]PORT to serve metrics at; empty: nowhere
  bool until_caught_up = false;          // run: end once the target holds what the source had committed at the start
  bool reset = false;                    // run: forget the job's state and copy again
  bool accept_changes = false;           // run: go on with changed projections, filters or routes
  bool connect = false;                  // validate: ask the servers too
  bool repair = false;                   // verify: correct the rows that differ
  bool json = false;                     // verify: the result as JSON lines
  std::string connector;                 // connectors: the one to describe, or empty for a list
  bool markdown = false;                 // connectors: as a page of the documentation
  std::string data_dir = "sluice-data";  // server, sql: where the tenants are
  std::optional<int64_t> listen;         // server: port of loopback for MySQL's clients, 0: any; none: no port
  std::optional<int64_t> rest;           // server: the same for the REST API
  std::string statements;                // sql: empty: from standard input
};

// The state directory of a job file: as given, else ".sluice" beside the file.
std::string state_directory(const Command& command, const std::string& file);

struct ParsedCommandLine {
  std::optional<Command> command;  // null: print `text` and exit
  int exit_code = 0;               // 0 after --help; 2 when the command line is wrong
  std::string text;
};
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace sluice
