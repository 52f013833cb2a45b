// SPDX-License-Identifier: Apache-2.0
// The scenarios of docs/tenants.md, with an application that writes into the source all the time. Each uses the
// commands that are written there.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::StartsWith;

class TenantScenarios : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start());
    tenants_.create_tenant("prod");
    application_ = std::make_unique<Application>(tenants_, "prod", 2);
    ASSERT_TRUE(wait_until([&] { return application_->committed() >= 50; }, std::chrono::seconds(60)));
  }
  // sluice tenant WORDS
  void tenant(std::vector<std::string> words) const {
    words.insert(words.begin(), {SLUICE_PROGRAM, "tenant", "--data", tenants_.data()});
    const TempFolder output;
    auto process = Process::spawn({.command = words, .env = {}, .output_folder = output.path()});
    ASSERT_OK(process);
    EXPECT_EQ((*process)->wait(std::chrono::minutes(3)).value_or(-1), 0) << words[4] << "\n" << (*process)->err();
  }
  std::string birth(const std::string& name) const {
    return tenants_.value("SELECT BIRTH_GTID FROM DBA_OB_TENANTS WHERE TENANT_NAME = '" + name + "'");
  }
  void expect_writes_go_on() const {
    const int64_t before = application_->committed();
    EXPECT_TRUE(wait_until([&] { return application_->committed() > before + 5; }, std::chrono::seconds(60)));
  }
  std::string indexes(const std::string& name) const {
    return tenants_.tenant_value(name,
                                 "SELECT GROUP_CONCAT(DISTINCT index_name ORDER BY index_name) FROM "
                                 "information_schema.statistics WHERE table_schema = 'app' AND table_name = 'keyed'");
  }

  Tenants tenants_;
  std::unique_ptr<Application> application_;
};

TEST_F(TenantScenarios, reports_run_on_a_clone) {
  tenant({"clone", "prod", "report", "--unit", "small"});
  application_->expect_exactly(tenants_, "report", birth("report"));
  EXPECT_FALSE(tenants_.connect("report")->execute("DELETE FROM app.keyed").has_value());
  expect_writes_go_on();
  tenant({"drop", "report", "--force"});
  application_->stop();
  tenants_.expect_nothing_left({"prod"});
}

TEST_F(TenantScenarios, a_release_is_tried_and_can_be_undone) {
  // Tried where nothing can break.
  tenant({"clone", "prod", "rehearsal", "--unit", "small", "--primary"});
  ASSERT_OK(tenants_.connect("rehearsal")->execute("ALTER TABLE app.account DROP COLUMN amount"));
  tenant({"drop", "rehearsal", "--force"});
  // Kept as it is before the release; nobody can remove it by mistake.
  tenant({"clone", "prod", "before_release", "--unit", "small", "--protected"});
  application_->stop();
  ASSERT_OK(tenants_.connect("prod")->execute("UPDATE app.account SET amount = 0; DROP TABLE app.keyless"));
  EXPECT_THAT(tenants_.sql("DROP TENANT before_release FORCE").err, StartsWith("ERROR 4179"));
  // Back: a clone of the clone.
  tenants_.must("ALTER SYSTEM ARCHIVELOG TENANT = before_release");
  tenant({"clone", "before_release", "prod2", "--unit", "small", "--primary"});
  application_->expect_exactly(tenants_, "prod2", birth("before_release"));
  application_->expect_exactly(tenants_, "before_release", birth("before_release"));
  ASSERT_OK(tenants_.connect("prod2")->execute("INSERT INTO app.keyed VALUES (99, 1, 'it goes on')"));
  tenant({"protect", "before_release", "--off"});
  tenant({"drop", "before_release", "--force"});
  tenant({"drop", "prod", "--force"});
  EXPECT_EQ(tenants_.tenant_value("prod2", "SELECT COUNT(*) FROM app.keyed WHERE writer = 99"), "1");
}

