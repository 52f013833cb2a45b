// SPDX-License-Identifier: Apache-2.0
// Sources that lose their log, crash, restart, refuse, or are set up in ways that could make a reader guess: the job
// goes on exactly or stops with a reason; it never skips.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "faults/workload.h"

namespace sluice::support {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr int kAccess = 4;
constexpr int kPositionLost = 5;
constexpr int kUnsupported = 6;
constexpr int kConfig = 3;

// Runs the job until it has caught up or fails; its exit code and what it said.
struct Outcome {
  int code = -1;
  std::string text;
};
Outcome run(const Pipeline& pipeline, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"run", "JOB", "--state", pipeline.folder().file("state"), "--until-caught-up"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto process = pipeline.start(arguments);
  Outcome outcome;
  outcome.code = process->wait(std::chrono::minutes(2)).value_or(-1);
  outcome.text = tail(process->err(), 30);
  return outcome;
}

// An event as a server would have written it, at the end of a log file.
void append_event(const std::string& file, uint8_t type, const std::string& body) {
  const auto le = [](uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
    return out;
  };
  constexpr size_t kHeaderBytes = 19;
  constexpr size_t kChecksumBytes = 4;
  const size_t size = kHeaderBytes + body.size() + kChecksumBytes;
  constexpr uint32_t kTime = 1'700'000'000;
  std::string event = le(kTime, 4) + static_cast<char>(type) + le(1, 4) + le(size, 4) +
                      le(std::filesystem::file_size(file) + size, 4) + le(0, 2) + body;
  uint32_t crc = ~0U;
  for (const char c : event) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
  }
  std::ofstream(file, std::ios::binary | std::ios::app) << event << le(~crc, kChecksumBytes);
}

class SourceFaults : public testing::Test {
 protected:
  void use(std::vector<std::string> arguments) {
    auto started = MariadbServer::start({.arguments = std::move(arguments)});
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server_ = std::move(started).value();
    use_shared(*server_);
  }
  void use_shared(DatabaseServer& server) {
    source_ = &server;
    database_ = fresh_database(server, "src");
    pipeline_ = std::make_unique<Pipeline>(server, "sqlite", database_);
  }
  void use_mariadb() { use_shared(*Servers::shared().get("mariadb")); }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  void catch_up_and_verify() {
    pipeline_->run_until_caught_up();
    EXPECT_EQ(pipeline_->verify(), 0);
  }
  std::unique_ptr<Process> start() {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  }
  std::vector<std::string> rows(const std::string& columns = "id, v") {
    return pipeline_->target_rows(columns, "t", "id");
  }

  std::unique_ptr<DatabaseServer> server_;
  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

// The table is what it was, so that nothing but the ledger can tell that what was copied of it is gone.
TEST_F(SourceFaults, a_kill_just_when_the_copy_of_a_rewritten_table_begins_again_loses_no_chunk) {
  use_shared(*Servers::shared().get("postgres_source"));
  pipeline_ = std::make_unique<Pipeline>(*source_, "postgres", database_);
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 100")
      .pipeline_options("parallelism: 1\nread-limit.bytes-per-second: 50000");
  // More than is read ahead of a target that is slow.
  sql("CREATE TABLE t (id INT PRIMARY KEY, pad VARCHAR(1000))");
  sql("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 8000) n");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")},
                                    {{"SLUICE_FAULT", "after_copy_dropped:1"}});
  const auto some_copied = [&] {
    return pipeline_->target_value("SELECT COUNT(*) FROM pg_tables WHERE schemaname = '" + database_ + "'") == "1" &&
           pipeline_->target_value("SELECT COUNT(*) FROM " + database_ + ".t") != "0";
  };
  ASSERT_TRUE(wait_until(some_copied)) << tail(job->err());
  sql("VACUUM FULL t");
  EXPECT_EQ(job->wait(std::chrono::minutes(1)).value_or(-1), 128 + 9) << tail(job->err());
  pipeline_->pipeline_options("parallelism: 1");
  catch_up_and_verify();
  EXPECT_EQ(pipeline_->target_value("SELECT COUNT(*) FROM " + database_ + ".t"), "8000");
  drop_database(*source_, database_);
}

