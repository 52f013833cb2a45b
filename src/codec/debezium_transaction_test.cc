// SPDX-License-Identifier: Apache-2.0
// The bytes of transaction metadata, of TRUNCATE, logical messages, schema changes and heartbeats, put together by us
// from the description of Debezium's records.
#include "codec/debezium_transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/debezium_event.h"
#include "codec/debezium_heartbeat.h"
#include "connector/logical_message.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TableSchemaPtr table(const char* name) {
  TableSchema schema;
  schema.id = {"inv", name};
  schema.columns = {{.name = "id", .type = {.kind = TypeKind::kInt32, .nullable = false}}};
  schema.key = {0};
  return std::make_shared<const TableSchema>(std::move(schema));
}

class Transactions : public testing::Test {
 protected:
  void open(EventSource source, bool schemas = false, std::string skipped = "t") {
    DebeziumOptions options{.source = source, .database = "stock", .topic_prefix = "shop", .schemas = schemas};
    options.transaction_topic = "shop.transaction";
    options.skipped = std::move(skipped);
    encoder_ = std::make_unique<DebeziumEncoder>(options);
  }
  DebeziumEncoder::Emit emit() {
    return [this](const DebeziumRecord& record) -> Result<> {
      if (record.topic.empty()) {
        std::string value(record.value);
        const size_t block = value.find("\"transaction\":");
        seen_.push_back(value.empty() ? "tombstone" : value.substr(block, value.find("},\"op\"", block) + 1 - block));
      } else {
        EXPECT_EQ(record.topic, "shop.transaction");
        seen_.push_back(std::string(record.key) + " " + std::string(record.value));
      }
      return {};
    };
  }
  // Rows of tables and transactions, by index.
  void write(const TableSchemaPtr& schema, std::vector<std::pair<RowKind, int>> rows, TransactionList transactions,
             uint32_t transaction = 0) {
    ChangeBatch batch(schema);
    batch.transactions = std::make_shared<const TransactionList>(std::move(transactions));
    for (const auto& [kind, id] : rows) {
      batch.kinds.push_back(kind);
      batch.columns[0].append_int(id);
      if (kind != RowKind::kRead) batch.origins.push_back({.transaction = transaction, .place = 777});
    }
    for (size_t row = 0; row < batch.rows();) {
      EXPECT_TRUE(encoder_->encode(batch, "shop." + schema->id.text(), row, emit()).has_value());
    }
  }

  std::unique_ptr<DebeziumEncoder> encoder_;
  std::vector<std::string> seen_;
};

const Transaction kFirst = {
    .start = {"v1;file=bin.000003;pos=154"}, .id = "uuid:5", .event_time_us = 1'600'000'000'000};
const Transaction kSecond = {.start = {"v1;file=bin.000003;pos=900"}, .id = {}, .event_time_us = 1'700'000'000'000};

TEST_F(Transactions, begin_count_their_events_and_end) {
  open(EventSource::kMysql);
  const auto a = table("a");
  const auto b = table("b");
  write(a, {{RowKind::kInsert, 1}, {RowKind::kInsert, 2}}, {kFirst, kSecond});
  write(b, {{RowKind::kDelete, 1}}, {kFirst, kSecond});
  write(a, {{RowKind::kInsert, 3}}, {kFirst, kSecond});
  write(a, {{RowKind::kInsert, 4}}, {kFirst, kSecond}, 1);
  EXPECT_TRUE(encoder_->end_transaction(emit()).has_value());
  EXPECT_TRUE(encoder_->end_transaction(emit()).has_value());  // nothing is left to end
  EXPECT_THAT(
      seen_,
      ElementsAre(
          R"({"id":"uuid:5"} {"status":"BEGIN","id":"uuid:5","event_count":null,"data_collections":null,"ts_ms":1600000000})",
          R"("transaction":{"id":"uuid:5","total_order":1,"data_collection_order":1})",
          R"("transaction":{"id":"uuid:5","total_order":2,"data_collection_order":2})",
          R"("transaction":{"id":"uuid:5","total_order":3,"data_collection_order":1})", "tombstone",
          R"("transaction":{"id":"uuid:5","total_order":4,"data_collection_order":3})",
          R"({"id":"uuid:5"} {"status":"END","id":"uuid:5","event_count":4,"data_collections":[{"data_collection":"inv.a",)"
          R"("event_count":3},{"data_collection":"inv.b","event_count":1}],"ts_ms":1600000000})",
          R"({"id":"file=bin.000003,pos=900"} {"status":"BEGIN","id":"file=bin.000003,pos=900","event_count":null,)"
          R"("data_collections":null,"ts_ms":1700000000})",
          R"("transaction":{"id":"file=bin.000003,pos=900","total_order":1,"data_collection_order":1})",
          R"({"id":"file=bin.000003,pos=900"} {"status":"END","id":"file=bin.000003,pos=900","event_count":1,)"
          R"("data_collections":[{"data_collection":"inv.a","event_count":1}],"ts_ms":1700000000})"));
}

