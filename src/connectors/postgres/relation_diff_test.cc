// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/relation_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "connectors/postgres/row_plan.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kInt = 23;
constexpr uint32_t kBigint = 20;
constexpr uint32_t kText = 25;

DataType type_of(uint32_t type) {
  if (type == kInt) return {.kind = TypeKind::kInt32, .source_type = "integer"};
  if (type == kBigint) return {.kind = TypeKind::kInt64, .source_type = "bigint"};
  return {.kind = TypeKind::kString, .source_type = "text"};
}

struct Col {
  int16_t attribute;
  std::string name;
  uint32_t type;
  bool nullable = true;
};

PostgresTable table_of(const std::vector<Col>& columns) {
  PostgresTable table{.oid = 7};
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"public", "t"};
  schema->key = {0};
  for (const Col& col : columns) {
    DataType type = type_of(col.type);
    type.nullable = col.nullable;
    schema->columns.push_back({.name = col.name, .type = std::move(type), .comment = {}, .default_expression = {}});
    table.columns.push_back({.attribute = col.attribute, .type = col.type, .modifier = -1});
  }
  table.schema = std::move(schema);
  return table;
}

// The shape that the log tells of the table.
PgoutputRelation shape_of(const PostgresTable& table) {
  PgoutputRelation shape{.oid = table.oid, .id = table.schema->id, .identity = 'd', .columns = {}};
  for (size_t i = 0; i < table.columns.size(); ++i) {
    shape.columns.push_back({.identity = table.schema->is_key(static_cast<uint32_t>(i)),
                             .name = table.schema->columns[i].name,
                             .type = table.columns[i].type,
                             .modifier = -1});
  }
  return shape;
}

RelationCatalog catalog_of(std::optional<PostgresTable> today, const std::map<int16_t, AddedValue>& added = {}) {
  return {.today = std::move(today),
          .type = [](uint32_t type, int32_t) -> Result<DataType> { return type_of(type); },
          .added = [added](int16_t attribute) -> Result<AddedValue> {
            const auto found = added.find(attribute);
            return found == added.end() ? AddedValue{} : found->second;
          }};
}

// "drop a", "rename a>b", "add c", "alter d", "create"
std::vector<std::string> words(const RelationDiff& diff) {
  std::vector<std::string> out;
  for (const auto& change : diff.changes) {
    const std::string verb = change.kind == SchemaChangeKind::kAddColumns        ? "add"
                             : change.kind == SchemaChangeKind::kDropColumns     ? "drop"
                             : change.kind == SchemaChangeKind::kRenameColumn    ? "rename"
                             : change.kind == SchemaChangeKind::kAlterColumnType ? "alter"
                                                                                 : "create";
    for (size_t i = 0; i < change.columns.size(); ++i) {
      out.push_back(verb + " " + change.columns[i] + (verb == "rename" ? ">" + change.new_names[i] : ""));
    }
    if (change.columns.empty()) out.push_back(verb);
  }
  return out;
}

RelationDiff diff_between(const PostgresTable& before, const PostgresTable& after, RelationCatalog catalog) {
  auto diff = diff_relation(shape_of(after), before, catalog);
  EXPECT_TRUE(diff.has_value()) << (diff ? "" : diff.error().describe());
  return std::move(diff).value();
}

const PostgresTable kBefore = table_of({{1, "id", kInt, false}, {2, "a", kText}, {3, "b", kInt}});

TEST(RelationDiff, the_same_shape_is_no_change) {
  const auto diff = diff_between(kBefore, kBefore, catalog_of(kBefore));
  EXPECT_THAT(diff.changes, IsEmpty());
  EXPECT_EQ(diff.table.schema, kBefore.schema);
  EXPECT_EQ(diff.copy_reason, "");
}