// A server that has yet to miss a broken connection keeps the slot that the connection made.
TEST_F(SourceFaults, a_helper_slot_that_is_still_there_does_not_stop_the_copy) {
  use_shared(*Servers::shared().get("postgres_source"));
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 10");
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t SELECT n, n FROM generate_series(1, 100) n");
  const std::string state = pipeline_->folder().file("state");
  const auto first = pipeline_->start({"run", "JOB", "--state", state}, {{"SLUICE_FAULT", "after_chunk_commit:1"}});
  EXPECT_EQ(first->wait().value_or(-1), 128 + 9) << tail(first->err());
  const auto job = pipeline_->start({"run", "JOB", "--state", state, "--until-caught-up"});
  job->pause();
  for (const char* number : {"", "_1"}) {
    sql(fmt::format("SELECT pg_create_logical_replication_slot('{}_copy_{}{}', 'pgoutput')", database_, job->pid(),
                    number));
  }
  job->resume();
  EXPECT_EQ(job->wait().value_or(-1), 0) << tail(job->err());
  EXPECT_EQ(pipeline_->verify(), 0);
  drop_database(*source_, database_);
}

TEST_F(SourceFaults, a_purged_log_is_reported_with_what_to_do) {
  use({});
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (2, 2)");
  sql("FLUSH BINARY LOGS");
  sql("INSERT INTO t VALUES (3, 3)");
  sql("FLUSH BINARY LOGS");
  // A file that a replica has just read is kept for a moment.
  ASSERT_TRUE(wait_until([&] {
    const auto logs = source_->query("SHOW BINARY LOGS");
    sql(fmt::format("PURGE BINARY LOGS TO '{}'", logs->back()[0].value()));
    return logs->size() == 1;
  }));
  const Outcome outcome = run(*pipeline_);
  EXPECT_EQ(outcome.code, kPositionLost) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("--reset"));
  EXPECT_THAT(rows(), ElementsAre("1|1"));
  const Outcome again = run(*pipeline_, {"--reset"});
  EXPECT_EQ(again.code, 0) << again.text;
  EXPECT_THAT(rows(), ElementsAre("1|1", "2|2", "3|3"));
}

TEST_F(SourceFaults, kill_9_of_the_source_again_and_again_loses_nothing) {
  use({});
  Workload workload(*source_, database_, test_seed(), {.rows = 300});
  const auto job = start();
  workload.start();
  for (int i = 0; i < 3; ++i) {
    const uint64_t before = workload.statements();
    EXPECT_TRUE(wait_until([&] { return workload.statements() > before + 200; }));
    source_->kill9();
    ASSERT_TRUE(source_->restart().has_value());
  }
  workload.stop();
  ASSERT_TRUE(job->running()) << tail(job->err());
  job->stop();
  expect_exact_copy(*source_, *pipeline_);
}

// A crash can leave the beginning of a transaction in the log; the server rolls the transaction back when it starts.
TEST_F(SourceFaults, a_transaction_cut_off_by_a_crash_is_not_applied) {
  use({});
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  sql("BEGIN; INSERT INTO t VALUES (2, 2); INSERT INTO t VALUES (3, 3); COMMIT");
  const auto logs = source_->query("SHOW BINARY LOGS");
  ASSERT_TRUE(logs.has_value());
  const std::string file = static_cast<MariadbServer&>(*source_).data_folder() + "/" + logs->back()[0].value();
  source_->kill9();
  constexpr size_t kXidEventBytes = 19 + 8 + 4;  // header, transaction number, checksum
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - kXidEventBytes);
  ASSERT_TRUE(source_->restart().has_value()) << source_->log();
  // The tables had the whole transaction; what the server would have rolled back is taken out by hand.
  sql("SET sql_log_bin = 0; DELETE FROM t WHERE id > 1");
  sql("INSERT INTO t VALUES (4, 4)");
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|1", "4|4"));
}

class LogEvents : public SourceFaults, public testing::WithParamInterface<std::string> {
 protected:
  // Appends an event to the log while the server is down, and a row behind it.
  void append_to_log(uint8_t type, const std::string& body) {
    const auto logs = source_->query("SHOW BINARY LOGS");
    ASSERT_TRUE(logs.has_value());
    const std::string file = data_folder_ + "/" + logs->back()[0].value();
    source_->stop();
    append_event(file, type, body);
    ASSERT_TRUE(source_->restart().has_value()) << source_->log();
    file_ = logs->back()[0].value();
  }
  void use_server() {
    if (GetParam() == "mariadb") {
      use({});
      data_folder_ = static_cast<MariadbServer&>(*server_).data_folder();
      return;
    }
    auto started = MysqlServer::start();
    ASSERT_TRUE(started.has_value()) << started.error().message();
    data_folder_ = (*started)->data_folder();
    server_ = std::move(started).value();
    use_shared(*server_);
  }
  std::string data_folder_;
  std::string file_;  // that was appended to
};

