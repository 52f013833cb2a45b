// SPDX-License-Identifier: Apache-2.0
// tidy: long, because all cases share one fixture and one list of types
// What every relational sink must do, checked on real servers: each case runs for SQLite, PostgreSQL, MariaDB and
// MySQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/setting.h"
#include "connectors/mysql/mysql_sink.h"
#include "connectors/postgres/postgres_connector.h"
#include "connectors/sqlite/sqlite_connector.h"
#include "data/value_text.h"
#include "state/sqlite_database.h"
#include "support/mysql_server.h"
#include "support/ok.h"
#include "support/postgres_server.h"
#include "support/temp_folder.h"

namespace sluice {
namespace {

using Cell = std::optional<std::string>;
using Row = std::vector<Cell>;
using Rows = std::vector<Row>;
const Cell kNull = std::nullopt;
const Cell kGone = std::string("\x01gone");  // an absent value

Column column(std::string name, DataType type) { return {.name = std::move(name), .type = std::move(type)}; }

DataType not_null(DataType type) {
  type.nullable = false;
  return type;
}

TableSchemaPtr make_schema(std::string table, std::vector<Column> columns, std::vector<uint32_t> key) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", std::move(table)};
  schema->columns = std::move(columns);
  schema->key = std::move(key);
  return schema;
}

// A batch from text in the form of data/value_text.h; bytes are raw.
class Batch {
 public:
  explicit Batch(const TableSchemaPtr& schema) : batch(schema) {}
  Batch& add(RowKind kind, const Row& row) {
    batch.kinds.push_back(kind);
    for (size_t i = 0; i < row.size(); ++i) {
      if (!row[i]) {
        batch.columns[i].append_null();
      } else if (row[i] == kGone) {
        batch.columns[i].append_absent();
      } else {
        EXPECT_OK(append_parsed(batch.columns[i], batch.schema->columns[i].type, *row[i]));
      }
    }
    return *this;
  }
  Batch& read(const Row& row) { return add(RowKind::kRead, row); }
  Batch& insert(const Row& row) { return add(RowKind::kInsert, row); }
  Batch& erase(const Row& row) { return add(RowKind::kDelete, row); }
  Batch& update(const Row& before, const Row& after) {
    return add(RowKind::kUpdateBefore, before).add(RowKind::kUpdateAfter, after);
  }
  ChangeBatch batch;
};

// The servers of the whole run.
support::PostgresServer& postgres() {
  static auto server = support::PostgresServer::start();
  EXPECT_OK(server);
  return **server;
}
support::MariadbServer& mariadb() {
  static auto server = support::MariadbServer::start();
  EXPECT_OK(server);
  return **server;
}

support::MysqlServer& mysql() {
  static auto server = support::MysqlServer::start();
  EXPECT_OK(server);
  return **server;
}

class RelationalSinkTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "postgres") {
      ASSERT_OK(postgres().execute("DROP SCHEMA IF EXISTS shop CASCADE; DROP TABLE IF EXISTS public.sluice_ledger"));
    } else if (GetParam() != "sqlite") {
      if (const auto why = support::MysqlServer::unavailable(); GetParam() == "mysql" && !why.empty()) {
        GTEST_SKIP() << why;
      }
      ASSERT_OK(
          server().execute("DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS sluice_test; "
                           "CREATE DATABASE sluice_test"));
    }
    sink_ = make_sink();
    ASSERT_NE(sink_, nullptr);
    ASSERT_OK(sink_->open(context_));
    auto ledger = sink_->open_ledger(context_, "job-1");
    ASSERT_OK(ledger);
    ledger_ = std::move(*ledger);
    auto epoch = ledger_->take_over(context_);
    ASSERT_OK(epoch);
    epoch_ = *epoch;
    const std::vector<LedgerEntry> entries{{"lane/0", "", ""}, {"lane/1", "", ""}, {"chunk/shop.t/0", "", ""}};
    ASSERT_OK(ledger_->update(context_, entries, {}));
    writer_ = open_writer(epoch_);
  }

  // Of the MySQL family.
  static support::DatabaseServer& server() {
    if (GetParam() == "mysql") return mysql();
    return mariadb();
  }

  std::unique_ptr<Sink> make_sink() {
    Settings settings;
    const auto add = [&settings](std::string key, std::string value) {
      settings.entries.push_back({std::move(key), std::move(value), {}});
    };
    const auto add_server = [&add](const support::DatabaseServer& server) {
      add("hostname", support::DatabaseServer::host());
      add("port", std::to_string(server.port()));
      add("username", server.username());
      add("password", server.password());
    };
    Problems problems;
    std::unique_ptr<Sink> sink;
    if (GetParam() == "sqlite") {
      add("path", folder_.file("target.db"));
      sink = sqlite_connector().make_sink(settings, problems);
    } else if (GetParam() == "postgres") {
      add_server(postgres());
      add("database", "postgres");
      sink = postgres_connector().make_sink(settings, problems);
    } else {
      add_server(server());
      add("database", "sluice_test");
      sink = make_mysql_sink(settings, problems);
    }
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return sink;
  }

  std::unique_ptr<SinkWriter> open_writer(uint64_t epoch) {
    auto writer = sink_->open_writer(context_, "job-1", epoch);
    EXPECT_OK(writer);
    return std::move(*writer);
  }

  void create(const TableSchemaPtr& schema) {
    ASSERT_OK(sink_->apply(context_, {.kind = SchemaChangeKind::kCreateTable, .after = schema}));
  }
  // On the column "amount" of the table of simple_schema().
  void create_other_unique_key() {
    if (GetParam() == "postgres") {
      ASSERT_OK(postgres().execute("CREATE UNIQUE INDEX u ON shop.t (amount)"));
    } else if (GetParam() != "sqlite") {
      ASSERT_OK(server().execute("CREATE UNIQUE INDEX u ON shop.t (amount)"));
    } else {
      auto database = SqliteDatabase::open(context_, folder_.file("target.db"), ErrorCode::kTarget);
      ASSERT_OK(database);
      ASSERT_OK((*database)->execute("CREATE UNIQUE INDEX u ON t (amount)"));
    }
  }
  void write(const Batch& batch, bool into_empty_table = false) {
    ASSERT_OK(writer_->write(context_, batch.batch, into_empty_table));
  }
  void commit(const std::string& position) { ASSERT_OK(writer_->commit(context_, {"lane/0", position, ""})); }

  // Some sinks notice what is wrong with a row only at the commit.
  std::optional<Error> write_error(const Batch& batch) {
    auto result = writer_->write(context_, batch.batch, false);
    if (result) result = writer_->commit(context_, {"lane/0", "refused", ""});
    writer_ = open_writer(epoch_);
    if (result) return std::nullopt;
    return std::move(result).error();
  }

  Rows table(const TableSchemaPtr& schema, SnapshotChunk range = {}) {
    range.table = schema->id;
    auto reader = sink_->open_table_reader(context_);
    EXPECT_OK(reader);
    auto begun = (*reader)->begin(context_, range, schema);
    EXPECT_OK(begun);
    Rows rows;
    for (bool more = begun.has_value(); more;) {
      ChangeBatch batch(schema);
      auto result = (*reader)->next(context_, batch);
      EXPECT_OK(result);
      more = result && *result;
      for (size_t r = 0; r < batch.rows(); ++r) {
        Row& row = rows.emplace_back();
        for (size_t c = 0; c < batch.columns.size(); ++c) {
          Cell& cell = row.emplace_back();
          if (!batch.columns[c].has_value(r)) continue;
          cell.emplace();
          const Storage storage = batch.columns[c].storage();
          if (storage == Storage::kBytes) {
            cell = std::string(batch.columns[c].bytes_at(r));
          } else {
            append_value_text(batch.columns[c], schema->columns[c].type, r, *cell);
          }
        }
      }
    }
    std::ranges::sort(rows);
    return rows;
  }

  std::string position_of(const std::string& entry) {
    auto entries = ledger_->load(context_);
    EXPECT_OK(entries);
    for (const LedgerEntry& found : *entries) {
      if (found.name == entry) return found.position;
    }
    return "none";
  }

  support::TempFolder folder_;
  Context context_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<Ledger> ledger_;
  uint64_t epoch_ = 0;
  std::unique_ptr<SinkWriter> writer_;
};

