// SPDX-License-Identifier: Apache-2.0
// apply: transactional: the target shows only whole source transactions, in the order of their commits, whatever
// happens to the program and to the target. The same auditors find halves of transactions where lanes run in parallel.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <random>

#include "base/clock.h"
#include "faults/bank.h"
#include "faults/workload.h"

namespace sluice::support {
namespace {

using std::chrono::seconds;

// Each reads all books, which a long run fills.
constexpr seconds kAuditsTake{180};
constexpr std::string_view kWholeNow = "the target shows whole source transactions only";

struct Pair {
  std::string source;
  std::string target;
};
void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.source << " to " << pair.target; }

class Transactional : public testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get(GetParam().source);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "bank");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().target, database_);
    ASSERT_NE(pipeline_->target(), nullptr);
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  bool to_postgres() const { return GetParam().target == "postgres"; }
  void apply(const std::string& mode) {
    // The smallest channel: large transactions are larger than all that waits in the program.
    pipeline_->pipeline_options(
        fmt::format("apply: {}\nparallelism: 4\nchannel.bytes: 65536\nrestart.delay-max: 1s", mode));
  }
  std::unique_ptr<Process> start(std::map<std::string, std::string> env = {}) {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, std::move(env));
  }
  size_t times_said(std::string_view what) const {
    const std::string text = read_file(pipeline_->folder().file("stderr"));
    size_t times = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++times;
    return times;
  }
  std::unique_ptr<SqlSession> target_session() const {
    auto session = pipeline_->target()->connect(to_postgres() ? "postgres" : "mysql");
    return session ? std::move(session).value() : nullptr;
  }
  std::string target_books() const {
    const auto session = target_session();
    const auto rows = session->query(Bank::audit_sql(database_ + "."));
    if (!rows) return rows.error().message();
    return Bank::books(*rows);
  }
  bool lane_waits_for_lock() const {
    return pipeline_->target_value(to_postgres()
                                       ? "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                       : "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
                                         "WHERE VARIABLE_NAME = 'INNODB_ROW_LOCK_CURRENT_WAITS'") != "0";
  }
  std::string lanes_in_ledger() const {
    return pipeline_->target_value(
        fmt::format("SELECT COUNT(*) FROM {}sluice_ledger WHERE job = '{}' AND entry LIKE 'lane/%'",
                    to_postgres() ? "" : "ledger.", database_));
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  void fault(std::unique_ptr<Process>& job, std::mt19937_64& random);
  void expect_exact_bank(const Bank& bank);

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
  std::map<std::string, int> faults_;
};

// One misfortune; the program runs again afterwards.
void Transactional::fault(std::unique_ptr<Process>& job, std::mt19937_64& random) {
  const auto up_to = [&](int greatest) { return std::uniform_int_distribution<int>(1, greatest)(random); };
  switch (up_to(4)) {
    case 1: {
      ++faults_["kill -9"];
      job->kill9();
      job = start();
      return;
    }
    case 2: {
      const std::string point = std::array{"before_commit", "after_commit", "after_write"}[up_to(3) - 1];
      ++faults_["kill " + point];
      job->kill9();
      job = start({{"SLUICE_FAULT", fmt::format("{}:{}", point, up_to(point == "after_write" ? 300 : 40))}});
      job->wait(seconds(10));
      job->kill9();
      job = start();
      return;
    }
    case 3: {
      ++faults_["target"];
      pipeline_->target()->kill9();
      ASSERT_TRUE(pipeline_->target()->restart().has_value());
      return;
    }
    default: {
      // Takes rows that the job takes, in another order: one of the two is the deadlock's victim.
      ++faults_["deadlock"];
      const auto other = target_session();
      if (!other) return;
      for (int i = 0; i < 10; ++i) {
        (void)other->execute("BEGIN");
        for (int row = 0; row < 6; ++row) {
          (void)other->execute(fmt::format("UPDATE {}.accounts{} SET balance = balance WHERE id = {}", database_,
                                           up_to(3) - 1, up_to(60)));
        }
        (void)other->execute("ROLLBACK");
      }
    }
  }
}

