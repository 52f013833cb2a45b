// SPDX-License-Identifier: Apache-2.0
// What only the sink for PostgreSQL does.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/sinks/relational_sink_fixture.h"
#include "support/ok.h"

namespace sluice {
namespace {

class PostgresSinkTest : public RelationalSinkTest {};

// The copy is binary where it can be, statements are text: a table that was not made by us must get the same of both.
TEST_P(PostgresSinkTest, both_ways_to_write_fill_foreign_column_types_alike) {
  struct Foreign {
    DataType type;
    std::string declared;
    std::vector<std::string> values;
  };
  const auto with_precision = [](TypeKind kind, uint16_t precision) {
    return DataType{.kind = kind, .precision = precision};
  };
  const std::vector<Foreign> binary{
      {{.kind = TypeKind::kBoolean}, "integer", {"true", "false"}},
      {{.kind = TypeKind::kBoolean}, "numeric", {"true", "false"}},
      {{.kind = TypeKind::kInt16}, "bigint", {"-32768", "32767"}},
      {{.kind = TypeKind::kInt32}, "numeric", {"-2147483648", "10000", "0"}},
      {{.kind = TypeKind::kUInt64}, "numeric", {"18446744073709551615", "10000"}},
      {{.kind = TypeKind::kDecimal, .precision = 20, .scale = 3},
       "numeric",
       {"1.500", "-100000.000", "0.001", "0.000"}},
      {{.kind = TypeKind::kDecimal, .precision = 9, .scale = 1}, "numeric(30,6)", {"12345678.9", "-0.1"}},
      {{.kind = TypeKind::kString, .length = 9}, "char(12)", {"a b", ""}},
      {{.kind = TypeKind::kString}, "json", {"[1,  2]", "{}"}},
      {{.kind = TypeKind::kJson}, "jsonb", {R"({"b": 1,  "a": "\u00e9\\"})", "1.0"}},
      {{.kind = TypeKind::kBit, .length = 3}, "varbit(9)", {"\5", "\2"}},
      {with_precision(TypeKind::kTimestamp, 3), "timestamptz", {"2024-03-31 02:30:00.123", "1969-12-31 23:59:59.999"}},
      {with_precision(TypeKind::kTimestampTz, 6),
       "timestamp",
       {"2024-03-31 02:30:00.123456", "0001-01-01 00:00:00.000000"}},
      {with_precision(TypeKind::kTime, 3), "time(6)", {"24:00:00.000", "12:34:56.789"}},
      {{.kind = TypeKind::kUuid}, "text", {"00112233-4455-6677-8899-aabbccddeeff"}},
  };
  // One column of these, and the whole table is copied as text.
  auto text = binary;
  text.push_back({{.kind = TypeKind::kInt64}, "smallint", {"-7", "7"}});
  text.push_back({{.kind = TypeKind::kFloat}, "double precision", {"0.1", "-1e-37"}});
  text.push_back({{.kind = TypeKind::kTime}, "interval", {"-838:59:59", "00:00:01"}});
  text.push_back({{.kind = TypeKind::kString}, "information_schema.sql_identifier", {"a\tb", "\\N"}});

  ASSERT_OK(postgres().execute("CREATE SCHEMA shop"));
  for (const auto& columns : {binary, text}) {
    std::vector<Column> described{column("id", not_null({.kind = TypeKind::kInt32}))};
    std::string ddl = "id integer PRIMARY KEY";
    for (const Foreign& foreign : columns) {
      described.push_back(column(fmt::format("c{}", described.size()), foreign.type));
      ddl += fmt::format(", {} {}", described.back().name, foreign.declared);
    }
    std::vector<Rows> rows;
    for (const bool copied : {true, false}) {
      const auto schema =
          make_schema(fmt::format("f{}_{}", columns.size(), copied ? "copied" : "written"), described, {0});
      ASSERT_OK(postgres().execute(fmt::format("CREATE TABLE shop.{} ({})", schema->id.table, ddl)));
      Batch batch(schema);
      for (size_t id = 0; id < 8; ++id) {
        Row row{std::to_string(id)};
        for (const Foreign& foreign : columns) {
          row.push_back(id == 7 ? kNull : Cell(foreign.values[id % foreign.values.size()]));
        }
        batch.add(copied ? RowKind::kRead : RowKind::kInsert, row);
      }
      write(batch, copied);
      commit("p");
      auto session = postgres().query(fmt::format("SELECT t::text FROM shop.{} AS t ORDER BY id", schema->id.table));
      ASSERT_OK(session);
      rows.push_back(*session);
    }
    ASSERT_EQ(rows[0].size(), 8u);
    EXPECT_EQ(rows[0], rows[1]);
  }
}

TEST_P(PostgresSinkTest, an_unfinished_copy_is_known_until_it_gets_its_key) {
  const auto schema = simple_schema();
  ASSERT_OK(sink_->create_for_copy(context_, schema));
  ASSERT_OK(postgres().execute("CREATE TABLE shop.own (id int NOT NULL)"));
  EXPECT_THAT((*sink_->find_table(context_, schema->id))->key, testing::IsEmpty());
  EXPECT_THAT(*sink_->unfinished_copies(context_), testing::ElementsAre(schema->id));
  write(Batch(schema).read({"1", "a", "1"}), true);
  commit("p1");
  EXPECT_THAT(*sink_->unfinished_copies(context_), testing::ElementsAre(schema->id));
  // A writer that was there before changes a row: the key comes first, and with the row's transaction.
  write(Batch(schema).read({"2", "b", "2"}), true);
  write(Batch(schema).insert({"1", "z", "9"}).insert({"3", "c", "3"}));
  EXPECT_THAT(*sink_->unfinished_copies(context_), testing::ElementsAre(schema->id));
  commit("p2");
  EXPECT_EQ((*sink_->find_table(context_, schema->id))->key, schema->key);
  EXPECT_THAT(*sink_->unfinished_copies(context_), testing::IsEmpty());
  EXPECT_EQ(table(schema), (Rows{{"1", "z", "9"}, {"2", "b", "2"}, {"3", "c", "3"}}));
  // A table without a key that somebody else made stays as it is.
  ASSERT_OK(writer_->finish_copy(context_, {"shop", "own"}));
  EXPECT_THAT((*sink_->find_table(context_, {"shop", "own"}))->key, testing::IsEmpty());
}

TEST_P(PostgresSinkTest, a_table_without_columns_can_be_dropped) {
  const auto schema = simple_schema();
  ASSERT_OK(postgres().execute("CREATE SCHEMA IF NOT EXISTS shop"));
  ASSERT_OK(postgres().execute(fmt::format("CREATE TABLE shop.{} ()", schema->id.table)));
  ASSERT_OK(sink_->apply(context_, {.kind = SchemaChangeKind::kDropTable, .before = schema}));
  ASSERT_OK(sink_->apply(context_, {.kind = SchemaChangeKind::kCreateTable, .after = schema}));
  EXPECT_NE(*sink_->find_table(context_, schema->id), nullptr);
}

TEST_P(PostgresSinkTest, rows_that_share_a_key_are_an_error_that_names_table_and_key) {
  const auto schema = simple_schema();
  ASSERT_OK(sink_->create_for_copy(context_, schema));
  write(Batch(schema).read({"77", "a", "1"}).read({"77", "b", "2"}), true);
  commit("p1");
  const auto finished = writer_->finish_copy(context_, schema->id);
  ASSERT_FALSE(finished.has_value());
  EXPECT_EQ(finished.error().code(), ErrorCode::kTarget);
  EXPECT_THAT(finished.error().message(), testing::AllOf(testing::HasSubstr("shop.t"), testing::HasSubstr("\"id\"")));
  EXPECT_THAT(finished.error().describe(), testing::Not(testing::HasSubstr("77")));
}

INSTANTIATE_TEST_SUITE_P(Postgres, PostgresSinkTest, testing::Values("postgres"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace sluice
