// SPDX-License-Identifier: Apache-2.0
#include "transform/json_text.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

std::string compact(std::string_view text, bool duplicates = false) {
  std::string out;
  switch (append_compact_json(text, duplicates, out)) {
    case JsonStatus::kOk: return out;
    case JsonStatus::kInvalid: return "invalid";
    case JsonStatus::kDuplicateName: return "duplicate";
  }
  return {};
}

TEST(JsonText, has_one_text_for_equal_documents) {
  EXPECT_EQ(compact(" { \"b\" : [ 1 , 2.50 , -0e+1 ] ,\t\"a\":{} }\r\n"), R"({"a":{},"b":[1,2.50,-0e+1]})");
  EXPECT_EQ(compact(R"("\u0041\/\ud83d\ude00\u001f\n")"), "\"A/\xf0\x9f\x98\x80\\u001F\\n\"");
  EXPECT_EQ(compact(R"({"\u0062":1,"a":2})"), R"({"a":2,"b":1})");
  EXPECT_EQ(compact("123456789012345678901234567890.123456789"), "123456789012345678901234567890.123456789");
  for (const auto* text : {"true", "false", "null", "[]", "{}", "\"\"", "0", "-1"}) EXPECT_EQ(compact(text), text);
}

TEST(JsonText, refuses_what_is_no_json) {
  for (const auto* text : {"",
                           " ",
                           "nul",
                           "[1,]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "'a'",
                           "\"a",
                           "\"\t\"",
                           R"("\x")",
                           R"("\u12g4")",
                           R"("\ud800")",
                           R"("\ud800\u0041")",
                           R"("\udc00")",
                           "[1]]",
                           "[1] x",
                           "NaN",
                           "\xff",
                           "\"\xc3\"",
                           "[",
                           "{"}) {
    EXPECT_EQ(compact(text), "invalid") << text;
  }
  EXPECT_EQ(compact(std::string_view("1\0", 2)), "invalid");
  EXPECT_EQ(compact(std::string(200, '[') + std::string(200, ']')), std::string(200, '[') + std::string(200, ']'));
  EXPECT_EQ(compact(std::string(201, '[') + std::string(201, ']')), "invalid");
}

TEST(JsonText, keeps_the_last_of_members_with_one_name_if_that_is_allowed) {
  EXPECT_EQ(compact(R"({"a":1,"b":2,"\u0061":3})"), "duplicate");
  EXPECT_EQ(compact(R"({"a":1,"b":2,"\u0061":3})", true), R"({"a":3,"b":2})");
  EXPECT_EQ(compact(R"([{"a":1,"a":2}])"), "duplicate");
}

TEST(JsonText, walks_over_parts) {
  const auto parts = [](std::string_view text) {
    std::vector<std::string> found;
    JsonParts walk(text);
    while (walk.next()) found.push_back(std::string(walk.name()) + std::string(walk.value()));
    return found;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(parts(R"([1,"a,]\"",[2,{"b":3}],{},null])"), (List{"1", R"("a,]\"")", R"([2,{"b":3}])", "{}", "null"}));
  EXPECT_EQ(parts(R"({"a":1,"\"}":[],"c":{"d":"}"}})"), (List{R"("a"1)", R"("\"}"[])", R"("c"{"d":"}"})"}));
  for (const auto* text : {"[]", "{}", "7", "\"[1]\"", "null"}) EXPECT_EQ(parts(text), List{}) << text;
}

TEST(JsonText, compares_by_value) {
  EXPECT_TRUE(json_equal("1", "1.0"));
  EXPECT_TRUE(json_equal("[1,{\"a\":100}]", "[1.00,{\"a\":1e2}]"));
  EXPECT_TRUE(json_equal(R"({"a":1,"b":null})", R"({"b":null,"a":1})"));
  EXPECT_FALSE(json_equal("1", "\"1\""));
  EXPECT_FALSE(json_equal("[1]", "[1,1]"));
  EXPECT_FALSE(json_equal("[]", "{}"));
  EXPECT_FALSE(json_equal(R"({"a":1})", R"({"b":1})"));
  EXPECT_FALSE(json_equal("null", "0"));
}

}  // namespace
}  // namespace sluice