void Transactional::expect_exact_bank(const Bank& bank) {
  pipeline_->run_until_caught_up();
  EXPECT_EQ(target_books(), bank.balanced());
  const auto at_source = source_->query(Bank::audit_sql(""), database_);
  ASSERT_TRUE(at_source.has_value()) << at_source.error().message();
  EXPECT_EQ(at_source->at(0)[1], "0") << "the bank's own books are wrong";
  EXPECT_EQ(pipeline_->verify(), 0);
  for (int table = 0; table < Bank::kTables; ++table) {
    expect_same_rows(*source_, *pipeline_, "id, balance, transfers", fmt::format("accounts{}", table), "id");
  }
  // After a long run they are too many to hold twice; `verify` has compared them.
  if (!long_run()) expect_same_rows(*source_, *pipeline_, "id, account", "entries", "id");
}

TEST_P(Transactional, auditors_see_no_half_of_a_transaction_under_faults) {
  const uint64_t seed = test_seed();
  std::mt19937_64 random(seed);
  if (source_->kind() == "postgres") {
    // So that the server streams large transactions before they are committed.
    sql("ALTER DATABASE " + database_ + " SET logical_decoding_work_mem = '64kB'");
  }
  Bank bank(*source_, database_, seed);
  bank.open();
  // What lanes left at different places when they were killed is brought together first.
  apply("parallel");
  auto job = start();
  ASSERT_TRUE(wait_until([&] { return times_said("reading the log from") > 0; })) << tail(job->err());
  const uint64_t before = bank.transactions();
  ASSERT_TRUE(wait_until([&] { return bank.transactions() > before + 100; }));
  job->kill9();
  apply("transactional");
  job = start();
  ASSERT_TRUE(wait_until([&] { return times_said(kWholeNow) > 0; })) << tail(job->err());

  Auditors auditors(bank, *pipeline_);
  const auto end = monotonic_now() + (long_run() ? seconds(600) : seconds(15));
  while (monotonic_now() < end && auditors.violations() == 0 && !HasFatalFailure()) {
    const uint64_t states = auditors.states();
    EXPECT_TRUE(wait_until([&] { return auditors.states() > states + 40; }, kAuditsTake)) << tail(job->err());
    fault(job, random);
  }
  const uint64_t states = auditors.states();
  EXPECT_TRUE(wait_until([&] { return auditors.states() > states + 40; }, kAuditsTake)) << tail(job->err());
  bank.close();
  EXPECT_TRUE(job->running()) << tail(job->err());
  job->stop();
  expect_exact_bank(bank);
  auditors.stop();
  EXPECT_EQ(auditors.violations(), 0u) << auditors.first_violation();
  std::string faults;
  for (const auto& [name, count] : faults_) faults += fmt::format(", {} {}", name, count);
  fmt::print("{} transactions, {} readings of {} states{}\n", bank.transactions(), auditors.readings(),
             auditors.states(), faults);
}

