// SPDX-License-Identifier: Apache-2.0
// The bytes of keys and values. They were put together by us from the description of Debezium's envelope and of Kafka
// Connect's JsonConverter; what is different from row to row in Debezium (the clock) is cut off.
#include "codec/debezium_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/column_rules.h"
#include "data/value_text.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TableSchemaPtr items() {
  TableSchema schema;
  schema.id = {"inv", "item"};
  schema.columns = {{.name = "id", .type = {.kind = TypeKind::kInt32, .nullable = false, .source_type = "int"}},
                    {.name = "price", .type = {.kind = TypeKind::kDecimal, .precision = 10, .scale = 2}},
                    {.name = "note", .type = {.kind = TypeKind::kString, .nullable = false}}};
  schema.key = {0};
  return std::make_shared<const TableSchema>(std::move(schema));
}

struct Row {
  RowKind kind;
  int id;
  const char* price;  // null: NULL
  const char* note;   // null: not carried by the log
};

ChangeBatch batch_of(std::initializer_list<Row> rows, Transaction transaction = {}) {
  ChangeBatch batch(items());
  transaction.event_time_us = 1'600'000'000'123'456;
  batch.transactions = std::make_shared<const TransactionList>(1, std::move(transaction));
  for (const Row& row : rows) {
    batch.kinds.push_back(row.kind);
    batch.columns[0].append_int(row.id);
    row.price != nullptr ? batch.columns[1].append_bytes(row.price) : batch.columns[1].append_null();
    row.note != nullptr ? batch.columns[2].append_bytes(row.note) : batch.columns[2].append_absent();
    if (row.kind != RowKind::kRead) batch.origins.push_back({.event = 2, .row = 1, .place = 777});
  }
  return batch;
}

struct Sent {
  std::string key;
  std::string value;  // "" for a tombstone
  std::string other_key;
};

std::vector<Sent> encode(const ChangeBatch& batch, const DebeziumOptions& options) {
  DebeziumEncoder encoder(options);
  std::vector<Sent> sent;
  for (size_t row = 0; row < batch.rows();) {
    const auto done = encoder.encode(batch, "shop.inv.item", row, [&](const DebeziumRecord& record) -> Result<> {
      sent.push_back({std::string(record.key), std::string(record.value),
                      std::string(record.new_key) + std::string(record.old_key)});
      return {};
    });
    EXPECT_TRUE(done.has_value()) << done.error().describe();
  }
  return sent;
}

DebeziumOptions plain(EventSource source = EventSource::kMysql) {
  return {.source = source, .database = "stock", .topic_prefix = "shop", .schemas = false};
}

const Transaction kMysqlTransaction = {
    .start = {"v1;file=bin.000003;pos=154"}, .id = "uuid:5", .server_id = 223344, .thread = 7};

TEST(DebeziumEvent, has_the_members_of_the_envelope_in_their_order) {
  const auto sent = encode(batch_of({{RowKind::kInsert, 1, "123.45", "a"}}, kMysqlTransaction), plain());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].key, R"({"id":1})");
  EXPECT_THAT(
      sent[0].value,
      StartsWith(R"({"before":null,"after":{"id":1,"price":"MDk=","note":"a"},"source":{"version":"3.6.1.Final",)"
                 R"("connector":"mysql","name":"shop","ts_ms":1600000000123,"snapshot":"false","db":"inv",)"
                 R"("sequence":null,"ts_us":1600000000123456,"ts_ns":1600000000123456000,"table":"item",)"
                 R"("server_id":223344,"gtid":"uuid:5","file":"bin.000003","pos":777,"row":1,"thread":7,)"
                 R"("query":null},"transaction":null,"op":"c","ts_ms":)"));
}

TEST(DebeziumEvent, of_postgres_tells_the_places_in_its_log) {
  const Transaction transaction = {.start = {"v1;lsn=0/100"}, .number = 12, .previous_commit = 99};
  const auto sent = encode(batch_of({{RowKind::kInsert, 1, nullptr, "a"}}, transaction), plain(EventSource::kPostgres));
  EXPECT_THAT(
      sent[0].value,
      HasSubstr(R"("connector":"postgresql","name":"shop","ts_ms":1600000000123,"snapshot":"false","db":"stock",)"
                R"("sequence":"[\"99\",\"777\"]","ts_us":1600000000123456,"ts_ns":1600000000123456000,)"
                R"("schema":"inv","table":"item","txId":12,"lsn":777,"xmin":null,"origin":null,)"
                R"("origin_lsn":null})"));
}