TEST(RelationDiff, attribute_numbers_tell_a_renamed_column_from_a_new_one) {
  const auto renamed = table_of({{1, "id", kInt, false}, {2, "c", kText}, {3, "b", kInt}});
  EXPECT_THAT(words(diff_between(kBefore, renamed, catalog_of(renamed))), ElementsAre("rename a>c"));
  const auto replaced = table_of({{1, "id", kInt, false}, {3, "b", kInt}, {4, "c", kText}});
  EXPECT_THAT(words(diff_between(kBefore, replaced, catalog_of(replaced, {{4, {.known = true}}}))),
              ElementsAre("drop a", "add c"));
}

TEST(RelationDiff, several_changes_come_in_an_order_that_can_be_carried_out) {
  const auto after = table_of({{1, "id", kInt, false}, {3, "a", kBigint}, {4, "b", kText}});
  const auto diff = diff_between(kBefore, after, catalog_of(after, {{4, {.known = true, .text = "it's \\"}}}));
  // The name 'a' is free only after the column of that name is gone.
  EXPECT_THAT(words(diff), ElementsAre("drop a", "rename b>a", "alter a", "add b"));
  EXPECT_EQ(diff.copy_reason, "");
  EXPECT_EQ(diff.changes.back().after->columns[2].default_expression, "'it''s \\\\'");
  EXPECT_EQ(diff.table.columns[1].attribute, 3);
  for (size_t i = 1; i < diff.changes.size(); ++i) EXPECT_EQ(*diff.changes[i].before, *diff.changes[i - 1].after);
}

TEST(RelationDiff, a_column_whose_old_rows_are_not_known_needs_a_copy) {
  const auto after = table_of({{1, "id", kInt, false}, {2, "a", kText}, {3, "b", kInt}, {4, "c", kText}});
  const auto diff = diff_between(kBefore, after, catalog_of(after));
  EXPECT_THAT(diff.copy_reason, HasSubstr("'c'"));
  EXPECT_THAT(words(diff), ElementsAre("create"));
}

TEST(RelationDiff, types_that_widen_are_followed_and_others_copied) {
  const auto wider = table_of({{1, "id", kBigint, false}, {2, "a", kText}, {3, "b", kBigint}});
  const auto diff = diff_between(kBefore, wider, catalog_of(wider));
  EXPECT_THAT(words(diff), ElementsAre("alter id", "alter b"));
  EXPECT_EQ(diff.copy_reason, "");
  const auto other = table_of({{1, "id", kInt, false}, {2, "a", kInt}, {3, "b", kInt}});
  EXPECT_THAT(diff_between(kBefore, other, catalog_of(other)).copy_reason, HasSubstr("type of column 'a'"));
}

TEST(RelationDiff, a_lost_not_null_is_followed_and_a_new_one_is_not) {
  const auto loose = table_of({{1, "id", kInt, false}, {2, "a", kText, true}});
  const auto strict = table_of({{1, "id", kInt, false}, {2, "a", kText, false}});
  EXPECT_THAT(words(diff_between(strict, loose, catalog_of(loose))), ElementsAre("alter a"));
  EXPECT_THAT(words(diff_between(loose, strict, catalog_of(strict))), IsEmpty());
}

TEST(RelationDiff, a_catalog_that_has_moved_on_is_believed_only_where_it_is_certain) {
  const auto added = table_of({{1, "id", kInt, false}, {2, "a", kText}, {3, "b", kInt}, {4, "c", kText}});
  const auto later =
      table_of({{1, "id", kInt, false}, {2, "a", kText}, {3, "b", kInt}, {4, "c", kText}, {5, "d", kText}});
  EXPECT_THAT(words(diff_between(kBefore, added, catalog_of(later, {{4, {.known = true}}}))), ElementsAre("add c"));
  // 'c' has another name by now: the shape does not say which column it was.
  const auto renamed =
      table_of({{1, "id", kInt, false}, {2, "a", kText}, {3, "b", kInt}, {4, "e", kText}, {5, "d", kText}});
  EXPECT_NE(diff_between(kBefore, added, catalog_of(renamed, {{4, {.known = true}}})).copy_reason, "");
  // The table is gone, the column that is missing with it.
  const auto dropped = table_of({{1, "id", kInt, false}, {3, "b", kInt}});
  EXPECT_THAT(words(diff_between(kBefore, dropped, catalog_of(std::nullopt))), ElementsAre("drop a"));
  // Dropped and added again, with the same name and type.
  const auto again = table_of({{1, "id", kInt, false}, {2, "a", kText}, {4, "b", kInt}});
  EXPECT_NE(diff_between(kBefore, kBefore, catalog_of(again)).copy_reason, "");
}