// A row that somebody else locks in the target holds one lane up and lets the others commit their parts.
TEST_P(Transactional, auditors_see_the_half_that_parallel_lanes_show_and_a_change_of_the_mode_heals_it) {
  Bank bank(*source_, database_, 1);
  apply("parallel");
  pipeline_->run_until_caught_up();
  const auto job = start();
  const auto locker = target_session();
  ASSERT_NE(locker, nullptr);
  ASSERT_TRUE(locker->execute(fmt::format("BEGIN; UPDATE {}.accounts0 SET balance = balance WHERE id = 1", database_))
                  .has_value());
  Auditors auditors(bank, *pipeline_);
  sql("BEGIN; UPDATE accounts0 SET balance = balance - 30 WHERE id = 1;"
      "UPDATE accounts0 SET balance = balance + 1 WHERE id BETWEEN 2 AND 31; COMMIT");
  EXPECT_TRUE(wait_until([&] { return auditors.violations() > 0; })) << tail(job->err());
  job->kill9();
  auditors.stop();
  // PostgreSQL would carry out what the lane has sent, its COMMIT too, before it notices that nobody is there.
  if (to_postgres()) {
    pipeline_->target_value(
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  }
  EXPECT_TRUE(wait_until([&] { return !to_postgres() || !lane_waits_for_lock(); }));
  ASSERT_TRUE(locker->execute("ROLLBACK").has_value());
  EXPECT_NE(target_books(), bank.balanced());
  apply("transactional");
  pipeline_->run_until_caught_up();
  EXPECT_EQ(times_said("writer lanes stand at different positions"), 1u);
  EXPECT_EQ(target_books(), bank.balanced());
  EXPECT_EQ(lanes_in_ledger(), "1");
  apply("parallel");
  pipeline_->run_until_caught_up();
  EXPECT_EQ(lanes_in_ledger(), "4");
}

TEST_P(Transactional, a_locked_row_holds_up_the_whole_transaction) {
  Bank bank(*source_, database_, 1);
  apply("transactional");
  pipeline_->run_until_caught_up();
  const size_t said = times_said(kWholeNow);
  const auto job = start();
  ASSERT_TRUE(wait_until([&] { return times_said(kWholeNow) > said; })) << tail(job->err());
  const auto locker = target_session();
  ASSERT_NE(locker, nullptr);
  ASSERT_TRUE(locker->execute(fmt::format("BEGIN; UPDATE {}.accounts0 SET balance = balance WHERE id = 1", database_))
                  .has_value());
  Auditors auditors(bank, *pipeline_);
  sql("BEGIN; UPDATE accounts0 SET balance = balance - 30 WHERE id = 1;"
      "UPDATE accounts0 SET balance = balance + 1 WHERE id BETWEEN 2 AND 31; COMMIT");
  EXPECT_TRUE(wait_until([&] { return lane_waits_for_lock(); })) << tail(job->err());
  const uint64_t readings = auditors.readings();
  EXPECT_TRUE(wait_until([&] { return auditors.readings() > readings + 20; }));
  ASSERT_TRUE(locker->execute("ROLLBACK").has_value());
  const auto balance = fmt::format("SELECT balance FROM {}.accounts0 WHERE id = 1", database_);
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value(balance) == "970"; })) << tail(job->err());
  EXPECT_EQ(auditors.violations(), 0u) << auditors.first_violation();
}

