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
