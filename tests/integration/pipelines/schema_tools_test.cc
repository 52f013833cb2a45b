// SPDX-License-Identifier: Apache-2.0
// Online schema changes, statement by statement as gh-ost 1.1 and pt-online-schema-change 3.2 (Percona Toolkit) send
// them, and tables that change places, while rows change and the job follows.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;

class SchemaTools : public testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    if (GetParam().first == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    source_ = Servers::shared().get(GetParam().first);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "tools");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().second, database_);
    pipeline_->pipeline_options("parallelism: 2");
    sql("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, name VARCHAR(20))");
    sql("CREATE TABLE other (id INT PRIMARY KEY, v INT)");
    for (int i = 1; i <= 200; ++i) rows_ += fmt::format("{}({}, {}, 'n{}')", i == 1 ? "" : ",", i, i, i);
    sql("INSERT INTO t VALUES " + rows_);
  }
  void TearDown() override {
    if (source_ != nullptr) execute(*source_, "DROP DATABASE IF EXISTS " + database_);
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  // What the application does meanwhile; `round` makes it another thing each time.
  void application(int round) {
    sql(fmt::format(
        "UPDATE t SET v = v + 1000 WHERE id % 7 = {0}; DELETE FROM t WHERE id = {0} * 10 + 3; "
        "INSERT INTO t (v, name) VALUES ({0}, 'new{0}'); UPDATE t SET id = id + 5000 WHERE id = {0} * 10 + 5; "
        "REPLACE INTO other VALUES ({0}, {0})",
        round));
  }
  std::unique_ptr<Process> start() {
    auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
    EXPECT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; }))
        << tail(job->err());
    return job;
  }
  void finish(Process& job, const std::string& columns) {
    EXPECT_TRUE(job.running()) << tail(job.err(), 40);
    job.stop();
    pipeline_->run_until_caught_up();
    EXPECT_EQ(pipeline_->verify(), 0);
    expect_same_rows(*source_, *pipeline_, columns, "t", "id");
    expect_same_rows(*source_, *pipeline_, "id, v", "other", "id");
  }
  std::string said(Process& job) { return job.err(); }

  // gh-ost: a ghost table and a changelog, rows copied in chunks and changes applied from the log, and the cut-over of
  // two sessions that wait for each other.
  void gh_ost(const std::string& alter) {
    sql("CREATE /* gh-ost */ TABLE `_t_ghc` (id bigint auto_increment, last_update timestamp not null DEFAULT "
        "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, hint varchar(64) charset ascii not null, value varchar(4096) "
        "charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256");
    sql("CREATE /* gh-ost */ TABLE `_t_gho` LIKE `t`");
    sql("ALTER /* gh-ost */ TABLE `_t_gho` " + alter);
    sql("INSERT /* gh-ost */ INTO `_t_ghc` (id, hint, value) VALUES (NULLIF(2, 0), 'state', 'GhostTableMigrated') ON "
        "DUPLICATE KEY UPDATE last_update = NOW(), value = VALUES(value)");
    for (int chunk = 0; chunk < 4; ++chunk) {
      sql(
          fmt::format("INSERT /* gh-ost */ IGNORE INTO `_t_gho` (`id`, `v`, `name`) (SELECT `id`, `v`, `name` FROM `t` "
                      "FORCE INDEX (`PRIMARY`) WHERE id > {} AND id <= {} LOCK IN SHARE MODE)",
                      chunk * 50, chunk * 50 + 50));
      application(chunk);
    }
    // The changes meanwhile, as gh-ost would apply them from the log.
    sql("DELETE FROM `_t_gho` WHERE id NOT IN (SELECT id FROM t); REPLACE INTO `_t_gho` (`id`, `v`, `name`) SELECT "
        "`id`, `v`, `name` FROM t");
    sql("CREATE /* gh-ost */ TABLE `_t_del` (id int auto_increment primary key) comment='ghost-cut-over-sentry'");
    auto locker = source_->connect(database_);
    auto renamer = source_->connect(database_);
    ASSERT_TRUE(locker.has_value() && renamer.has_value());
    ASSERT_TRUE((*locker)->execute("LOCK /* gh-ost */ TABLES `t` WRITE, `_t_del` WRITE").has_value());
    std::jthread rename([&] {
      const auto renamed = (*renamer)->execute("RENAME /* gh-ost */ TABLE `t` TO `_t_del`, `_t_gho` TO `t`");
      EXPECT_TRUE(renamed.has_value()) << renamed.error().message();
    });
    EXPECT_TRUE(wait_until([&] {
      const auto waiting = source_->value(
          "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'RENAME%' AND state LIKE 'Waiting for "
          "table metadata lock%'");
      return waiting.has_value() && *waiting == "1";
    }));
    ASSERT_TRUE((*locker)->execute("DROP /* gh-ost */ TABLE IF EXISTS `_t_del`; UNLOCK TABLES").has_value());
    rename.join();
    sql("DROP /* gh-ost */ TABLE IF EXISTS `_t_ghc`; DROP /* gh-ost */ TABLE IF EXISTS `_t_del`");
  }

  // pt-online-schema-change: triggers keep the new table current.
  void pt_osc(const std::string& alter) {
    sql("CREATE TABLE `_t_new` LIKE `t`");
    sql("ALTER TABLE `_t_new` " + alter);
    sql("CREATE TRIGGER `pt_osc_t_del` AFTER DELETE ON `t` FOR EACH ROW DELETE IGNORE FROM `_t_new` WHERE "
        "`_t_new`.`id` "
        "<=> OLD.`id`");
    sql("CREATE TRIGGER `pt_osc_t_upd` AFTER UPDATE ON `t` FOR EACH ROW BEGIN DELETE IGNORE FROM `_t_new` WHERE "
        "!(OLD.`id` <=> NEW.`id`) AND `_t_new`.`id` <=> OLD.`id`; REPLACE INTO `_t_new` (`id`, `v`, `name`) VALUES "
        "(NEW.`id`, NEW.`v`, NEW.`name`); END");
    sql("CREATE TRIGGER `pt_osc_t_ins` AFTER INSERT ON `t` FOR EACH ROW REPLACE INTO `_t_new` (`id`, `v`, `name`) "
        "VALUES "
        "(NEW.`id`, NEW.`v`, NEW.`name`)");
    for (int chunk = 0; chunk < 4; ++chunk) {
      sql(
          fmt::format("INSERT LOW_PRIORITY IGNORE INTO `_t_new` (`id`, `v`, `name`) SELECT `id`, `v`, `name` FROM `t` "
                      "FORCE INDEX(`PRIMARY`) WHERE ((`id` >= '{}')) AND ((`id` <= '{}')) LOCK IN SHARE MODE",
                      chunk * 50 + 1, chunk == 3 ? 1000000 : chunk * 50 + 50));
      application(chunk);
    }
    sql("ANALYZE TABLE `_t_new`");
    sql("RENAME TABLE `t` TO `_t_old`, `_t_new` TO `t`");
    sql("DROP TABLE IF EXISTS `_t_old`");
    for (const char* trigger : {"del", "upd", "ins"}) {
      sql(fmt::format("DROP TRIGGER IF EXISTS `{}`.`pt_osc_t_{}`", database_, trigger));
    }
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
  std::string rows_;
};

