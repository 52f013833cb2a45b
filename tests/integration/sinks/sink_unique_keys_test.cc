// SPDX-License-Identifier: Apache-2.0
// Tables of the target that have another unique key than their primary key.
#include <gmock/gmock.h>

#include "config/setting.h"
#include "connector/confines_tables.h"
#include "connectors/mysql/mysql_sink.h"
#include "integration/sinks/relational_sink_fixture.h"
#include "support/ok.h"

namespace sluice {
namespace {

TEST_P(RelationalSinkTest, values_move_between_rows_of_another_unique_key) {
  const auto schema = simple_schema();
  create(schema);
  create_other_unique_key();
  write(Batch(schema).insert({"1", "a", "10"}).insert({"2", "b", "20"}).insert({"3", "c", "30"}));
  write(Batch(schema)
            .update({"1", "a", "10"}, {"1", "a", "0"})
            .update({"2", "b", "20"}, {"2", "b", "10"})
            .update({"1", "a", "0"}, {"1", "a", "20"}));
  commit("p");
  EXPECT_EQ(table(schema), (Rows{{"1", "a", "20"}, {"2", "b", "10"}, {"3", "c", "30"}}));
}

// Changes that do not carry all columns (binlog_row_image=MINIMAL).
TEST_P(RelationalSinkTest, a_row_of_some_columns_may_take_a_value_of_another_unique_key) {
  const auto schema = simple_schema();
  create(schema);
  create_other_unique_key();
  write(Batch(schema).insert({"1", "a", "10"}).insert({"2", "b", "20"}));
  write(Batch(schema)
            .insert({"4", kGone, "40"})
            .update({"1", kGone, kGone}, {kGone, kGone, kNull})
            .insert({"5", kGone, "10"}));
  const Rows rows{{"1", "a", kNull}, {"2", "b", "20"}, {"4", kNull, "40"}, {"5", kNull, "10"}};
  commit("p");
  EXPECT_EQ(table(schema), rows);
  write(Batch(schema).update({"2", kGone, kGone}, {kGone, kGone, "21"}).insert({"6", "c", "20"}));
  commit("q");
  EXPECT_THAT(table(schema), testing::IsSupersetOf(Rows{{"2", "b", "21"}, {"6", "c", "20"}}));
}

// Old rows of PostgreSQL carry the key alone: no reason to write one row after the other.
TEST_P(RelationalSinkTest, values_pass_on_between_rows_whose_old_values_are_not_told) {
  const auto schema = simple_schema();
  create(schema);
  create_other_unique_key();
  write(Batch(schema).insert({"1", "a", "10"}).insert({"2", "b", "20"}).insert({"9", "c", "90"}));
  write(Batch(schema)
            .update({"1", kGone, kGone}, {"1", "a", "20"})
            .erase({"9", kGone, kGone})
            .update({"2", kGone, kGone}, {"2", "b", "30"}));
  commit("p");
  EXPECT_EQ(table(schema), (Rows{{"1", "a", "20"}, {"2", "b", "30"}}));
}

// lower_case_table_names=1: the target's own catalog knows the table by another name than the source.
TEST(MysqlSinkTest, finds_another_unique_key_of_a_table_whose_name_the_server_folds) {
  auto server = support::MariadbServer::start({.arguments = {"--lower-case-table-names=1"}});
  ASSERT_OK(server);
  Settings settings;
  for (const auto& [key, value] : {std::pair<std::string, std::string>("hostname", support::DatabaseServer::host()),
                                   {"port", std::to_string((*server)->port())},
                                   {"username", (*server)->username()},
                                   {"password", (*server)->password()},
                                   {"database", "mysql"}}) {
    settings.entries.push_back({key, value, {}});
  }
  Problems problems;
  const auto sink = make_mysql_sink(settings, problems);
  ASSERT_FALSE(problems.has_errors()) << problems.text();
  Context context;
  ASSERT_OK(sink->open(context));
  auto schema = std::make_shared<TableSchema>(*simple_schema("Orders"));
  schema->id.schema = "Shop";
  ASSERT_OK(sink->apply(context, {.kind = SchemaChangeKind::kCreateTable, .after = schema}));
  ASSERT_OK((*server)->execute("CREATE UNIQUE INDEX u ON Shop.Orders (amount)"));
  const std::vector<TableSchemaPtr> tables{schema};
  const auto confined = dynamic_cast<ConfinesTables&>(*sink).confined_tables(context, tables);
  ASSERT_OK(confined);
  EXPECT_THAT(*confined, testing::ElementsAre(schema->id));
}

}  // namespace
}  // namespace sluice