TableSchemaPtr simple_schema(const std::string& table = "t") {
  return make_schema(table,
                     {column("id", not_null({.kind = TypeKind::kInt32})), column("name", {.kind = TypeKind::kString}),
                      column("amount", {.kind = TypeKind::kInt64})},
                     {0});
}

const std::string kNastyText =
    "it's \"a\" \\ back\\\\slash \\N \\. \t tab \n line \r {,} NULL \xF0\x9F\x98\x80 \xC3\xA9 $1 %s ?";
const std::string kNastyBytes = std::string("\0\x01'\\\"\n\t\x7f\x80\xff\\x\\000", 17);

struct TypeCase {
  std::string name;
  DataType type;
  std::vector<std::string> values;
};

std::vector<TypeCase> type_cases() {
  const auto labels = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "it's", "cd"});
  return {
      {"boolean", {.kind = TypeKind::kBoolean}, {"true", "false"}},
      {"int8", {.kind = TypeKind::kInt8}, {"-128", "127", "0"}},
      {"int16", {.kind = TypeKind::kInt16}, {"-32768", "32767"}},
      {"int32", {.kind = TypeKind::kInt32}, {"-2147483648", "2147483647"}},
      {"int64", {.kind = TypeKind::kInt64}, {"-9223372036854775808", "9223372036854775807"}},
      {"uint64", {.kind = TypeKind::kUInt64}, {"0", "9223372036854775808", "18446744073709551615"}},
      {"float", {.kind = TypeKind::kFloat}, {"0", "1.5", "-3.4028235e+38", "1e-37", "0.1"}},
      {"double", {.kind = TypeKind::kDouble}, {"0.1", "-1.7976931348623157e+308", "5e-300", "123456789.12345679"}},
      {"decimal",
       {.kind = TypeKind::kDecimal, .precision = 65, .scale = 30},
       {"99999999999999999999999999999999999.999999999999999999999999999999", "-0.000000000000000000000000000001",
        "0.000000000000000000000000000000"}},
      {"decimal2", {.kind = TypeKind::kDecimal, .precision = 10, .scale = 2}, {"1.10", "-0.50", "99999999.99"}},
      {"text", {.kind = TypeKind::kString}, {"", kNastyText, "1.0", "  blanks  "}},
      {"varchar", {.kind = TypeKind::kString, .length = 100}, {"", kNastyText, "007"}},
      {"char", {.kind = TypeKind::kString, .length = 10, .fixed_length = true}, {"", "abc", "0"}},
      {"bytes", {.kind = TypeKind::kBytes}, {"", kNastyBytes}},
      {"binary", {.kind = TypeKind::kBytes, .length = 4, .fixed_length = true}, {std::string("ab\0\0", 4)}},
      {"varbinary", {.kind = TypeKind::kBytes, .length = 30}, {"", kNastyBytes}},
      {"date", {.kind = TypeKind::kDate}, {"1000-01-01", "1969-12-31", "2024-02-29", "9999-12-31"}},
      {"time0", {.kind = TypeKind::kTime}, {"00:00:00", "23:59:59"}},
      {"time6", {.kind = TypeKind::kTime, .precision = 6}, {"00:00:00.000001", "23:59:59.999999"}},
      {"timestamp",
       {.kind = TypeKind::kTimestamp, .precision = 6},
       {"1000-01-01 00:00:00.000000", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"}},
      {"timestamp0", {.kind = TypeKind::kTimestamp}, {"2024-03-31 02:30:00"}},
      {"timestamptz",
       {.kind = TypeKind::kTimestampTz, .precision = 3},
       {"1970-01-01 00:00:01.000", "2024-10-27 01:30:00.123", "2038-01-19 03:14:07.999"}},
      {"year", {.kind = TypeKind::kYear}, {"1901", "2155", "0"}},
      {"json", {.kind = TypeKind::kJson}, {"{\"a\": [1, 2.50, \"\\u00e9'\\\\\"], \"b\": null}", "1.0", "\"x\""}},
      {"enum", {.kind = TypeKind::kEnum, .labels = labels}, {"a", "it's"}},
      {"set", {.kind = TypeKind::kSet, .labels = labels}, {"", "a", "a,it's"}},
      {"bit", {.kind = TypeKind::kBit, .length = 12}, {std::string("\x0f\xa5", 2), std::string("\0\0", 2)}},
      {"uuid", {.kind = TypeKind::kUuid}, {"00112233-4455-6677-8899-aabbccddeeff"}},
  };
}

TEST_P(RelationalSinkTest, keeps_every_value_of_every_type_by_all_paths) {
  const auto cases = type_cases();
  std::vector<Column> columns{column("id", not_null({.kind = TypeKind::kInt32}))};
  size_t count = 1;
  for (const TypeCase& c : cases) {
    columns.push_back(column("c_" + c.name, c.type));
    count = std::max(count, c.values.size());
  }
  const auto row = [&](size_t id) {
    Row values{std::to_string(id)};
    for (const TypeCase& c : cases) values.push_back(id % 7 == 6 ? kNull : Cell(c.values[id % c.values.size()]));
    return values;
  };
  for (const std::string path : {"copy", "replace", "stream", "many"}) {
    SCOPED_TRACE(path);
    const auto schema = make_schema("types_" + path, columns, {0});
    create(schema);
    Batch batch(schema);
    const size_t rows = path == "many" ? 3000 : std::max<size_t>(count, 8);
    for (size_t id = 0; id < rows; ++id) {
      batch.add(path == "copy" || path == "replace" ? RowKind::kRead : RowKind::kInsert, row(id));
    }
    write(batch, path == "copy");
    commit(path);
    Rows expected;
    for (size_t id = 0; id < rows; ++id) expected.push_back(row(id));
    std::ranges::sort(expected);
    const Rows actual = table(schema);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      for (size_t c = 0; c < columns.size(); ++c) {
        ASSERT_EQ(actual[i][c], expected[i][c]) << "column " << columns[c].name << " row " << *expected[i][0];
      }
    }
  }
}

