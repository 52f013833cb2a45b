// SPDX-License-Identifier: Apache-2.0
// Tables are copied again beside the stream, because signals ask for it, while an application changes the same rows,
// alters the tables, and the program is killed: no older value may replace a newer one, no deleted row may come back,
// and every row that the target lacks must come.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "base/fault.h"
#include "faults/workload.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

constexpr int kKilled = 128 + 9;

struct Pair {
  std::string source;
  std::string target;
};
void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.source << " to " << pair.target; }

class Incremental : public testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get(GetParam().source);
    if (source_ == nullptr) GTEST_SKIP() << MysqlServer::unavailable() << PostgresServer::newest_unavailable();
    database_ = fresh_database(*source_, "again");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().target, database_);
    sql(fmt::format("CREATE TABLE signals (id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data {} NULL)",
                    postgres() ? "TEXT" : "VARCHAR(2048)"));
    options("incremental.snapshot.chunk.size: 100");
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  bool postgres() const { return source_->kind() == "postgres"; }
  void options(const std::string& more) {
    pipeline_->pipeline_options(
        fmt::format("parallelism: 2\nrestart.delay-max: 1s\nsignal.data.collection: {}.signals\n{}", database_, more));
  }
  void sql(std::string_view statement) const { execute(*source_, statement, database_); }
  std::string name(const std::string& table) const { return pipeline_->target() ? database_ + "." + table : table; }
  void signal(const std::string& id, const std::string& type, const std::string& data) const {
    sql(fmt::format("INSERT INTO signals VALUES ('{}', '{}', '{}')", id, type, data));
  }
  std::string snapshot_of(const std::string& tables, const std::string& type = "incremental") const {
    return fmt::format(R"x({{"data-collections":["{}[.]({})"],"type":"{}"}})x", database_, tables, type);
  }
  std::unique_ptr<Process> start(std::map<std::string, std::string> env = {}) const {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, std::move(env));
  }
  std::string said() const { return read_file(pipeline_->folder().file("stderr")); }
  int times_said(const std::string& words) const {
    const std::string text = said();
    int times = 0;
    for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++times;
    return times;
  }
  bool says(const std::string& words) const {
    const bool said_it = wait_until([&] { return said().find(words) != std::string::npos; }, std::chrono::minutes(2));
    EXPECT_TRUE(said_it) << "never said: " << words << "\n" << tail(said(), 30);
    return said_it;
  }
  // Nothing in the log tells the job of these.
  void lose_rows(const std::string& table) const { pipeline_->target_execute("DELETE FROM " + name(table)); }
  std::string rows_in_target(const std::string& table, const std::string& condition = "1 = 1") const {
    return pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {} WHERE {}", name(table), condition));
  }
  void make_numbers(const std::string& table, int rows) const {
    sql(fmt::format("CREATE TABLE {} (a INT, b VARCHAR(10), v INT, PRIMARY KEY (a, b))", table));
    std::string values;
    for (int i = 0; i < rows; ++i) values += fmt::format("{}({}, 'x{}', {})", i == 0 ? "" : ",", i / 7, i % 7, i);
    sql(fmt::format("INSERT INTO {} VALUES {}", table, values));
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(Incremental, copies_are_exact_while_the_same_rows_change_and_the_program_is_killed) {
  Workload workload(*source_, database_, test_seed(), {.rows = 700});
  pipeline_->run_until_caught_up();
  workload.start();
  int number = 0;
  const auto order = [&](const std::string& type) {
    for (const char* table : {"items", "names", "pairs", "altered"}) lose_rows(table);
    signal(fmt::format("s{}", ++number), "execute-snapshot", snapshot_of("items|names|pairs|altered", type));
  };
  for (int round = 0; round < 2; ++round) {
    for (const std::string_view point : kIncrementalFaultPoints) {
      const auto killed = start({{"SLUICE_FAULT", fmt::format("{}:{}", point, 2 + 3 * round)}});
      order(round == 0 ? "incremental" : "blocking");
      workload.want_schema_change();
      EXPECT_EQ(killed->wait(std::chrono::minutes(2)).value_or(-1), kKilled) << point << "\n" << tail(said(), 30);
    }
  }
  auto job = start();
  for (const char* type : {"incremental", "blocking", "incremental"}) {
    order(type);
    workload.want_schema_change();
    ASSERT_TRUE(says(fmt::format("snapshot 's{}' has ended", number)));
  }
  workload.stop();
  EXPECT_EQ(job->stop(), 0) << tail(said(), 30);
  expect_exact_copy(*source_, *pipeline_);
}

TEST_P(Incremental, a_copy_that_was_killed_goes_on_where_it_was) {
  make_numbers("t", 20000);
  pipeline_->run_until_caught_up();
  lose_rows("t");
  signal("long", "execute-snapshot", snapshot_of("t"));
  options("incremental.snapshot.chunk.size: 100\nread-limit.rows-per-second: 5000");
  auto killed = start({{"SLUICE_FAULT", "after_snapshot_recorded:2"}});  // the first time, the signal is recorded
  ASSERT_EQ(killed->wait(std::chrono::minutes(2)).value_or(-1), kKilled) << tail(said(), 30);
  const std::string before = rows_in_target("t");
  EXPECT_NE(before, "0");
  EXPECT_NE(before, "20000");
  // What is behind the place where it was is not read again.
  pipeline_->target_execute(fmt::format("DELETE FROM {} WHERE a = 0", name("t")));
  auto job = start();
  ASSERT_TRUE(says("snapshot 'long' has ended"));
  EXPECT_EQ(job->stop(), 0);
  EXPECT_EQ(rows_in_target("t"), "19993");
}

TEST_P(Incremental, snapshots_wait_for_each_other_and_can_be_conditioned_paused_and_stopped) {
  make_numbers("one", 1000);
  make_numbers("two", 1000);
  make_numbers("three", 1000);
  sql("CREATE TABLE keyless (v INT)");
  if (postgres()) sql("ALTER TABLE keyless REPLICA IDENTITY FULL");
  pipeline_->run_until_caught_up();
  for (const char* table : {"one", "two", "three"}) lose_rows(table);
  auto job = start();
  signal("p", "pause-snapshot", "");
  signal("first", "execute-snapshot",
         fmt::format(R"({{"data-collections":["{0}[.]one","{0}[.]keyless"],)"
                     R"("additional-conditions":[{{"data-collection":"{0}.one","filter":"v < 300"}}]}})",
                     database_));
  signal("second", "execute-snapshot", snapshot_of("two|three"));
  signal("q", "stop-snapshot", snapshot_of("three"));
  signal("bad1", "execute-snapshot", "{}");
  signal("bad2", "no-such-signal", "");
  signal("l", "log", R"({"message":"here we are: {}"})");
  ASSERT_TRUE(says("here we are: "));
  EXPECT_THAT(said(), HasSubstr("signal 'bad1' of type 'execute-snapshot' is ignored: it names no 'data-collections'"));
  EXPECT_THAT(said(), HasSubstr("signal 'bad2' of type 'no-such-signal' is ignored: there is no such signal"));
  EXPECT_EQ(rows_in_target("one"), "0");
  // It is as it was after a kill.
  job->kill9();
  job = start();
  signal("r", "resume-snapshot", "");
  ASSERT_TRUE(says("snapshot 'second' has ended"));
  const std::string text = said();
  EXPECT_LT(text.find("snapshot 'first' has ended"), text.find("snapshot 'second' has ended"));
  EXPECT_THAT(text, HasSubstr("keyless: 0 rows, NO_PRIMARY_KEY"));
  EXPECT_EQ(job->stop(), 0);
  EXPECT_EQ(rows_in_target("one"), "300");
  EXPECT_EQ(rows_in_target("one", "v < 300"), "300");
  EXPECT_EQ(rows_in_target("two"), "1000");
  EXPECT_EQ(rows_in_target("three"), "0");
}

// PostgreSQL's log tells no statement before a row has used it: until then the target has no place for the rows.
TEST_P(Incremental, a_table_that_was_altered_unseen_is_left_out_until_a_row_has_used_it) {
  make_numbers("added", 500);
  make_numbers("renamed", 500);
  pipeline_->run_until_caught_up();
  for (const char* table : {"added", "renamed"}) lose_rows(table);
  auto job = start();
  sql("ALTER TABLE added ADD c INT");
  sql("ALTER TABLE renamed RENAME COLUMN v TO w");
  signal("early", "execute-snapshot", snapshot_of("added|renamed"));
  ASSERT_TRUE(says("snapshot 'early' has ended"));
  EXPECT_EQ(times_said("0 rows, UNKNOWN_SCHEMA"), postgres() ? 2 : 0) << tail(said(), 30);
  EXPECT_EQ(rows_in_target("added"), postgres() ? "0" : "500");
  sql("UPDATE added SET c = 1 WHERE a = 0");
  sql("UPDATE renamed SET w = 1 WHERE a = 0");
  signal("late", "execute-snapshot", snapshot_of("added|renamed"));
  ASSERT_TRUE(says("snapshot 'late' has ended"));
  EXPECT_EQ(job->stop(), 0) << tail(said(), 30);
  EXPECT_EQ(rows_in_target("added"), "500");
  EXPECT_EQ(rows_in_target("added", "c = 1"), "7");
  EXPECT_EQ(rows_in_target("renamed"), "500");
  EXPECT_EQ(times_said("trying again"), 0) << tail(said(), 30);
}

TEST_P(Incremental, validate_says_whether_the_signal_table_is_there) {
  const auto validated = [&] {
    const auto check = pipeline_->start({"validate", "JOB", "--connect"});
    EXPECT_EQ(check->wait().value_or(-1), 0) << check->out();
    return check->out();
  };
  EXPECT_THAT(validated(), testing::Not(HasSubstr("signal")));
  sql("ALTER TABLE signals DROP COLUMN data");
  EXPECT_THAT(validated(), HasSubstr(database_ + ".signals' has less than three columns: no signals come from it"));
  sql("DROP TABLE signals");
  sql("CREATE TABLE other (id INT PRIMARY KEY)");
  EXPECT_THAT(validated(), HasSubstr(database_ + ".signals' is none of the captured tables: no signals come from it"));
}

TEST_P(Incremental, blocking_ones_go_first_and_choose_rows_by_a_select) {
  make_numbers("one", 1000);
  make_numbers("two", 1000);
  make_numbers("three", 1000);
  pipeline_->run_until_caught_up();
  for (const char* table : {"one", "two", "three"}) lose_rows(table);
  options("incremental.snapshot.chunk.size: 100\nnotification.enabled.channels: log");
  auto job = start();
  signal("p", "pause-snapshot", "");
  signal("i", "execute-snapshot", snapshot_of("one"));
  signal("b", "execute-snapshot",
         fmt::format(R"x({{"data-collections":["{0}[.](two|three)"],"type":"BLOCKING",)x"
                     R"x("additional-conditions":[{{"data-collection":"{0}.two",)x"
                     R"x("filter":"SELECT * FROM {0}.two WHERE v < 300; "}}]}})x",
                     database_));
  signal("s", "stop-snapshot", R"({"type":"blocking"})");
  signal("t", "stop-snapshot", snapshot_of("three"));
  ASSERT_TRUE(says("snapshot 'b' has ended"));
  EXPECT_EQ(rows_in_target("two"), "300");
  EXPECT_EQ(rows_in_target("two", "v < 300"), "300");
  EXPECT_EQ(rows_in_target("three"), "1000");
  EXPECT_THAT(said(),
              HasSubstr("signal 's' of type 'stop-snapshot' is ignored: a blocking snapshot cannot be stopped"));
  EXPECT_THAT(said(), HasSubstr(R"({"id":"b","type":"STARTED","aggregate_type":"Initial Snapshot")"));
  EXPECT_THAT(said(), testing::Not(HasSubstr("snapshot 'i' has ended")));
  sql("INSERT INTO two VALUES (1000000, 'y', 1)");
  signal("r", "resume-snapshot", "");
  ASSERT_TRUE(says("snapshot 'i' has ended"));
  EXPECT_EQ(job->stop(), 0);
  EXPECT_EQ(rows_in_target("one"), "1000");
  EXPECT_EQ(rows_in_target("two"), "301");
}

TEST_P(Incremental, a_file_orders_them_too_and_notifications_tell_of_them) {
  make_numbers("t", 500);
  const std::string file = pipeline_->folder().file("signals");
  options(
      fmt::format("signal.enabled.channels: file\nsignal.file: {}\nsignal.poll.interval.ms: 20\n"
                  "notification.enabled.channels: log",
                  file));
  pipeline_->run_until_caught_up();
  lose_rows("t");
  auto job = start();
  std::ofstream(file) << "nonsense\n"
                      << fmt::format(R"({{"id":"f","type":"execute-snapshot","data":{}}})", snapshot_of("t")) << "\n";
  ASSERT_TRUE(says("snapshot 'f' has ended"));
  ASSERT_TRUE(says(R"("type":"COMPLETED")"));
  EXPECT_EQ(job->stop(), 0);
  EXPECT_EQ(rows_in_target("t"), "500");
  EXPECT_EQ(read_file(file), "");
  const std::string text = said();
  EXPECT_THAT(text, HasSubstr(file + ":1: the signal is not a JSON object; the line is ignored"));
  EXPECT_THAT(text, HasSubstr(R"({"id":"f","type":"STARTED","aggregate_type":"Incremental Snapshot")"));
  EXPECT_THAT(text, HasSubstr(R"("total_rows_scanned":"500","status":"SUCCEEDED")"));
}

TEST_P(Incremental, a_file_is_obeyed_once_when_the_program_is_killed_before_it_is_emptied) {
  make_numbers("t", 500);
  const std::string file = pipeline_->folder().file("signals");
  options(fmt::format("signal.enabled.channels: file\nsignal.file: {}\nsignal.poll.interval.ms: 20", file));
  pipeline_->run_until_caught_up();
  lose_rows("t");
  const std::string line = fmt::format(R"({{"id":"f","type":"execute-snapshot","data":{}}})", snapshot_of("t")) + "\n";
  std::ofstream(file) << line;
  const auto killed = start({{"SLUICE_FAULT", "after_snapshot_recorded:1"}});
  ASSERT_EQ(killed->wait(std::chrono::minutes(2)).value_or(-1), kKilled) << tail(said(), 30);
  EXPECT_EQ(read_file(file), line);
  auto job = start();
  ASSERT_TRUE(says("snapshot 'f' has ended"));
  EXPECT_EQ(times_said("signal 'f': a snapshot of"), 1) << said();
  EXPECT_EQ(rows_in_target("t"), "500");
  EXPECT_EQ(read_file(file), "");
  // The same words again are another signal, also for a program that was killed and starts.
  EXPECT_EQ(job->stop(), 0);
  lose_rows("t");
  std::ofstream(file) << line;
  job = start();
  ASSERT_TRUE(wait_until([&] { return times_said("snapshot 'f' has ended") == 2; }, std::chrono::minutes(2)))
      << tail(said(), 30);
  EXPECT_EQ(job->stop(), 0);
  EXPECT_EQ(rows_in_target("t"), "500");
}

std::string pair_name(const testing::TestParamInfo<Pair>& info) {
  return info.param.source + "_to_" + info.param.target;
}

INSTANTIATE_TEST_SUITE_P(Pairs, Incremental,
                         testing::Values(Pair{"mariadb", "sqlite"}, Pair{"mysql", "sqlite"},
                                         Pair{"mariadb", "postgres"}, Pair{"postgres_source", "postgres"},
                                         Pair{"postgres_source", "sqlite"}),
                         pair_name);

}  // namespace
}  // namespace sluice::support