TEST_F(Transactions, count_a_change_of_the_key_twice) {
  open(EventSource::kMysql);
  write(table("a"), {{RowKind::kUpdateBefore, 1}, {RowKind::kUpdateAfter, 2}}, {kFirst});
  ASSERT_EQ(seen_.size(), 4u);
  EXPECT_THAT(seen_[1], HasSubstr(R"("total_order":1,)"));
  EXPECT_EQ(seen_[2], "tombstone");
  EXPECT_THAT(seen_[3], HasSubstr(R"("total_order":2,)"));
}

TEST_F(Transactions, of_skipped_events_are_none) {
  open(EventSource::kMysql, false, "c");
  write(table("a"), {{RowKind::kInsert, 1}}, {kFirst});
  EXPECT_TRUE(encoder_->end_transaction(emit()).has_value());
  EXPECT_THAT(seen_, ElementsAre());
}

TEST_F(Transactions, are_not_told_of_copies) {
  open(EventSource::kMysql);
  write(table("a"), {{RowKind::kRead, 1}}, {kFirst});
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_THAT(seen_[0], StartsWith(R"("transaction":null,)"));
}

// Which place Debezium appends is not described.
TEST_F(Transactions, of_postgres_are_named_by_number_and_place) {
  open(EventSource::kPostgres);
  write(table("a"), {{RowKind::kInsert, 1}}, {{.start = {"v1;lsn=1/19"}, .number = 571}});
  EXPECT_EQ(seen_[1], R"("transaction":{"id":"571:4294967320","total_order":1,"data_collection_order":1})");
}

TEST_F(Transactions, carry_their_schemas) {
  open(EventSource::kMysql, true);
  write(table("a"), {{RowKind::kInsert, 1}}, {kFirst});
  EXPECT_EQ(seen_[0],
            R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"}],"optional":false,)"
            R"("name":"io.debezium.connector.common.TransactionMetadataKey","version":1},"payload":{"id":"uuid:5"}} )"
            R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"status"},)"
            R"({"type":"string","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"event_count"},)"
            R"({"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,)"
            R"("field":"data_collection"},{"type":"int64","optional":false,"field":"event_count"}],"optional":true,)"
            R"("name":"event.collection","version":1},"optional":true,"field":"data_collections"},{"type":"int64",)"
            R"("optional":false,"field":"ts_ms"}],"optional":false,)"
            R"("name":"io.debezium.connector.common.TransactionMetadataValue","version":1},"payload":)"
            R"({"status":"BEGIN","id":"uuid:5","event_count":null,"data_collections":null,"ts_ms":1600000000}})");
}

TEST(Truncation, is_an_event_without_key_and_rows) {
  Truncation truncation;
  truncation.tables = {table("item")};
  truncation.transaction = {.start = {"v1;file=bin.000003;pos=154"},
                            .id = "uuid:5",
                            .event_time_us = 1'600'000'000'123'456,
                            .server_id = 223344,
                            .thread = 7};
  truncation.place = 219;
  DebeziumOptions options{.source = EventSource::kMysql, .topic_prefix = "shop", .schemas = false};
  std::vector<std::string> seen;
  const auto emit = [&](const DebeziumRecord& record) -> Result<> {
    EXPECT_EQ(record.key.data(), nullptr);
    seen.emplace_back(record.value);
    return {};
  };
  ASSERT_TRUE(DebeziumEncoder(options).encode_truncation(truncation, 0, "shop.inv.item", emit).has_value());
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_THAT(seen[0],
              StartsWith(R"({"before":null,"after":null,"source":{"version":"3.6.1.Final","connector":"mysql",)"
                         R"("name":"shop","ts_ms":1600000000123,"snapshot":"false","db":"inv","sequence":null,)"
                         R"("ts_us":1600000000123456,"ts_ns":1600000000123456000,"table":"item",)"
                         R"("server_id":223344,"gtid":"uuid:5","file":"bin.000003","pos":219,"row":0,)"
                         R"("thread":7,"query":null},"transaction":null,"op":"t","ts_ms":)"));
  options.skipped = "t";
  ASSERT_TRUE(DebeziumEncoder(options).encode_truncation(truncation, 0, "shop.inv.item", emit).has_value());
  EXPECT_EQ(seen.size(), 1u);
}