TEST(DebeziumEvent, of_the_copy_tells_the_place_of_the_snapshot) {
  const auto sent = encode(batch_of({{RowKind::kRead, 1, "0.00", ""}}, {.start = {"v1;file=bin.000003;pos=154"}}),
                           plain(EventSource::kMariadb));
  EXPECT_THAT(sent[0].value, HasSubstr(R"("connector":"mariadb",)"));
  EXPECT_THAT(sent[0].value, HasSubstr(R"("snapshot":"true",)"));
  EXPECT_THAT(sent[0].value,
              HasSubstr(R"("table":"item","server_id":0,"gtid":null,"file":"bin.000003","pos":154,"row":0,)"
                        R"("thread":null,"query":null},"transaction":null,"op":"r",)"));
}

TEST(DebeziumEvent, carries_its_schema) {
  DebeziumOptions options = plain();
  options.schemas = true;
  const auto sent = encode(batch_of({{RowKind::kInsert, 1, "123.45", "a"}}, kMysqlTransaction), options);
  EXPECT_EQ(sent[0].key,
            R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,)"
            R"("name":"shop.inv.item.Key"},"payload":{"id":1}})");
  const std::string row =
      R"([{"type":"int32","optional":false,"field":"id"},{"type":"bytes","optional":true,)"
      R"("name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2",)"
      R"("connect.decimal.precision":"10"},"field":"price"},{"type":"string","optional":false,"field":"note"}],)"
      R"("optional":true,"name":"shop.inv.item.Value",)";
  EXPECT_THAT(
      sent[0].value,
      StartsWith(
          R"({"schema":{"type":"struct","fields":[{"type":"struct","fields":)" + row +
          R"("field":"before"},{"type":"struct","fields":)" + row +
          R"("field":"after"},{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},)"
          R"({"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},)"
          R"({"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,)"
          R"("name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,)"
          R"(last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"},)"
          R"({"type":"string","optional":false,"field":"db"},{"type":"string","optional":true,"field":"sequence"},)"
          R"({"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"},)"
          R"({"type":"string","optional":true,"field":"table"},{"type":"int64","optional":false,"field":"server_id"},)"
          R"({"type":"string","optional":true,"field":"gtid"},{"type":"string","optional":false,"field":"file"},)"
          R"({"type":"int64","optional":false,"field":"pos"},{"type":"int32","optional":false,"field":"row"},)"
          R"({"type":"int64","optional":true,"field":"thread"},{"type":"string","optional":true,"field":"query"}],)"
          R"("optional":false,"name":"io.debezium.connector.mysql.Source","version":1,"field":"source"},)"
          R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},{"type":"int64",)"
          R"("optional":false,"field":"total_order"},{"type":"int64","optional":false,"field":"data_collection_order"}],)"
          R"("optional":true,"name":"event.block","version":1,"field":"transaction"},{"type":"string",)"
          R"("optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},{"type":"int64",)"
          R"("optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"}],"optional":false,)"
          R"("name":"shop.inv.item.Envelope","version":2},"payload":{"before":null,)"));
}

TEST(DebeziumEvent, of_a_deletion_is_followed_by_a_tombstone) {
  const auto sent = encode(batch_of({{RowKind::kDelete, 1, nullptr, "a"}}), plain());
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_THAT(sent[0].value, StartsWith(R"({"before":{"id":1,"price":null,"note":"a"},"after":null,)"));
  EXPECT_EQ(sent[1].key, R"({"id":1})");
  EXPECT_EQ(sent[1].value, "");
}

TEST(DebeziumEvent, of_another_key_is_three) {
  const auto sent =
      encode(batch_of({{RowKind::kUpdateBefore, 1, "1.00", "a"}, {RowKind::kUpdateAfter, 2, "1.00", "a"}}), plain());
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_THAT(sent[0].value, HasSubstr(R"("op":"d")"));
  EXPECT_EQ(sent[0].other_key, R"({"id":2})");
  EXPECT_EQ(sent[1].value, "");
  EXPECT_EQ(sent[1].key, R"({"id":1})");
  EXPECT_THAT(sent[2].value, StartsWith(R"({"before":null,"after":{"id":2,)"));
  EXPECT_THAT(sent[2].value, HasSubstr(R"("op":"c")"));
  EXPECT_EQ(sent[2].other_key, R"({"id":1})");
}