// Tables that know nothing of each other at the source. The target may have more to say.
class SideBySide : public Transactional {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Transactional::SetUp());
    sql("CREATE TABLE a (id INT PRIMARY KEY, v INT); CREATE TABLE b (id INT PRIMARY KEY, v INT);"
        "CREATE TABLE c (id INT PRIMARY KEY, v INT); INSERT INTO a VALUES (1, 0)");
    apply("transactional");
    pipeline_->run_until_caught_up();
    ASSERT_NO_FATAL_FAILURE(run());
    locker_ = target_session();
    ASSERT_NE(locker_, nullptr);
  }
  void TearDown() override {
    job_.reset();
    locker_.reset();
    Transactional::TearDown();
  }
  // The first commit after a start has the target for itself. Then all writers get to know the tables.
  void run() {
    if (job_) job_->stop();
    const size_t said = times_said(kWholeNow);
    job_ = start();
    ASSERT_TRUE(wait_until([&] { return times_said(kWholeNow) > said; })) << tail(job_->err());
    for (int i = 0; i < 8; ++i) {
      const int id = next_++;
      sql(
          fmt::format("BEGIN; INSERT INTO a VALUES ({0}, {0}); INSERT INTO b VALUES ({0}, {0});"
                      "INSERT INTO c VALUES ({0}, {0}); COMMIT",
                      id));
      ASSERT_TRUE(wait_until([&] { return value("SELECT MAX(id) FROM {}.a") == std::to_string(id); }))
          << tail(job_->err());
    }
  }
  std::string value(fmt::format_string<const std::string&> query) const {
    return pipeline_->target_value(fmt::format(query, database_));
  }
  // Row 1, by a transaction that is not committed.
  bool is_written(std::string_view table) const {
    if (to_postgres()) {
      return pipeline_->target_value(
                 fmt::format("SELECT COUNT(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE "
                             "relation = '{}.{}'::regclass AND state = 'idle in transaction'",
                             database_, table)) != "0";
    }
    const auto session = target_session();
    (void)session->execute("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
    const auto rows = session->query(fmt::format("SELECT COUNT(*) FROM {}.{} WHERE id = 1", database_, table));
    return rows && rows->at(0)[0] != "0";
  }
  // The first waits for the lock of row 1 of a, and of the second row 1 of `table` has been written.
  void write_two_behind_a_lock(const std::string& first, const std::string& second, std::string_view table) {
    ASSERT_TRUE(locker_->execute("BEGIN").has_value());
    ASSERT_TRUE(locker_->query(fmt::format("SELECT v FROM {}.a WHERE id = 1 FOR UPDATE", database_)).has_value());
    sql("BEGIN; UPDATE a SET v = 1 WHERE id = 1; " + first + "COMMIT");
    ASSERT_TRUE(wait_until([&] { return lane_waits_for_lock(); })) << tail(job_->err());
    sql("BEGIN; " + second + "COMMIT");
    ASSERT_TRUE(wait_until([&] { return is_written(table); })) << tail(job_->err());
  }

  std::unique_ptr<Process> job_;
  std::unique_ptr<SqlSession> locker_;
  int next_ = 100;
};

TEST_P(SideBySide, transactions_that_share_no_key_are_prepared_and_committed_in_order) {
  ASSERT_NO_FATAL_FAILURE(write_two_behind_a_lock("", "INSERT INTO b VALUES (1, 1);", "b"));
  const auto now = [&] {
    return value("SELECT CONCAT((SELECT COUNT(*) FROM {0}.b WHERE id = 1), ' ', (SELECT v FROM {0}.a WHERE id = 1))");
  };
  EXPECT_EQ(now(), "0 0");
  ASSERT_TRUE(locker_->execute("ROLLBACK").has_value());
  std::string seen;
  EXPECT_TRUE(wait_until([&] {
    seen = now();
    return seen.starts_with("1");
  })) << tail(job_->err());
  EXPECT_EQ(seen, "1 1");
}

// The first waits for a row that the second has written, by an index that the job knows nothing of, and the second
// waits for the commit of the first: no server sees that.
TEST_P(SideBySide, a_transaction_that_is_in_the_way_of_an_earlier_one_gives_way) {
  pipeline_->target_execute(fmt::format("CREATE UNIQUE INDEX one_v ON {}.b (v)", database_));
  ASSERT_NO_FATAL_FAILURE(write_two_behind_a_lock("INSERT INTO b VALUES (2, 7);",
                                                  "DELETE FROM b WHERE id = 2; INSERT INTO b VALUES (1, 7);", "b"));
  ASSERT_TRUE(locker_->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return value("SELECT COUNT(*) FROM {}.b WHERE id = 1") == "1"; })) << tail(job_->err());
  EXPECT_EQ(value("SELECT COUNT(*) FROM {}.b WHERE v = 7"), "1");
  EXPECT_EQ(value("SELECT v FROM {}.a WHERE id = 1"), "1");
  EXPECT_EQ(times_said("kept a transaction waiting"), 1u) << tail(job_->err());
  EXPECT_EQ(times_said("trying again in"), 0u) << tail(job_->err());
  sql("INSERT INTO b VALUES (2, 2)");
  EXPECT_TRUE(wait_until([&] { return value("SELECT COUNT(*) FROM {}.b WHERE id = 2") == "1"; })) << tail(job_->err());
}