TEST(RelationDiff, columns_that_exchange_names_and_changed_keys_need_a_copy) {
  const auto exchanged = table_of({{1, "id", kInt, false}, {2, "b", kText}, {3, "a", kInt}});
  EXPECT_NE(diff_between(kBefore, exchanged, catalog_of(exchanged)).copy_reason, "");
  auto other_key = kBefore;
  auto schema = std::make_shared<TableSchema>(*kBefore.schema);
  schema->key = {2};
  other_key.schema = schema;
  EXPECT_THAT(diff_between(kBefore, other_key, catalog_of(other_key)).copy_reason, HasSubstr("primary key"));
  // Changed later than this shape.
  EXPECT_EQ(diff_between(kBefore, kBefore, catalog_of(other_key)).copy_reason, "");
}

// As of the catalog such a table has no key; the log flags the columns that it has of it.
TEST(RelationDiff, a_primary_key_with_a_generated_column_is_none) {
  auto keyless = kBefore;
  auto schema = std::make_shared<TableSchema>(*kBefore.schema);
  schema->key.clear();
  keyless.schema = schema;
  auto diff = diff_relation(shape_of(kBefore), keyless, catalog_of(keyless));
  ASSERT_TRUE(diff.has_value());
  EXPECT_EQ(diff->copy_reason, "");
  EXPECT_THAT(diff->changes, IsEmpty());
  auto shape = shape_of(kBefore);
  shape.columns.pop_back();
  const auto met = new_relation(shape, catalog_of(keyless));
  ASSERT_TRUE(met.has_value());
  EXPECT_THAT(met->schema->key, IsEmpty());
  // A key that it got since is one.
  EXPECT_THAT(diff_between(keyless, kBefore, catalog_of(kBefore)).copy_reason, HasSubstr("primary key"));
}

std::vector<PgoutputField> row(const std::vector<std::string>& texts) {
  std::vector<PgoutputField> fields;
  for (const auto& text : texts) {
    fields.push_back(text == "u" ? PgoutputField{PgoutputValue::kUnchanged, {}}
                                 : PgoutputField{PgoutputValue::kText, text});
  }
  return fields;
}

TEST(PostgresRowPlan, a_value_out_of_line_that_did_not_change_is_absent_unless_the_old_row_has_it) {
  auto shape = shape_of(kBefore);
  PostgresRowPlan plan(shape, kBefore, nullptr);
  ChangeBatch batch(plan.schema());
  PgoutputMessage update{.kind = PgoutputKind::kUpdate};
  const std::vector<std::string> after = {"1", "u", "5"};
  const std::vector<std::string> before = {"1", "long", "4"};
  update.new_row = row(after);
  ASSERT_TRUE(plan.append(update, {}, batch).has_value());
  EXPECT_THAT(batch.kinds, ElementsAre(RowKind::kUpdateBefore, RowKind::kUpdateAfter));
  EXPECT_EQ(batch.columns[0].int_at(0), 1);
  EXPECT_EQ(batch.columns[1].presence(0), Presence::kAbsent);
  EXPECT_EQ(batch.columns[2].presence(0), Presence::kAbsent);
  EXPECT_EQ(batch.columns[1].presence(1), Presence::kAbsent);
  EXPECT_EQ(batch.columns[2].int_at(1), 5);

  update.old_kind = 'O';
  update.old_row = row(before);
  batch.clear();
  ASSERT_TRUE(plan.append(update, {}, batch).has_value());
  EXPECT_EQ(batch.columns[1].bytes_at(1), "long");
  EXPECT_EQ(batch.columns[2].int_at(0), 4);
}