TEST(DebeziumEvent, has_a_placeholder_for_what_the_log_left_out) {
  const auto unknown = encode(batch_of({{RowKind::kUpdateAfter, 1, "1.00", nullptr}}), plain());
  EXPECT_THAT(unknown[0].value,
              StartsWith(R"({"before":null,"after":{"id":1,"price":"ZA==","note":"__debezium_unavailable_value"},)"));
  const auto known = encode(
      batch_of({{RowKind::kUpdateBefore, 1, "1.00", "old"}, {RowKind::kUpdateAfter, 1, "2.00", nullptr}}), plain());
  EXPECT_THAT(known[0].value, HasSubstr(R"("after":{"id":1,"price":"AMg=","note":"old"})"));
  // A column that must not be NULL gets the zero of its type.
  const auto gone = encode(batch_of({{RowKind::kDelete, 1, nullptr, nullptr}}), plain());
  EXPECT_THAT(gone[0].value, StartsWith(R"({"before":{"id":1,"price":null,"note":""},)"));
}

TEST(DebeziumEvent, of_postgres_has_no_old_row_where_the_log_has_none) {
  const auto before = [](EventSource source, const Row& old_row, const Row& new_row) {
    const auto sent = encode(batch_of({old_row, new_row}), plain(source));
    EXPECT_EQ(sent.size(), 1u);
    return sent[0].value.substr(0, sent[0].value.find(",\"after\""));
  };
  // The source repeats what identifies the row.
  const Row identity{RowKind::kUpdateBefore, 1, "1.00", nullptr};
  const Row changed{RowKind::kUpdateAfter, 1, "1.00", "new"};
  EXPECT_EQ(before(EventSource::kPostgres, identity, changed), R"({"before":null)");
  EXPECT_EQ(before(EventSource::kMysql, identity, changed), R"({"before":{"id":1,"price":"ZA==","note":""})");
  // Of an identity that changed, or is all columns, the log has it.
  EXPECT_EQ(before(EventSource::kPostgres, identity, {RowKind::kUpdateAfter, 1, "2.00", "new"}),
            R"({"before":{"id":1,"price":"ZA==","note":""})");
  EXPECT_EQ(before(EventSource::kPostgres, {RowKind::kUpdateBefore, 1, nullptr, "new"},
                   {RowKind::kUpdateAfter, 1, nullptr, "new"}),
            R"({"before":{"id":1,"price":null,"note":"new"})");
}

TEST(DebeziumEvent, of_a_copy_beside_the_stream_has_no_place_in_the_log_of_postgres) {
  const ChangeBatch batch = batch_of({{RowKind::kRead, 1, "1.00", "a"}}, {.start = {"v1;lsn=0/100"}, .number = 12});
  DebeziumEncoder encoder(plain(EventSource::kPostgres));
  const auto source_of = [&](std::string_view mark) {
    encoder.mark_copied_rows(mark);
    std::string value;
    size_t row = 0;
    const auto done = encoder.encode(batch, "shop.inv.item", row, [&](const DebeziumRecord& record) -> Result<> {
      value = record.value;
      return {};
    });
    EXPECT_TRUE(done.has_value());
    return value;
  };
  EXPECT_THAT(source_of("incremental"), HasSubstr(R"("table":"item","txId":null,"lsn":null,"xmin":null,)"));
  EXPECT_THAT(source_of("true"), HasSubstr(R"("table":"item","txId":12,"lsn":256,"xmin":null,)"));
}

// A value of a type under some options: schema (without "field") and JSON.
std::string shown(DataType type, const char* text, const DebeziumOptions& options) {
  const Column column{.name = "c", .type = type};
  const auto field = make_event_field(column, options);
  if (!field) return field.error().message();
  ColumnVector values(type.kind);
  EXPECT_TRUE(append_parsed(values, type, text).has_value()) << text;
  std::string out = field->schema.substr(0, field->schema.find(",\"optional\"")) + "} ";
  const size_t name = field->schema.find("\"name\"");
  if (name != std::string::npos) {
    out.insert(out.size() - 2, "," + field->schema.substr(name, field->schema.find(',', name) - name));
  }
  const auto appended = append_event_value(*field, values, 0, out);
  return appended ? out : appended.error().message();
}

