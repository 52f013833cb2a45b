// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_rows.h"

#include <gtest/gtest.h>

#include "connectors/mysql/binlog_test_data.h"
#include "data/value_text.h"

namespace sluice::mysql {
namespace {

class BinlogRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    add("id", "int(10) unsigned", "", false);
    add("a", "varchar(20)", "latin1", true);
    add("b", "datetime(3)", "", true);
    add("c", "decimal(12,4)", "", true);
    add("d", "enum('x','y')", "utf8mb4", true);
    add("e", "time(2)", "", true);
    add("f", "tinyint(1)", "", true);
  }
  void add(const std::string& name, std::string_view type, std::string_view charset, bool nullable) {
    schema_.id = {"fx", "t"};
    schema_.columns.push_back({name, mysql_data_type(type, charset, nullable, {}).value(), "", {}});
    columns_.push_back({std::string(charset), "", false, false});
  }
  Event event(std::string_view hex) {
    storage_.push_back(from_hex(hex));
    BinlogFormat format;
    format.checksum = true;
    return parse_event(storage_.back(), format).value();
  }
  Result<std::unique_ptr<RowDecoder>> decoder(std::string_view map) {
    return RowDecoder::make(parse_table_map(event(map), {}).value(), std::make_shared<TableSchema>(schema_), columns_);
  }
  static std::string row(const ChangeBatch& batch, size_t index) {
    std::string text;
    for (size_t i = 0; i < batch.columns.size(); ++i) {
      if (i > 0) text += '|';
      Presence presence = batch.columns[i].presence(index);
      if (presence == Presence::kNull) text += "NULL";
      if (presence == Presence::kAbsent) text += "ABSENT";
      if (presence == Presence::kValue) append_value_text(batch.columns[i], batch.schema->columns[i].type, index, text);
    }
    return text;
  }

  TableSchema schema_;
  std::vector<MysqlColumnInfo> columns_;
  std::vector<std::vector<uint8_t>> storage_;
};

TEST_F(BinlogRowsTest, decodes_inserts_updates_and_deletes_without_metadata) {
  auto rows = decoder(kMariadbTableMap).value();
  ChangeBatch batch(rows->schema());
  EXPECT_EQ(rows->decode(event(kMariadbWriteRows), {}, {3, 1, 10}, batch).value(), 2u);
  EXPECT_EQ(rows->decode(event(kMariadbUpdateRows), {}, {4, 0, 12}, batch).value(), 1u);
  EXPECT_EQ(rows->decode(event(kMariadbDeleteRows), {}, {5, 0, 13}, batch).value(), 1u);
  EXPECT_EQ(batch.kinds, (std::vector<RowKind>{RowKind::kInsert, RowKind::kInsert, RowKind::kUpdateBefore,
                                               RowKind::kUpdateAfter, RowKind::kDelete}));
  EXPECT_EQ(row(batch, 0), "4000000000|héß|2024-02-29 12:34:56.789|-12345.6789|y|-00:00:00.01|true");
  EXPECT_EQ(row(batch, 2), "2|NULL|NULL|NULL|NULL|NULL|NULL");
  EXPECT_EQ(row(batch, 3), "2|z|NULL|0.5000|NULL|NULL|NULL");
  EXPECT_EQ(row(batch, 4), row(batch, 3));
  EXPECT_EQ(batch.origins[1].row, 1u);
  EXPECT_EQ(batch.origins[1].sequence, 11u);
  EXPECT_EQ(batch.origins[3].sequence, batch.origins[2].sequence);
  EXPECT_EQ(batch.origins[3].row, 0u);
}

TEST_F(BinlogRowsTest, matches_columns_by_name_where_the_log_has_names) {
  std::swap(schema_.columns[1], schema_.columns[3]);
  std::swap(columns_[1], columns_[3]);
  auto rows = decoder(kMysqlTableMap).value();
  ChangeBatch batch(rows->schema());
  ASSERT_TRUE(rows->decode(event(kMysqlWriteRows), {}, {}, batch));
  EXPECT_EQ(row(batch, 0), "4000000000|-12345.6789|2024-02-29 12:34:56.789|héß|y|-00:00:00.01|true");
}

TEST_F(BinlogRowsTest, prefers_the_logs_character_set_to_the_schemas) {
  columns_[1].charset = "utf8mb4";
  auto rows = decoder(kMysqlTableMap).value();
  ChangeBatch batch(rows->schema());
  ASSERT_TRUE(rows->decode(event(kMysqlWriteRows), {}, {}, batch));
  EXPECT_EQ(batch.columns[1].bytes_at(0), "héß");
}