TEST_P(SchemaTools, gh_ost_swaps_are_followed_without_copying_again) {
  const auto job = start();
  gh_ost("ADD COLUMN w INT NOT NULL DEFAULT 5 AFTER id, MODIFY v BIGINT NOT NULL");
  application(5);
  sql("UPDATE t SET w = 6 WHERE id < 50");
  finish(*job, "id, w, v, name");
  EXPECT_EQ(said(*job).find("it is copied again"), std::string::npos) << tail(said(*job));
}

TEST_P(SchemaTools, pt_online_schema_change_is_followed_without_copying_again) {
  const auto job = start();
  pt_osc("ADD COLUMN w VARCHAR(9) DEFAULT 'x'");
  application(5);
  finish(*job, "id, v, name, w");
  EXPECT_EQ(said(*job).find("it is copied again"), std::string::npos) << tail(said(*job));
}

// The values of the new columns are not in the log of the old table.
TEST_P(SchemaTools, a_swap_that_renames_or_computes_a_column_copies_again) {
  const auto job = start();
  gh_ost("ADD COLUMN twice INT AS (v * 2) STORED");
  application(5);
  sql("CREATE TABLE `_t_new` LIKE `t`; ALTER TABLE `_t_new` CHANGE COLUMN name title VARCHAR(20)");
  sql("INSERT INTO `_t_new` (id, v, title) SELECT id, v, name FROM t");
  sql("RENAME TABLE `t` TO `_t_old`, `_t_new` TO `t`; DROP TABLE `_t_old`");
  sql("INSERT INTO t (v, title) VALUES (1, 'last')");
  finish(*job, "id, v, title, twice");
}

