// SPDX-License-Identifier: Apache-2.0
// Runs the sluice program between private servers, as a user would: with a job file, on the command line.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "support/database_server.h"
#include "support/mysql_server.h"
#include "support/postgres_server.h"
#include "support/process.h"
#include "support/temp_folder.h"
#include "support/wait.h"

namespace sluice::support {

// The servers of this test program, started when first asked for and shared by its tests; a test uses databases of its
// own.
class Servers {
 public:
  static Servers& shared();
  // "mariadb", "mysql" (null: not to be had here), "postgres", "postgres_source" (one that can be
  // followed), "postgres_18" (the same; may be null).
  DatabaseServer* get(const std::string& kind);

 private:
  std::map<std::string, std::unique_ptr<DatabaseServer>> servers_;
};

// A job from a database of one server to a target: "sqlite", "postgres", "mariadb", "mysql", "file" (the folder "files"
// of its folder), or "kafka" and "http", whose servers the sink's options name.
class Pipeline {
 public:
  Pipeline(DatabaseServer& source, const std::string& target_kind, const std::string& database);

  DatabaseServer& source() { return source_; }
  const std::string& database() const { return database_; }
  const TempFolder& folder() const { return folder_; }
  // More keys for the blocks of the job file, "key: value" lines.
  Pipeline& source_options(std::string lines);
  Pipeline& sink_options(std::string lines);
  Pipeline& pipeline_options(std::string lines);
  Pipeline& blocks(std::string yaml);  // route, transform
  Pipeline& source_port(int port);     // through a proxy
  Pipeline& target_port(int port);
  DatabaseServer* target() const { return target_; }  // null: SQLite

  std::string write_job_file() const;
  // Starts the program; `env` is added to its environment.
  std::unique_ptr<Process> start(std::vector<std::string> arguments, std::map<std::string, std::string> env = {}) const;
  // `sluice run JOB --until-caught-up`, which must end with 0.
  void run_until_caught_up() const;
  // `sluice verify JOB`: the exit code; its output is added to a failing test.
  int verify(std::vector<std::string> arguments = {}) const;
  // Rows of the target, ordered, as text: "1|a|NULL".
  std::vector<std::string> target_rows(const std::string& columns, const std::string& table,
                                       const std::string& order) const;
  // A statement in the target, in its dialect.
  void target_execute(const std::string& sql) const;
  std::string target_value(const std::string& sql) const;

 private:
  SqlRows target_query(const std::string& sql) const;
  std::string source_block() const;
  std::string sink_block() const;

  DatabaseServer& source_;
  const std::string target_kind_;
  DatabaseServer* target_ = nullptr;  // null: SQLite
  const std::string database_;
  TempFolder folder_;
  std::string source_lines_;
  std::string sink_lines_;
  std::string pipeline_lines_;
  std::string blocks_;
  int source_port_;
  int target_port_ = 0;
};

// Fails the test if the statement fails.
void execute(DatabaseServer& server, std::string_view sql, std::string_view database = {});
// The rows of a table, as both servers print them.
void expect_same_rows(DatabaseServer& source, const Pipeline& pipeline, const std::string& columns,
                      const std::string& table, const std::string& order);
// A database name that no other test of this program uses. In PostgreSQL its tables are in a schema of the same name.
std::string fresh_database(DatabaseServer& server, const std::string& prefix = "shop");
// Drops the database, in PostgreSQL with its replication slots.
void drop_database(DatabaseServer& server, const std::string& database);

}  // namespace sluice::support