TEST_F(TenantScenarios, a_schema_change_is_tried_and_its_undo_needs_no_rebuild) {
  ASSERT_OK(tenants_.connect("prod")->execute("ALTER TABLE app.keyed ADD INDEX by_body (body)"));
  tenant({"clone", "prod", "trial", "--unit", "small", "--primary"});
  ASSERT_OK(tenants_.connect("trial")->execute("ALTER TABLE app.keyed DROP INDEX by_body"));
  EXPECT_EQ(indexes("trial"), "PRIMARY");
  EXPECT_EQ(indexes("prod"), "by_body,PRIMARY");
  // Another trial from where the source is now.
  tenant({"reset", "trial"});
  EXPECT_EQ(indexes("trial"), "by_body,PRIMARY");
  application_->expect_exactly(tenants_, "trial", birth("trial"));
  tenant({"clone", "prod", "undo", "--unit", "small"});
  ASSERT_OK(tenants_.connect("prod")->execute("ALTER TABLE app.keyed DROP INDEX by_body"));
  EXPECT_EQ(indexes("undo"), "by_body,PRIMARY");
  expect_writes_go_on();
}

TEST_F(TenantScenarios, every_branch_has_its_database) {
  tenants_.must(
      "CREATE MASK anonymous AS 'UPDATE app.keyed SET body = REPEAT(''x'', LENGTH(body))';"
      "CREATE SNAPSHOT nightly FOR TENANT prod");
  std::vector<std::thread> branches;
  for (const char* name : {"t_a", "t_b"}) {
    branches.emplace_back([&, name] {
      tenant({"clone", "prod", name, "--unit", "small", "--snapshot", "nightly", "--primary", "--ttl", "8h", "--mask",
              "anonymous"});
    });
  }
  for (std::thread& branch : branches) branch.join();
  const char* kKeys = "SELECT COUNT(*) FROM app.keyed WHERE body RLIKE 'k'";
  for (const char* name : {"t_a", "t_b"}) EXPECT_EQ(tenants_.tenant_value(name, kKeys), "0");
  const std::string rows = tenants_.tenant_value("t_a", "SELECT COUNT(*) FROM app.keyed");
  ASSERT_OK(tenants_.connect("t_a")->execute("TRUNCATE TABLE app.keyed"));
  EXPECT_EQ(tenants_.tenant_value("t_b", "SELECT COUNT(*) FROM app.keyed"), rows);
  tenant({"reset", "t_a", "--snapshot", "nightly"});
  EXPECT_EQ(tenants_.tenant_value("t_a", "SELECT COUNT(*) FROM app.keyed"), rows);
  EXPECT_EQ(tenants_.tenant_value("t_a", kKeys), "0");
  tenant({"ttl", "t_b", "1s"});
  EXPECT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANTS") == "2"; },
                         std::chrono::seconds(60)));
  expect_writes_go_on();
}

TEST_F(TenantScenarios, an_export_has_one_position_however_many_readers_it_has) {
  tenant({"clone", "prod", "export", "--unit", "small"});
  const std::string position = birth("export");
  const TempFolder folder;
  const std::string options = "--defaults-file=" + tenants_.tenant_folder("export") + "/client.cnf";
  // xargs: four tables at a time, by the stock client.
  const std::string script =
      "mariadb " + options +
      " --skip-column-names --batch -e \"SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables "
      "WHERE table_schema = 'app'\" | xargs -P 4 -I {} sh -c 'mariadb " +
      options + " --batch --quick -e \"SELECT * FROM {}\" > " + folder.path() + "/{}.tsv'";
  ASSERT_OK(run_command({"sh", "-c", script}));
  expect_writes_go_on();
  application_->expect_exactly(tenants_, "export", position);
  for (const char* table : {"account", "keyed", "keyless"}) {
    const std::string file = read_file(folder.file(fmt::format("app.{}.tsv", table)));
    // With a line of names.
    EXPECT_EQ(std::to_string(std::count(file.begin(), file.end(), '\n') - 1),
              tenants_.tenant_value("export", fmt::format("SELECT COUNT(*) FROM app.{}", table)));
  }
}

}  // namespace
}  // namespace sluice::support
