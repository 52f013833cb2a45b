// SPDX-License-Identifier: Apache-2.0
#include "engine/schema_policy.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Remembers what it was asked to do; a stand-in for a target's catalog, not for a database.
class RecordingSink : public Sink {
 public:
  Result<> open(Context&) override { return {}; }
  Guarantee guarantee() const override { return Guarantee::kAtLeastOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override {
    return std::unique_ptr<Ledger>();
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string&, uint64_t) override {
    return std::unique_ptr<SinkWriter>();
  }
  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }
  Result<> apply(Context&, const SchemaChange& change) override {
    applied.push_back(change);
    if (refuse && change.kind != SchemaChangeKind::kCreateTable) return Error(ErrorCode::kTarget, "refused");
    return {};
  }
  std::vector<std::string> ddl_for(const SchemaChange&) const override { return {}; }
  bool keys_compare_bytewise() const override { return true; }
  bool can_be_read() const override { return readable; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

  std::vector<SchemaChange> applied;
  bool refuse = false;
  bool readable = true;
};

TableSchemaPtr table(std::vector<std::pair<std::string, bool>> columns) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "orders"};
  for (auto& [name, nullable] : columns) {
    Column column;
    column.name = name;
    column.type.nullable = nullable;
    schema->columns.push_back(column);
  }
  schema->key = {0};
  return schema;
}

struct SchemaPolicyTest : testing::Test {
  std::vector<SchemaChange> decide(SchemaBehavior behavior, const SchemaChange& change) {
    spec.pipeline.schema_behavior = behavior;
    return SchemaPolicy(spec, sink).decide(change);
  }

  const TableSchemaPtr before = table({{"id", false}, {"name", false}});
  const SchemaChange add{.kind = SchemaChangeKind::kAddColumns,
                         .before = before,
                         .after = table({{"id", false}, {"age", false}, {"name", false}}),
                         .columns = {"age"},
                         .new_names = {}};
  const SchemaChange rename{.kind = SchemaChangeKind::kRenameColumn,
                            .before = before,
                            .after = table({{"id", false}, {"title", false}}),
                            .columns = {"name"},
                            .new_names = {"title"}};
  const SchemaChange drop_column{.kind = SchemaChangeKind::kDropColumns,
                                 .before = before,
                                 .after = table({{"id", false}}),
                                 .columns = {"name"},
                                 .new_names = {}};
  const SchemaChange drop_table{
      .kind = SchemaChangeKind::kDropTable, .before = before, .after = nullptr, .columns = {}, .new_names = {}};
  JobSpec spec;
  RecordingSink sink;
  Context context;
};

TEST_F(SchemaPolicyTest, evolve_passes_changes_on) {
  const auto decided = decide(SchemaBehavior::kEvolve, add);
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(*decided[0].after, *add.after);
}

TEST_F(SchemaPolicyTest, lenient_adds_columns_nullable_and_last) {
  const auto decided = decide(SchemaBehavior::kLenient, add);
  ASSERT_EQ(decided.size(), 1u);
  const auto& columns = decided[0].after->columns;
  EXPECT_EQ(columns.back().name, "age");
  EXPECT_TRUE(columns.back().type.nullable);
  EXPECT_EQ(decided[0].after->key, std::vector<uint32_t>{0});
}

TEST_F(SchemaPolicyTest, lenient_keeps_a_renamed_column_and_adds_the_new_one) {
  const auto decided = decide(SchemaBehavior::kLenient, rename);
  ASSERT_EQ(decided.size(), 2u);
  EXPECT_EQ(decided[0].kind, SchemaChangeKind::kAlterColumnType);
  EXPECT_TRUE(decided[0].after->columns[1].type.nullable);
  EXPECT_EQ(decided[1].kind, SchemaChangeKind::kAddColumns);
  EXPECT_EQ(decided[1].columns, std::vector<std::string>{"title"});
}

TEST_F(SchemaPolicyTest, lenient_keeps_a_dropped_column_and_lets_it_be_null) {
  const auto decided = decide(SchemaBehavior::kLenient, drop_column);
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(decided[0].kind, SchemaChangeKind::kAlterColumnType);
}

