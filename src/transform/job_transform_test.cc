// SPDX-License-Identifier: Apache-2.0
// What the text tests in tests/pipelines/transform cannot show: that nothing is copied, and what is kept between calls.
#include "transform/job_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/job_spec.h"

namespace sluice {
namespace {

TableSchemaPtr orders_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "orders"};
  Column id{"id", {}, {}, {}};
  id.type.kind = TypeKind::kInt32;
  id.type.nullable = false;
  Column note{"note", {}, "free text", "'none'"};
  schema->columns = {id, note};
  schema->key = {0};
  return schema;
}

ChangeBatch one_order(const TableSchemaPtr& schema) {
  ChangeBatch batch(schema);
  batch.kinds.push_back(RowKind::kInsert);
  batch.origins.push_back({.transaction = 0, .event = 3, .row = 4, .sequence = 5});
  batch.transactions = std::make_shared<TransactionList>(TransactionList{{{"p"}, "id", 12}});
  batch.columns[0].append_int(1);
  batch.columns[1].append_bytes("a note that is long enough");
  return batch;
}

std::unique_ptr<JobTransform> make(JobSpec spec) {
  Problems problems;
  auto transform = JobTransform::create(spec, problems);
  EXPECT_FALSE(problems.has_errors()) << problems.text();
  return transform;
}

ChangeBatch only_batch(JobTransform& transform, ChangeBatch batch) {
  std::vector<ChangeBatch> out;
  const auto applied = transform.apply(std::move(batch), out);
  EXPECT_TRUE(applied.has_value());
  EXPECT_EQ(out.size(), 1u);
  return std::move(out.at(0));
}

TEST(JobTransformTest, a_route_moves_the_rows_and_changes_only_the_schema) {
  JobSpec spec;
  spec.routes.push_back({"shop.orders", "dw.orders", "", {}});
  const auto transform = make(spec);
  auto batch = one_order(orders_schema());
  const char* bytes = batch.columns[1].bytes_at(0).data();
  const auto out = only_batch(*transform, std::move(batch));
  EXPECT_EQ(out.schema->id.text(), "dw.orders");
  EXPECT_EQ(out.columns[1].bytes_at(0).data(), bytes);
}

TEST(JobTransformTest, a_projection_moves_the_columns_that_pass) {
  JobSpec spec;
  TransformSpec rule;
  rule.source_table = "shop.orders";
  rule.projection = "*, UPPER(note) AS loud, note AS copy";
  rule.filter = "id > 0";
  spec.transforms.push_back(rule);
  const auto transform = make(spec);
  auto batch = one_order(orders_schema());
  const char* bytes = batch.columns[1].bytes_at(0).data();
  const auto out = only_batch(*transform, std::move(batch));
  ASSERT_EQ(out.columns.size(), 4u);
  EXPECT_EQ(out.columns[1].bytes_at(0), "a note that is long enough");
  EXPECT_EQ(out.columns[2].bytes_at(0), "A NOTE THAT IS LONG ENOUGH");
  // The last use of a source column takes its memory.
  EXPECT_EQ(out.columns[3].bytes_at(0).data(), bytes);
}

TEST(JobTransformTest, rows_keep_their_origins_and_transactions) {
  JobSpec spec;
  TransformSpec rule;
  rule.source_table = "shop.orders";
  rule.filter = "id = 2";
  spec.transforms.push_back(rule);
  const auto transform = make(spec);
  auto batch = one_order(orders_schema());
  batch.append_row_from(one_order(batch.schema), 0);
  batch.columns[0].pop_back();
  batch.columns[0].append_int(2);
  batch.origins[1].sequence = 9;
  const auto transactions = batch.transactions;
  const auto out = only_batch(*transform, std::move(batch));
  ASSERT_EQ(out.rows(), 1u);
  EXPECT_EQ(out.origins.at(0).sequence, 9u);
  EXPECT_EQ(out.transactions, transactions);
}

TEST(JobTransformTest, a_renamed_column_keeps_comment_and_default_and_a_computed_one_has_none) {
  JobSpec spec;
  TransformSpec rule;
  rule.source_table = "shop.orders";
  rule.projection = "id, note AS remark, LOWER(note) AS quiet";
  spec.transforms.push_back(rule);
  const auto targets = make(spec)->targets(orders_schema());
  ASSERT_TRUE(targets.has_value());
  const auto& columns = targets->at(0)->columns;
  EXPECT_EQ(columns[1].comment, "free text");
  EXPECT_EQ(columns[1].default_expression, "'none'");
  EXPECT_EQ(columns[2].comment, "");
  EXPECT_EQ(columns[2].default_expression, std::nullopt);
}

TEST(JobTransformTest, equal_schemas_share_one_plan) {
  JobSpec spec;
  spec.routes.push_back({"shop.orders", "dw.orders", "", {}});
  const auto transform = make(spec);
  const auto first = only_batch(*transform, one_order(orders_schema()));
  const auto second = only_batch(*transform, one_order(orders_schema()));
  EXPECT_EQ(first.schema, second.schema);
}

TEST(JobTransformTest, mistakes_name_the_line_of_the_rule) {
  JobSpec spec;
  TransformSpec rule;
  rule.source_table = "shop.orders";
  rule.filter = "pric > 0";
  rule.location = {"shop.yaml", 12};
  spec.transforms.push_back(rule);
  const auto targets = make(spec)->targets(orders_schema());
  ASSERT_FALSE(targets.has_value());
  EXPECT_EQ(targets.error().code(), ErrorCode::kConfig);
  EXPECT_THAT(targets.error().message(),
              testing::HasSubstr("shop.yaml:12: filtering shop.orders by 'pric > 0': column 1"));
}

}  // namespace
}  // namespace sluice
