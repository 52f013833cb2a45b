// SPDX-License-Identifier: Apache-2.0
#include "data/value_text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

DataType type(TypeKind kind, uint16_t precision = 0, uint16_t scale = 0) {
  DataType result;
  result.kind = kind;
  result.precision = precision;
  result.scale = scale;
  return result;
}

std::string round_trip(const DataType& data_type, std::string_view text) {
  ColumnVector column(data_type.kind);
  const auto parsed = append_parsed(column, data_type, text);
  if (!parsed) return "error";
  std::string out;
  append_value_text(column, data_type, 0, out);
  return out;
}

TEST(ValueText, civil_calendar_agrees_with_itself_over_ten_thousand_years) {
  for (int64_t day = -4'000'000; day < 4'000'000; day += 37) {
    const CivilDate date = civil_from_days(day);
    ASSERT_EQ(days_from_civil(date.year, date.month, date.day), day);
  }
  EXPECT_EQ(days_from_civil(1970, 1, 1), 0);
  EXPECT_EQ(days_from_civil(2000, 3, 1), 11017);
}

TEST(ValueText, integers_keep_their_range_and_refuse_more) {
  EXPECT_EQ(round_trip(type(TypeKind::kInt8), "-128"), "-128");
  EXPECT_EQ(round_trip(type(TypeKind::kInt8), "128"), "error");
  EXPECT_EQ(round_trip(type(TypeKind::kUInt64), "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(round_trip(type(TypeKind::kInt64), "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(round_trip(type(TypeKind::kInt64), "12x"), "error");
  EXPECT_EQ(round_trip(type(TypeKind::kInt64), ""), "error");
}

TEST(ValueText, decimals_become_canonical_and_never_lose_a_digit) {
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 10, 2), "1.5"), "1.50");
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 10, 2), "-.5"), "-0.50");
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 10, 2), "-0.00"), "0.00");
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 10, 2), "0001.500"), "1.50");
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 10, 2), "1.501"), "error");
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 4, 2), "123.00"), "error");
  const std::string big(65, '9');
  EXPECT_EQ(round_trip(type(TypeKind::kDecimal, 65, 0), big), big);
}

TEST(ValueText, times_may_be_negative_and_longer_than_a_day) {
  EXPECT_EQ(round_trip(type(TypeKind::kTime, 6), "-838:59:59.000001"), "-838:59:59.000001");
  EXPECT_EQ(round_trip(type(TypeKind::kTime, 3), "00:00:00.5"), "00:00:00.500");
  EXPECT_EQ(round_trip(type(TypeKind::kTime, 0), "12:00:00.5"), "error");
}

TEST(ValueText, timestamps_keep_microseconds_before_and_after_the_epoch) {
  EXPECT_EQ(round_trip(type(TypeKind::kTimestamp, 6), "1969-12-31 23:59:59.999999"), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(round_trip(type(TypeKind::kTimestamp, 3), "9999-12-31T23:59:59.999"), "9999-12-31 23:59:59.999");
  EXPECT_EQ(round_trip(type(TypeKind::kTimestamp, 0), "0001-01-01"), "0001-01-01 00:00:00");
  EXPECT_EQ(round_trip(type(TypeKind::kTimestampTz, 0), "2024-02-29 12:00:00+05:30"), "2024-02-29 06:30:00");
  EXPECT_EQ(round_trip(type(TypeKind::kTimestamp, 0), "2023-02-29 12:00:00"), "error");
}

TEST(ValueText, floats_print_shortest_and_read_back) {
  EXPECT_EQ(round_trip(type(TypeKind::kFloat), "1.1"), "1.1");
  EXPECT_EQ(round_trip(type(TypeKind::kDouble), "0.1"), "0.1");
  EXPECT_EQ(round_trip(type(TypeKind::kDouble), "5e-324"), "5e-324");
  EXPECT_EQ(round_trip(type(TypeKind::kDouble), "-Infinity"), "-Infinity");
  EXPECT_EQ(round_trip(type(TypeKind::kDouble), "1e400"), "error");
}

TEST(SchemaJson, keeps_every_detail) {
  TableSchema schema;
  schema.id = {"shop", "orders"};
  Column column;
  column.name = "state \"x\"";
  column.type = type(TypeKind::kEnum);
  column.type.nullable = false;
  column.type.labels = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a,b", "c'"});
  column.type.source_type = "enum('a,b','c''')";
  column.comment = "größe";
  column.default_expression = "'a,b'";
  schema.columns = {column, column};
  schema.key = {1, 0};
  const auto back = schema_from_json(schema_to_json(schema));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, schema);
}

TEST(SchemaJson, refuses_damage) {
  EXPECT_FALSE(schema_from_json("{").has_value());
  EXPECT_FALSE(schema_from_json("{\"v\":1,\"schema\":\"a\",\"table\":\"b\",\"key\":[3],\"columns\":[]}").has_value());
}

TEST(ColumnVectorTest, pop_back_forgets_exactly_one_value) {
  ColumnVector column(TypeKind::kString);
  column.append_bytes("abc");
  column.append_null();
  column.append_bytes("d");
  column.pop_back();
  ASSERT_EQ(column.size(), 2u);
  EXPECT_EQ(column.bytes_at(0), "abc");
  EXPECT_EQ(column.presence(1), Presence::kNull);
  column.append_bytes("xyz");
  EXPECT_EQ(column.bytes_at(2), "xyz");
}

}  // namespace
}  // namespace sluice
