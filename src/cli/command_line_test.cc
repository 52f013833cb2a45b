// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <gmock/gmock.h>

#include <vector>

namespace sluice {
namespace {

ParsedCommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sluice");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLineTest, reads_a_run_with_its_flags) {
  const auto parsed = parse({"run", "jobs/shop.yaml", "--until-caught-up", "--reset", "--log-level", "WARN"});
  ASSERT_TRUE(parsed.command) << parsed.text;
  EXPECT_EQ(parsed.command->kind, CommandKind::kRun);
  EXPECT_THAT(parsed.command->files, testing::ElementsAre("jobs/shop.yaml"));
  EXPECT_EQ(state_directory(*parsed.command, "jobs/shop.yaml"), "jobs/.sluice");
  EXPECT_TRUE(parsed.command->until_caught_up);
  EXPECT_TRUE(parsed.command->reset);
  EXPECT_EQ(parsed.command->log_level, LogLevel::kWarn);
}

TEST(CommandLineTest, reads_a_run_of_several_jobs) {
  const auto parsed = parse({"run", "a.yaml", "jobs/b.yaml", "--metrics", "9400"});
  ASSERT_TRUE(parsed.command) << parsed.text;
  EXPECT_THAT(parsed.command->files, testing::ElementsAre("a.yaml", "jobs/b.yaml"));
  EXPECT_EQ(parsed.command->metrics, "9400");
  EXPECT_EQ(state_directory(*parsed.command, "a.yaml"), ".sluice");
}

TEST(CommandLineTest, reads_every_other_command) {
  EXPECT_EQ(parse({"explain", "a.yaml"}).command->state_dir, ".sluice");
  EXPECT_EQ(parse({"explain", "a.yaml", "--state=/s"}).command->state_dir, "/s");
  const auto validate = parse({"--log-level=debug", "validate", "--connect", "a.yaml"}).command;
  ASSERT_TRUE(validate);
  EXPECT_EQ(validate->kind, CommandKind::kValidate);
  EXPECT_TRUE(validate->connect);
  EXPECT_EQ(validate->log_level, LogLevel::kDebug);
  const auto verify = parse({"verify", "a.yaml", "--repair", "--json"}).command;
  EXPECT_EQ(verify->kind, CommandKind::kVerify);
  EXPECT_TRUE(verify->repair);
  EXPECT_TRUE(verify->json);
  const auto connectors = parse({"connectors", "mysql", "--markdown"}).command;
  EXPECT_EQ(connectors->kind, CommandKind::kConnectors);
  EXPECT_EQ(connectors->connector, "mysql");
  EXPECT_TRUE(connectors->markdown);
  EXPECT_EQ(parse({"connectors"}).command->connector, "");
  EXPECT_EQ(parse({"version"}).command->kind, CommandKind::kVersion);
  EXPECT_EQ(parse({"--version"}).exit_code, 0);
  EXPECT_THAT(parse({"--version"}).text, testing::StartsWith("sluice "));
}

TEST(CommandLineTest, a_wrong_command_line_ends_with_2_and_says_what_is_wrong) {
  const std::pair<std::vector<const char*>, const char*> wrong[] = {
      {{}, "Examples:"},
      {{"rum", "a.yaml"}, "unknown command 'rum'\n  hint: Did you mean 'run'?"},
      {{"--log-level", "info", "dance"}, "unknown command 'dance'"},
      {{"run"}, "FILE"},
      {{"validate", "a.yaml", "b.yaml"}, "b.yaml"},
      {{"run", "a.yaml", "--untl-caught-up"}, "--untl-caught-up"},
      {{"validate", "a.yaml", "--repair"}, "--repair"},
      {{"run", "a.yaml", "--log-level", "loud"}, "loud"},
      {{"connectors", "--markdown"}, "NAME"},
  };
  for (const auto& [arguments, named] : wrong) {
    const auto parsed = parse(arguments);
    EXPECT_FALSE(parsed.command) << named;
    EXPECT_EQ(parsed.exit_code, 2) << named;
    EXPECT_NE(parsed.text.find(named), std::string::npos) << parsed.text;
  }
}

TEST(CommandLineTest, help_shows_examples_and_exit_codes) {
  const auto all = parse({"--help"});
  EXPECT_FALSE(all.command);
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_NE(all.text.find("sluice run shop.yaml --until-caught-up"), std::string::npos);
  EXPECT_NE(all.text.find("Exit codes:"), std::string::npos);
  const auto verify = parse({"verify", "--help"});
  EXPECT_EQ(verify.exit_code, 0);
  EXPECT_NE(verify.text.find("--repair"), std::string::npos);
  EXPECT_EQ(verify.text.find("--until-caught-up"), std::string::npos) << verify.text;
}

TEST(CommandLineTest, says_the_frequent_statements_about_tenants_as_words) {
  const auto statement = [](std::vector<const char*> words) {
    words.insert(words.begin(), "tenant");
    const auto parsed = parse(words);
    EXPECT_TRUE(parsed.command) << parsed.text;
    return parsed.command && parsed.command->kind == CommandKind::kSql ? parsed.command->statements : "no statement";
  };
  EXPECT_EQ(statement({"clone", "shop", "report", "--unit", "box", "--as-of", "2026-01-31 12:00:00", "--primary"}),
            "CREATE TENANT 'report' FROM 'shop' WITH RESOURCE_POOL = 'report_pool', UNIT = 'box', AS OF TIMESTAMP "
            "'2026-01-31 12:00:00', ROLE = PRIMARY");
  EXPECT_EQ(statement({"clone", "a", "b", "--unit=u", "--pool=p", "--snapshot=s", "--async"}),
            "CREATE TENANT 'b' FROM 'a' USING SNAPSHOT 's' WITH RESOURCE_POOL = 'p', UNIT = 'u', ASYNC");
  EXPECT_EQ(statement({"drop", "x'; DROP TENANT y; --", "--force"}), "DROP TENANT 'x''; DROP TENANT y; --' FORCE");
  EXPECT_EQ(statement({"activate", "report"}), "ALTER SYSTEM ACTIVATE STANDBY TENANT = 'report'");
  EXPECT_EQ(statement({"snapshot", "shop"}), "CREATE SNAPSHOT FOR TENANT 'shop'");
  EXPECT_EQ(statement({"snapshot", "shop", "s1", "--drop"}), "DROP SNAPSHOT 's1' FOR TENANT 'shop'");
  EXPECT_EQ(parse({"tenant", "list", "--data", "d"}).command->data_dir, "d");
  EXPECT_EQ(parse({"tenant"}).exit_code, 2);
  EXPECT_EQ(parse({"tenant", "clone", "a", "b"}).exit_code, 2);
}

}  // namespace
}  // namespace sluice
