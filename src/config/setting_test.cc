// SPDX-License-Identifier: Apache-2.0
#include "config/setting.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ProblemsTest, text_shows_place_message_and_hint_in_the_order_of_the_file) {
  Problems problems;
  problems.error({"shop.yaml", 9}, "port", "option 'port': '0' is out of range");
  problems.error({"shop.yaml", 7}, "hostnme", "unknown option 'hostnme'", "Did you mean 'hostname'?");
  problems.warn({"shop.yaml", 8, 3}, "name", "has no effect");
  EXPECT_EQ(problems.text(),
            "shop.yaml:7: unknown option 'hostnme'\n"
            "  hint: Did you mean 'hostname'?\n"
            "shop.yaml:8:3: warning: 'name': has no effect\n"
            "shop.yaml:9: option 'port': '0' is out of range\n");
}

TEST(ProblemsTest, a_warning_is_no_error) {
  Problems problems;
  problems.warn({}, "", "odd");
  EXPECT_FALSE(problems.has_errors());
  problems.error({}, "", "wrong");
  EXPECT_TRUE(problems.has_errors());
}

TEST(ProblemsTest, one_mistake_becomes_an_error_with_its_own_advice) {
  Problems problems;
  problems.warn({"a.yaml", 1}, "", "odd");
  problems.error({"a.yaml", 2}, "", "wrong", "Do it right.");
  const Error error = problems.as_error();
  EXPECT_EQ(error.code(), ErrorCode::kConfig);
  EXPECT_EQ(error.message(), "a.yaml:2: wrong");
  EXPECT_EQ(error.advice(), "Do it right.");
}

TEST(ProblemsTest, several_mistakes_become_one_error_that_names_all) {
  Problems problems;
  problems.error({"a.yaml", 2}, "", "wrong", "Do it right.");
  problems.error({"a.yaml", 0}, "", "missing");
  EXPECT_EQ(problems.as_error().message(), "2 mistakes\na.yaml: missing\na.yaml:2: wrong\n  hint: Do it right.");
}

TEST(ClosestNameTest, finds_the_name_behind_a_typing_mistake) {
  const std::vector<std::string_view> names = {"hostname", "port", "password", "tables", "tables.exclude"};
  EXPECT_EQ(closest_name("hostnme", names), "hostname");
  EXPECT_EQ(closest_name("HOSTNAME", names), "hostname");
  EXPECT_EQ(closest_name("pasword", names), "password");
  EXPECT_EQ(closest_name("prot", names), "port");
  EXPECT_EQ(closest_name("table.exclude", names), "tables.exclude");
}

TEST(ClosestNameTest, is_empty_when_nothing_is_close) {
  const std::vector<std::string_view> names = {"hostname", "port", "a"};
  EXPECT_EQ(closest_name("slot.name", names), "");
  EXPECT_EQ(closest_name("b", names), "");
  EXPECT_EQ(closest_name("", names), "");
  EXPECT_EQ(closest_name(std::string(100000, 'x'), names), "");
}

}  // namespace
}  // namespace sluice
