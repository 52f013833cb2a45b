// SPDX-License-Identifier: Apache-2.0
// Decimals, JSON, character sets and column types: the pieces that rows are made of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/mysql/binlog_test_data.h"
#include "connectors/mysql/charset.h"
#include "connectors/mysql/decimal_binary.h"
#include "connectors/mysql/json_binary.h"
#include "connectors/mysql/mysql_types.h"
#include "connectors/mysql/row_values.h"

namespace sluice::mysql {
namespace {

std::string decimal(std::string_view hex, uint32_t precision, uint32_t scale) {
  auto bytes = from_hex(hex);
  EXPECT_EQ(bytes.size(), decimal_size(precision, scale));
  char buffer[kMaxDecimalText];
  return std::string(decimal_text(bytes.data(), precision, scale, buffer));
}

TEST(DecimalBinaryTest, prints_sign_zeros_and_all_65_digits) {
  EXPECT_EQ(decimal("810dfb38d204d2", 14, 4), "1234567890.1234");
  EXPECT_EQ(decimal("7ef204c72dfb2d", 14, 4), "-1234567890.1234");
  EXPECT_EQ(decimal("8000", 3, 2), "0.00");
  EXPECT_EQ(decimal("7fcd", 3, 2), "-0.50");
  std::string nines = decimal("e33b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff", 65, 0);
  EXPECT_EQ(nines, std::string(65, '9'));
  EXPECT_EQ(decimal_size(66, 0), 0u);
  EXPECT_EQ(decimal("ffffffff", 9, 0), "");  // more than nine digits
}

std::string json(std::string_view hex) {
  std::string out;
  auto result = append_json_text(from_hex(hex), out);
  return result ? out : result.error().message();
}

TEST(JsonBinaryTest, prints_doubles_like_the_server) {
  for (auto [value, text] :
       std::vector<std::pair<double, std::string>>{{1, "1.0"},
                                                   {-0.0, "-0.0"},
                                                   {1e14, "100000000000000.0"},
                                                   {1e15, "1e15"},
                                                   {1234567890123456.8, "1234567890123456.8"},
                                                   {1.5e-10, "0.00000000015"},
                                                   {1e-15, "0.000000000000001"},
                                                   {1e-16, "1e-16"},
                                                   {123e-20, "1.23e-18"},
                                                   {1e100, "1e100"},
                                                   {5e-324, "5e-324"},
                                                   {-1.25, "-1.25"},
                                                   {12345678901234567., "1.2345678901234568e16"}}) {
    std::string out;
    append_json_double(value, out);
    EXPECT_EQ(out, text);
  }
}

TEST(JsonBinaryTest, prints_containers_with_the_servers_spacing) {
  // {"a": 1, "b": [1, 2]}
  EXPECT_EQ(json("000200220012000100130001000501000214006162"
                 "02000e0005010005020000000000"),
            "{\"a\": 1, \"b\": [1, 2]}");
  EXPECT_EQ(json(""), "null");
  EXPECT_EQ(json("0402"), "false");
  EXPECT_EQ(json("0c05225c0a1f78"), "\"\\\"\\\\\\n\\u001fx\"");
}

TEST(JsonBinaryTest, refuses_offsets_that_lead_outside_or_in_circles) {
  EXPECT_NE(json("02ffff0400").find("cut short"), std::string::npos);
  // An array whose only element is itself.
  EXPECT_NE(json("020100070002000000"), "");
  std::string deep;
  auto bytes = from_hex("0201000700020000");
  EXPECT_FALSE(append_json_text(bytes, deep));
}

TEST(JsonBinaryTest, applies_differences) {
  auto document = from_hex(
      "000200220012000100130001000501000214006162"
      "02000e0005010005020000000000");
  std::string out;
  // replace $.b[1] by 7, insert $.c = true, remove $.a
  auto differences = from_hex(
      "0006242e625b315d"
      "03050700"
      "0103242e63"
      "020401"
      "0203242e61");
  auto result = append_json_with_differences(document, differences, out);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(out, "{\"b\": [1, 7], \"c\": true}");
  auto wrong = from_hex("0203242e78");
  EXPECT_FALSE(append_json_with_differences(document, wrong, out));
}

// The server logs the path that the statement has.
TEST(JsonBinaryTest, applies_differences_that_count_from_the_end) {
  const auto document = from_hex(
      "000200220012000100130001000501000214006162"
      "02000e0005010005020000000000");
  const auto apply = [&](char operation, std::string_view path, std::string_view value) {
    std::string bytes(1, operation);
    bytes += static_cast<char>(path.size());
    bytes.append(path).append(value);
    std::string out;
    const auto result =
        append_json_with_differences(document, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, out);
    return result ? out : result.error().message();
  };
  constexpr char kReplace = 0, kInsert = 1, kRemove = 2;
  const std::string_view seven("\3\5\7\0", 4);
  EXPECT_EQ(apply(kReplace, "$.b[last]", seven), R"({"a": 1, "b": [1, 7]})");
  EXPECT_EQ(apply(kReplace, "$.b[last-1]", seven), R"({"a": 1, "b": [7, 2]})");
  EXPECT_EQ(apply(kRemove, "$.b[last-1]", ""), R"({"a": 1, "b": [2]})");
  EXPECT_EQ(apply(kInsert, "$.b[last]", seven), R"({"a": 1, "b": [1, 7, 2]})");
  EXPECT_EQ(apply(kInsert, "$.b[last-9]", seven), R"({"a": 1, "b": [7, 1, 2]})");
  EXPECT_THAT(apply(kRemove, "$.b[last-2]", ""), testing::HasSubstr("a path that is not there"));
  for (const char* path : {"$.b[last", "$.b[last-]", "$.b[last-x]", "$.b[lasting]", "$.b[]", "$.b["}) {
    EXPECT_THAT(apply(kRemove, path, ""), testing::HasSubstr("unreadable path")) << path;
  }
}

TEST(CharsetTest, converts_as_the_server_does) {
  auto convert = [](std::string_view charset, std::string_view hex) {
    auto converter = CharsetConverter::make(charset, "t.c").value();
    auto bytes = from_hex(hex);
    std::string out;
    auto result = converter->append_utf8(as_text(bytes), out);
    return result ? out : "error";
  };
  EXPECT_EQ(convert("latin1", "80e981"), "€é\u0081");
  EXPECT_EQ(convert("UTF8", "c3a9"), "é");
  EXPECT_EQ(convert("cp1251", "cff0"), "Пр");
  EXPECT_EQ(convert("utf16", "d83dde000041"), "😀A");
  EXPECT_EQ(convert("ucs2", "0416"), "Ж");
  EXPECT_EQ(convert("utf32", "0001f600"), "😀");
  EXPECT_EQ(convert("sjis", "5c7e83418b"), "error");
  EXPECT_EQ(convert("sjis", "5c7e8341"), "\\~ア");
  EXPECT_EQ(convert("gbk", "baba"), "汉");
  EXPECT_EQ(convert("swe7", "5b41"), "ÄA");
  EXPECT_EQ(CharsetConverter::make("klingon", "t.c").error().code(), ErrorCode::kUnsupported);
}

TEST(CharsetTest, knows_collations_by_number_and_name) {
  EXPECT_EQ(charset_of_collation(8), "latin1");
  EXPECT_EQ(charset_of_collation(255), "utf8mb4");
  EXPECT_EQ(charset_of_collation(1032), "latin1");
  EXPECT_EQ(charset_of_collation(2304), "utf8mb4");
  EXPECT_EQ(charset_of_collation(5000), "");
  EXPECT_EQ(charset_of_collation_name("utf8_bin"), "utf8mb3");
  EXPECT_EQ(charset_of_collation_name("uca1400_ai_ci"), "");
}

TEST(MysqlTypesTest, maps_column_types) {
  auto map = [](std::string_view text, std::string_view charset = "") {
    return type_text(mysql_data_type(text, charset, true, {}).value());
  };
  EXPECT_EQ(mysql_data_type("tinyint(1)", "", true, {}).value().kind, TypeKind::kBoolean);
  EXPECT_EQ(mysql_data_type("tinyint(1)", "", true, {.tinyint1_as_boolean = false}).value().kind, TypeKind::kInt8);
  EXPECT_EQ(mysql_data_type("tinyint(3) unsigned", "", true, {}).value().kind, TypeKind::kInt16);
  EXPECT_EQ(mysql_data_type("int(5) unsigned zerofill", "", true, {}).value().kind, TypeKind::kInt64);
  EXPECT_EQ(mysql_data_type("bigint unsigned", "", true, {}).value().kind, TypeKind::kUInt64);
  EXPECT_EQ(mysql_data_type("mediumint unsigned", "", true, {}).value().kind, TypeKind::kInt32);
  EXPECT_EQ(mysql_data_type("bit(1)", "", true, {}).value().kind, TypeKind::kBoolean);
  EXPECT_EQ(mysql_data_type("bit(9)", "", true, {}).value().length, 9u);
  EXPECT_EQ(mysql_data_type("varchar(20)", "binary", true, {}).value().kind, TypeKind::kBytes);
  EXPECT_EQ(mysql_data_type("enum('a','b''c,')", "utf8", true, {}).value().labels->at(1), "b'c,");
  // Backslashes and line breaks are escaped, by MySQL too.
  constexpr const char* kOdd = R"(enum('N\\A','a\nb\r\0','\\'''))";
  EXPECT_EQ(*mysql_data_type(kOdd, "utf8", true, {}).value().labels,
            (std::vector<std::string>{"N\\A", std::string("a\nb\r\0", 5), "\\'"}));
  EXPECT_EQ(mysql_data_type(kOdd, "utf8", true, {}).value().source_type, kOdd);
  EXPECT_EQ(mysql_data_type("text /*M!100301 COMPRESSED*/", "utf8", true, {}).value().source_type, "text");
  EXPECT_EQ(mysql_data_type("int(10) unsigned", "", true, {}).value().source_type, "int unsigned");
  EXPECT_EQ(map("decimal(10,2)"), "DECIMAL(10, 2)");
  EXPECT_EQ(map("timestamp(3)"), "TIMESTAMP_LTZ(3)");
  EXPECT_EQ(mysql_data_type("wombat", "", true, {}).error().code(), ErrorCode::kUnsupported);
}

TEST(MysqlTypesTest, zero_dates_are_null_or_the_epoch) {
  DataType type = mysql_data_type("datetime(6)", "", true, {}).value();
  ColumnVector column(type.kind);
  for (std::string_view text :
       {"0000-00-00 00:00:00.000000", "2010-00-05 01:02:03.000000", "2010-02-31 00:00:00.000000"}) {
    ASSERT_TRUE(append_mysql_text(column, type, text));
    EXPECT_EQ(column.presence(column.size() - 1), Presence::kNull);
  }
  type.nullable = false;
  ASSERT_TRUE(append_mysql_text(column, type, "0000-00-00 00:00:00.000000"));
  EXPECT_EQ(column.int_at(3), 0);
}

TEST(MysqlTypesTest, reads_bits_truth_values_and_times) {
  DataType truth = mysql_data_type("bit(1)", "", true, {}).value();
  ColumnVector column(truth.kind);
  ASSERT_TRUE(append_mysql_text(column, truth, std::string_view("\1", 1)));
  ASSERT_TRUE(append_mysql_text(column, truth, "0"));
  EXPECT_EQ(column.int_at(0), 1);
  EXPECT_EQ(append_mysql_text(column, truth, "2").error().code(), ErrorCode::kData);
  DataType time = mysql_data_type("time(6)", "", true, {}).value();
  ColumnVector times(time.kind);
  ASSERT_TRUE(append_mysql_text(times, time, "-838:59:58.999999"));
  EXPECT_EQ(times.int_at(0), -3'020'398'999'999);
}

TEST(MysqlTypesTest, selects_floats_unrounded) {
  EXPECT_EQ(snapshot_expression(mysql_data_type("float", "", true, {}).value(), "`f`"), "`f`+0e0");
  EXPECT_EQ(snapshot_expression(mysql_data_type("double", "", true, {}).value(), "`f`"), "`f`");
}

// The temporal forms before and after 5.6, as MariaDB 10.11 wrote them.
TEST(RowValuesTest, negative_times_keep_sign_and_fraction) {
  EXPECT_EQ(time2_micros(from_hex("7fffffff").data(), 2), -10'000);
  EXPECT_EQ(time2_micros(from_hex("7fffffffffff").data(), 6), -1);
  EXPECT_EQ(time2_micros(from_hex("4b9105").data(), 0), -3'020'399'000'000);
  EXPECT_EQ(time2_micros(from_hex("80c8b8").data(), 0), 45'296'000'000);
  EXPECT_EQ(old_time_micros(from_hex("c01dfe").data(), 0), -45'296'000'000 + 0);
}

// What MariaDB 10.11 prints for these; inet_ntop() would keep a single group of zeros.
TEST(RowValuesTest, prints_internet_addresses_as_mariadb_does) {
  const auto print = [](std::string_view hex) {
    const auto bytes = from_hex(hex);
    ColumnVector column(TypeKind::kString);
    EXPECT_TRUE(append_inet6(as_text(bytes), column));
    return std::string(column.bytes_at(0));
  };
  EXPECT_EQ(print("00"), "::");
  EXPECT_EQ(print("00000000000000000000000000000001"), "::1");
  EXPECT_EQ(print("20010db8000000010001000100010001"), "2001:db8::1:1:1:1:1");
  EXPECT_EQ(print("000a000b000c000d000e000f00010000"), "a:b:c:d:e:f:1::");
  EXPECT_EQ(print("0000000b000c000d000e000f00010002"), "::b:c:d:e:f:1:2");
  EXPECT_EQ(print("00010000000000010000000000010001"), "1::1:0:0:1:1");
  EXPECT_EQ(print("00010000000100000000000100000001"), "1:0:1::1:0:1");
  EXPECT_EQ(print("00000000000000000000ffff01020304"), "::ffff:1.2.3.4");
  EXPECT_EQ(print("00000000000000000000000001020304"), "::1.2.3.4");
  EXPECT_EQ(print("00000000000000000000000000000102"), "::102");
  EXPECT_EQ(print("00000000000000000000fffe01020304"), "::fffe:102:304");
}

}  // namespace
}  // namespace sluice::mysql
