// SPDX-License-Identifier: Apache-2.0
#include "codec/row_format.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "codec/debezium_json.h"
#include "codec/java_text.h"
#include "data/json_value.h"
#include "data/value_text.h"

namespace sluice {
namespace {

Column column(std::string name, TypeKind kind, bool nullable = true) {
  Column made;
  made.name = std::move(name);
  made.type.kind = kind;
  made.type.nullable = nullable;
  return made;
}

TableSchemaPtr people() {
  TableSchema schema{{"flink", "test_cdc"}, {column("id", TypeKind::kInt32, false)}, {0}, ""};
  schema.columns.push_back(column("name", TypeKind::kString));
  schema.columns[1].type.length = 100;
  schema.columns.push_back(column("age", TypeKind::kInt32));
  return std::make_shared<TableSchema>(schema);
}

void add_person(ChangeBatch& batch, RowKind kind, int64_t id, std::string_view name, int64_t age) {
  batch.kinds.push_back(kind);
  batch.columns[0].append_int(id);
  batch.columns[1].append_bytes(name);
  batch.columns[2].append_int(age);
}

std::string printed(const std::string& format_name, const ChangeBatch& batch) {
  const auto format = make_row_format(format_name);
  std::string out;
  format->begin(batch);
  for (size_t row = 0; row < batch.rows();) format->append(batch, take_change(batch, row), out);
  return out;
}

ChangeBatch walk_through() {
  ChangeBatch batch(people());
  add_person(batch, RowKind::kRead, 1, "Daniel", 25);
  add_person(batch, RowKind::kInsert, 5, "David", 29);
  add_person(batch, RowKind::kUpdateBefore, 2, "David", 38);
  add_person(batch, RowKind::kUpdateAfter, 2, "David", 55);
  add_person(batch, RowKind::kDelete, 3, "James", 16);
  return batch;
}

TEST(RowFormatTest, changelog_prints_rows_as_flink_sql_does) {
  EXPECT_EQ(printed("changelog", walk_through()),
            "+I[1, Daniel, 25]\n+I[5, David, 29]\n-U[2, David, 38]\n+U[2, David, 55]\n-D[3, James, 16]\n");
}

TEST(RowFormatTest, flink_prints_events_as_flink_cdc_does) {
  EXPECT_EQ(printed("flink", walk_through()),
            "DataChangeEvent{tableId=flink.test_cdc, before=[], after=[1, Daniel, 25], op=INSERT, meta=()}\n"
            "DataChangeEvent{tableId=flink.test_cdc, before=[], after=[5, David, 29], op=INSERT, meta=()}\n"
            "DataChangeEvent{tableId=flink.test_cdc, before=[2, David, 38], after=[2, David, 55], op=UPDATE, meta=()}\n"
            "DataChangeEvent{tableId=flink.test_cdc, before=[3, James, 16], after=[], op=DELETE, meta=()}\n");
}

TEST(RowFormatTest, an_image_without_its_partner_is_printed_alone) {
  ChangeBatch batch(people());
  add_person(batch, RowKind::kUpdateBefore, 1, "a", 1);
  add_person(batch, RowKind::kUpdateBefore, 2, "b", 2);
  add_person(batch, RowKind::kUpdateAfter, 2, "c", 2);
  add_person(batch, RowKind::kUpdateAfter, 3, "d", 3);
  EXPECT_EQ(printed("changelog", batch), "-D[1, a, 1]\n-U[2, b, 2]\n+U[2, c, 2]\n+U[3, d, 3]\n");
}

nlohmann::json without_time(const std::string& line) {
  auto json = nlohmann::json::parse(line);
  EXPECT_GT(json["ts_ms"].get<int64_t>(), 1600000000000);
  json.erase("ts_ms");
  return json;
}

TEST(RowFormatTest, debezium_json_has_before_after_source_and_op_in_this_order) {
  ChangeBatch batch(people());
  add_person(batch, RowKind::kInsert, 5, "Da\"vid\\\n\x01\xC3\xA9", 29);
  add_person(batch, RowKind::kUpdateBefore, 2, "David", 38);
  add_person(batch, RowKind::kUpdateAfter, 2, "David", 55);
  batch.origins = {{0, 0, 0, 0}, {1, 0, 0, 1}, {1, 0, 0, 1}};
  batch.transactions = std::make_shared<TransactionList>(TransactionList{
      {{"v1;file=bin.000003;pos=4711;gtids=0-1-55"}, "0-1-56", 1700000000123}, {{"v1;lsn=0/16B3748"}, "", 0}});
  const std::string text = printed("debezium-json", batch);
  const size_t end = text.find('\n');
  EXPECT_EQ(text.substr(0, text.find(",\"ts_ms\":", text.find("\"op\""))),
            "{\"before\":null,\"after\":{\"id\":5,\"name\":\"Da\\\"vid\\\\\\n\\u0001\xC3\xA9\",\"age\":29},"
            "\"source\":{\"db\":\"flink\",\"table\":\"test_cdc\",\"ts_ms\":1700000000123,\"gtid\":\"0-1-56\","
            "\"file\":\"bin.000003\",\"pos\":4711},\"op\":\"c\"");
  EXPECT_EQ(
      without_time(text.substr(end)),
      nlohmann::json::parse(R"({"before":{"id":2,"name":"David","age":38},"after":{"id":2,"name":"David","age":55},
              "source":{"db":"flink","table":"test_cdc","lsn":"0/16B3748"},"op":"u"})"));
}

TEST(RowFormatTest, debezium_json_marks_snapshot_rows_and_deletes) {
  ChangeBatch batch(people());
  add_person(batch, RowKind::kRead, 1, "a", 1);
  add_person(batch, RowKind::kDelete, 1, "a", 1);
  const std::string text = printed("debezium-json", batch);
  EXPECT_EQ(without_time(text.substr(0, text.find('\n')))["op"], "r");
  const auto deleted = without_time(text.substr(text.find('\n')));
  EXPECT_EQ(deleted["op"], "d");
  EXPECT_EQ(deleted["before"]["id"], 1);
  EXPECT_TRUE(deleted["after"].is_null());
}

// One value of each kind.
ChangeBatch all_types() {
  TableSchema schema{{"db", "t"}, {}, {}, ""};
  const auto add = [&](TypeKind kind, uint16_t precision = 0) {
    schema.columns.push_back(column("c" + std::to_string(schema.columns.size()), kind));
    schema.columns.back().type.precision = precision;
  };
  for (const TypeKind kind : {TypeKind::kBoolean, TypeKind::kUInt64, TypeKind::kFloat, TypeKind::kDouble,
                              TypeKind::kDecimal, TypeKind::kBytes, TypeKind::kDate}) {
    add(kind);
  }
  add(TypeKind::kTime, 3);
  add(TypeKind::kTimestamp, 6);
  add(TypeKind::kTimestampTz, 0);
  add(TypeKind::kString);
  add(TypeKind::kString);
  ChangeBatch batch(std::make_shared<TableSchema>(schema));
  batch.kinds.push_back(RowKind::kInsert);
  batch.columns[0].append_int(1);
  batch.columns[1].append_int(-1);
  batch.columns[2].append_double(static_cast<double>(1.1F));
  batch.columns[3].append_double(1e10);
  batch.columns[4].append_bytes("-12345678901234567890.50");
  batch.columns[5].append_bytes("\x01\xFF");
  batch.columns[6].append_int(days_from_civil(2024, 2, 29));
  batch.columns[7].append_int(-1500000);
  batch.columns[8].append_int(1595008822123000);
  batch.columns[9].append_int(1595008800000000);
  batch.columns[10].append_null();
  batch.columns[11].append_absent();
  return batch;
}

TEST(RowFormatTest, prints_every_kind_of_value) {
  EXPECT_EQ(printed("changelog", all_types()),
            "+I[true, 18446744073709551615, 1.1, 1.0E10, -12345678901234567890.50, [1, -1], 2024-02-29, -00:00:01.500, "
            "2020-07-17T18:00:22.123, 2020-07-17T18:00:00Z, null, <absent>]\n");
  const std::string event = printed("flink", all_types());
  EXPECT_NE(event.find("Af8=, 2024-02-29, -00:00:01.500, 2020-07-17T18:00:22.123, 2020-07-17T18:00, null"),
            std::string::npos)
      << event;
  const std::string json = printed("debezium-json", all_types());
  const std::string expected =
      "{\"c0\":true,\"c1\":18446744073709551615,\"c2\":1.1,\"c3\":1e+10,\"c4\":-12345678901234567890.50,\"c5\":\"Af8="
      "\","
      "\"c6\":\"2024-02-29\",\"c7\":\"-00:00:01.500\",\"c8\":\"2020-07-17 18:00:22.123000\",\"c9\":\"2020-07-17 "
      "18:00:00Z\",\"c10\":null}";
  EXPECT_NE(json.find(expected), std::string::npos) << json;
  EXPECT_TRUE(nlohmann::json::accept(json));
}

std::string java_double(double value, TypeKind kind = TypeKind::kDouble) {
  ColumnVector vector(kind);
  vector.append_double(value);
  DataType type;
  type.kind = kind;
  std::string out;
  append_java_value(vector, type, 0, JavaForm::kRow, out);
  return out;
}

TEST(JavaTextTest, doubles_are_the_shortest_that_read_back) {
  EXPECT_EQ(java_double(5), "5.0");
  EXPECT_EQ(java_double(0), "0.0");
  EXPECT_EQ(java_double(-0.0), "-0.0");
  EXPECT_EQ(java_double(0.001), "0.001");
  EXPECT_EQ(java_double(0.0001), "1.0E-4");
  EXPECT_EQ(java_double(9999999), "9999999.0");
  EXPECT_EQ(java_double(1e7), "1.0E7");
  EXPECT_EQ(java_double(-1.25e300), "-1.25E300");
  EXPECT_EQ(java_double(3.4028234663852886e38, TypeKind::kFloat), "3.4028235E38");
  EXPECT_EQ(java_double(std::numeric_limits<double>::infinity()), "Infinity");
  EXPECT_EQ(java_double(std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(JavaTextTest, base64_pads) {
  for (const auto& [bytes, expected] : {std::pair("", ""), std::pair("f", "Zg=="), std::pair("fo", "Zm8="),
                                        std::pair("foo", "Zm9v"), std::pair("foob", "Zm9vYg==")}) {
    std::string out;
    append_base64(bytes, out);
    EXPECT_EQ(out, expected);
  }
}

TEST(DebeziumJsonTest, values_that_json_lacks_are_strings) {
  TableSchema schema{{"", "t"}, {column("a", TypeKind::kDouble)}, {}, ""};
  ChangeBatch batch(std::make_shared<TableSchema>(schema));
  batch.kinds.push_back(RowKind::kInsert);
  batch.columns[0].append_double(std::numeric_limits<double>::quiet_NaN());
  EXPECT_NE(printed("debezium-json", batch).find("\"after\":{\"a\":\"NaN\"}"), std::string::npos);
}

SchemaChange change_of(SchemaChangeKind kind, TableSchema after, std::vector<std::string> columns) {
  return {.kind = kind,
          .before = people(),
          .after = std::make_shared<TableSchema>(std::move(after)),
          .columns = std::move(columns),
          .new_names = {}};
}

TEST(SchemaEventTest, tables_are_printed_as_flink_cdc_does) {
  TableSchema schema = *people();
  schema.columns[1].comment = "it's";
  schema.columns[1].default_expression = "x";
  schema.key = {0, 1};
  EXPECT_EQ(schema_event_text(change_of(SchemaChangeKind::kCreateTable, schema, {})),
            "CreateTableEvent{tableId=flink.test_cdc, schema=columns={`id` INT NOT NULL,`name` VARCHAR(100) 'it''s' "
            "'x',`age` INT}, primaryKeys=id;name, options=()}");
  schema.comment = "people";
  EXPECT_EQ(schema_event_text(change_of(SchemaChangeKind::kAlterTableComment, schema, {})),
            "AlterTableCommentEvent{tableId=flink.test_cdc, tableComment=people}");
  EXPECT_EQ(schema_event_text(change_of(SchemaChangeKind::kTruncateTable, schema, {})),
            "TruncateTableEvent{tableId=flink.test_cdc}");
  EXPECT_EQ(schema_event_text({SchemaChangeKind::kDropTable, people(), nullptr, {}, {}}),
            "DropTableEvent{tableId=flink.test_cdc}");
}

TEST(SchemaEventTest, columns_are_printed_as_flink_cdc_does) {
  TableSchema added = *people();
  added.columns.insert(added.columns.begin() + 1, column("b", TypeKind::kInt64, false));
  added.columns.insert(added.columns.begin(), column("a", TypeKind::kInt32));
  added.columns.push_back(column("y", TypeKind::kInt32));
  added.columns.push_back(column("z", TypeKind::kInt32));
  EXPECT_EQ(schema_event_text(change_of(SchemaChangeKind::kAddColumns, added, {"a", "b", "y", "z"})),
            "AddColumnEvent{tableId=flink.test_cdc, addedColumns=["
            "ColumnWithPosition{column=`a` INT, position=FIRST, existedColumnName=null}, "
            "ColumnWithPosition{column=`b` BIGINT NOT NULL, position=AFTER, existedColumnName=id}, "
            "ColumnWithPosition{column=`y` INT, position=LAST, existedColumnName=null}, "
            "ColumnWithPosition{column=`z` INT, position=LAST, existedColumnName=null}]}");
  TableSchema altered = *people();
  altered.columns[2].type.kind = TypeKind::kInt64;
  EXPECT_EQ(
      schema_event_text(change_of(SchemaChangeKind::kAlterColumnType, altered, {"age"})),
      "AlterColumnTypeEvent{tableId=flink.test_cdc, typeMapping={age=BIGINT}, oldTypeMapping={age=INT}, comments={}}");
  auto renamed = change_of(SchemaChangeKind::kRenameColumn, *people(), {"name", "age"});
  renamed.new_names = {"n", "a"};
  EXPECT_EQ(schema_event_text(renamed), "RenameColumnEvent{tableId=flink.test_cdc, nameMapping={name=n, age=a}}");
  EXPECT_EQ(schema_event_text(change_of(SchemaChangeKind::kDropColumns, *people(), {"x", "y"})),
            "DropColumnEvent{tableId=flink.test_cdc, droppedColumnNames=[x, y]}");
}

}  // namespace
}  // namespace sluice
