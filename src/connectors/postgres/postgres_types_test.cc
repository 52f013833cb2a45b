// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_types.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string written(PostgresQuoting quoting, const DataType& type, PostgresForm form, std::string_view value) {
  ColumnVector values(type.kind);
  values.append_bytes(value);
  std::string out;
  EXPECT_TRUE(append_postgres_value(values, type, form, quoting, 0, out));
  return out;
}

TEST(PostgresValueTest, escapes_text_for_copy_and_for_arrays) {
  const DataType text{.kind = TypeKind::kString};
  EXPECT_EQ(written(PostgresQuoting::kCopy, text, PostgresForm::kEscaped, "a\tb\nc\\N\r"), "a\\tb\\nc\\\\N\\r");
  EXPECT_EQ(written(PostgresQuoting::kArray, text, PostgresForm::kEscaped, "{a,\"b\\"), "\"{a,\\\"b\\\\\"");
  EXPECT_EQ(written(PostgresQuoting::kArray, text, PostgresForm::kEscaped, ""), "\"\"");
}

TEST(PostgresValueTest, refuses_nul_in_text) {
  ColumnVector values(TypeKind::kString);
  values.append_bytes(std::string_view("a\0b", 3));
  std::string out;
  for (const auto quoting : {PostgresQuoting::kCopy, PostgresQuoting::kArray}) {
    EXPECT_FALSE(append_postgres_value(values, {.kind = TypeKind::kString}, PostgresForm::kEscaped, quoting, 0, out));
  }
}

TEST(PostgresValueTest, writes_bytes_and_bits_and_reads_them_back) {
  const DataType bytes{.kind = TypeKind::kBytes};
  EXPECT_EQ(written(PostgresQuoting::kCopy, bytes, PostgresForm::kHex, "\xff\x01"), "\\\\xff01");
  const DataType bits{.kind = TypeKind::kBit, .length = 12};
  EXPECT_EQ(written(PostgresQuoting::kCopy, bits, PostgresForm::kBits, "\x0f\xa5"), "111110100101");
  ColumnVector values(TypeKind::kBit);
  std::string scratch;
  ASSERT_TRUE(append_postgres_text(values, bits, "111110100101", scratch).has_value());
  EXPECT_EQ(values.bytes_at(0), "\x0f\xa5");
}

TEST(PostgresValueTest, refuses_times_outside_a_day_only_for_the_type_time) {
  ColumnVector values(TypeKind::kTime);
  values.append_int(-1'000'000);
  const DataType time{.kind = TypeKind::kTime};
  std::string out;
  EXPECT_FALSE(append_postgres_value(values, time, PostgresForm::kTimeOfDay, PostgresQuoting::kCopy, 0, out));
  EXPECT_EQ(postgres_form(time, {.type_name = "interval"}), PostgresForm::kPlain);
  EXPECT_TRUE(append_postgres_value(values, time, PostgresForm::kPlain, PostgresQuoting::kCopy, 0, out));
  EXPECT_EQ(out, "-00:00:01");
}

TEST(PostgresValueTest, reads_and_writes_dates_before_christ_far_away_and_infinite) {
  const auto round_trip = [](const DataType& type, std::string_view text) {
    ColumnVector values(type.kind);
    std::string scratch;
    EXPECT_TRUE(append_postgres_text(values, type, text, scratch).has_value()) << text;
    std::string out;
    EXPECT_TRUE(append_postgres_value(values, type, PostgresForm::kCalendar, PostgresQuoting::kCopy, 0, out));
    return out;
  };
  const DataType date{.kind = TypeKind::kDate};
  for (const char* text : {"2024-02-29", "0001-01-01", "0001-12-31 BC", "0044-03-15 BC", "4713-01-01 BC",
                           "5874897-12-31", "10000-01-01", "infinity", "-infinity"}) {
    EXPECT_EQ(round_trip(date, text), text);
  }
  const DataType timestamp{.kind = TypeKind::kTimestamp, .precision = 6};
  for (const char* text :
       {"2024-02-29 12:00:00.123456", "0044-03-15 23:59:59.000001 BC", "-infinity", "294246-12-31 23:59:59.999999"}) {
    EXPECT_EQ(round_trip(timestamp, text), text);
  }
  ColumnVector values(TypeKind::kTimestamp);
  std::string scratch;
  EXPECT_FALSE(append_postgres_text(values, timestamp, "294276-12-31 23:59:59", scratch).has_value());
}