TEST_P(SchemaTools, tables_may_change_places) {
  const auto job = start();
  application(1);
  sql("RENAME TABLE t TO swap, other TO t, swap TO other");
  sql("INSERT INTO t VALUES (900, 900); INSERT INTO other (v, name) VALUES (901, 'x')");
  sql("RENAME TABLE t TO swap, other TO t, swap TO other");
  sql("INSERT INTO other VALUES (902, 902); INSERT INTO t (v, name) VALUES (903, 'y'); DELETE FROM t WHERE id = 1");
  finish(*job, "id, v, name");
}

// The usual reload: no definition changes, and every row does.
TEST_P(SchemaTools, a_table_of_the_same_shape_takes_the_place_of_another) {
  pipeline_->run_until_caught_up();
  const auto job = start();
  sql("CREATE TABLE t_new LIKE t; INSERT INTO t_new SELECT id + 7000, v, 'new' FROM t WHERE id < 50");
  sql("RENAME TABLE t TO t_old, t_new TO t");
  sql("UPDATE t SET v = -1 WHERE id = 7003");
  finish(*job, "id, v, name");
}

TEST_P(SchemaTools, a_stored_column_is_computed_anew) {
  sql("ALTER TABLE t ADD COLUMN twice INT AS (v + 1) STORED");
  pipeline_->run_until_caught_up();
  const auto job = start();
  sql("ALTER TABLE t MODIFY COLUMN twice INT AS (v + 2) STORED");
  finish(*job, "id, v, name, twice");
}

TEST_P(SchemaTools, a_stored_column_is_computed_anew_under_another_name) {
  sql("ALTER TABLE other ADD COLUMN twice INT AS (v + 1) STORED; INSERT INTO other (id, v) VALUES (1, 1)");
  pipeline_->run_until_caught_up();
  const auto job = start();
  sql("ALTER TABLE other MODIFY COLUMN twice INT AS (v + 2) STORED, RENAME TO another");
  sql("CREATE TABLE other (id INT PRIMARY KEY, v INT)");
  finish(*job, "id, v, name");
  expect_same_rows(*source_, *pipeline_, "id, v, twice", "another", "id");
}

// The next start finds the old table under a new name and copies it, later than the statement that the log then tells.
TEST_P(SchemaTools, tables_change_places_while_the_job_is_down) {
  pipeline_->run_until_caught_up();
  sql("CREATE TABLE t_new LIKE t; INSERT INTO t_new SELECT id + 7000, v, 'new' FROM t WHERE id < 50");
  sql("RENAME TABLE t TO t_old, t_new TO t");
  sql("UPDATE t SET v = -1 WHERE id = 7003; DROP TABLE other, t_old");
  sql("CREATE TABLE t_old (id INT PRIMARY KEY); INSERT INTO t_old VALUES (1)");
  sql("CREATE TABLE other (id INT PRIMARY KEY, v INT); INSERT INTO other VALUES (1, 1)");
  const auto job = start();
  finish(*job, "id, v, name");
}

// What takes the table's place was there before anybody read the log, and is not captured itself.
TEST_P(SchemaTools, a_table_that_nobody_knew_takes_the_place_of_another) {
  pipeline_->source_options(fmt::format("tables: {0}.t,{0}.other", database_));
  sql("CREATE TABLE t_next LIKE t; INSERT INTO t_next SELECT id + 7000, v, 'new' FROM t WHERE id < 50");
  pipeline_->run_until_caught_up();
  const auto job = start();
  sql("RENAME TABLE t TO t_last, t_next TO t");
  sql("UPDATE t SET v = -1 WHERE id = 7003");
  finish(*job, "id, v, name");
}

// Its model is not captured, so that its columns are not known, and it is gone before it is looked at.
TEST_P(SchemaTools, a_table_like_an_unknown_one_comes_and_goes_while_the_job_is_down) {
  const std::string library = fresh_database(*source_, "library");
  execute(*source_, "CREATE TABLE model (id INT PRIMARY KEY, v INT)", library);
  pipeline_->run_until_caught_up();
  sql(fmt::format("CREATE TABLE stage LIKE {}.model; INSERT INTO stage VALUES (1, 1); DROP TABLE stage", library));
  sql("INSERT INTO other VALUES (77, 77)");
  const auto job = start();
  finish(*job, "id, v, name");
  execute(*source_, "DROP DATABASE " + library);
}

INSTANTIATE_TEST_SUITE_P(Pairs, SchemaTools,
                         testing::Values(std::pair("mariadb", "sqlite"), std::pair("mariadb", "postgres"),
                                         std::pair("mysql", "sqlite"), std::pair("mysql", "postgres")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

}  // namespace
}  // namespace sluice::support