TEST_P(RelationalSinkTest, every_type_can_be_part_of_a_row_without_key) {
  const auto cases = type_cases();
  std::vector<Column> columns;
  for (const TypeCase& c : cases) {
    // Neither server compares JSON or floats reliably.
    if (c.type.kind != TypeKind::kFloat) columns.push_back(column("c_" + c.name, c.type));
  }
  const auto row = [&](size_t id) {
    Row values;
    for (const TypeCase& c : cases) {
      if (c.type.kind == TypeKind::kFloat) continue;
      values.push_back(id == 2 ? kNull : Cell(c.values[id % c.values.size()]));
    }
    return values;
  };
  const auto schema = make_schema("nokey", columns, {});
  create(schema);
  write(Batch(schema).insert(row(0)).insert(row(0)).insert(row(1)).insert(row(2)));
  write(Batch(schema).erase(row(0)).update(row(2), row(1)).update(row(0), row(2)));
  commit("p");
  Rows expected{row(1), row(1), row(2)};
  std::ranges::sort(expected);
  EXPECT_EQ(table(schema), expected);

  const auto missing = write_error(Batch(schema).erase(row(0)));
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->code(), ErrorCode::kData) << missing->describe();
}

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
  if (GetParam() == "sqlite" || GetParam() == "postgres") GTEST_SKIP() << "refuses the row";
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
INSTANTIATE_TEST_SUITE_P(AllSinks, RelationalSinkTest, testing::Values("sqlite", "postgres", "mariadb", "mysql"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace sluice