TEST_P(LogEvents, that_tell_of_a_loss_or_are_unknown_stop_the_job_in_front_of_them) {
  if (GetParam() == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
  use_server();
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  // The server sends the log from the first transaction that the job lacks.
  sql("INSERT INTO t VALUES (2, 2)");
  constexpr uint8_t kIncident = 26;
  append_to_log(kIncident, std::string("\x01\x00\x04", 3) + "gone");  // LOST_EVENTS, with a message
  sql("INSERT INTO t VALUES (3, 3)");
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = run(*pipeline_);
    EXPECT_EQ(outcome.code, kUnsupported) << outcome.text;
    EXPECT_THAT(outcome.text, AllOf(HasSubstr("INCIDENT 1: gone"), HasSubstr("at " + file_), HasSubstr("--reset")));
    EXPECT_THAT(rows(), Not(Contains("3|3")));
  }
  EXPECT_EQ(run(*pipeline_, {"--reset"}).code, 0);
  EXPECT_THAT(rows(), ElementsAre("1|1", "2|2", "3|3"));

  sql("INSERT INTO t VALUES (4, 4)");
  constexpr uint8_t kNobodyKnows = 120;
  append_to_log(kNobodyKnows, "something");
  sql("INSERT INTO t VALUES (5, 5)");
  const Outcome outcome = run(*pipeline_);
  EXPECT_EQ(outcome.code, kUnsupported) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("120"), HasSubstr("at " + file_), HasSubstr("Nothing was skipped")));
  EXPECT_THAT(rows(), Not(Contains("5|5")));
}

INSTANTIATE_TEST_SUITE_P(Of, LogEvents, testing::Values("mariadb", "mysql"),
                         [](const auto& source) { return source.param; });

// The server folds names; statements in its log may spell them as they like.
TEST_F(SourceFaults, names_that_the_server_folds_are_found_in_any_spelling) {
  use({"--lower-case-table-names=1"});
  sql("CREATE TABLE Orders (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO ORDERS VALUES (1, 1)");
  catch_up_and_verify();
  sql("INSERT INTO oRDERS VALUES (2, 2)");
  sql("ALTER TABLE ORDERS ADD COLUMN w INT DEFAULT 7");
  sql("UPDATE Orders SET w = 8 WHERE id = 2");
  sql("CREATE TABLE LATE LIKE ORDERS");
  sql("INSERT INTO Late VALUES (1, 1, 1)");
  sql("RENAME TABLE Late TO LATER");
  sql("CREATE TABLE Gone (id INT); DROP TABLE GONE");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, v, w", "orders", "id"), ElementsAre("1|1|7", "2|2|8"));
  EXPECT_THAT(pipeline_->target_rows("id, v, w", "later", "id"), ElementsAre("1|1|1"));
}

// FLUSH and a restart begin a new log file, in which tables have other numbers.
TEST_F(SourceFaults, table_numbers_may_change_with_each_log_file) {
  use({});
  for (const char* name : {"a", "b", "t"}) sql(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v INT)", name));
  const auto job = start();
  for (int i = 0; i < 4; ++i) {
    sql(fmt::format("INSERT INTO a VALUES ({0}, 1); INSERT INTO b VALUES ({0}, 2); INSERT INTO t VALUES ({0}, 3)", i));
    sql("FLUSH BINARY LOGS; FLUSH TABLES");
    if (i == 1) {
      ASSERT_TRUE(source_->restart().has_value());
    }
    sql(fmt::format("UPDATE t SET v = {0} WHERE id = {0}; UPDATE b SET v = -{0} WHERE id = {0}", i));
  }
  job->stop();
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("0|0", "1|1", "2|2", "3|3"));
  EXPECT_THAT(pipeline_->target_rows("id, v", "b", "id"), ElementsAre("0|0", "1|-1", "2|-2", "3|-3"));
}