// What the JDBC types, lengths and the values of ENUM look like is not described.
// tidy: the bytes of one record
TEST(SchemaChange, tells_the_statement_and_the_tables) {
  TableSchema before;
  before.id = {"inv", "item"};
  before.columns = {
      {.name = "id", .type = {.kind = TypeKind::kInt64, .nullable = false, .source_type = "int(10) unsigned"}},
      {.name = "price",
       .type = {.kind = TypeKind::kDecimal, .precision = 6, .scale = 2, .source_type = "decimal(6,2)"},
       .default_expression = "1.00"},
      {.name = "size",
       .type = {.kind = TypeKind::kEnum,
                .labels = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"s", "l"}),
                .source_type = "enum('s','l')"}}};
  before.key = {0};
  const auto item = std::make_shared<const TableSchema>(before);
  SchemaChangeEvent event;
  event.ddl = "ALTER TABLE item \"x\"";
  event.transaction = {.start = {"v1;file=bin.000003;pos=154"}, .event_time_us = 1'600'000'000'000'000};
  event.place = 219;
  event.changes = {{.kind = SchemaChangeKind::kDropColumns, .before = item, .after = item},
                   {.kind = SchemaChangeKind::kAddColumns, .before = item, .after = item},
                   {.kind = SchemaChangeKind::kDropTable, .before = table("a")}};
  std::vector<std::string> seen;
  const auto emit = [&](const DebeziumRecord& record) -> Result<> {
    EXPECT_EQ(record.topic, "shop");
    seen.push_back(std::string(record.key) + " " + std::string(record.value));
    return {};
  };
  DebeziumOptions options{.source = EventSource::kMysql, .topic_prefix = "shop", .schemas = false};
  ASSERT_TRUE(DebeziumEncoder(options).encode_schema_change(event, emit).has_value());
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_THAT(seen[0], StartsWith(R"({"databaseName":"inv"} {"source":{"version":"3.6.1.Final","connector":"mysql",)"));
  EXPECT_THAT(seen[0], HasSubstr(R"("table":"item,a","server_id":0,"gtid":null,"file":"bin.000003","pos":219,)"));
  EXPECT_THAT(
      seen[0],
      testing::EndsWith(
          R"("databaseName":"inv","schemaName":null,"ddl":"ALTER TABLE item \"x\"","tableChanges":[{"type":"ALTER",)"
          R"("id":"\"inv\".\"item\"","table":{"defaultCharsetName":null,"primaryKeyColumnNames":["id"],"columns":[)"
          R"({"name":"id","jdbcType":4,"nativeType":null,"typeName":"INT UNSIGNED","typeExpression":"INT UNSIGNED",)"
          R"("charsetName":null,"length":10,"scale":null,"position":1,"optional":false,"autoIncremented":null,)"
          R"("generated":null,"comment":null,"defaultValueExpression":null,"enumValues":null},)"
          R"({"name":"price","jdbcType":3,"nativeType":null,"typeName":"DECIMAL","typeExpression":"DECIMAL",)"
          R"("charsetName":null,"length":6,"scale":2,"position":2,"optional":true,"autoIncremented":null,)"
          R"("generated":null,"comment":null,"defaultValueExpression":"1.00","enumValues":null},)"
          R"({"name":"size","jdbcType":1,"nativeType":null,"typeName":"ENUM","typeExpression":"ENUM",)"
          R"("charsetName":null,"length":null,"scale":null,"position":3,"optional":true,"autoIncremented":null,)"
          R"("generated":null,"comment":null,"defaultValueExpression":null,"enumValues":["s","l"]}],"comment":null}},)"
          R"({"type":"DROP","id":"\"inv\".\"a\"","table":null}]})"));
  options.schemas = true;
  ASSERT_TRUE(DebeziumEncoder(options).encode_schema_change(event, emit).has_value());
  EXPECT_THAT(seen[1], StartsWith(R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,)"
                                  R"("field":"databaseName"}],"optional":false,)"
                                  R"("name":"io.debezium.connector.mysql.SchemaChangeKey","version":1},)"
                                  R"("payload":{"databaseName":"inv"}} )"));
  EXPECT_THAT(
      seen[1],
      HasSubstr(
          R"({"type":"string","optional":true,"field":"ddl"},{"type":"array","items":{"type":"struct","fields":[)"
          R"({"type":"string","optional":false,"field":"type"},{"type":"string","optional":false,"field":"id"},)"
          R"({"type":"struct","fields":[{"type":"string","optional":true,"field":"defaultCharsetName"},{"type":"array",)"
          R"("items":{"type":"string","optional":false},"optional":true,"field":"primaryKeyColumnNames"},)"
          R"({"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,"field":"name"},)"));
  EXPECT_THAT(
      seen[1],
      HasSubstr(
          R"("optional":true,"field":"enumValues"}],"optional":false,"name":"io.debezium.connector.schema.Column",)"
          R"("version":1},"optional":false,"field":"columns"},{"type":"string","optional":true,"field":"comment"}],)"
          R"("optional":true,"name":"io.debezium.connector.schema.Table","version":1,"field":"table"}],)"
          R"("optional":false,"name":"io.debezium.connector.schema.Change","version":1},"optional":false,)"
          R"("field":"tableChanges"}],"optional":false,"name":"io.debezium.connector.mysql.SchemaChangeValue",)"
          R"("version":1},"payload":{"source":{)"));
}