TEST(DebeziumEvent, follows_the_handling_modes) {
  const DataType decimal{.kind = TypeKind::kDecimal, .precision = 10, .scale = 2};
  DebeziumOptions options = plain();
  options.decimals = DecimalMode::kDouble;
  EXPECT_EQ(shown(decimal, "12345678.90", options), R"({"type":"double"} 1.23456789E7)");
  options.decimals = DecimalMode::kString;
  EXPECT_EQ(shown(decimal, "-0.50", options), R"({"type":"string"} "-0.50")");
  const DataType any_decimal{.kind = TypeKind::kDecimal};
  EXPECT_EQ(shown(any_decimal, "NaN", options), R"({"type":"string"} "NAN")");
  options.decimals = DecimalMode::kPrecise;
  EXPECT_THAT(shown(any_decimal, "NaN", options), HasSubstr("has no form in Kafka Connect's Decimal"));

  options.decimals = DecimalMode::kDouble;
  const std::string large(400, '9');
  EXPECT_EQ(shown(any_decimal, large.c_str(), options), R"({"type":"double"} "Infinity")");
  EXPECT_EQ(shown(any_decimal, ("-" + large).c_str(), options), R"({"type":"double"} "-Infinity")");
  EXPECT_EQ(shown(any_decimal, ("0." + std::string(400, '0') + "1").c_str(), options), R"({"type":"double"} 0.0)");

  const DataType bytes{.kind = TypeKind::kBytes};
  options.binaries = BinaryMode::kHex;
  EXPECT_EQ(shown(bytes, "\xfb\xff", options), R"({"type":"string"} "fbff")");
  options.binaries = BinaryMode::kBase64;
  EXPECT_EQ(shown(bytes, "\xfb\xff", options), R"({"type":"string"} "+/8=")");
  options.binaries = BinaryMode::kBase64Url;
  EXPECT_EQ(shown(bytes, "\xfb\xff", options), R"({"type":"string"} "-_8=")");

  const DataType number{.kind = TypeKind::kUInt64};
  options.unsigned_bigint_precise = true;
  EXPECT_EQ(shown(number, "18446744073709551615", options),
            R"({"type":"bytes","name":"org.apache.kafka.connect.data.Decimal"} "AP//////////")");
}

TEST(DebeziumEvent, counts_times_as_the_mode_says) {
  const DataType time{.kind = TypeKind::kTime, .precision = 3};
  const DataType timestamp{.kind = TypeKind::kTimestamp, .precision = 6};
  const DataType date{.kind = TypeKind::kDate};
  DebeziumOptions options = plain();
  const auto all = [&](TimeMode mode) {
    options.times = mode;
    return std::vector{shown(date, "1970-01-02", options), shown(time, "00:00:01.500", options),
                       shown(timestamp, "1970-01-01 00:00:01.500000", options)};
  };
  EXPECT_THAT(all(TimeMode::kAdaptive),
              ElementsAre(R"({"type":"int32","name":"io.debezium.time.Date"} 1)",
                          R"({"type":"int32","name":"io.debezium.time.Time"} 1500)",
                          R"({"type":"int64","name":"io.debezium.time.MicroTimestamp"} 1500000)"));
  EXPECT_THAT(all(TimeMode::kAdaptiveTimeMicroseconds)[1],
              R"({"type":"int64","name":"io.debezium.time.MicroTime"} 1500000)");
  EXPECT_THAT(all(TimeMode::kConnect),
              ElementsAre(R"({"type":"int32","name":"org.apache.kafka.connect.data.Date"} 1)",
                          R"({"type":"int32","name":"org.apache.kafka.connect.data.Time"} 1500)",
                          R"({"type":"int64","name":"org.apache.kafka.connect.data.Timestamp"} 1500)"));
  // The millisecond that has begun, also before 1970.
  EXPECT_THAT(shown(timestamp, "1969-12-31 23:59:58.499500", options), testing::EndsWith(" -1501"));
  EXPECT_THAT(shown(timestamp, "1969-12-31 23:59:58.499000", options), testing::EndsWith(" -1501"));
  EXPECT_THAT(all(TimeMode::kNanoseconds),
              ElementsAre(R"({"type":"int32","name":"io.debezium.time.Date"} 1)",
                          R"({"type":"int64","name":"io.debezium.time.NanoTime"} 1500000000)",
                          R"({"type":"int64","name":"io.debezium.time.NanoTimestamp"} 1500000000)"));
  // How many digits of the fraction Debezium shows is not described; these are as many as it takes.
  EXPECT_THAT(all(TimeMode::kIsostring),
              ElementsAre(R"({"type":"string","name":"io.debezium.time.IsoDate"} "1970-01-02Z")",
                          R"({"type":"string","name":"io.debezium.time.IsoTime"} "00:00:01.5Z")",
                          R"({"type":"string","name":"io.debezium.time.IsoTimestamp"} "1970-01-01T00:00:01.5Z")"));
}

TEST(DebeziumEvent, holds_numbers_of_any_length) {
  const DataType decimal{.kind = TypeKind::kDecimal};
  const auto value = [&](const std::string& text) {
    const std::string out = shown(decimal, text.c_str(), plain());
    return out.substr(out.find("} ") + 2);
  };
  EXPECT_EQ(value("0"), R"({"scale":0,"value":"AA=="})");
  EXPECT_EQ(value("-1"), R"({"scale":0,"value":"/w=="})");
  EXPECT_EQ(value("127"), R"({"scale":0,"value":"fw=="})");
  EXPECT_EQ(value("128"), R"({"scale":0,"value":"AIA="})");
  EXPECT_EQ(value("-128"), R"({"scale":0,"value":"gA=="})");
  EXPECT_EQ(value("1.500"), R"({"scale":1,"value":"Dw=="})");
  EXPECT_EQ(value("1000"), R"({"scale":0,"value":"A+g="})");
  EXPECT_EQ(value("4294967296"), R"({"scale":0,"value":"AQAAAAA="})");
  EXPECT_EQ(value("-4294967296"), R"({"scale":0,"value":"/wAAAAA="})");
  // 2^64 * 10^18 needs more than one limb of digits.
  EXPECT_EQ(value("18446744073709551616000000000000000000"), R"({"scale":0,"value":"DeC2s6dkAAAAAAAAAAAAAA=="})");
  EXPECT_THAT(value(std::string(1000, '9')), StartsWith(R"({"scale":0,"value":")"));
}

std::shared_ptr<const ColumnRules> rules(std::initializer_list<std::pair<const char*, const char*>> options) {
  Settings settings;
  for (const auto& [key, value] : options) settings.entries.push_back({key, value, {"job", 1}});
  Problems problems;
  auto made = ColumnRules::make(settings, problems);
  EXPECT_EQ(problems.text(), "");
  return made;
}

TEST(DebeziumEventTest, columns_are_left_out_and_masked_and_others_make_the_key) {
  DebeziumOptions options{.source = EventSource::kMysql, .schemas = false};
  options.columns = rules({{"column.exclude.list", "inv\\.item\\.(price|id)"},
                           {"column.mask.with.3.chars", "INV.item.note"},
                           {"message.key.columns", "inv.other:x;inv\\..*:note,id"}});
  const auto sent =
      encode(batch_of({{RowKind::kInsert, 1, "1.50", "secret"}, {RowKind::kDelete, 1, "1.50", "secret"}}), options);
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].key, R"({"note":"secret","id":1})");
  EXPECT_THAT(sent[0].value, StartsWith(R"({"before":null,"after":{"id":1,"note":"***"},"source")"));
  EXPECT_THAT(sent[1].value, StartsWith(R"({"before":{"id":1,"note":"***"},"after":null,"source")"));
  options.schemas = true;
  const auto with_schemas = encode(batch_of({{RowKind::kInsert, 1, "1.50", "secret"}}), options);
  // The key's schema knows nothing of the mask.
  EXPECT_THAT(with_schemas[0].key, HasSubstr(R"([{"type":"string","optional":false,"field":"note"},)"));
  EXPECT_THAT(with_schemas[0].value,
              HasSubstr(R"({"type":"string","optional":false,"parameters":{"masked":"true"},"field":"note"}],)"));
  EXPECT_THAT(with_schemas[0].value, testing::Not(HasSubstr("price")));
  // A table that has none of the columns keeps its key.
  options.columns = rules({{"message.key.columns", "inv.item:x"}});
  EXPECT_THAT(encode(batch_of({{RowKind::kInsert, 1, "1.50", "secret"}}), options)[0].key,
              testing::EndsWith(R"("payload":{"id":1}})"));
}