TEST_F(SourceFaults, a_wrong_password_ends_the_job_and_is_not_repeated) {
  use_mariadb();
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  const std::string user = "wrong_" + database_;
  sql(fmt::format("CREATE USER {}@'%' IDENTIFIED BY 'right'", user));
  const auto file = pipeline_->write_job_file();
  std::string text = read_file(file);
  const std::string key = "username: " + source_->username() + "\n  password: " + source_->password();
  const auto at = text.find(key);
  ASSERT_NE(at, std::string::npos) << text;
  text.replace(at, key.size(), "username: " + user + "\n  password: Hidden-3");
  const auto other = pipeline_->folder().write("wrong.yaml", text);
  const auto process = pipeline_->start({"run", other, "--state", pipeline_->folder().file("state")});
  EXPECT_EQ(process->wait(std::chrono::seconds(60)).value_or(-1), kAccess);
  EXPECT_THAT(process->err(), HasSubstr("access denied"));
  EXPECT_THAT(process->err(), Not(HasSubstr("Hidden-3")));
}

TEST_F(SourceFaults, a_server_that_logs_statements_is_refused) {
  use({"--binlog-format=STATEMENT"});
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  const Outcome outcome = run(*pipeline_);
  EXPECT_EQ(outcome.code, kConfig) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("binlog_format"));
}

TEST_F(SourceFaults, one_session_that_logs_statements_stops_the_job_in_front_of_them) {
  use_mariadb();
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (2, 2)");
  sql("SET SESSION binlog_format = 'STATEMENT'; UPDATE t SET v = v + 1");
  const Outcome outcome = run(*pipeline_);
  EXPECT_EQ(outcome.code, kUnsupported) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("binlog_format"));
}

// Pitfall 15 (DBZ-7093): the log's rows have other columns than the definition we know.
TEST_F(SourceFaults, a_schema_change_that_was_not_logged_stops_the_job) {
  use_mariadb();
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  sql("SET sql_log_bin = 0; ALTER TABLE t ADD COLUMN w INT AFTER id");
  sql("INSERT INTO t VALUES (2, 20, 2)");
  const Outcome outcome = run(*pipeline_);
  EXPECT_EQ(outcome.code, kUnsupported) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("schema differs"));
  EXPECT_THAT(rows("id"), ElementsAre("1"));
  const Outcome second = run(*pipeline_);
  EXPECT_EQ(second.code, kUnsupported) << "a second start must not pass over it: " << second.text;
}

// Two jobs with one replica number throw each other out of the server; neither may lose anything by that.
TEST_F(SourceFaults, two_jobs_with_one_server_id_both_arrive) {
  use_mariadb();
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  Pipeline other(*source_, "sqlite", database_);
  pipeline_->source_options("server-id: 5555");
  other.source_options("server-id: 5555");
  const auto first = start();
  const auto second = other.start({"run", "JOB", "--state", other.folder().file("state")});
  for (int i = 0; i < 50; ++i) sql(fmt::format("INSERT INTO t VALUES ({0}, {0})", i));
  const auto arrived = [](const Pipeline& pipeline) {
    return std::filesystem::exists(pipeline.folder().file("copy.db")) &&
           pipeline.target_value("SELECT COUNT(*) FROM sqlite_master WHERE name = 't'") == "1" &&
           pipeline.target_value("SELECT COUNT(*) FROM t") == "50";
  };
  EXPECT_TRUE(wait_until([&] { return arrived(*pipeline_) && arrived(other); })) << tail(first->err());
  first->stop();
  second->stop();
}

class Settings : public SourceFaults,
                 public testing::WithParamInterface<std::pair<const char*, std::vector<std::string>>> {};

// Whatever the server leaves out of its rows, the copy is the same. Pitfalls 58 and 60 among them.
TEST_P(Settings, the_copy_is_exact) {
  use(GetParam().second);
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT, name VARCHAR(50), doc TEXT, u BIGINT UNSIGNED, e ENUM('x','y'))");
  sql("CREATE TABLE pairs (a INT, b VARCHAR(10), c INT, PRIMARY KEY (a, b))");
  sql("INSERT INTO t VALUES (1, 1, 'a', REPEAT('long ', 500), 18446744073709551615, 'x'), (2, 2, NULL, NULL, 0, NULL)");
  sql("INSERT INTO pairs VALUES (1, 'a', 1), (1, 'b', 2)");
  catch_up_and_verify();
  sql("UPDATE t SET v = 10 WHERE id = 1");
  sql("UPDATE t SET name = NULL, v = 11 WHERE id = 1; UPDATE t SET name = 'again' WHERE id = 2");
  sql("UPDATE t SET doc = 'short' WHERE id = 2; UPDATE t SET doc = NULL, e = 'y' WHERE id = 1");
  sql("UPDATE pairs SET b = 'c' WHERE b = 'a'; UPDATE pairs SET c = 20 WHERE b = 'b'");
  sql("INSERT INTO t (id, doc) VALUES (3, REPEAT('x', 3000)); DELETE FROM t WHERE id = 2");
  sql("UPDATE t SET id = 30 WHERE id = 3");
  sql("ALTER TABLE t ADD COLUMN w INT DEFAULT 5 AFTER id");
  sql("UPDATE t SET w = 6 WHERE id = 30");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, w, v, name, e"), ElementsAre("1|5|11|NULL|y", "30|6|NULL|NULL|NULL"));
  EXPECT_THAT(pipeline_->target_rows("a, b, c", "pairs", "b"), ElementsAre("1|b|20", "1|c|1"));
}

