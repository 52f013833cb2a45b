// SPDX-License-Identifier: Apache-2.0
#include "config/secrets.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

struct Resolved {
  Setting setting;
  Problems problems;
  bool good = false;
};

Resolved resolve(const std::string& value, const std::string& file = "shop.yaml") {
  Resolved resolved;
  resolved.setting = {"password", value, {file, 4}};
  resolved.good = resolve_references(resolved.setting, resolved.problems);
  return resolved;
}

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    setenv("SLUICE_TEST_SECRET", "hunter2", 1);
    unsetenv("SLUICE_TEST_MISSING");
    std::string pattern = testing::TempDir() + "secretsXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~SecretsTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(SecretsTest, takes_environment_variables_inside_a_text) {
  const auto resolved = resolve("a-${env:SLUICE_TEST_SECRET}-${env:SLUICE_TEST_SECRET}");
  EXPECT_TRUE(resolved.good);
  EXPECT_EQ(resolved.setting.value, "a-hunter2-hunter2");
  EXPECT_TRUE(resolved.setting.from_reference);
}

TEST_F(SecretsTest, takes_files_relative_to_the_configuration_without_their_last_line_end) {
  std::ofstream(folder_ + "/password") << "pa ss\nword\n";
  EXPECT_EQ(resolve("${file:password}", folder_ + "/shop.yaml").setting.value, "pa ss\nword");
  EXPECT_EQ(resolve("${file:" + folder_ + "/password}", "/elsewhere/shop.yaml").setting.value, "pa ss\nword");
}

TEST_F(SecretsTest, takes_a_key_of_a_properties_file_as_kafka_connect_does) {
  std::ofstream(folder_ + "/db.properties") << "user = me\npassword = pa\\\\ss\n";
  std::ofstream(folder_ + "/odd:name") << "whole";
  EXPECT_EQ(resolve("${file:db.properties:password}", folder_ + "/c.json").setting.value, "pa\\ss");
  EXPECT_EQ(resolve("${file:odd:name}", folder_ + "/c.json").setting.value, "whole");
  EXPECT_NE(resolve("${file:db.properties:pass}", folder_ + "/c.json").problems.text().find("has no key 'pass'"),
            std::string::npos);
}

TEST_F(SecretsTest, does_not_resolve_what_a_reference_brings) {
  setenv("SLUICE_TEST_SECRET", "${env:HOME}", 1);
  EXPECT_EQ(resolve("${env:SLUICE_TEST_SECRET}").setting.value, "${env:HOME}");
}

TEST_F(SecretsTest, leaves_other_dollars_alone) {
  for (const char* text : {"", "plain", "pa$$word", "${", "${}", "${HOME}", "a${b", "$", "${a b:c}"}) {
    const auto resolved = resolve(text);
    EXPECT_TRUE(resolved.good) << text;
    EXPECT_EQ(resolved.setting.value, text);
    EXPECT_FALSE(resolved.setting.from_reference);
  }
  EXPECT_EQ(resolve("$${env:HOME}").setting.value, "${env:HOME}");
}

TEST_F(SecretsTest, names_the_place_and_the_reference_that_cannot_be_resolved) {
  EXPECT_EQ(
      resolve("${env:SLUICE_TEST_MISSING}").problems.text(),
      "shop.yaml:4: option 'password': reference ${env:SLUICE_TEST_MISSING} cannot be resolved: environment variable "
      "'SLUICE_TEST_MISSING' is not set\n"
      "  hint: References are ${env:NAME}, ${file:PATH} and ${file:PATH:KEY}; write $${ for a literal ${.\n");
  EXPECT_NE(resolve("${file:/nowhere/x}").problems.text().find("file '/nowhere/x' cannot be opened: No such file"),
            std::string::npos);
  EXPECT_NE(resolve("${file:/}").problems.text().find("cannot be read"), std::string::npos);
  EXPECT_NE(resolve("${evn:HOME}").problems.text().find("'evn' is no kind of reference"), std::string::npos);
  EXPECT_NE(resolve("${env:}").problems.text().find("the name is missing"), std::string::npos);
}

TEST_F(SecretsTest, a_failure_does_not_show_what_another_reference_brought) {
  const auto resolved = resolve("${env:SLUICE_TEST_SECRET}${env:SLUICE_TEST_MISSING}");
  EXPECT_FALSE(resolved.good);
  EXPECT_EQ(resolved.problems.text().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace sluice
