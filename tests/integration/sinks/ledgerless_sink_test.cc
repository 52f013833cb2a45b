// SPDX-License-Identifier: Apache-2.0
// What a sink without a ledger must do: what of the sinks' contract applies to one that keeps no tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "connectors/values/values_connector.h"
#include "data/value_text.h"
#include "support/ok.h"
#include "support/temp_folder.h"

namespace sluice {
namespace {

TableSchemaPtr schema_of(const std::string& table, std::vector<Column> columns) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", table};
  schema->columns = std::move(columns);
  schema->key = {0};
  return schema;
}

TableSchemaPtr simple_schema(const std::string& table = "t") {
  return schema_of(table, {{.name = "id", .type = {.kind = TypeKind::kInt32, .nullable = false}},
                           {.name = "name", .type = {.kind = TypeKind::kString}}});
}

// Each format of the values sink.
class LedgerlessSinkTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    sink_ = make_sink();
    ASSERT_OK(sink_->open(context_));
  }

  std::unique_ptr<Sink> make_sink() {
    Settings settings;
    settings.entries = {{"path", folder_.file("out"), {}}, {"format", GetParam(), {}}};
    Problems problems;
    auto sink = values_connector().make_sink(settings, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return sink;
  }
  std::unique_ptr<SinkWriter> open_writer() {
    auto writer = sink_->open_writer(context_, "job-1", 0);
    EXPECT_OK(writer);
    return std::move(*writer);
  }
  static ChangeBatch batch(const TableSchemaPtr& schema, RowKind kind, const std::vector<std::string>& ids) {
    ChangeBatch rows(schema);
    if (kind != RowKind::kRead) rows.transactions = std::make_shared<TransactionList>(1);
    for (const std::string& id : ids) {
      rows.kinds.push_back(kind);
      EXPECT_OK(append_parsed(rows.columns[0], schema->columns[0].type, id));
      rows.columns[1].append_bytes("row " + id + ";");
      if (kind != RowKind::kRead) rows.origins.push_back({.sequence = static_cast<uint32_t>(rows.origins.size())});
    }
    return rows;
  }
  std::vector<std::string> lines() const {
    std::istringstream text(support::read_file(folder_.file("out")));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }

  support::TempFolder folder_;
  Context context_;
  std::unique_ptr<Sink> sink_;
};

TEST_P(LedgerlessSinkTest, promises_what_it_can_keep) {
  EXPECT_EQ(sink_->guarantee(), Guarantee::kAtLeastOnce);
  auto ledger = sink_->open_ledger(context_, "job-1");
  ASSERT_OK(ledger);
  EXPECT_EQ(*ledger, nullptr);
  auto reader = sink_->open_table_reader(context_);
  ASSERT_OK(reader);
  EXPECT_EQ(*reader, nullptr);
  EXPECT_EQ(*sink_->find_table(context_, {"shop", "t"}), nullptr);
  EXPECT_TRUE(*sink_->is_empty(context_, {"shop", "t"}));
}

TEST_P(LedgerlessSinkTest, a_writer_thrown_away_before_commit_leaves_nothing) {
  auto writer = open_writer();
  ASSERT_OK(writer->write(context_, batch(simple_schema(), RowKind::kInsert, {"1"}), false));
  ASSERT_OK(writer->commit(context_, {"lane/0", "p1", ""}));
  const size_t committed = lines().size();
  EXPECT_EQ(committed, 1u);
  ASSERT_OK(writer->write(context_, batch(simple_schema(), RowKind::kInsert, {"2"}), false));
  ASSERT_OK(writer->write(context_, batch(simple_schema(), RowKind::kRead, {"3"}), true));
  writer.reset();
  EXPECT_EQ(lines().size(), committed);
}

TEST_P(LedgerlessSinkTest, what_is_committed_outlives_the_sink_and_is_appended_to) {
  ASSERT_OK(sink_->apply(context_, {.kind = SchemaChangeKind::kCreateTable, .after = simple_schema()}));
  auto writer = open_writer();
  ASSERT_OK(writer->write(context_, batch(simple_schema(), RowKind::kRead, {"1", "2"}), true));
  ASSERT_OK(writer->commit(context_, {"chunk/shop.t/0", "p1", ""}));
  writer.reset();
  const auto before = lines();
  sink_ = make_sink();
  ASSERT_OK(sink_->open(context_));
  writer = open_writer();
  ASSERT_OK(writer->write(context_, batch(simple_schema(), RowKind::kDelete, {"1"}), false));
  ASSERT_OK(writer->commit(context_, {"lane/0", "p2", ""}));
  const auto after = lines();
  ASSERT_EQ(after.size(), before.size() + 1);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
}

