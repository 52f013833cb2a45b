// SPDX-License-Identifier: Apache-2.0
#include "integration/pipelines/pipeline_fixture.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <iterator>

namespace sluice::support {
namespace {

SqlRows sqlite_query(const std::string& path, const std::string& sql) {
  SqlRows rows;
  sqlite3* database = nullptr;
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
    sqlite3_busy_timeout(database, 10000);
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
      while (sqlite3_step(statement) == SQLITE_ROW) {
        SqlRow row;
        for (int i = 0; i < sqlite3_column_count(statement); ++i) {
          const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
          row.push_back(text == nullptr ? std::nullopt : std::optional<std::string>(text));
        }
        rows.push_back(std::move(row));
      }
    } else {
      ADD_FAILURE() << sql << ": " << sqlite3_errmsg(database);
    }
    sqlite3_finalize(statement);
  } else {
    ADD_FAILURE() << "cannot open " << path;
  }
  sqlite3_close(database);
  return rows;
}

std::string joined(const SqlRow& row) {
  std::string line;
  for (const auto& value : row) line += (line.empty() ? "" : "|") + value.value_or("NULL");
  return line;
}

std::string indented(const std::string& lines) {
  std::string out;
  size_t at = 0;
  while (at < lines.size()) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    out += "  " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace

Servers& Servers::shared() {
  static Servers servers;
  return servers;
}

DatabaseServer* Servers::get(const std::string& kind) {
  auto& server = servers_[kind];
  if (server) return server.get();
  const auto keep = [&](auto started) {
    if (!started) {
      ADD_FAILURE() << "cannot start " << kind << ": " << started.error().message();
    } else {
      server = std::move(started).value();
    }
  };
  if (kind == "mariadb") {
    keep(MariadbServer::start());
  } else if (kind == "mysql") {
    if (MysqlServer::unavailable().empty()) keep(MysqlServer::start());
  } else if (kind == "postgres_source" || kind == "postgres_18") {
    const bool newest = kind == "postgres_18";
    if (newest && !PostgresServer::newest_unavailable().empty()) return nullptr;
    keep(PostgresServer::start({.arguments = {"-c", "wal_level=logical", "-c", "max_replication_slots=60", "-c",
                                              "max_wal_senders=60", "-c", "max_connections=200"},
                                .newest = newest}));
  } else {
    keep(PostgresServer::start());
  }
  return server.get();
}

Pipeline::Pipeline(DatabaseServer& source, const std::string& target_kind, const std::string& database)
    : source_(source), target_kind_(target_kind), database_(database), source_port_(source.port()) {
  if (target_kind == "sqlite" || target_kind == "kafka" || target_kind == "file" || target_kind == "http") return;
  // A target of the source's kind needs a server of its own: it has databases of the same names.
  static std::map<std::string, std::unique_ptr<DatabaseServer>> second;
  const auto start = [&](auto started) {
    if (!started) return;
    execute(**started, "CREATE DATABASE ledger");
    second[target_kind] = std::move(started).value();
  };
  if (target_kind == "postgres") {
    target_ = Servers::shared().get("postgres");
  } else {
    if (!second[target_kind] && target_kind == "mariadb")
      start(MariadbServer::start({.arguments = {"--server-id=77"}}));
    if (!second[target_kind] && target_kind == "mysql") start(MysqlServer::start({.arguments = {"--server-id=77"}}));
    target_ = second[target_kind].get();
  }
  if (target_ == nullptr) {
    ADD_FAILURE() << "no target server " << target_kind;
    return;
  }
  target_port_ = target_->port();
}

Pipeline& Pipeline::source_options(std::string lines) {
  source_lines_ = std::move(lines);
  return *this;
}
Pipeline& Pipeline::sink_options(std::string lines) {
  sink_lines_ = std::move(lines);
  return *this;
}
Pipeline& Pipeline::pipeline_options(std::string lines) {
  pipeline_lines_ = std::move(lines);
  return *this;
}
Pipeline& Pipeline::blocks(std::string yaml) {
  blocks_ = std::move(yaml);
  return *this;
}
Pipeline& Pipeline::source_port(int port) {
  source_port_ = port;
  return *this;
}
Pipeline& Pipeline::target_port(int port) {
  target_port_ = port;
  return *this;
}

std::string Pipeline::sink_block() const {
  if (target_kind_ == "kafka" || target_kind_ == "http") return fmt::format("  type: {}\n", target_kind_);
  if (target_kind_ == "file") return fmt::format("  type: file\n  path: {}\n", folder_.file("files"));
  if (target_kind_ == "sqlite") return fmt::format("  type: sqlite\n  path: {}\n", folder_.file("copy.db"));
  return fmt::format("  type: {}\n  hostname: 127.0.0.1\n  port: {}\n  username: {}\n  password: {}\n{}",
                     target_kind_ == "mariadb" ? "mysql" : target_kind_, target_port_, target_->username(),
                     target_->password(),
                     target_kind_ == "postgres" ? "  database: postgres\n" : "  database: ledger\n");
}

std::string Pipeline::source_block() const {
  const bool postgres = source_.kind() == "postgres";
  const auto given = [this](const char* key) { return source_lines_.find(key) != std::string::npos; };
  std::string block =
      fmt::format("  type: {}\n  hostname: 127.0.0.1\n  port: {}\n", postgres ? "postgres" : "mysql", source_port_);
  if (!given("username:")) {
    block += fmt::format("  username: {}\n  password: {}\n", source_.username(), source_.password());
  }
  if (!given("tables:")) block += fmt::format("  tables: {}{}.\\.*\n", postgres ? database_ + "." : "", database_);
  if (postgres && !given("slot.name:")) block += fmt::format("  slot.name: {}\n", database_);
  return block + indented(source_lines_);
}

std::string Pipeline::write_job_file() const {
  const std::string file = fmt::format(
      "source:\n{}sink:\n{}{}{}pipeline:\n"
      "  name: {}\n{}",
      source_block(), sink_block(), indented(sink_lines_), blocks_, database_,
      indented(pipeline_lines_.find("schema.change.behavior") == std::string::npos
                   ? "schema.change.behavior: evolve\n" + pipeline_lines_
                   : pipeline_lines_));
  return folder_.write("job.yaml", file);
}

std::unique_ptr<Process> Pipeline::start(std::vector<std::string> arguments,
                                         std::map<std::string, std::string> env) const {
  std::vector<std::string> command = {SLUICE_PROGRAM};
  const std::string file = write_job_file();
  for (auto& argument : arguments) command.push_back(argument == "JOB" ? file : std::move(argument));
  auto process =
      Process::spawn({.command = std::move(command), .env = std::move(env), .output_folder = folder_.path()});
  if (!process) {
    ADD_FAILURE() << process.error().message();
    return nullptr;
  }
  return std::move(process).value();
}

void Pipeline::run_until_caught_up() const {
  const auto process = start({"run", "JOB", "--state", folder_.file("state"), "--until-caught-up"});
  const auto code = process->wait(std::chrono::minutes(3));
  EXPECT_EQ(code.value_or(-1), 0) << tail(process->err(), 40);
}

int Pipeline::verify(std::vector<std::string> arguments) const {
  std::vector<std::string> command = {"verify", "JOB", "--state", folder_.file("state")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto process = start(command);
  const int code = process->wait(std::chrono::minutes(3)).value_or(-1);
  if (code != 0) ::testing::Test::RecordProperty("verify", code);
  if (code != 0) fmt::print(stderr, "{}\n{}\n", tail(process->out()), tail(process->err()));
  return code;
}

SqlRows Pipeline::target_query(const std::string& sql) const {
  if (target_ == nullptr) return sqlite_query(folder_.file("copy.db"), sql);
  auto rows =
      target_->query(sql, target_kind_ == "postgres" ? std::string_view("postgres") : std::string_view("mysql"));
  if (!rows) {
    ADD_FAILURE() << sql << ": " << rows.error().message();
    return {};
  }
  return std::move(rows).value();
}

std::vector<std::string> Pipeline::target_rows(const std::string& columns, const std::string& table,
                                               const std::string& order) const {
  const std::string name = target_ == nullptr ? table : database_ + "." + table;
  std::vector<std::string> result;
  for (const auto& row : target_query(fmt::format("SELECT {} FROM {} ORDER BY {}", columns, name, order))) {
    std::string line;
    for (const auto& value : row) line += (line.empty() ? "" : "|") + value.value_or("NULL");
    result.push_back(line);
  }
  return result;
}

void Pipeline::target_execute(const std::string& sql) const { target_query(sql); }

std::string Pipeline::target_value(const std::string& sql) const {
  const auto rows = target_query(sql);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0].value_or("NULL");
}

void execute(DatabaseServer& server, std::string_view sql, std::string_view database) {
  const auto executed = server.execute(sql, database);
  EXPECT_TRUE(executed.has_value()) << sql << ": " << executed.error().message();
}

void expect_same_rows(DatabaseServer& source, const Pipeline& pipeline, const std::string& columns,
                      const std::string& table, const std::string& order) {
  const auto rows = source.query(fmt::format("SELECT {} FROM {}", columns, table), pipeline.database());
  ASSERT_TRUE(rows.has_value()) << rows.error().message();
  std::vector<std::string> expected;
  for (const auto& row : *rows) expected.push_back(joined(row));
  auto actual = pipeline.target_rows(columns, table, order);
  std::ranges::sort(expected);
  std::ranges::sort(actual);
  EXPECT_EQ(expected.size(), actual.size()) << table;
  std::vector<std::string> lost, added;
  std::ranges::set_difference(expected, actual, std::back_inserter(lost));
  std::ranges::set_difference(actual, expected, std::back_inserter(added));
  const auto first = [](std::vector<std::string>& lines) {
    lines.resize(std::min<size_t>(lines.size(), 10));
    return fmt::format("{}", fmt::join(lines, "\n  "));
  };
  EXPECT_TRUE(lost.empty()) << table << ": " << lost.size() << " rows lost, such as\n  " << first(lost);
  EXPECT_TRUE(added.empty()) << table << ": " << added.size() << " rows too many, such as\n  " << first(added);
}

std::string fresh_database(DatabaseServer& server, const std::string& prefix) {
  static int number = 0;
  const std::string name = fmt::format("{}{}", prefix, ++number);
  if (server.kind() == "postgres") {
    execute(server, "CREATE DATABASE " + name);
    execute(server, fmt::format("CREATE SCHEMA {0}; ALTER DATABASE {0} SET search_path = {0}, public", name), name);
  } else {
    execute(server, "CREATE DATABASE " + name + " CHARACTER SET utf8mb4");
  }
  return name;
}

void drop_database(DatabaseServer& server, const std::string& database) {
  if (server.kind() == "postgres") {
    // A reader that was killed may not be gone yet.
    wait_until([&] {
      return server
          .execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '" +
                   database + "'")
          .has_value();
    });
    execute(server, fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", database));
    return;
  }
  execute(server, "DROP DATABASE IF EXISTS " + database);
}

}  // namespace sluice::support