// Like another unique index, but not called unique.
TEST_P(SideBySide, an_exclusion_constraint_makes_rows_wait_for_their_turn) {
  if (!to_postgres()) GTEST_SKIP() << "PostgreSQL alone has exclusion constraints";
  pipeline_->target_execute(
      fmt::format("ALTER TABLE {}.b ADD CONSTRAINT one_v EXCLUDE USING btree (v WITH =)", database_));
  ASSERT_NO_FATAL_FAILURE(run());
  ASSERT_NO_FATAL_FAILURE(write_two_behind_a_lock(
      "INSERT INTO b VALUES (2, 7);",
      "DELETE FROM b WHERE id = 2; INSERT INTO b VALUES (1, 7); INSERT INTO c VALUES (1, 1);", "c"));
  EXPECT_FALSE(is_written("b"));
  ASSERT_TRUE(locker_->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return value("SELECT COUNT(*) FROM {}.b WHERE id = 1") == "1"; })) << tail(job_->err());
  EXPECT_EQ(times_said("kept a transaction waiting"), 0u) << tail(job_->err());
  EXPECT_EQ(times_said("trying again in"), 0u) << tail(job_->err());
}

TEST_P(SideBySide, a_trigger_of_the_target_sees_what_was_before_its_row) {
  pipeline_->target_execute(fmt::format("CREATE TABLE {}.seen (v INT)", database_));
  const std::string look = fmt::format("INSERT INTO {0}.seen SELECT v FROM {0}.a WHERE id = 1", database_);
  pipeline_->target_execute(
      to_postgres()
          ? fmt::format("CREATE FUNCTION {0}.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {1}; RETURN NEW; END';"
                        "CREATE TRIGGER look AFTER INSERT ON {0}.b FOR EACH ROW EXECUTE FUNCTION {0}.look()",
                        database_, look)
          : fmt::format("CREATE TRIGGER {0}.look AFTER INSERT ON {0}.b FOR EACH ROW {1}", database_, look));
  ASSERT_NO_FATAL_FAILURE(run());
  pipeline_->target_execute(fmt::format("DELETE FROM {}.seen", database_));
  ASSERT_NO_FATAL_FAILURE(
      write_two_behind_a_lock("", "INSERT INTO b VALUES (1, 1); INSERT INTO c VALUES (1, 1);", "c"));
  ASSERT_TRUE(locker_->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return value("SELECT COUNT(*) FROM {}.seen") == "1"; })) << tail(job_->err());
  EXPECT_EQ(value("SELECT v FROM {}.seen"), "1");
}

// MariaDB ends sessions whose transactions are idle, if it is told to; one that waits for its turn is.
TEST_P(SideBySide, a_server_that_ends_idle_transactions_leaves_the_one_that_waits) {
  if (to_postgres()) GTEST_SKIP() << "PostgreSQL's writers are told so by their own settings";
  pipeline_->target_execute("SET GLOBAL idle_write_transaction_timeout = 1");
  EXPECT_NO_FATAL_FAILURE(run());
  pipeline_->target_execute(fmt::format("CREATE TABLE {}.others (v INT)", database_));
  EXPECT_NO_FATAL_FAILURE(write_two_behind_a_lock("", "INSERT INTO b VALUES (1, 1);", "b"));
  const auto other = target_session();
  EXPECT_TRUE(other->execute(fmt::format("BEGIN; INSERT INTO {}.others VALUES (1)", database_)).has_value());
  const auto id = other->query("SELECT CONNECTION_ID()");
  EXPECT_TRUE(id.has_value());
  const std::string alive =
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = " + id->at(0)[0].value_or("");
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value(alive) == "0"; }));
  pipeline_->target_execute("SET GLOBAL idle_write_transaction_timeout = 0");
  EXPECT_TRUE(locker_->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return value("SELECT COUNT(*) FROM {}.b WHERE id = 1") == "1"; })) << tail(job_->err());
  EXPECT_EQ(times_said("trying again in"), 0u) << tail(job_->err());
}