TEST(PostgresValueTest, reads_numbers_as_the_server_prints_them) {
  const auto read = [](const DataType& type, std::string_view text) {
    ColumnVector values(TypeKind::kDecimal);
    std::string scratch;
    EXPECT_TRUE(append_postgres_text(values, type, text, scratch).has_value()) << text;
    return std::string(values.bytes_at(0));
  };
  const DataType plain{.kind = TypeKind::kDecimal, .precision = 10, .scale = 2};
  const DataType money = postgres_source_type("money", -1, "money");
  const DataType bare = postgres_source_type("numeric", -1, "numeric");
  EXPECT_EQ(read(plain, "-0.50"), "-0.50");
  EXPECT_EQ(read(plain, "7"), "7.00");
  EXPECT_EQ(read(plain, "NaN"), "NaN");
  EXPECT_EQ(read(money, "-$1,234,567.89"), "-1234567.89");
  EXPECT_EQ(read(money, "-$0.05"), "-0.05");
  EXPECT_EQ(read(money, "$0.00"), "0.00");
  const DataType yen{.kind = TypeKind::kDecimal, .precision = 19, .scale = 0};
  EXPECT_EQ(read(yen, "-$1,234,567.89"), "-123456789");
  EXPECT_EQ(read(yen, "$0.00"), "0");
  const DataType dinar{.kind = TypeKind::kDecimal, .precision = 19, .scale = 3};
  EXPECT_EQ(read(dinar, "$1,234,567.89"), "123456.789");
  EXPECT_EQ(read(dinar, "-$0.05"), "-0.005");
  for (const char* text : {"1.10", "-0.000001", "NaN", "Infinity", "-Infinity"}) EXPECT_EQ(read(bare, text), text);
  EXPECT_EQ(read(bare, std::string(500, '7')), std::string(500, '7'));
}

TEST(PostgresTypeTest, source_types_keep_what_a_postgres_target_needs) {
  EXPECT_EQ(postgres_type_sql(postgres_source_type("", -1, "public.mood[]")), "public.mood[]");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("varbit", 5, "bit varying(5)")), "bit varying(5)");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("interval", -1, "interval")), "interval");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("jsonb", -1, "jsonb")), "jsonb");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("numeric", -1, "numeric")), "numeric");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("numeric", ((2 << 16) | (-3 & 0x7ff)) + 4, "")), "numeric");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("numeric", ((10 << 16) | 2) + 4, "")), "numeric(10,2)");
  EXPECT_EQ(postgres_type_sql(postgres_source_type("text", -1, {})), "text");
}

TEST(PostgresTypeTest, existing_columns_that_would_alter_values_are_noticed) {
  const DataType decimal{.kind = TypeKind::kDecimal, .precision = 10, .scale = 4};
  const PostgresColumn money{.type_name = "numeric", .modifier = ((10 << 16) | 2) + 4};
  EXPECT_TRUE(postgres_alters(decimal, money).has_value());
  EXPECT_FALSE(postgres_alters(decimal, {.type_name = "numeric"}).has_value());
  EXPECT_TRUE(postgres_alters({.kind = TypeKind::kBytes}, {.type_name = "text"}).has_value());
  EXPECT_TRUE(postgres_alters({.kind = TypeKind::kTimestamp, .precision = 6}, {.type_name = "timestamp", .modifier = 3})
                  .has_value());
}

}  // namespace
}  // namespace sluice
