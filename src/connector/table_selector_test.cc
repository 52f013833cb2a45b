// SPDX-License-Identifier: Apache-2.0
#include "connector/table_selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::HasSubstr;

bool selects(std::string_view patterns, const TableId& table) {
  const auto selector = TableSelector::compile(patterns);
  return selector.value().matches(table);
}

std::string compile_error(std::string_view patterns) {
  const auto selector = TableSelector::compile(patterns);
  if (selector) return "compiled";
  EXPECT_EQ(selector.error().code(), ErrorCode::kConfig);
  return selector.error().message();
}

TEST(TableSelectorTest, matches_plain_names_in_full_and_without_case) {
  EXPECT_TRUE(selects("shop.orders", {"shop", "orders"}));
  EXPECT_TRUE(selects("shop.orders", {"SHOP", "Orders"}));
  EXPECT_FALSE(selects("shop.orders", {"shop", "orders_2"}));
  EXPECT_FALSE(selects("shop.orders", {"myshop", "orders"}));
}

TEST(TableSelectorTest, an_escaped_dot_is_any_character_and_a_plain_one_separates) {
  EXPECT_TRUE(selects("app.\\.*", {"app", "anything"}));
  EXPECT_TRUE(selects("app.order_[0-9]+", {"app", "order_17"}));
  EXPECT_FALSE(selects("app.order_[0-9]+", {"app", "order_x"}));
  EXPECT_TRUE(selects("a\\.p.t", {"axp", "t"}));
  EXPECT_FALSE(selects("app\\.t", {"app", "t"}));  // one part only
  EXPECT_TRUE(selects("app\\.t", {"", "app.t"}));
}

TEST(TableSelectorTest, commas_separate_patterns_unless_escaped) {
  constexpr auto kPatterns = "shop_(a|b).user\\.*, audit.log ,";
  EXPECT_TRUE(selects(kPatterns, {"shop_a", "users"}));
  EXPECT_TRUE(selects(kPatterns, {"audit", "log"}));
  EXPECT_FALSE(selects(kPatterns, {"shop_c", "users"}));
  EXPECT_TRUE(selects("db.t_[0-9]{1\\,2}", {"db", "t_12"}));
  EXPECT_FALSE(selects("db.t_[0-9]{1\\,2}", {"db", "t_123"}));
}

TEST(TableSelectorTest, an_expression_between_slashes_is_for_the_whole_name) {
  EXPECT_TRUE(selects("/inventory.*/", {"inventory2", "t"}));
  EXPECT_TRUE(selects("/inv\\.(a|b)/,c.d", {"INV", "B"}));
  EXPECT_TRUE(selects("/inv\\.(a|b)/,c.d", {"c", "d"}));
  EXPECT_FALSE(selects("/inv\\.(a|b)/", {"inv", "ab"}));
  EXPECT_TRUE(selects("/(inv|shop)\\..*/&/.*\\.t/", {"shop", "t"}));
  EXPECT_FALSE(selects("/(inv|shop)\\..*/&/.*\\.t/", {"shop", "u"}));
  EXPECT_TRUE(selects("/d.t[0-9]{1\\,2}/", {"d", "t12"}));
  const auto selector = TableSelector::compile("/public\\.t/").value();
  EXPECT_TRUE(selector.matches("any", {"public", "t"}));
  EXPECT_FALSE(selector.matches("public", {"other", "t"}));
  EXPECT_THAT(compile_error("/a(?!b)/"), HasSubstr("'a(?!b)' is not a supported regular expression"));
}

TEST(TableSelectorTest, matches_only_ids_of_as_many_parts) {
  EXPECT_FALSE(selects("orders", {"shop", "orders"}));
  EXPECT_TRUE(selects("orders", {"", "orders"}));
  EXPECT_FALSE(selects("db.shop.orders", {"shop", "orders"}));
}

TEST(TableSelectorTest, other_escapes_of_the_regular_expression_survive) {
  EXPECT_TRUE(selects("db.t\\d+", {"db", "t42"}));
  EXPECT_TRUE(selects("db.a\\$b", {"db", "a$b"}));
}

TEST(TableSelectorTest, refuses_what_it_cannot_compile_and_names_the_pattern) {
  EXPECT_THAT(compile_error("ok.t, shop.(?!tmp)\\.*"), HasSubstr("'shop.(?!tmp)\\.*'"));
  EXPECT_THAT(compile_error("shop.(a"), HasSubstr("'shop.(a'"));
  EXPECT_THAT(compile_error("a.b.c.d"), HasSubstr("4 parts"));
  EXPECT_THAT(compile_error("shop."), HasSubstr("a part is empty"));
  EXPECT_THAT(compile_error(" , "), HasSubstr("no pattern"));
}

TEST(TableSelectorTest, patterns_of_three_parts_match_database_schema_and_table) {
  const auto selector = TableSelector::compile("shop.public.\\.*, shop.audit.log_\\d+");
  ASSERT_TRUE(selector.has_value());
  EXPECT_TRUE(selector->matches("shop", {"public", "orders"}));
  EXPECT_TRUE(selector->matches("shop", {"audit", "log_7"}));
  EXPECT_FALSE(selector->matches("other", {"public", "orders"}));
  EXPECT_FALSE(selector->matches({"public", "orders"}));
  EXPECT_EQ(selector->databases(), (std::vector<std::string>{"shop"}));
  EXPECT_EQ(TableSelector::compile("a.b, x.y.z")->databases(), (std::vector<std::string>{"", "x"}));
}

}  // namespace
}  // namespace sluice
