// SPDX-License-Identifier: Apache-2.0
#include "codec/postgres_array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;

// "!" in front if the text is refused.
std::vector<std::string> elements(std::string_view text) {
  std::vector<std::string> out;
  Result<> result;
  const auto take = [&](std::optional<std::string_view> element) -> Result<> {
    out.push_back(element ? "'" + std::string(*element) + "'" : "null");
    return {};
  };
  if (!for_each_array_element(text, take, result)) out.insert(out.begin(), "!");
  return out;
}

TEST(PostgresArray, elements_come_without_quotes) {
  EXPECT_THAT(elements("{}"), ElementsAre());
  EXPECT_THAT(elements("{1,NULL,-2}"), ElementsAre("'1'", "null", "'-2'"));
  EXPECT_THAT(elements(R"({"a \"b\"","",NULL,"NULL","c\\d","e,f","{g}"})"),
              ElementsAre(R"('a "b"')", "''", "null", "'NULL'", R"('c\d')", "'e,f'", "'{g}'"));
  EXPECT_THAT(elements("[0:1]={7,8}"), ElementsAre("'7'", "'8'"));
}

TEST(PostgresArray, other_texts_are_refused) {
  for (const char* text : {"{{1,2},{3,4}}", "", "1", "{1", "{\"a}", "{\"a\"b}", "[0:1]={{1},{2}}"}) {
    EXPECT_EQ(elements(text).at(0), "!") << text;
  }
}

TEST(PostgresArray, types_of_elements_are_those_of_columns) {
  const auto element = [](std::string name) {
    return postgres_element_type({.kind = TypeKind::kString, .source_type = std::move(name)});
  };
  EXPECT_EQ(element("integer[]")->kind, TypeKind::kInt32);
  const auto decimal = element("numeric(10,2)[]");
  EXPECT_EQ(decimal->precision, 10);
  EXPECT_EQ(decimal->scale, 2);
  EXPECT_EQ(element("numeric[]")->precision, 0);
  EXPECT_EQ(element("timestamp(3) without time zone[]")->precision, 3);
  EXPECT_EQ(element("timestamp with time zone[]")->precision, 6);
  EXPECT_EQ(element("public.hstore[]")->source_type, "public.hstore");
  for (const char* none :
       {"money[]", "interval[]", "bit varying(3)[]", "xml[]", "point[]", "public.pair[]", "integer"}) {
    EXPECT_FALSE(element(none).has_value()) << none;
  }
}

}  // namespace
}  // namespace sluice