TEST(PostgresRowPlan, an_update_without_the_key_in_the_replica_identity_stops) {
  auto shape = shape_of(kBefore);
  shape.identity = 'i';
  shape.columns[0].identity = false;
  shape.columns[2].identity = true;
  PostgresRowPlan plan(shape, kBefore, nullptr);
  ChangeBatch batch(plan.schema());
  PgoutputMessage message{.kind = PgoutputKind::kDelete, .old_kind = 'K'};
  const std::vector<std::string> old_row = {"1", "a", "2"};
  message.old_row = row(old_row);
  const auto done = plan.append(message, {}, batch);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(std::string(done.error().advice()), HasSubstr("REPLICA IDENTITY DEFAULT"));
  message.kind = PgoutputKind::kInsert;
  message.new_row = message.old_row;
  EXPECT_TRUE(plan.append(message, {}, batch).has_value());
}

TEST(PostgresRowPlan, rows_of_an_older_shape_get_what_rows_got_that_were_there) {
  const auto after = table_of({{1, "id", kInt, false}, {2, "c", kText}, {3, "b", kInt}, {4, "d", kText}});
  const auto diff = diff_between(kBefore, after, catalog_of(after, {{4, {.known = true, .text = "x"}}}));
  const PostgresColumnsBefore before{.commit = {}, .columns = {{"id", 1}, {"a", 2}, {"b", 3}}};
  PostgresRowPlan plan(shape_of(kBefore), diff.table, &before);
  EXPECT_TRUE(plan.certain());
  ChangeBatch batch(plan.schema());
  PgoutputMessage insert{.kind = PgoutputKind::kInsert};
  const std::vector<std::string> texts = {"1", "old", "2"};
  insert.new_row = row(texts);
  ASSERT_TRUE(plan.append(insert, {}, batch).has_value());
  EXPECT_EQ(batch.columns[1].bytes_at(0), "old");
  EXPECT_EQ(batch.columns[3].bytes_at(0), "x");
  // Without the names: 'a' may be 'c' or may be gone.
  EXPECT_FALSE(PostgresRowPlan(shape_of(kBefore), diff.table, nullptr).certain());
  // In the middle 'b' is the column of before or that of after.
  const auto swapped = table_of({{1, "id", kInt, false}, {2, "b", kText}, {3, "a", kInt}});
  const auto middle = table_of({{1, "id", kInt, false}, {2, "b", kText}, {3, "c", kInt}});
  EXPECT_TRUE(PostgresRowPlan(shape_of(kBefore), swapped, &before).certain());
  EXPECT_FALSE(PostgresRowPlan(shape_of(middle), swapped, &before).certain());
  EXPECT_TRUE(PostgresRowPlan(shape_of(swapped), swapped, nullptr).certain());
}

TEST(PostgresRowPlan, a_column_that_took_the_name_of_a_dropped_one_does_not_get_its_values) {
  const auto after = table_of({{1, "id", kInt, false}, {3, "b", kInt}, {4, "a", kText}});
  const PostgresColumnsBefore before{.commit = {}, .columns = {{"id", 1}, {"a", 2}, {"b", 3}}};
  PostgresRowPlan plan(shape_of(kBefore), after, &before);
  EXPECT_TRUE(plan.certain());
  ChangeBatch batch(plan.schema());
  PgoutputMessage insert{.kind = PgoutputKind::kInsert};
  const std::vector<std::string> texts = {"1", "old", "2"};
  insert.new_row = row(texts);
  ASSERT_TRUE(plan.append(insert, {}, batch).has_value());
  EXPECT_EQ(batch.columns[1].int_at(0), 2);
  EXPECT_FALSE(batch.columns[2].has_value(0));
  // In the same place: a row may be of either.
  const auto same_place = table_of({{1, "id", kInt, false}, {2, "a", kText}, {4, "b", kInt}});
  EXPECT_FALSE(PostgresRowPlan(shape_of(kBefore), same_place, &before).certain());
}

}  // namespace
}  // namespace sluice
