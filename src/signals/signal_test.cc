// SPDX-License-Identifier: Apache-2.0
#include "signals/signal.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "signals/signal_file.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Signal, has_its_data_as_an_object_or_as_text) {
  const auto object = parse_signal(R"({"id":"a","type":"log","data":{"message":"at {}"}})");
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(object->id, "a");
  EXPECT_EQ(object->data, R"({"message":"at {}"})");
  const auto text = parse_signal(R"({"type":"log","data":"{\"message\":\"x\"}"})");
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(*parse_log(text->data), "x");
}

TEST(Signal, that_is_wrong_says_what_is_wrong) {
  EXPECT_THAT(parse_signal("{").error().message(), HasSubstr("not a JSON object"));
  EXPECT_THAT(parse_signal(R"({"id":"a"})").error().message(), HasSubstr("no 'type'"));
  EXPECT_THAT(parse_execute_snapshot("[]").error().message(), HasSubstr("not a JSON object"));
  EXPECT_THAT(parse_execute_snapshot("{}").error().message(), HasSubstr("no 'data-collections'"));
  EXPECT_THAT(parse_execute_snapshot(R"({"data-collections":[1]})").error().message(), HasSubstr("not a text"));
  EXPECT_THAT(parse_execute_snapshot(R"({"data-collections":["a"],"type":"quick"})").error().message(),
              HasSubstr("no snapshots of type 'quick'"));
  EXPECT_THAT(parse_stop_snapshot(R"({"type":"blocking"})").error().message(), HasSubstr("cannot be stopped"));
  EXPECT_THAT(parse_execute_snapshot(R"({"data-collections":["a"],"additional-conditions":[{"filter":"x"}]})")
                  .error()
                  .message(),
              HasSubstr("'data-collection'"));
  EXPECT_THAT(parse_log("").error().message(), HasSubstr("not a JSON object"));
}

TEST(Signal, with_more_levels_than_anybody_writes_is_refused) {
  constexpr size_t kMany = 500'000;
  const std::string deep = std::string(kMany, '[') + std::string(kMany, ']');
  EXPECT_THAT(parse_signal(R"({"type":"log","data":)" + deep + "}").error().message(),
              HasSubstr("the signal is nested more than 64 levels deep"));
  EXPECT_THAT(parse_signal(R"({"type":"log","data":)" + std::string(kMany, '[')).error().message(),
              HasSubstr("more than 64 levels deep"));
  EXPECT_THAT(parse_log(R"({"message":)" + deep + "}").error().message(), HasSubstr("its data is nested more than 64"));
  const auto good = parse_signal(R"({"type":"log","data":)" + std::string(64, '[') + std::string(64, ']') + "}");
  ASSERT_TRUE(good.has_value()) << good.error().message();
  EXPECT_EQ(good->data.size(), 128U);
}

TEST(Signal, orders_snapshots_with_conditions_and_another_key) {
  const auto order =
      parse_execute_snapshot(R"({"data-collections":["inv\\.item","inv.b"],"type":"INCREMENTAL","surrogate-key":"n",)"
                             R"("additional-conditions":[{"data-collection":"inv.item","filter":"color='blue'"}]})");
  ASSERT_TRUE(order.has_value()) << order.error().message();
  EXPECT_THAT(order->tables, ElementsAre("inv\\.item", "inv.b"));
  EXPECT_EQ(order->surrogate_key, "n");
  EXPECT_FALSE(order->blocking);
  EXPECT_TRUE(parse_execute_snapshot(R"({"data-collections":["a"],"type":"Blocking"})")->blocking);
  ASSERT_EQ(order->conditions.size(), 1U);
  EXPECT_EQ(order->conditions[0].filter, "color='blue'");
  EXPECT_TRUE(parse_stop_snapshot("")->empty());
  EXPECT_THAT(*parse_stop_snapshot(R"({"data-collections":["a"]})"), ElementsAre("a"));
}

TEST(Signal, names_tables_by_patterns_that_match_the_whole_name) {
  EXPECT_TRUE(matches_table("inv\\.item", "inv.item"));
  EXPECT_TRUE(matches_table("inv.*", "inv.item"));
  EXPECT_FALSE(matches_table("inv", "inv.item"));
  EXPECT_TRUE(matches_table("a[", "a["));
  EXPECT_FALSE(matches_table("a[", "b"));
}

TEST(SignalFile, gives_each_line_once_and_keeps_what_is_not_whole) {
  const auto path = std::filesystem::path(testing::TempDir()) / "signals_of_signal_file_test";
  std::ofstream(path) << "{\"type\":\"a\"}\n\nnonsense\n{\"type\":\"b\"}\n{\"type\":";
  SignalFile file(path.string());
  const auto first = file.read().value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[1].type, "b");
  std::ofstream(path, std::ios::app) << "\"c\"}";
  ASSERT_TRUE(file.clear().has_value());
  const auto second = file.read().value();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].type, "c");
  ASSERT_TRUE(file.clear().has_value());
  EXPECT_TRUE(file.read().value().empty());
  std::filesystem::remove(path);
  EXPECT_TRUE(file.read().value().empty());
}

TEST(SignalFile, of_which_another_one_was_made_meanwhile_is_kept) {
  const auto path = std::filesystem::path(testing::TempDir()) / "signals_of_signal_file_made_anew_test";
  const std::string other = "{\"type\":\"other\"}\n";
  for (const std::string& anew : {other, other + other + other + other, std::string()}) {
    std::ofstream(path) << "{\"type\":\"first\"}\n{\"type\":\"second\"}\n";
    SignalFile file(path.string());
    ASSERT_EQ(file.read().value().size(), 2U);
    std::ofstream(path) << anew;
    ASSERT_TRUE(file.clear().has_value());
    EXPECT_EQ(file.read().value().size(), anew.size() / other.size());
    ASSERT_TRUE(file.clear().has_value());
    EXPECT_TRUE(file.read().value().empty());
  }
  std::filesystem::remove(path);
}

TEST(SignalFile, passes_over_what_was_obeyed_and_not_removed) {
  const auto path = std::filesystem::path(testing::TempDir()) / "signals_of_signal_file_obeyed_test";
  const std::string line = "{\"type\":\"a\"}\n";
  std::ofstream(path) << line << line;
  SignalFile killed(path.string());
  ASSERT_EQ(killed.read().value().size(), 2U);
  std::ofstream(path, std::ios::app) << "{\"type\":\"b\"}\nnonsense\n";
  SignalFile file(path.string(), killed.mark());
  testing::internal::CaptureStderr();
  const auto rest = file.read().value();
  EXPECT_NE(testing::internal::GetCapturedStderr().find(":4: "), std::string::npos);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].type, "b");
  ASSERT_TRUE(file.clear().has_value());
  EXPECT_EQ(std::filesystem::file_size(path), 0U);
  // What is written now is new, whatever it says; and so is another file.
  std::ofstream(path) << line << line;
  EXPECT_EQ(file.read().value().size(), 2U);
  std::ofstream(path) << line << "{\"type\":\"c\"}\n";
  EXPECT_EQ(SignalFile(path.string(), killed.mark()).read().value().size(), 2U);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sluice