// A deadlock, or a lock that could not be had in time: perhaps the job's own transactions, and then it comes again.
TEST_P(SideBySide, after_an_error_that_passes_transactions_are_prepared_one_after_the_other) {
  if (to_postgres()) GTEST_SKIP() << "the job needs to do the same for any server";
  pipeline_->target_execute("SET GLOBAL innodb_lock_wait_timeout = 1");
  EXPECT_NO_FATAL_FAILURE(run());
  EXPECT_TRUE(locker_->execute("BEGIN").has_value());
  EXPECT_TRUE(locker_->query(fmt::format("SELECT v FROM {}.a WHERE id = 1 FOR UPDATE", database_)).has_value());
  sql("UPDATE a SET v = 1 WHERE id = 1");
  EXPECT_TRUE(wait_until([&] { return times_said("may have been in each other's way") > 0; })) << tail(job_->err());
  pipeline_->target_execute("SET GLOBAL innodb_lock_wait_timeout = 50");
  EXPECT_TRUE(locker_->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return value("SELECT v FROM {}.a WHERE id = 1") == "1"; })) << tail(job_->err());
}

// A kill between the TRUNCATE of a transaction and its rows, while lanes were parallel, leaves half of it in the
// target.
TEST_P(Transactional, the_rest_of_a_transaction_is_there_before_whole_ones_are_promised) {
  if (source_->kind() != "postgres") GTEST_SKIP() << "the log tells a TRUNCATE in a transaction of its own";
  sql("CREATE TABLE daily (id INT PRIMARY KEY); INSERT INTO daily VALUES (1)");
  apply("parallel");
  pipeline_->run_until_caught_up();
  auto job = start({{"SLUICE_FAULT", "after_schema_recorded:1"}});
  sql("BEGIN; TRUNCATE daily; INSERT INTO daily VALUES (2); COMMIT");
  ASSERT_TRUE(job->wait(seconds(60)).has_value()) << tail(job->err());
  const auto locker = target_session();
  ASSERT_NE(locker, nullptr);
  ASSERT_TRUE(locker->execute(fmt::format("BEGIN; LOCK TABLE {}.daily IN SHARE MODE", database_)).has_value());
  apply("transactional");
  job = start();
  EXPECT_TRUE(wait_until([&] { return lane_waits_for_lock(); })) << tail(job->err());
  EXPECT_EQ(times_said(kWholeNow), 0u) << tail(job->err());
  ASSERT_TRUE(locker->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return times_said(kWholeNow) == 1; })) << tail(job->err());
  EXPECT_THAT(pipeline_->target_rows("id", "daily", "id"), testing::ElementsAre("2"));
}