TEST(DebeziumEventTest, types_of_the_source_are_told_where_that_is_asked_for) {
  DebeziumOptions options{.source = EventSource::kMysql};
  options.columns =
      rules({{"column.propagate.source.type", "inv.item.id"}, {"datatype.propagate.source.type", "inv\\.decimal"}});
  TableSchema schema;
  schema.id = {"inv", "item"};
  schema.columns = {
      {.name = "id", .type = {.kind = TypeKind::kInt64, .nullable = false, .source_type = "int(10) unsigned"}},
      {.name = "price",
       .type = {.kind = TypeKind::kDecimal, .precision = 10, .scale = 2, .source_type = "decimal(10,2)"}},
      {.name = "kind", .type = {.kind = TypeKind::kString, .source_type = "varchar(9)"}}};
  schema.key = {0};
  ChangeBatch batch(std::make_shared<const TableSchema>(schema));
  batch.kinds.push_back(RowKind::kRead);
  batch.columns[0].append_int(1);
  batch.columns[1].append_null();
  batch.columns[2].append_null();
  const auto sent = encode(batch, options);
  EXPECT_THAT(sent[0].key, testing::Not(HasSubstr("__debezium")));
  EXPECT_THAT(
      sent[0].value,
      HasSubstr(
          R"([{"type":"int64","optional":false,"parameters":{"__debezium.source.column.type":"INT UNSIGNED",)"
          R"("__debezium.source.column.length":"10","__debezium.source.column.name":"id"},"field":"id"},)"
          R"({"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,)"
          R"("parameters":{"scale":"2","connect.decimal.precision":"10","__debezium.source.column.type":"DECIMAL",)"
          R"("__debezium.source.column.length":"10","__debezium.source.column.scale":"2",)"
          R"("__debezium.source.column.name":"price"},"field":"price"},)"
          R"({"type":"string","optional":true,"field":"kind"}],)"));
  options.source = EventSource::kPostgres;
  EXPECT_THAT(DebeziumEncoder(options).check(schema).error().message(), HasSubstr("not propagated yet"));
}

