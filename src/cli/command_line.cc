// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "cli/version.h"
#include "config/setting.h"

namespace sluice {
namespace {

constexpr int kUsageError = 2;

constexpr const char* kFooter = R"(
Examples:
  sluice validate shop.yaml                        every mistake, with file and line
  sluice run shop.yaml                             copy, then follow until it is stopped
  sluice run shop.yaml --until-caught-up           copy, catch up, end
  sluice run *.yaml --metrics 9400                 several jobs in one process, with metrics
  sluice run connector.json --sink shop-sink.yaml  a Debezium connector's file, into any sink
  sluice verify shop.yaml                          prove that target equals source
  sluice connectors mysql                          every option of a connector

Exit codes: 0 done; 2 wrong command line; 3 wrong configuration; 4 server unreachable or access denied; 5 the source's
log is gone; 6 a value or event that cannot be copied; 7 the target refused; 8 taken over by another process; 9 state
directory; 70 a bug. 'verify': 0 equal, 1 different, 2 could not tell. 'sql': 1 a statement was refused.)";

void add_connector_files(CLI::App* command, Command& parsed) {
  command
      ->add_option("--sink", parsed.connector_files.sink,
                   "With a Debezium connector's FILE: where to. YAML with a block 'sink', or a Kafka Connect worker's "
                   ".properties (default: the Kafka that FILE names)")
      ->type_name("FILE");
  command
      ->add_option(
          "--take-over", parsed.connector_files.offsets,
          "With a Debezium connector's FILE: begin where the connector stopped, as Kafka Connect's offsets.dat "
          "(or its topic's keys and values as text) says; later starts go on from the job's own state")
      ->type_name("OFFSETS");
}

void add_file(CLI::App* command, Command& parsed) {
  command->add_option("FILE", parsed.file, "Job file: pipeline YAML, or a Debezium connector's JSON or .properties")
      ->required();
  add_connector_files(command, parsed);
}

void add_state(CLI::App* command, Command& parsed) {
  command
      ->add_option("--state", parsed.state_dir, "Directory for offsets and checkpoints (default: .sluice beside FILE)")
      ->type_name("DIR");
}

CLI::App* add_command(CLI::App& app, Command& parsed, CommandKind kind, const char* name, const char* summary) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->fallthrough();
  command->callback([&parsed, kind] { parsed.kind = kind; });
  return command;
}

void declare_tenants(CLI::App& app, Command& parsed) {
  CLI::App* server = add_command(app, parsed, CommandKind::kServer, "server",
                                 "Keep tenants: databases with limits that can be cloned in a moment");
  CLI::App* sql = add_command(app, parsed, CommandKind::kSql, "sql", "Send statements to the server of tenants");
  for (CLI::App* command : {server, sql}) {
    command->add_option("--data", parsed.data_dir, "Where the tenants are (default: $SLUICE_DATA, else ./sluice-data)")
        ->type_name("DIR")
        ->envname("SLUICE_DATA");
  }
  server
      ->add_option("--listen", parsed.listen,
                   "Let MySQL's clients in at this port of 127.0.0.1 too (0: any), with the password in DIR/client.cnf")
      ->type_name("PORT")
      ->check(CLI::Range(0, 65535).description(""));
  server
      ->add_option("--rest", parsed.rest,
                   "Serve the REST API at this port of 127.0.0.1 (0: any), with the secret in DIR/rest.cnf")
      ->type_name("PORT")
      ->check(CLI::Range(0, 65535).description(""));
  server->footer(
      "\nThe stock client finds it with mariadb --defaults-file=DIR/client.cnf.\n"
      "Example: sluice server --data /var/lib/sluice");
  sql->add_option("STATEMENTS", parsed.statements, "Separated by ';' or '\\G'; without them: from standard input");
  sql->footer("\nExit codes: 0 done, 1 a statement was refused, 4 no server.\nExample: sluice sql \"SHOW TENANTS\\G\"");
}