TEST_P(LedgerlessSinkTest, schema_changes_may_be_made_twice) {
  const auto first = simple_schema();
  auto second = std::make_shared<TableSchema>(*first);
  second->columns.push_back({.name = "note", .type = {.kind = TypeKind::kString}});
  auto third = std::make_shared<TableSchema>(*second);
  third->columns[2].name = "remark";
  const std::vector<SchemaChange> changes = {
      {.kind = SchemaChangeKind::kCreateTable, .after = first},
      {.kind = SchemaChangeKind::kAddColumns, .before = first, .after = second, .columns = {"note"}},
      {.kind = SchemaChangeKind::kRenameColumn,
       .before = second,
       .after = third,
       .columns = {"note"},
       .new_names = {"remark"}},
      {.kind = SchemaChangeKind::kAlterColumnType, .before = third, .after = third, .columns = {"remark"}},
      {.kind = SchemaChangeKind::kDropColumns, .before = third, .after = first, .columns = {"remark"}},
      {.kind = SchemaChangeKind::kAlterTableComment, .before = first, .after = first},
      {.kind = SchemaChangeKind::kTruncateTable, .before = first, .after = first},
      {.kind = SchemaChangeKind::kDropTable, .before = first},
  };
  for (const SchemaChange& change : changes) {
    EXPECT_OK(sink_->apply(context_, change));
    EXPECT_OK(sink_->apply(context_, change));
    const size_t statements = sink_->ddl_for(change).size();
    EXPECT_EQ(statements, GetParam() == "flink" ? 1u : 0u);
  }
}

TEST_P(LedgerlessSinkTest, takes_rows_with_null_and_absent_values_and_of_no_columns_but_the_key) {
  const auto schema = simple_schema();
  auto writer = open_writer();
  ChangeBatch rows = batch(schema, RowKind::kInsert, {"1"});
  for (const RowKind kind : {RowKind::kUpdateBefore, RowKind::kUpdateAfter, RowKind::kDelete}) {
    rows.kinds.push_back(kind);
    rows.columns[0].append_int(1);
    if (kind == RowKind::kUpdateAfter) {
      rows.columns[1].append_null();
    } else {
      rows.columns[1].append_absent();
    }
    rows.origins.push_back({.sequence = kind == RowKind::kDelete ? 2u : 1u});
  }
  ASSERT_OK(writer->write(context_, rows, false));
  const auto keys = schema_of("keys", {{.name = "id", .type = {.kind = TypeKind::kInt32, .nullable = false}}});
  ChangeBatch only_keys(keys);
  only_keys.kinds = {RowKind::kRead};
  only_keys.columns[0].append_int(7);
  ASSERT_OK(writer->write(context_, only_keys, true));
  ASSERT_OK(writer->commit(context_, {"lane/0", "p", ""}));
  // An update is one event, and two rows in the changelog.
  EXPECT_EQ(lines().size(), GetParam() == "changelog" ? 5u : 4u);
}

TEST_P(LedgerlessSinkTest, writers_of_several_threads_lose_nothing_and_mix_no_lines) {
  constexpr int kWriters = 4;
  constexpr int kCommits = 50;
  {
    std::vector<std::jthread> threads;
    for (int w = 0; w < kWriters; ++w) {
      threads.emplace_back([this, w] {
        const auto schema = simple_schema("t" + std::to_string(w));
        const auto writer = open_writer();
        for (int i = 0; i < kCommits; ++i) {
          EXPECT_OK(writer->write(context_, batch(schema, RowKind::kInsert, {std::to_string(i), "999"}), false));
          EXPECT_OK(writer->commit(context_, {"lane/" + std::to_string(w), std::to_string(i), ""}));
        }
      });
    }
  }
  const auto all = lines();
  ASSERT_EQ(all.size(), 2u * kWriters * kCommits);
  for (size_t i = 0; i < all.size(); i += 2) {
    EXPECT_THAT(all[i + 1], testing::HasSubstr("row 999;")) << "both lines of a commit come together";
  }
}

INSTANTIATE_TEST_SUITE_P(Values, LedgerlessSinkTest, testing::Values("flink", "changelog", "debezium-json"),
                         [](const auto& test) { return test.param == "debezium-json" ? "json" : test.param; });

}  // namespace
}  // namespace sluice
