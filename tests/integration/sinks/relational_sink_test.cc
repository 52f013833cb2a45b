// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "integration/sinks/relational_sink_fixture.h"
#include "support/ok.h"

namespace sluice {
namespace {

TEST_P(RelationalSinkTest, applies_the_net_effect_of_a_batch) {
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).read({"1", "a", "1"}).read({"2", "b", "2"}).read({"3", "c", "3"}), true);
  commit("p1");
  write(Batch(schema)
            .update({"1", "a", "1"}, {"1", "a2", kNull})
            .update({"2", "b", "2"}, {"9", "b", "2"})
            .erase({"3", "c", "3"})
            .insert({"3", "new", "33"})
            .insert({"4", "x", "4"})
            .erase({"4", "x", "4"})
            .insert({"2", "again", "22"}));
  commit("p2");
  EXPECT_EQ(table(schema), (Rows{{"1", "a2", kNull}, {"2", "again", "22"}, {"3", "new", "33"}, {"9", "b", "2"}}));
  EXPECT_EQ(position_of("lane/0"), "p2");
}

TEST_P(RelationalSinkTest, snapshot_rows_replace_what_is_there) {
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).insert({"1", "old", "1"}));
  commit("p1");
  write(Batch(schema).read({"1", "new", "2"}).read({"2", "b", "2"}), false);
  commit("p2");
  EXPECT_EQ(table(schema), (Rows{{"1", "new", "2"}, {"2", "b", "2"}}));
}

TEST_P(RelationalSinkTest, absent_values_are_left_as_they_are) {
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).insert({"1", "a", "1"}).insert({"2", "b", "2"}).insert({"3", "c", "3"}));
  commit("p1");
  write(Batch(schema)
            .update({"1", kGone, kGone}, {"1", kGone, "11"})
            .update({"2", kGone, kGone}, {"2", kNull, kGone})
            .update({"3", kGone, kGone}, {"5", "moved", kGone})
            .insert({"6", "f", "6"})
            .update({"6", kGone, kGone}, {"6", kGone, "66"}));
  commit("p2");
  EXPECT_EQ(table(schema), (Rows{{"1", "a", "11"}, {"2", kNull, "2"}, {"5", "moved", "3"}, {"6", "f", "66"}}));
  const auto missing = write_error(Batch(schema).update({"77", kGone, kGone}, {"77", kGone, "1"}));
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->code(), ErrorCode::kData) << missing->describe();
}

TEST_P(RelationalSinkTest, composite_text_keys_that_differ_in_case_are_different_rows) {
  const auto schema =
      make_schema("keys",
                  {column("a", not_null({.kind = TypeKind::kString, .length = 20})),
                   column("n", {.kind = TypeKind::kInt32}), column("b", not_null({.kind = TypeKind::kInt64}))},
                  {2, 0});
  create(schema);
  write(Batch(schema)
            .insert({"x", "1", "1"})
            .insert({"X", "2", "1"})
            .insert({"x ", "3", "1"})
            .insert({"\xC3\xA9", "4", "1"}));
  write(Batch(schema).erase({"X", "2", "1"}).update({"x", "1", "1"}, {"x", "7", "1"}));
  commit("p");
  EXPECT_EQ(table(schema), (Rows{{"x", "7", "1"}, {"x ", "3", "1"}, {"\xC3\xA9", "4", "1"}}));
}

// What is set for every session of the target's server.
TEST_P(RelationalSinkTest, limits_of_the_server_do_not_reach_its_reader) {
  if (GetParam() == "sqlite" || GetParam() == "postgres") GTEST_SKIP() << "has no such settings";
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).insert({"1", "a", "10"}).insert({"2", "b", "20"}).insert({"3", "c", "30"}));
  commit("p");
  ASSERT_OK(server().execute("SET GLOBAL sql_select_limit = 2"));
  const Rows rows = table(schema);
  ASSERT_OK(server().execute("SET GLOBAL sql_select_limit = DEFAULT"));
  EXPECT_EQ(rows.size(), 3u);
}

TEST_P(RelationalSinkTest, a_writer_thrown_away_before_commit_leaves_nothing) {
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).insert({"1", "a", "1"}));
  commit("p1");
  write(Batch(schema).insert({"2", "b", "2"}));
  writer_.reset();
  EXPECT_EQ(table(schema), (Rows{{"1", "a", "1"}}));
  EXPECT_EQ(position_of("lane/0"), "p1");
}

