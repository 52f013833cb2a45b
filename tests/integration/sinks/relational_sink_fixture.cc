// SPDX-License-Identifier: Apache-2.0
#include "integration/sinks/relational_sink_fixture.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/setting.h"
#include "connectors/mysql/mysql_sink.h"
#include "connectors/postgres/postgres_connector.h"
#include "connectors/sqlite/sqlite_connector.h"
#include "data/value_text.h"
#include "state/sqlite_database.h"
#include "support/ok.h"

namespace sluice {

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

TableSchemaPtr simple_schema(const std::string& table) {
  return make_schema(table,
                     {column("id", not_null({.kind = TypeKind::kInt32})), column("name", {.kind = TypeKind::kString}),
                      column("amount", {.kind = TypeKind::kInt64})},
                     {0});
}

Batch& Batch::add(RowKind kind, const Row& row) {
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

void RelationalSinkTest::SetUp() {
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

support::DatabaseServer& RelationalSinkTest::server() {
  if (GetParam() == "mysql") return mysql();
  return mariadb();
}

std::unique_ptr<Sink> RelationalSinkTest::make_sink() {
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

std::unique_ptr<SinkWriter> RelationalSinkTest::open_writer(uint64_t epoch) {
  auto writer = sink_->open_writer(context_, "job-1", epoch);
  EXPECT_OK(writer);
  return std::move(*writer);
}

void RelationalSinkTest::create(const TableSchemaPtr& schema) {
  ASSERT_OK(sink_->apply(context_, {.kind = SchemaChangeKind::kCreateTable, .after = schema}));
}

void RelationalSinkTest::create_other_unique_key() {
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

void RelationalSinkTest::write(const Batch& batch, bool into_empty_table) {
  ASSERT_OK(writer_->write(context_, batch.batch, into_empty_table));
}

void RelationalSinkTest::commit(const std::string& position) {
  ASSERT_OK(writer_->commit(context_, {"lane/0", position, ""}));
}

std::optional<Error> RelationalSinkTest::write_error(const Batch& batch) {
  auto result = writer_->write(context_, batch.batch, false);
  if (result) result = writer_->commit(context_, {"lane/0", "refused", ""});
  writer_ = open_writer(epoch_);
  if (result) return std::nullopt;
  return std::move(result).error();
}

Rows RelationalSinkTest::table(const TableSchemaPtr& schema, SnapshotChunk range) {
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

std::string RelationalSinkTest::position_of(const std::string& entry) {
  auto entries = ledger_->load(context_);
  EXPECT_OK(entries);
  for (const LedgerEntry& found : *entries) {
    if (found.name == entry) return found.position;
  }
  return "none";
}

}  // namespace sluice