// Constraints that the source's own order satisfies, and no order of whole tables does.
TEST_P(Transactional, foreign_keys_and_unique_keys_of_the_target_hold_at_every_change) {
  sql("CREATE TABLE parents (id INT PRIMARY KEY, code INT UNIQUE, v INT);"
      "CREATE TABLE children (id INT PRIMARY KEY, parent INT, boss INT, slot INT UNIQUE)");
  sql("INSERT INTO parents VALUES (1, 10, 0), (2, 20, 0), (3, 30, 0);"
      "INSERT INTO children VALUES (1, 1, NULL, 1), (2, 2, 1, 2)");
  apply("transactional");
  pipeline_->run_until_caught_up();
  const std::string children = database_ + ".children";
  const std::string parents = database_ + ".parents";
  pipeline_->target_execute(fmt::format(
      "ALTER TABLE {0} ADD CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES {1} (id)", children, parents));
  pipeline_->target_execute(
      fmt::format("ALTER TABLE {0} ADD CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES {0} (id)", children));
  // The target's own; the copy does not bring the source's.
  pipeline_->target_execute(fmt::format("ALTER TABLE {} ADD CONSTRAINT one_code UNIQUE (code)", parents));
  pipeline_->target_execute(fmt::format("ALTER TABLE {} ADD CONSTRAINT one_slot UNIQUE (slot)", children));
  sql("BEGIN; INSERT INTO parents VALUES (4, 40, 0); INSERT INTO children VALUES (3, 4, 2, 3); COMMIT");
  sql("BEGIN; UPDATE children SET parent = 1, boss = NULL WHERE id = 2; DELETE FROM parents WHERE id = 2;"
      "INSERT INTO parents VALUES (2, 20, 1); UPDATE children SET parent = 2 WHERE id = 3;"
      "DELETE FROM parents WHERE id = 4; COMMIT");
  sql("BEGIN; UPDATE parents SET code = 99 WHERE id = 1; UPDATE parents SET code = 10 WHERE id = 3;"
      "UPDATE parents SET code = 30 WHERE id = 1; COMMIT");
  sql("BEGIN; UPDATE children SET slot = 99 WHERE id = 1; UPDATE children SET slot = 1 WHERE id = 2;"
      "UPDATE children SET slot = 2 WHERE id = 1; COMMIT");
  sql("BEGIN; DELETE FROM children WHERE id = 3; DELETE FROM parents WHERE id = 2;"
      "UPDATE parents SET id = 5 WHERE id = 3; INSERT INTO children VALUES (4, 5, 1, 3), (5, 5, 4, 4); COMMIT");
  sql("DELETE FROM children WHERE id = 5; DELETE FROM children WHERE id = 4");
  pipeline_->run_until_caught_up();
  expect_same_rows(*source_, *pipeline_, "id, code, v", "parents", "id");
  expect_same_rows(*source_, *pipeline_, "id, parent, boss, slot", "children", "id");
  EXPECT_EQ(pipeline_->verify(), 0);
}

// Each is a statement of its own, of one kind: the target's session prepares it once.
TEST(TransactionalMoves, of_keys_do_not_pile_up_in_the_session) {
  DatabaseServer* const source = Servers::shared().get("mariadb");
  ASSERT_NE(source, nullptr);
  const std::string database = fresh_database(*source, "moves");
  {
    Pipeline pipeline(*source, "postgres", database);
    pipeline.pipeline_options("apply: transactional");
    execute(*source, "CREATE TABLE t (id INT PRIMARY KEY, boss INT); INSERT INTO t VALUES (1, NULL)", database);
    pipeline.run_until_caught_up();
    // In order, because of the foreign key; a trigger sees the session's statements.
    pipeline.target_execute(fmt::format(
        "ALTER TABLE {0}.t ADD FOREIGN KEY (boss) REFERENCES {0}.t (id); CREATE TABLE {0}.seen (n BIGINT);"
        "CREATE FUNCTION {0}.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO {0}.seen SELECT count(*) "
        "FROM pg_prepared_statements; RETURN NEW; END';"
        "CREATE TRIGGER look AFTER UPDATE ON {0}.t FOR EACH ROW EXECUTE FUNCTION {0}.look()",
        database));
    for (int id = 1; id <= 50; ++id) execute(*source, fmt::format("UPDATE t SET id = {}", id + 1), database);
    pipeline.run_until_caught_up();
    EXPECT_EQ(pipeline.target_value(fmt::format("SELECT COUNT(*) FROM {}.seen", database)), "50");
    EXPECT_EQ(pipeline.target_value(fmt::format("SELECT MAX(n) < 10 FROM {}.seen", database)), "t");
  }
  drop_database(*source, database);
}

// PostgreSQL empties a table within a transaction.
class TransactionalTruncate : public testing::TestWithParam<std::string> {};