TEST_P(RelationalSinkTest, an_older_epoch_cannot_commit_and_leaves_nothing) {
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).insert({"1", "a", "1"}));
  commit("p1");
  auto successor = sink_->open_ledger(context_, "job-1");
  ASSERT_OK(successor);
  const auto epoch = (*successor)->take_over(context_);
  ASSERT_OK(epoch);
  EXPECT_EQ(*epoch, epoch_ + 1);

  write(Batch(schema).insert({"2", "zombie", "2"}));
  const auto refused = writer_->commit(context_, {"lane/0", "p2", ""});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kFenced);
  writer_.reset();
  const std::vector<LedgerEntry> put{{"lane/9", "", ""}};
  EXPECT_EQ(ledger_->update(context_, put, {}).error().code(), ErrorCode::kFenced);

  auto next = open_writer(*epoch);
  ASSERT_OK(next->write(context_, Batch(schema).insert({"3", "next", "3"}).batch, false));
  ASSERT_OK(next->commit(context_, {"lane/0", "p3", "{}"}));
  EXPECT_EQ(table(schema), (Rows{{"1", "a", "1"}, {"3", "next", "3"}}));
  EXPECT_EQ(position_of("lane/0"), "p3");
}

TEST_P(RelationalSinkTest, an_entry_that_was_not_planned_cannot_be_committed) {
  const auto schema = simple_schema();
  create(schema);
  write(Batch(schema).insert({"1", "a", "1"}));
  EXPECT_FALSE(writer_->commit(context_, {"lane/77", "p", ""}).has_value());
  writer_.reset();
  EXPECT_EQ(table(schema), Rows{});
}

TEST_P(RelationalSinkTest, ledger_entries_hold_long_positions_and_are_replaced_and_removed) {
  std::string position(20'000, 'g');
  position += kNastyText;
  const std::vector<LedgerEntry> put{
      {"lane/0", position, "{\"a\":\"b'\"}"}, {"schema/shop.T", "", "x"}, {"schema/shop.t", "", "y"}};
  ASSERT_OK(ledger_->update(context_, put, {}));
  const std::vector<std::string> gone{"lane/1"};
  ASSERT_OK(ledger_->update(context_, {}, gone));
  auto entries = ledger_->load(context_);
  ASSERT_OK(entries);
  EXPECT_THAT(*entries, testing::IsSupersetOf(put));
  EXPECT_EQ(position_of("lane/1"), "none");
  EXPECT_EQ(position_of("job"), "");
  ASSERT_OK(writer_->commit(context_, {"chunk/shop.t/0", position, "d"}));
  EXPECT_EQ(position_of("chunk/shop.t/0"), position);
}

TEST_P(RelationalSinkTest, schema_changes_may_be_made_twice) {
  const auto first = simple_schema();
  const auto apply_twice = [this](const SchemaChange& change) {
    ASSERT_OK(sink_->apply(context_, change));
    ASSERT_OK(sink_->apply(context_, change));
    EXPECT_TRUE(change.kind == SchemaChangeKind::kAlterTableComment || !sink_->ddl_for(change).empty());
  };
  apply_twice({.kind = SchemaChangeKind::kCreateTable, .after = first});
  write(Batch(first).insert({"1", "a", "1"}));
  commit("p1");

  auto second = std::make_shared<TableSchema>(*first);
  second->columns.push_back(column("note", {.kind = TypeKind::kString, .length = 10}));
  second->columns.push_back(column("state", not_null({.kind = TypeKind::kInt16})));
  second->columns.back().default_expression = "5";
  apply_twice({.kind = SchemaChangeKind::kAddColumns, .before = first, .after = second, .columns = {"note", "state"}});
  EXPECT_EQ(table(second), (Rows{{"1", "a", "1", kNull, "5"}}));

  auto third = std::make_shared<TableSchema>(*second);
  third->columns[3].name = "remark";
  apply_twice({.kind = SchemaChangeKind::kRenameColumn,
               .before = second,
               .after = third,
               .columns = {"note"},
               .new_names = {"remark"}});
  auto fourth = std::make_shared<TableSchema>(*third);
  fourth->columns[2].type = {.kind = TypeKind::kDecimal, .precision = 12, .scale = 2};
  fourth->columns[4].type.nullable = true;
  fourth->columns[4].type.kind = TypeKind::kInt32;
  apply_twice(
      {.kind = SchemaChangeKind::kAlterColumnType, .before = third, .after = fourth, .columns = {"amount", "state"}});
  write(Batch(fourth).insert({"2", "b", "2.50", "hello", kNull}));
  commit("p2");
  EXPECT_EQ(table(fourth), (Rows{{"1", "a", "1.00", kNull, "5"}, {"2", "b", "2.50", "hello", kNull}}));

  auto fifth = std::make_shared<TableSchema>(*fourth);
  fifth->columns.erase(fifth->columns.begin() + 1);
  apply_twice({.kind = SchemaChangeKind::kDropColumns, .before = fourth, .after = fifth, .columns = {"name"}});
  auto commented = std::make_shared<TableSchema>(*fifth);
  commented->comment = "it's \\ a comment";
  apply_twice({.kind = SchemaChangeKind::kAlterTableComment, .before = fifth, .after = commented});
  write(Batch(fifth).insert({"3", "3.00", "x", "1"}));
  commit("p3");
  EXPECT_EQ(table(fifth).size(), 3u);
  EXPECT_FALSE(*sink_->is_empty(context_, fifth->id));
  apply_twice({.kind = SchemaChangeKind::kTruncateTable, .before = fifth, .after = fifth});
  EXPECT_TRUE(*sink_->is_empty(context_, fifth->id));
  apply_twice({.kind = SchemaChangeKind::kDropTable, .before = fifth});
  EXPECT_EQ(*sink_->find_table(context_, fifth->id), nullptr);
}

TEST_P(RelationalSinkTest, finds_tables_as_they_are) {
  auto found = sink_->find_table(context_, {"shop", "t"});
  ASSERT_OK(found);
  EXPECT_EQ(*found, nullptr);
  const auto schema = make_schema(
      "t",
      {column("b", not_null({.kind = TypeKind::kString, .length = 20})),
       column("n", {.kind = TypeKind::kDecimal, .precision = 10, .scale = 2}),
       column("a", not_null({.kind = TypeKind::kInt64})), column("at", {.kind = TypeKind::kTimestamp, .precision = 3})},
      {2, 0});
  create(schema);
  found = sink_->find_table(context_, schema->id);
  ASSERT_OK(found);
  ASSERT_NE(*found, nullptr);
  EXPECT_EQ((*found)->key, schema->key);
  ASSERT_EQ((*found)->columns.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*found)->columns[i].name, schema->columns[i].name);
    EXPECT_EQ((*found)->columns[i].type.kind, schema->columns[i].type.kind);
    EXPECT_EQ((*found)->columns[i].type.nullable, schema->columns[i].type.nullable);
    EXPECT_EQ((*found)->columns[i].type.length, schema->columns[i].type.length);
    EXPECT_EQ((*found)->columns[i].type.precision, schema->columns[i].type.precision);
  }
  EXPECT_TRUE(*sink_->is_empty(context_, schema->id));
}