// 'x' for a statement, whatever the word is.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'' || c == '\\') text += c;
    text += c;
  }
  return text + "'";
}

struct TenantWords {
  std::string name, source, pool, unit, snapshot, as_of, as_of_gtid, ttl, mask;
  bool primary = false, async = false, force = false, drop = false, is_protected = false, off = false;
};

std::string clone_statement(const TenantWords& words) {
  std::string text = "CREATE TENANT " + quoted(words.name) + " FROM " + quoted(words.source);
  if (!words.snapshot.empty()) text += " USING SNAPSHOT " + quoted(words.snapshot);
  text += " WITH RESOURCE_POOL = " + quoted(words.pool.empty() ? words.name + "_pool" : words.pool) +
          ", UNIT = " + quoted(words.unit);
  if (!words.as_of.empty()) text += ", AS OF TIMESTAMP " + quoted(words.as_of);
  if (!words.as_of_gtid.empty()) text += ", AS OF GTID " + quoted(words.as_of_gtid);
  if (!words.ttl.empty()) text += ", TTL " + quoted(words.ttl);
  if (!words.mask.empty()) text += ", MASK " + quoted(words.mask);
  if (words.is_protected) text += ", PROTECTED";
  if (words.primary) text += ", ROLE = PRIMARY";
  if (words.async) text += ", ASYNC";
  return text;
}

using AddTenantWord =
    std::function<CLI::App*(const char*, const char*, const std::function<std::string(const TenantWords&)>&)>;

// What happens to clones later.
void declare_upkeep(const AddTenantWord& add, const std::shared_ptr<TenantWords>& words) {
  CLI::App* reset = add("reset", "Give a clone its parent's data anew", [](const TenantWords& given) {
    return "ALTER TENANT " + quoted(given.name) + " RESET TO PARENT" +
           (given.snapshot.empty() ? "" : " USING SNAPSHOT " + quoted(given.snapshot));
  });
  reset->add_option("NAME", words->name, "The clone")->required();
  reset->add_option("--snapshot", words->snapshot, "Of this snapshot of the parent (default: as it is)");
  CLI::App* ttl = add("ttl", "Say when a tenant is dropped", [](const TenantWords& given) {
    return "ALTER TENANT " + quoted(given.name) + " SET TTL = " + (given.ttl == "none" ? "NONE" : quoted(given.ttl));
  });
  ttl->add_option("NAME", words->name, "The tenant")->required();
  ttl->add_option("TIME", words->ttl, "From now on: 8h, '30 min'; none: it stays")->required();
  CLI::App* protect = add("protect", "Refuse to drop or reset a tenant", [](const TenantWords& given) {
    return "ALTER TENANT " + quoted(given.name) + " SET PROTECTED = " + (given.off ? "OFF" : "ON");
  });
  protect->add_option("NAME", words->name, "The tenant")->required();
  protect->add_flag("--off", words->off, "No longer");
}