TEST_P(TransactionalTruncate, takes_effect_with_the_rest_of_its_transaction) {
  DatabaseServer* const source = Servers::shared().get("postgres_source");
  ASSERT_NE(source, nullptr);
  const std::string database = fresh_database(*source, "truncate");
  {
    Pipeline pipeline(*source, GetParam(), database);
    pipeline.pipeline_options("apply: transactional\nparallelism: 3");
    execute(*source, "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (2, 2)", database);
    pipeline.run_until_caught_up();
    execute(*source, "BEGIN; INSERT INTO t VALUES (3, 3); TRUNCATE t; INSERT INTO t VALUES (1, 7), (4, 4); COMMIT",
            database);
    pipeline.run_until_caught_up();
    EXPECT_THAT(pipeline.target_rows("id, v", "t", "id"), testing::ElementsAre("1|7", "4|4"));
    execute(*source, "TRUNCATE t", database);
    pipeline.run_until_caught_up();
    EXPECT_THAT(pipeline.target_rows("id, v", "t", "id"), testing::IsEmpty());
    EXPECT_THAT(read_file(pipeline.folder().file("stderr")),
                testing::Not(testing::HasSubstr("applied truncate.table")));
  }
  drop_database(*source, database);
}

// Each of the tables alone could not be emptied: the rows of the other refer to it, or its own do.
TEST_P(TransactionalTruncate, empties_tables_that_refer_to_each_other) {
  if (GetParam() == "sqlite") GTEST_SKIP() << "SQLite adds no foreign keys to a table";
  DatabaseServer* const source = Servers::shared().get("postgres_source");
  ASSERT_NE(source, nullptr);
  const std::string database = fresh_database(*source, "truncate");
  {
    Pipeline pipeline(*source, GetParam(), database);
    pipeline.pipeline_options("apply: transactional\nparallelism: 3");
    execute(
        *source,
        "CREATE TABLE parents (id INT PRIMARY KEY, boss INT); CREATE TABLE children (id INT PRIMARY KEY, parent INT);"
        "INSERT INTO parents VALUES (1, NULL), (2, 1), (3, 2); INSERT INTO children VALUES (1, 3), (2, 1)",
        database);
    pipeline.run_until_caught_up();
    const std::string parents = database + ".parents";
    const std::string children = database + ".children";
    pipeline.target_execute(
        fmt::format("ALTER TABLE {0} ADD CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES {0} (id)", parents));
    pipeline.target_execute(fmt::format(
        "ALTER TABLE {} ADD CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES {} (id)", children, parents));
    execute(
        *source,
        "BEGIN; INSERT INTO parents VALUES (4, 3); TRUNCATE parents, children; INSERT INTO parents VALUES (7, NULL);"
        "INSERT INTO children VALUES (7, 7); COMMIT",
        database);
    pipeline.run_until_caught_up();
    EXPECT_THAT(pipeline.target_rows("id, boss", "parents", "id"), testing::ElementsAre("7|NULL"));
    EXPECT_THAT(pipeline.target_rows("id, parent", "children", "id"), testing::ElementsAre("7|7"));
  }
  drop_database(*source, database);
}

INSTANTIATE_TEST_SUITE_P(Targets, TransactionalTruncate, testing::Values("postgres", "mariadb", "sqlite"),
                         [](const auto& target) { return target.param; });

INSTANTIATE_TEST_SUITE_P(Pairs, SideBySide,
                         testing::Values(Pair{"mariadb", "postgres"}, Pair{"postgres_source", "postgres"},
                                         Pair{"mariadb", "mariadb"}),
                         [](const auto& pair) { return pair.param.source + "_to_" + pair.param.target; });

INSTANTIATE_TEST_SUITE_P(Pairs, Transactional,
                         testing::Values(Pair{"mariadb", "postgres"}, Pair{"postgres_source", "postgres"},
                                         Pair{"mariadb", "mariadb"}),
                         [](const auto& pair) { return pair.param.source + "_to_" + pair.param.target; });

}  // namespace
}  // namespace sluice::support