TEST(DebeziumEventTest, operations_and_updates_without_change_can_be_skipped) {
  DebeziumOptions options{.source = EventSource::kMysql, .schemas = false};
  options.skip_unchanged = true;
  options.columns = rules({{"column.exclude.list", ".*price"}});
  const auto updates = batch_of({{RowKind::kUpdateBefore, 1, "1.50", "a"},
                                 {RowKind::kUpdateAfter, 1, "2.50", "a"},
                                 {RowKind::kUpdateBefore, 1, "2.50", "a"},
                                 {RowKind::kUpdateAfter, 1, "2.50", "b"}});
  EXPECT_EQ(encode(updates, options).size(), 1u);
  options.skipped = "td";
  const auto sent =
      encode(batch_of({{RowKind::kDelete, 1, nullptr, "a"}, {RowKind::kInsert, 2, nullptr, "a"}}), options);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].key, R"({"id":2})");
  // The halves of a change of the key are skipped as what they are.
  const auto moved = batch_of({{RowKind::kUpdateBefore, 1, "1.50", "a"}, {RowKind::kUpdateAfter, 2, "1.50", "a"}});
  const auto created = encode(moved, options);
  ASSERT_EQ(created.size(), 1u);
  EXPECT_THAT(created[0].value, HasSubstr(R"("op":"c")"));
  options.skipped = "u";
  EXPECT_EQ(encode(moved, options).size(), 3u);
}

TEST(DebeziumEventTest, a_key_that_gets_its_first_value_is_another_key) {
  DebeziumOptions options{.source = EventSource::kMysql, .schemas = false};
  options.columns = rules({{"message.key.columns", "inv.item:price"}});
  const auto sent =
      encode(batch_of({{RowKind::kUpdateBefore, 1, nullptr, "a"}, {RowKind::kUpdateAfter, 1, "1.50", "a"}}), options);
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].key, R"({"price":null})");
  EXPECT_EQ(sent[1].value, "");
}

TEST(DebeziumEventTest, labels_are_masked_as_texts) {
  DebeziumOptions options{.source = EventSource::kMysql, .schemas = false};
  options.columns = rules({{"column.mask.with.3.chars", "inv.person.gender"}});
  TableSchema schema;
  schema.id = {"inv", "person"};
  schema.columns = {{.name = "gender", .type = {.kind = TypeKind::kEnum, .source_type = "enum('female','male')"}}};
  ChangeBatch batch(std::make_shared<const TableSchema>(std::move(schema)));
  batch.kinds.push_back(RowKind::kRead);
  batch.columns[0].append_bytes("female");
  EXPECT_THAT(encode(batch, options)[0].value, HasSubstr(R"("after":{"gender":"***"})"));
}

}  // namespace
}  // namespace sluice
