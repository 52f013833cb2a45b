// SPDX-License-Identifier: Apache-2.0
#include "codec/column_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Made {
  std::shared_ptr<const ColumnRules> rules;
  std::string problems;
};

Made make(std::initializer_list<std::pair<std::string, std::string>> options) {
  Settings settings;
  for (const auto& [key, value] : options) settings.entries.push_back({key, value, {"job", 3}});
  Problems problems;
  auto rules = ColumnRules::make(settings, problems);
  return {std::move(rules), problems.text()};
}

std::string masked(const std::string& option, std::string_view value, size_t column_length = 0) {
  const Made made = make({{option, "shop.t.c"}});
  EXPECT_EQ(made.problems, "");
  const ColumnMask* mask = made.rules->mask({"shop", "t"}, "C");
  return mask == nullptr ? "none" : mask->of(value, column_length);
}

TEST(ColumnRulesTest, hashes_as_debezium_does) {
  const std::string salted = ".SHA-256.with.salt.CzQMA0cB5K";
  const std::string v1 = masked("column.mask.hash" + salted, "sally.thomas@acme.com");
  EXPECT_EQ(v1.size(), 64u);
  EXPECT_THAT(v1, testing::StartsWith("d540e71a"));
  EXPECT_THAT(v1, testing::EndsWith("0e82"));
  // sha256("CzQMA0cB5Kabc")
  EXPECT_EQ(masked("column.mask.hash.v2" + salted, "abc"),
            "4255bb5ea51a54b309aed2ddfe79083bcd1e000f6fa43833aa5ac1d6c0659399");
  EXPECT_EQ(masked("column.mask.hash" + salted, "sally.thomas@acme.com", 8), "d540e71a");
  // Java's own UTF-8, and its form of texts beyond 64 KiB.
  EXPECT_EQ(masked("column.mask.hash" + salted, std::string_view("a\xF0\x9F\x98\x80\0", 6)),
            "550530a0b8b8a529ba9436eb27fd4252b90f0417a25b9a37db3236f0f9245d7e");
  EXPECT_EQ(masked("column.mask.hash" + salted, std::string(70'000, 'x')),
            "21042a3875b47dd8220328aaae40017a2549733682fadda8e245c213391dc13f");
  EXPECT_EQ(masked("column.mask.hash.v2.MD5.with.salt.a.with.b", "x").size(), 32u);
}

TEST(ColumnRulesTest, cuts_and_covers_texts) {
  EXPECT_EQ(masked("column.mask.with.5.chars", "x"), "*****");
  EXPECT_EQ(masked("column.mask.with.0.chars", "x"), "");
  EXPECT_EQ(masked("column.truncate.to.3.chars", "ab"), "ab");
  EXPECT_EQ(masked("column.truncate.to.3.chars", "a\xC3\xA4\xE2\x82\xAC!"), "a\xC3\xA4\xE2\x82\xAC");
  // unsure: a character beyond U+FFFF is two of Java's; half of it is left out here.
  EXPECT_EQ(masked("column.truncate.to.2.chars", "a\xF0\x9F\x98\x80"), "a");
}

TEST(ColumnRulesTest, matches_whole_names_without_case) {
  const Made made = make({{"column.include.list", "shop\\.t\\..*, shop.u.a"}});
  EXPECT_EQ(made.problems, "");
  EXPECT_TRUE(made.rules->shows({"SHOP", "T"}, "x"));
  EXPECT_TRUE(made.rules->shows({"shop", "u"}, "a"));
  EXPECT_FALSE(made.rules->shows({"shop", "u"}, "ab"));
  EXPECT_EQ(made.rules->mask({"shop", "t"}, "x"), nullptr);
}

TEST(ColumnRulesTest, columns_of_all_entries_make_the_key) {
  const Made made = make({{"message.key.columns", ".*:TENANT;shop.orders:id,tenant;shop\\.(a|b):part_.*;shop.c:x"}});
  EXPECT_EQ(made.problems, "");
  const auto key = [&](const char* table, std::initializer_list<const char*> columns) {
    TableSchema schema;
    schema.id = {"shop", table};
    for (const char* column : columns) schema.columns.push_back({.name = column});
    schema.key = {1};
    return made.rules->key(schema);
  };
  EXPECT_THAT(key("orders", {"id", "v", "tenant"}), ElementsAre(2, 0));
  EXPECT_THAT(key("customers", {"id", "v", "tenant"}), ElementsAre(2));
  EXPECT_THAT(key("b", {"part_b", "v", "part_a"}), ElementsAre(0, 2));
  // Debezium's way where no column has such a name.
  EXPECT_THAT(key("c", {"id", "v"}), ElementsAre(1));
}

TEST(ColumnRulesTest, mistakes_name_the_option) {
  EXPECT_EQ(make({}).rules, nullptr);
  for (const char* key :
       {"column.mask.with.x.chars", "column.truncate.to.0.chars", "column.mask.hash.SHA-9.with.salt.x",
        "column.mask.hash.MD5", "column.mask.with.3", "column.mask.with.chars"}) {
    EXPECT_THAT(make({{key, "a"}}).problems, HasSubstr("job:3: option '" + std::string(key) + "' is not understood"));
  }
  EXPECT_THAT(make({{"column.exclude.list", "a(?!b)"}}).problems, HasSubstr("not a supported regular expression"));
  EXPECT_THAT(make({{"column.exclude.list", "a"}, {"column.include.list", "a"}}).problems,
              HasSubstr("exclude each other"));
  EXPECT_THAT(make({{"message.key.columns", "a.b"}}).problems, HasSubstr("'a.b' names no columns"));
}

}  // namespace
}  // namespace sluice