// The description shows an envelope; these schemas are those of Debezium's source.
TEST(LogicalMessage, has_a_value_of_its_own) {
  ChangeBatch batch(logical_message_schema());
  batch.kinds.push_back(RowKind::kInsert);
  batch.columns[0].append_bytes("audit");
  batch.columns[1].append_bytes("hi");
  batch.origins.push_back({.place = 777});
  batch.transactions = std::make_shared<const TransactionList>(
      TransactionList{{.start = {"v1;lsn=0/100"}, .event_time_us = 1'600'000'000'123'456, .number = 12}});
  DebeziumOptions options{.source = EventSource::kPostgres, .database = "stock", .topic_prefix = "shop"};
  std::string key;
  std::string value;
  const auto emit = [&](const DebeziumRecord& record) -> Result<> {
    key = record.key;
    value = record.value;
    return {};
  };
  size_t row = 0;
  ASSERT_TRUE(DebeziumEncoder(options).encode(batch, "shop.message", row, emit).has_value());
  EXPECT_EQ(key, R"({"schema":{"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"}],)"
                 R"("optional":false,"name":"io.debezium.connector.postgresql.MessageKey","version":1},)"
                 R"("payload":{"prefix":"audit"}})");
  EXPECT_THAT(value,
              HasSubstr(R"(,{"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"},)"
                        R"({"type":"bytes","optional":true,"field":"content"}],"optional":false,)"
                        R"("name":"io.debezium.connector.postgresql.Message","version":1,"field":"message"}],)"
                        R"("optional":false,"name":"io.debezium.connector.postgresql.MessageValue","version":1},)"
                        R"("payload":{"op":"m","ts_ms":)"));
  EXPECT_THAT(value, HasSubstr(R"("schema":"","table":"","txId":12,"lsn":777,)"));
  EXPECT_THAT(value, testing::EndsWith(R"(,"message":{"prefix":"audit","content":"aGk="}}})"));
}

TEST(Heartbeat, names_the_connector_and_the_time) {
  const HeartbeatRecord plain = debezium_heartbeat("shop", false, 1'600'000'000'123);
  EXPECT_EQ(plain.key, R"({"serverName":"shop"})");
  EXPECT_EQ(plain.value, R"({"ts_ms":1600000000123})");
  const HeartbeatRecord whole = debezium_heartbeat("shop", true, 1'600'000'000'123);
  EXPECT_EQ(whole.key,
            R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"serverName"}],)"
            R"("optional":false,"name":"io.debezium.connector.common.ServerNameKey","version":1},)"
            R"("payload":{"serverName":"shop"}})");
  EXPECT_EQ(whole.value, R"({"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"}],)"
                         R"("optional":false,"name":"io.debezium.connector.common.Heartbeat","version":1},)"
                         R"("payload":{"ts_ms":1600000000123}})");
}

}  // namespace
}  // namespace sluice