TEST_P(RelationalSinkTest, reads_ranges_of_integer_keys) {
  const auto schema = simple_schema();
  create(schema);
  Batch batch(schema);
  for (int i = -5; i < 15; ++i) batch.read({std::to_string(i), "x", "1"});
  write(batch, true);
  commit("p");
  const auto ids = [&](std::optional<std::string> lower, std::optional<std::string> upper) {
    std::vector<int> result;
    for (const Row& row : table(schema, {.lower = std::move(lower), .upper = std::move(upper)})) {
      result.push_back(std::stoi(*row[0]));
    }
    std::ranges::sort(result);
    return result;
  };
  EXPECT_THAT(ids("-1", "3"), testing::ElementsAre(-1, 0, 1, 2));
  EXPECT_THAT(ids(std::nullopt, "-3"), testing::ElementsAre(-5, -4));
  EXPECT_THAT(ids("13", std::nullopt), testing::ElementsAre(13, 14));
}

TEST_P(RelationalSinkTest, identifiers_are_quoted) {
  const auto schema = make_schema(
      "odd \"table`s\" 'x'",
      {column("select", not_null({.kind = TypeKind::kInt32})),
       column("a \"b\" `c` 'd' \\", {.kind = TypeKind::kString}), column("\xC3\xBC", {.kind = TypeKind::kInt32})},
      {0});
  create(schema);
  write(Batch(schema).read({"1", "x", "1"}), true);
  write(Batch(schema).insert({"2", "y", "2"}).update({"1", "x", "1"}, {"1", "z", "1"}));
  commit("p");
  EXPECT_EQ(table(schema), (Rows{{"1", "z", "1"}, {"2", "y", "2"}}));
}