TEST_F(BinlogRowsTest, names_table_column_and_types_when_the_schema_differs) {
  auto expect = [&](std::string_view map, std::string_view part) {
    auto result = decoder(map);
    ASSERT_FALSE(result) << part;
    EXPECT_EQ(result.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(result.error().message().find(part), std::string::npos) << result.error().message();
  };
  schema_.columns[3].type = mysql_data_type("decimal(10,4)", "", true, {}).value();
  expect(kMariadbTableMap, "fx.t: schema differs: column c is DECIMAL");
  SetUp();
  expect(kMariadbTableMap, "7 columns and the schema has 14");
  schema_.columns.resize(7);
  columns_.resize(7);
  schema_.columns[3].type = mysql_data_type("decimal(12,4)", "", true, {}).value();
  schema_.columns[0].type = mysql_data_type("int", "", false, {}).value();
  expect(kMysqlTableMap, "column id is unsigned in the log");
  schema_.columns[0].name = "other";
  expect(kMysqlTableMap, "the log has a column id");
}

TEST_F(BinlogRowsTest, refuses_a_tinyint_that_is_no_truth_value) {
  auto rows = decoder(kMariadbTableMap).value();
  storage_.push_back(from_hex(kMariadbWriteRows));
  storage_.back()[56] = 2;  // the first row's f
  ChangeBatch batch(rows->schema());
  auto bad = rows->decode(parse_event(storage_.back(), {}).value(), {}, {}, batch);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), ErrorCode::kData);
  EXPECT_NE(std::string(bad.error().advice()).find("treat-tinyint1-as-boolean.enabled"), std::string::npos);
}

TEST_F(BinlogRowsTest, reports_every_cut_and_survives_every_flipped_byte) {
  auto rows = decoder(kMariadbTableMap).value();
  for (std::string_view hex : {kMariadbWriteRows, kMariadbUpdateRows, kMariadbDeleteRows}) {
    Event whole = event(hex);
    for (size_t size = 0; size < whole.body.size(); ++size) {
      Event cut = whole;
      cut.body = whole.body.first(size);
      ChangeBatch batch(rows->schema());
      auto result = rows->decode(cut, {}, {}, batch);
      EXPECT_TRUE(!result || *result < 2u) << size;  // a cut between two rows cannot be seen
    }
    std::vector<uint8_t> copy(whole.body.begin(), whole.body.end());
    for (size_t i = 0; i < copy.size(); ++i) {
      copy[i] ^= 0xff;
      Event flipped = whole;
      flipped.body = copy;
      ChangeBatch batch(rows->schema());
      (void)rows->decode(flipped, {}, {}, batch);
      copy[i] ^= 0xff;
    }
  }
}

// MariaDB 10.11: create table lu3 (id int primary key, a text unique, d bigint); insert into lu3 values (1,'x',7),
// (2,null,8), with binlog_row_metadata = NO_LOG. The hash of `a` stands at the end.
TEST_F(BinlogRowsTest, passes_over_columns_that_mariadb_keeps_for_itself) {
  constexpr std::string_view kMap =
      "1457036b13010000002f000000d202000000003400000000000100017800036c7533000403fc080801020ecaee0034";
  constexpr std::string_view kRows =
      "1457036b1701000000460000001803000000003400000000000100040ff0010000000100780700000000000000b902000000000000fa0200"
      "00000800000000000000f7abfd48";
  schema_.columns.clear();
  columns_.clear();
  add("id", "int", "", false);
  add("a", "text", "latin1", true);
  add("d", "bigint", "", true);
  TableMap map = parse_table_map(event(kMap), {}).value();
  const auto make = [&] { return RowDecoder::make(map, std::make_shared<TableSchema>(schema_), columns_); };
  EXPECT_FALSE(make()) << "the server has no such index";
  map.hidden = 1;
  auto rows = make().value();
  ChangeBatch batch(rows->schema());
  ASSERT_EQ(rows->decode(event(kRows), {}, {}, batch).value(), 2u);
  EXPECT_EQ(row(batch, 0), "1|x|7");
  EXPECT_EQ(row(batch, 1), "2|NULL|8");
  map.hidden = 0;
  map.names = {"id", "a", "d", "DB_ROW_HASH_1"};
  EXPECT_TRUE(make());
  map.names.back() = "added";
  EXPECT_FALSE(make());
}

TEST_F(BinlogRowsTest, reads_full_metadata) {
  TableMap map = parse_table_map(event(kMysqlTableMap), {}).value();
  EXPECT_EQ(map.names, (std::vector<std::string>{"id", "a", "b", "c", "d", "e", "f"}));
  EXPECT_TRUE(map.is_unsigned[0]);
  EXPECT_EQ(map.collations[1], 8u);
  EXPECT_EQ(map.labels[4], (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(map.primary_key.size(), 1u);
  TableMap bare = parse_table_map(event(kMariadbTableMap), {}).value();
  EXPECT_TRUE(bare.names.empty() && bare.collations.empty() && bare.is_unsigned.empty());
}

}  // namespace
}  // namespace sluice::mysql
