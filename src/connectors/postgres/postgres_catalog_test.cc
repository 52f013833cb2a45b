// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_catalog.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(PostgresCatalogTest, a_table_comes_back_from_json_as_it_was) {
  PostgresTable table;
  table.oid = 4'000'000'000;
  table.schema = std::make_shared<const TableSchema>(
      TableSchema{.id = {"shop", "größe"},
                  .columns = {{.name = "id", .type = {.kind = TypeKind::kInt32, .nullable = false}, .comment = {}},
                              {.name = "v",
                               .type = {.kind = TypeKind::kString, .source_type = "public.mood"},
                               .comment = "c",
                               .default_expression = "'sad'"}},
                  .key = {0},
                  .comment = "t"});
  table.columns = {{.attribute = 1, .type = 23, .modifier = -1}, {.attribute = 7, .type = 16999, .modifier = -1}};
  table.identity = ReplicaIdentity::kFull;
  table.before = {.commit = {1ULL << 63}, .columns = {{"id", 1}, {"w", 7}}};
  const std::string json = postgres_table_to_json(table);
  const auto read = postgres_table_from_json(json);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read->schema, *table.schema);
  EXPECT_EQ(read->columns, table.columns);
  EXPECT_EQ(read->identity, ReplicaIdentity::kFull);
  EXPECT_EQ(postgres_table_to_json(*read), json);
  EXPECT_EQ(postgres_table_from_json("{}").error().code(), ErrorCode::kState);
}

}  // namespace
}  // namespace sluice