TEST_F(SchemaPolicyTest, lenient_drops_no_table_unless_exclusions_were_written_down) {
  EXPECT_TRUE(decide(SchemaBehavior::kLenient, drop_table).empty());
  spec.pipeline.exclude_given = true;
  EXPECT_EQ(decide(SchemaBehavior::kLenient, drop_table).size(), 1u);
}

TEST_F(SchemaPolicyTest, exclusion_wins_over_inclusion) {
  spec.sink.include_schema_changes = {"column"};
  EXPECT_EQ(decide(SchemaBehavior::kEvolve, add).size(), 1u);
  EXPECT_TRUE(decide(SchemaBehavior::kEvolve, drop_table).empty());
  spec.sink.exclude_schema_changes = {"add.column"};
  EXPECT_TRUE(decide(SchemaBehavior::kEvolve, add).empty());
}

TEST_F(SchemaPolicyTest, exception_stops_the_job) {
  spec.pipeline.schema_behavior = SchemaBehavior::kException;
  const auto applied = SchemaPolicy(spec, sink).apply(context, add);
  ASSERT_FALSE(applied.has_value());
  EXPECT_FALSE(applied.error().retryable());
  EXPECT_TRUE(sink.applied.empty());
}

TEST_F(SchemaPolicyTest, names_that_columns_exchange_or_pass_on_stop_the_job) {
  const auto renames = [&](std::vector<std::string> columns, std::vector<std::string> new_names) {
    return SchemaChange{.kind = SchemaChangeKind::kRenameColumn,
                        .before = before,
                        .after = before,
                        .columns = std::move(columns),
                        .new_names = std::move(new_names)};
  };
  SchemaPolicy policy(spec, sink);
  const auto exchange = renames({"id", "name"}, {"name", "id"});
  const auto pass_on = renames({"id", "name"}, {"name", "title"});
  spec.pipeline.schema_behavior = SchemaBehavior::kEvolve;
  for (const auto& change : {exchange, pass_on}) {
    const auto checked = policy.check(change);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code(), ErrorCode::kUnsupported);
  }
  EXPECT_TRUE(policy.check(rename).has_value());
  EXPECT_TRUE(policy.check(renames({"name"}, {"Name"})).has_value());
  sink.readable = false;  // it only tells of the change
  EXPECT_TRUE(policy.apply(context, exchange).has_value());
  sink.readable = true;
  EXPECT_EQ(sink.applied.size(), 1u);
  spec.pipeline.schema_behavior = SchemaBehavior::kTryEvolve;
  EXPECT_TRUE(policy.check(exchange).has_value());
  EXPECT_TRUE(policy.apply(context, exchange).has_value());
  EXPECT_EQ(sink.applied.size(), 1u);
  spec.pipeline.schema_behavior = SchemaBehavior::kLenient;
  EXPECT_TRUE(policy.check(exchange).has_value());
}

TEST_F(SchemaPolicyTest, rows_lose_the_columns_of_ignored_changes_and_keep_one_shape) {
  spec.pipeline.schema_behavior = SchemaBehavior::kIgnore;
  SchemaPolicy policy(spec, sink);
  ASSERT_TRUE(policy.open_target(context, before, false).has_value());
  ASSERT_TRUE(policy.apply(context, add).has_value());
  const auto fit = [&] {
    ChangeBatch batch(add.after);
    batch.kinds.push_back(RowKind::kInsert);
    for (auto& column : batch.columns) column.append_bytes("x");
    return policy.fit(std::move(batch));
  };
  const ChangeBatch fitted = fit();
  ASSERT_EQ(fitted.columns.size(), 2u);
  EXPECT_EQ(fitted.schema->columns[1].name, "name");
  EXPECT_EQ(fit().schema, fitted.schema);
}

TEST_F(SchemaPolicyTest, try_evolve_goes_on_without_a_refused_change) {
  spec.pipeline.schema_behavior = SchemaBehavior::kTryEvolve;
  SchemaPolicy policy(spec, sink);
  ASSERT_TRUE(policy.open_target(context, before, false).has_value());
  sink.refuse = true;
  EXPECT_TRUE(policy.apply(context, add).has_value());
  ChangeBatch batch(add.after);
  EXPECT_EQ(policy.fit(std::move(batch)).columns.size(), 2u);
}

}  // namespace
}  // namespace sluice