using Arguments = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(OfTheServer, Settings,
                         testing::Values(std::pair("row_image_minimal", Arguments{"--binlog-row-image=MINIMAL"}),
                                         std::pair("row_image_noblob", Arguments{"--binlog-row-image=NOBLOB"}),
                                         std::pair("row_metadata_full", Arguments{"--binlog-row-metadata=FULL"}),
                                         std::pair("row_metadata_minimal", Arguments{"--binlog-row-metadata=MINIMAL"}),
                                         std::pair("row_metadata_none", Arguments{"--binlog-row-metadata=NO_LOG"}),
                                         std::pair("compressed_log",
                                                   Arguments{"--log-bin-compress=1", "--log-bin-compress-min-len=10"}),
                                         std::pair("no_checksum", Arguments{"--binlog-checksum=NONE"}),
                                         std::pair("annotated", Arguments{"--binlog-annotate-row-events=ON"})),
                         [](const auto& setting) { return setting.param.first; });

// Pitfalls 58 and 60: PARTIAL_UPDATE_ROWS and TRANSACTION_PAYLOAD.
TEST_F(SourceFaults, mysql_with_compressed_transactions_and_partial_json_is_copied_exactly) {
  if (!MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
  auto started =
      MysqlServer::start({.arguments = {"--binlog-transaction-compression=ON",
                                        "--binlog-row-value-options=PARTIAL_JSON", "--binlog-row-image=MINIMAL"}});
  ASSERT_TRUE(started.has_value()) << started.error().message();
  server_ = std::move(started).value();
  use_shared(*server_);
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT, doc JSON)");
  sql("INSERT INTO t VALUES (1, 1, '{\"a\": 1, \"b\": [1, 2, 3], \"pad\": "
      "\"0123456789012345678901234567890123456789\"}')");
  sql("CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(100))");
  catch_up_and_verify();
  sql("INSERT INTO plain VALUES (1, REPEAT('a', 100)), (2, REPEAT('b', 100)), (3, 'c')");
  sql("UPDATE plain SET name = 'z' WHERE id = 2; DELETE FROM plain WHERE id = 3");
  catch_up_and_verify();
  sql("UPDATE t SET doc = JSON_SET(doc, '$.a', 2), v = 2 WHERE id = 1");
  const Outcome outcome = run(*pipeline_);
  // Either it is applied exactly or the job stops in front of it; never passed over.
  if (outcome.code == 0) {
    EXPECT_EQ(pipeline_->verify(), 0);
  } else {
    EXPECT_EQ(outcome.code, kUnsupported) << outcome.text;
    EXPECT_EQ(run(*pipeline_).code, kUnsupported) << "a second start must not pass over it";
  }
}

// Pitfall 62: a non-transactional engine commits by a query event; the job must not stay "in a transaction" for ever.
TEST_F(SourceFaults, tables_without_transactions_are_followed) {
  use_mariadb();
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=MyISAM");
  sql("CREATE TABLE aria (id INT PRIMARY KEY, v INT) ENGINE=Aria");
  sql("CREATE TABLE good (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (2, 2), (3, 3); UPDATE t SET v = v + 1; DELETE FROM t WHERE id = 3");
  sql("INSERT INTO aria VALUES (1, 1); UPDATE aria SET v = 2");
  sql("BEGIN; INSERT INTO good VALUES (1, 1); INSERT INTO t VALUES (9, 9); INSERT INTO good VALUES (2, 2); COMMIT");
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|2", "2|3", "9|9"));
}

}  // namespace
}  // namespace sluice::support