TEST_P(RelationalSinkTest, errors_name_table_and_column_and_no_value) {
  const auto missing = write_error(Batch(simple_schema("nowhere")).insert({"1", "a", "1"}));
  ASSERT_TRUE(missing.has_value());
  EXPECT_THAT(missing->message(), testing::HasSubstr("shop.nowhere"));

  const auto narrow = make_schema("narrow",
                                  {column("id", not_null({.kind = TypeKind::kInt32})),
                                   column("name", not_null({.kind = TypeKind::kString, .length = 3}))},
                                  {0});
  create(narrow);
  auto wider = std::make_shared<TableSchema>(*narrow);
  wider->columns.push_back(column("extra", {.kind = TypeKind::kInt32}));
  const auto unknown = write_error(Batch(wider).insert({"1", "a", "1"}));
  ASSERT_TRUE(unknown.has_value());
  EXPECT_THAT(unknown->message(), testing::AllOf(testing::HasSubstr("shop.narrow"), testing::HasSubstr("extra")));

  const auto null = write_error(Batch(narrow).insert({"1", kNull}));
  ASSERT_TRUE(null.has_value());
  EXPECT_THAT(null->message(), testing::HasSubstr("shop.narrow"));
  EXPECT_EQ(null->code(), ErrorCode::kData) << null->describe();
  if (GetParam() == "sqlite") return;  // keeps text of any length
  auto longer = std::make_shared<TableSchema>(*narrow);
  longer->columns[1].type.length = 0;
  const auto too_long = write_error(Batch(longer).insert({"1", "secret"}));
  ASSERT_TRUE(too_long.has_value());
  EXPECT_THAT(too_long->message(), testing::HasSubstr("shop.narrow"));
  EXPECT_THAT(too_long->describe(), testing::Not(testing::HasSubstr("secret")));
  EXPECT_EQ(too_long->code(), ErrorCode::kData) << too_long->describe();
}

TEST_P(RelationalSinkTest, columns_beyond_the_schema_are_left_alone) {
  const auto schema = simple_schema();
  auto wide = std::make_shared<TableSchema>(*schema);
  wide->columns.push_back(column("own", {.kind = TypeKind::kString}));
  create(wide);
  write(Batch(wide).insert({"1", "a", "1", "kept"}));
  write(Batch(schema).update({"1", "a", "1"}, {"1", "b", "2"}));
  commit("p");
  EXPECT_EQ(table(wide), (Rows{{"1", "b", "2", "kept"}}));
}

TEST_P(RelationalSinkTest, bulk_paths_of_two_tables_alternate) {
  const auto one = simple_schema("one");
  const auto two = simple_schema("two");
  create(one);
  create(two);
  Rows expected;
  for (int i = 0; i < 10; ++i) {
    const Row row{std::to_string(i), kNastyText, std::to_string(i)};
    expected.push_back(row);
    write(Batch(i % 3 == 0 ? one : two).read(row), true);
    write(Batch(i % 3 == 0 ? two : one).read(row), true);
  }
  commit("p");
  EXPECT_EQ(table(one), expected);
  EXPECT_EQ(table(two), expected);
}

TEST_P(RelationalSinkTest, a_table_made_for_a_copy_is_whole_when_the_copy_is_finished) {
  const auto schema =
      make_schema("t",
                  {column("b", not_null({.kind = TypeKind::kInt32})), column("v", {.kind = TypeKind::kInt32}),
                   column("a \"x\"", not_null({.kind = TypeKind::kInt32}))},
                  {2, 0});
  ASSERT_OK(sink_->create_for_copy(context_, schema));
  ASSERT_OK(sink_->create_for_copy(context_, schema));
  EXPECT_TRUE(*sink_->is_empty(context_, schema->id));
  write(Batch(schema).read({"1", "0", "1"}).read({"2", "0", "1"}), true);
  commit("p1");
  ASSERT_OK(writer_->finish_copy(context_, schema->id));
  ASSERT_OK(writer_->finish_copy(context_, schema->id));
  const auto found = sink_->find_table(context_, schema->id);
  ASSERT_OK(found);
  EXPECT_EQ((*found)->key, schema->key);
  auto unfinished = sink_->unfinished_copies(context_);
  ASSERT_OK(unfinished);
  EXPECT_THAT(*unfinished, testing::IsEmpty());
  write(Batch(schema).update({"1", "0", "1"}, {"1", "7", "1"}).erase({"2", "0", "1"}).insert({"2", "8", "2"}));
  commit("p2");
  EXPECT_EQ(table(schema), (Rows{{"1", "7", "1"}, {"2", "8", "2"}}));
}

INSTANTIATE_TEST_SUITE_P(AllSinks, RelationalSinkTest, testing::Values("sqlite", "postgres", "mariadb", "mysql"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace sluice
