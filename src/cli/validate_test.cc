// SPDX-License-Identifier: Apache-2.0
#include "cli/validate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/job_file.h"
#include "cli/test_connector.h"

namespace sluice {
namespace {

class ValidateTest : public testing::Test {
 protected:
  ValidateTest() {
    std::string pattern = testing::TempDir() + "validateXXXXXX";
    folder_ = mkdtemp(pattern.data());
    command_.kind = CommandKind::kValidate;
    command_.file = folder_ + "/shop.yaml";
  }
  ~ValidateTest() override { std::filesystem::remove_all(folder_); }

  ValidationReport validate(const std::string& text, bool connect = false) {
    std::ofstream(command_.file) << text;
    command_.connect = connect;
    auto report = validate_job(command_, test_connectors(), context_);
    for (size_t at; (at = report.text.find(folder_ + '/')) != std::string::npos;) {
      report.text.erase(at, folder_.size() + 1);
    }
    return report;
  }

  std::string folder_;
  Command command_;
  Context context_;
};

TEST_F(ValidateTest, a_good_file_has_no_mistakes) {
  const auto report = validate("source: {type: shop, hostname: a}\nsink: {type: printer, hostname: b}\n");
  EXPECT_EQ(report.text, "shop.yaml: no mistakes\n");
  EXPECT_EQ(report.exit_code, 0);
}

TEST_F(ValidateTest, a_warning_is_shown_and_is_no_mistake) {
  const auto report =
      validate("source: {type: shop, hostname: a, fetch.size: 1}\nsink: {type: printer, hostname: b}\n");
  EXPECT_EQ(report.text,
            "shop.yaml:1: warning: option 'fetch.size' has no effect\n  hint: Rows are streamed.\n"
            "shop.yaml: no mistakes\n");
  EXPECT_EQ(report.exit_code, 0);
}

TEST_F(ValidateTest, shows_mistakes_of_the_file_and_of_every_connector_at_once) {
  const auto report = validate(
      "source:\n  type: shop\n  hostnam: a\n  heartbeat: 1ms\nsink:\n  type: printre\nroutes: []\n"
      "pipeline:\n  parallelism: many\n");
  EXPECT_EQ(report.text,
            "shop.yaml:1: required option 'hostname' of the test connector is missing\n"
            "  hint: Add 'hostname': Server.\n"
            "shop.yaml:3: unknown option 'hostnam' of the test connector\n  hint: Did you mean 'hostname'?\n"
            "shop.yaml:4: option 'heartbeat': '1ms' is too small\n  hint: Use at least 10ms.\n"
            "shop.yaml:5: 'sink' has the unknown type 'printre'\n  hint: Did you mean 'printer'?\n"
            "shop.yaml:7: unknown key 'routes'\n  hint: Did you mean 'route'?\n"
            "shop.yaml:9: option 'parallelism': 'many' is not a whole number\n"
            "  hint: Write digits only, without unit or separator.\n");
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(ValidateTest, whole_transactions_need_a_sink_with_transactions) {
  const auto report = validate(
      "source: {type: shop, hostname: a}\nsink: {type: printer, hostname: b}\npipeline: {apply: transactional}\n");
  EXPECT_EQ(report.text,
            "shop.yaml:2: apply: transactional needs a sink with transactions, which 'printer' has not\n"
            "  hint: Leave the key 'apply' out of the pipeline, or choose a database as the sink.\n");
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(ValidateTest, a_sink_cannot_stand_as_a_source) {
  const auto report = validate("source: {type: printer, hostname: a}\nsink: {type: printer, hostname: b}\n");
  EXPECT_EQ(report.text, "shop.yaml:1: type 'printer' cannot be a source\n  hint: Possible are shop.\n");
}

TEST_F(ValidateTest, calls_in_expressions_are_checked_without_a_connection) {
  const auto report = validate(
      "source: {type: shop, hostname: a}\nsink: {type: printer, hostname: b}\ntransform:\n"
      "  - {source-table: db.t, projection: 'id, UPER(name) AS n', filter: 'LEFT(name) = 1'}\n");
  EXPECT_EQ(report.text,
            "shop.yaml:4: 'projection': column 5: there is no function UPER\n  hint: Did you mean UPPER?\n"
            "shop.yaml:4: 'filter': column 1: LEFT takes 2 arguments, not 1\n"
            "  hint: Correct the expression, with CAST where types differ.\n");
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(ValidateTest, a_rule_for_no_table_is_a_mistake_that_a_connection_shows) {
  const std::string job =
      "source: {type: shop, hostname: a}\nsink: {type: printer, hostname: b}\ntransform:\n"
      "  - {source-table: db.tt, filter: 1 = 1}\n  - {source-table: db.t, filter: 1 = 1}\nroute:\n"
      "  - {source-table: 'other.\\.*', sink-table: a.b}\n  - {source-table: 'db.\\.*', sink-table: a.b}\n";
  EXPECT_EQ(validate(job).text, "shop.yaml: no mistakes\n");
  const auto report = validate(job, true);
  EXPECT_EQ(
      report.text,
      "shop.yaml:4: 'source-table': transform 'db.tt' matches no table of the source\n  hint: Did you mean 'db.t'?\n"
      "shop.yaml:7: 'source-table': route 'other.\\.*' matches no table of the source\n  hint: The tables are db.t.\n"
      "source shop: ready, 1 table\nsink printer: ready\n");
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(ValidateTest, logical_messages_need_a_sink_that_takes_them) {
  const auto report = validate(
      "source:\n  type: shop\n  hostname: a\n  message.prefix.include.list: a.*\nsink: {type: printer, hostname: b}\n");
  EXPECT_NE(report.text.find("shop.yaml:4: 'message.prefix.include.list': logical messages need the sink kafka, not "
                             "'printer'\n  hint: Leave the options message.prefix.* out of the source.\n"),
            std::string::npos)
      << report.text;
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(ValidateTest, a_missing_file_is_a_mistake) {
  command_.file = folder_ + "/missing.yaml";
  const auto report = validate_job(command_, test_connectors(), context_);
  EXPECT_EQ(report.text, command_.file +
                             ": the job file cannot be read: No such file or directory\n"
                             "  hint: Check the path and its permissions.\n");
  EXPECT_EQ(report.exit_code, 3);
  command_.connector_files.sink = folder_ + "/sink.yaml";
  command_.file = folder_ + "/shop.yaml";
  std::ofstream(command_.file) << "{}";
  EXPECT_NE(
      validate_job(command_, test_connectors(), context_).text.find("sink.yaml: the file of --sink cannot be read"),
      std::string::npos);
  command_.connector_files = {};
  command_.file = folder_;
  EXPECT_NE(validate_job(command_, test_connectors(), context_).text.find("Is a directory"), std::string::npos);
}

TEST_F(ValidateTest, connects_only_when_asked_and_then_tries_both_sides) {
  const std::string job =
      "source: {type: shop, hostname: a, refuse: open}\nsink: {type: printer, hostname: b, refuse: open}\n";
  EXPECT_EQ(validate(job).exit_code, 0);
  const auto report = validate(job, true);
  EXPECT_EQ(report.text,
            "source shop: connection failed: connecting to a\n"
            "  hint: Check that the server is up and that host and port are right.\n"
            "sink printer: access denied: logging in at b\n"
            "  hint: Check user, password and privileges; 'sluice connectors NAME' says what is needed.\n");
  EXPECT_EQ(report.exit_code, 4);
}

TEST_F(ValidateTest, reports_what_it_found_when_both_sides_answer) {
  const auto report = validate("source: {type: shop, hostname: a}\nsink: {type: printer, hostname: b}\n", true);
  EXPECT_EQ(report.text, "source shop: ready, 1 table\nsink printer: ready\nshop.yaml: no mistakes\n");
  const auto none =
      validate("source: {type: shop, hostname: a, refuse: discover}\nsink: {type: printer, hostname: b}\n", true);
  EXPECT_EQ(none.exit_code, 3);
}

}  // namespace
}  // namespace sluice