// The frequent statements as words of a command line: 'sluice sql' with its text made up.
void declare_tenant_words(CLI::App& app, Command& parsed) {
  CLI::App* tenant = app.add_subcommand(
      "tenant", "List, clone, reset, protect, drop and activate tenants, and take snapshots of them");
  tenant->require_subcommand(1);
  tenant->fallthrough();
  tenant->add_option("--data", parsed.data_dir, "Where the tenants are (default: $SLUICE_DATA, else ./sluice-data)")
      ->type_name("DIR")
      ->envname("SLUICE_DATA");
  tenant->footer("\nExample: sluice tenant clone shop report --unit box --as-of '2026-01-31 12:00:00'");
  const auto words = std::make_shared<TenantWords>();
  const auto add = [&](const char* name, const char* summary,
                       const std::function<std::string(const TenantWords&)>& text) {
    CLI::App* command = tenant->add_subcommand(name, summary);
    command->fallthrough();
    command->callback([&parsed, words, text] {
      parsed.kind = CommandKind::kSql;
      parsed.statements = text(*words);
    });
    return command;
  };
  add("list", "Show all tenants", [](const TenantWords&) {
    return "SELECT TENANT_NAME, TENANT_ROLE, STATUS, LOG_MODE, PARENT_TENANT_NAME, HOST, PORT FROM DBA_OB_TENANTS";
  });
  CLI::App* clone = add("clone", "Clone a tenant, as it is or as it was", &clone_statement);
  clone->add_option("SOURCE", words->source, "The tenant to clone")->required();
  clone->add_option("NAME", words->name, "The new tenant")->required();
  clone->add_option("--unit", words->unit, "Its resource unit")->required();
  clone->add_option("--pool", words->pool, "Its resource pool, which is made (default: NAME_pool)");
  clone->add_option("--snapshot", words->snapshot, "Of this snapshot");
  clone->add_option("--as-of", words->as_of, "As of this time, in UTC: '2026-01-31 23:59:59.999'")->type_name("TIME");
  clone->add_option("--as-of-gtid", words->as_of_gtid, "As of this position")->type_name("GTID");
  clone->add_option("--ttl", words->ttl, "Drop it after this time: 8h, '30 min'")->type_name("TIME");
  clone->add_option("--mask", words->mask, "Apply this mask before anybody can log in");
  clone->add_flag("--protected", words->is_protected, "Refuse to drop or reset it");
  clone->add_flag("--primary", words->primary, "Writable at once");
  clone->add_flag("--async", words->async, "Do not wait for it");
  CLI::App* drop = add("drop", "Drop a tenant", [](const TenantWords& given) {
    return "DROP TENANT " + quoted(given.name) + (given.force ? " FORCE" : "");
  });
  drop->add_option("NAME", words->name, "The tenant")->required();
  drop->add_flag("--force", words->force, "End clones that are under way");
  declare_upkeep(add, words);
  add("activate", "Make a standby writable",
      [](const TenantWords& given) { return "ALTER SYSTEM ACTIVATE STANDBY TENANT = " + quoted(given.name); })
      ->add_option("NAME", words->name, "The tenant")
      ->required();
  CLI::App* snapshot = add("snapshot", "Take a snapshot of a tenant", [](const TenantWords& given) {
    const std::string name = given.snapshot.empty() ? "" : quoted(given.snapshot) + " ";
    return (given.drop ? "DROP SNAPSHOT " : "CREATE SNAPSHOT ") + name + "FOR TENANT " + quoted(given.name);
  });
  snapshot->add_option("TENANT", words->name, "The tenant")->required();
  snapshot->add_option("NAME", words->snapshot, "The snapshot's name (default: one is made up)");
  snapshot->add_flag("--drop", words->drop, "Drop it instead")->needs("NAME");
}

