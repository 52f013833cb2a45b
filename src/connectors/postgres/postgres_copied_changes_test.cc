// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_copied_changes.h"

#include <gmock/gmock.h>

#include <memory>

#include "connectors/postgres/postgres_lsn.h"

namespace sluice {
namespace {

using testing::ElementsAre;

Position at(uint64_t lsn) { return Lsn{lsn}.position(); }

// Table t was copied in two chunks: keys below 100 at place 80, the others at 160. Table u was copied at 80.
class PostgresCopiedChangesTest : public testing::Test {
 protected:
  void SetUp() override {
    schema_ = table("t");
    const TableId u{"s", "u"};
    std::vector<FinishedChunk> chunks = {
        {.chunk = {.table = schema_->id, .index = 0, .lower = {}, .upper = "100"}, .position = at(80)},
        {.chunk = {.table = schema_->id, .index = 1, .lower = "100", .upper = {}}, .position = at(160)},
        {.chunk = {.table = u, .index = 0, .lower = {}, .upper = {}}, .position = at(80)}};
    auto made = make_postgres_copied_changes(options_, chunks);
    ASSERT_TRUE(made.has_value());
    changes_ = std::move(made).value();
  }

  static TableSchemaPtr table(const std::string& name) {
    TableSchema schema;
    schema.id = {"s", name};
    schema.columns = {{.name = "id", .type = {.kind = TypeKind::kInt32, .nullable = false}}};
    schema.key = {0};
    return std::make_shared<const TableSchema>(std::move(schema));
  }
  static void add(ChangeBatch& batch, RowKind kind, int id, uint32_t transaction) {
    batch.kinds.push_back(kind);
    batch.columns[0].append_int(id);
    batch.origins.push_back({.transaction = transaction});
  }
  static SchemaChange truncation(const TableSchemaPtr& schema) {
    return {
        .kind = SchemaChangeKind::kTruncateTable, .before = schema, .after = schema, .columns = {}, .new_names = {}};
  }
  SchemaChangeEvent drop_from(SchemaChangeEvent event) {
    StreamElement element = std::move(event);
    EXPECT_TRUE(changes_->drop_from(element).has_value());
    return std::get<SchemaChangeEvent>(element);
  }

  PostgresSourceOptions options_;
  TableSchemaPtr schema_;
  std::unique_ptr<CopiedChanges> changes_;
};

TEST_F(PostgresCopiedChangesTest, rows_go_by_their_transaction_and_their_chunk) {
  ChangeBatch batch(schema_);
  // Before both chunks, between them also behind what the transaction did to tables, and behind both.
  batch.transactions = std::make_shared<const TransactionList>(
      TransactionList{{.start = at(72)}, {.start = at(81)}, {.start = at(160)}});
  add(batch, RowKind::kInsert, 1, 0);
  add(batch, RowKind::kInsert, 2, 1);
  add(batch, RowKind::kInsert, 101, 1);
  add(batch, RowKind::kUpdateBefore, 3, 1);
  add(batch, RowKind::kUpdateAfter, 103, 1);
  add(batch, RowKind::kUpdateBefore, 104, 1);
  add(batch, RowKind::kUpdateAfter, 4, 1);
  add(batch, RowKind::kInsert, 105, 2);
  StreamElement element = std::move(batch);
  ASSERT_TRUE(changes_->drop_from(element).has_value());
  const auto& left = std::get<ChangeBatch>(element);
  EXPECT_THAT(left.kinds, ElementsAre(RowKind::kInsert, RowKind::kDelete, RowKind::kInsert, RowKind::kInsert));
  std::vector<int64_t> ids;
  for (size_t row = 0; row < left.rows(); ++row) ids.push_back(left.columns[0].int_at(row));
  EXPECT_THAT(ids, ElementsAre(2, 3, 4, 105));
}

TEST_F(PostgresCopiedChangesTest, what_was_done_to_a_table_before_its_copy_is_left_out) {
  SchemaChangeEvent event;
  const auto other = table("u");
  event.transaction.start = at(72);
  event.position = at(73);
  event.changes = {truncation(schema_), truncation(other), truncation(table("v"))};
  event.tracked = {{schema_->id, "t"}, {other->id, "u"}};
  event.needs_copy = {other->id};
  SchemaChangeEvent left = drop_from(event);
  ASSERT_EQ(left.changes.size(), 1U);
  EXPECT_EQ(left.changes[0].table().table, "v");
  EXPECT_TRUE(left.tracked.empty());
  EXPECT_TRUE(left.needs_copy.empty());
  event.transaction.start = at(160);
  left = drop_from(event);
  EXPECT_EQ(left.changes.size(), 3U);
  EXPECT_EQ(left.tracked.size(), 2U);
  EXPECT_EQ(left.needs_copy.size(), 1U);
}

TEST_F(PostgresCopiedChangesTest, a_table_that_was_emptied_between_its_chunks_is_copied_again) {
  SchemaChangeEvent event;
  event.transaction.start = at(88);
  event.position = at(89);
  event.changes = {truncation(schema_), truncation(table("u"))};
  const SchemaChangeEvent left = drop_from(event);
  ASSERT_EQ(left.changes.size(), 2U);
  EXPECT_EQ(left.changes[0].kind, SchemaChangeKind::kCreateTable);
  EXPECT_EQ(left.changes[1].kind, SchemaChangeKind::kTruncateTable);
  EXPECT_THAT(left.needs_copy, ElementsAre(schema_->id));
}

}  // namespace
}  // namespace sluice