void declare(CLI::App& app, Command& parsed) {
  app.name("sluice");
  app.require_subcommand(1);
  app.footer(kFooter);
  app.set_version_flag("--version", fmt::format("sluice {}", kVersion), "Print the version");
  const std::map<std::string, LogLevel> levels = {
      {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo}, {"warn", LogLevel::kWarn}, {"error", LogLevel::kError}};
  app.add_option("--log-level", parsed.log_level,
                 "Least important lines to log: debug, info, warn or error (default: info)")
      ->type_name("LEVEL")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case).description(""));

  CLI::App* run = add_command(app, parsed, CommandKind::kRun, "run", "Copy a database and keep the copy current");
  run->add_option("FILE", parsed.files,
                  "Job files: pipeline YAML, or a Debezium connector's JSON or .properties; each runs, restarts and "
                  "ends by itself")
      ->required();
  add_connector_files(run, parsed);
  add_state(run, parsed);
  run->add_option("--metrics", parsed.metrics,
                  "Serve metrics for Prometheus at this loopback address, path /metrics, and take signals to jobs: "
                  "POST /jobs/NAME/signals")
      ->type_name("[HOST:]PORT");
  run->add_flag("--until-caught-up", parsed.until_caught_up,
                "End with 0 once the target holds everything the source had committed when the job began");
  run->add_flag(
      "--reset", parsed.reset,
      "Forget how far the job was and copy everything again; empty the target's tables first, since rows stay "
      "that the source no longer has");
  run->add_flag("--accept-changes", parsed.accept_changes,
                "Go on with a changed projection, filter or route; rows that are there stay as they are");
  run->footer("\nExample: sluice run shop.yaml --state /var/lib/sluice");

  CLI::App* validate = add_command(app, parsed, CommandKind::kValidate, "validate", "Show every mistake in a job file");
  add_file(validate, parsed);
  validate->add_flag("--connect", parsed.connect, "Connect to source and sink, and check tables and expressions too");
  validate->footer("\nExample: sluice validate shop.yaml --connect");

  CLI::App* explain =
      add_command(app, parsed, CommandKind::kExplain, "explain", "Show tables, chunks, target statements and plan");
  add_file(explain, parsed);
  add_state(explain, parsed);
  explain->footer("\nExample: sluice explain shop.yaml");

  CLI::App* verify =
      add_command(app, parsed, CommandKind::kVerify, "verify", "Prove that the target equals the source");
  add_file(verify, parsed);
  add_state(verify, parsed);
  verify->add_flag("--repair", parsed.repair,
                   "Correct the rows that differ, also rows that only the target has; stops a running job");
  verify->add_flag("--json", parsed.json, "One JSON object a line: for each difference that is named, and each table");
  verify->footer("\nExit codes: 0 equal, 1 different, 2 could not tell.\nExample: sluice verify shop.yaml --repair");

  CLI::App* connectors =
      add_command(app, parsed, CommandKind::kConnectors, "connectors", "List connectors, or the options of one");
  connectors->add_option("NAME", parsed.connector, "Connector, or 'pipeline' for the keys of that block");
  connectors->add_flag("--markdown", parsed.markdown, "As a page of the documentation")->needs("NAME");
  connectors->footer("\nExample: sluice connectors mysql");

  declare_tenants(app, parsed);
  declare_tenant_words(app, parsed);
  add_command(app, parsed, CommandKind::kVersion, "version", "Print the version");
}

// For a first word that is no command; empty if there is none.
std::string unknown_command_text(const CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands(nullptr)) commands.push_back(command->get_name());
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--log-level") ++i;
    if (word.starts_with('-')) continue;
    if (std::find(commands.begin(), commands.end(), word) != commands.end()) return {};
    const std::string_view closest = closest_name(word, {commands.begin(), commands.end()});
    return "unknown command '" + std::string(word) + "'\n  hint: " +
           (closest.empty() ? "'sluice --help' lists every command." : "Did you mean '" + std::string(closest) + "'?") +
           '\n';
  }
  return {};
}

}  // namespace

std::string state_directory(const Command& command, const std::string& file) {
  if (!command.state_dir.empty()) return command.state_dir;
  return std::filesystem::path(file).parent_path() / ".sluice";
}

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  Command parsed;
  CLI::App app("Copies databases and keeps the copies current, exactly once.");
  try {
    declare(app, parsed);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream mistakes;
    if (argc <= 1) return {std::nullopt, kUsageError, app.help()};
    const bool asked_for_help = app.exit(error, out, mistakes) == 0;
    if (std::string unknown = unknown_command_text(app, argc, argv); !asked_for_help && !unknown.empty()) {
      return {std::nullopt, kUsageError, std::move(unknown)};
    }
    return {std::nullopt, asked_for_help ? 0 : kUsageError, out.str() + mistakes.str()};
  } catch (const std::exception& error) {
    return {std::nullopt, kUsageError, std::string(error.what()) + '\n'};
  }
  if (!parsed.file.empty()) parsed.state_dir = state_directory(parsed, parsed.file);
  return {std::move(parsed), 0, {}};
}

}  // namespace sluice
