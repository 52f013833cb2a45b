// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_binary.h"

#include <gtest/gtest.h>

#include "data/value_text.h"

namespace sluice {
namespace {

// The value without its length; nothing if PostgreSQL would refuse it.
std::optional<std::string> written(const DataType& type, std::string_view target, std::string_view text) {
  ColumnVector values(type.kind);
  EXPECT_TRUE(append_parsed(values, type, text)) << text;
  const auto form = postgres_binary(type, {.type_name = std::string(target)});
  EXPECT_NE(form, PostgresBinary::kNone);
  std::string out;
  if (!append_postgres_binary(values, type, form, 0, out)) return std::nullopt;
  EXPECT_EQ(out.size(), 4 + static_cast<unsigned char>(out[3]));
  return out.substr(4);
}

std::string hex(const std::optional<std::string>& bytes) {
  std::string out;
  if (bytes) append_hex(*bytes, out);
  return out;
}

TEST(PostgresBinaryTest, groups_digits_by_four_from_the_point) {
  const DataType decimal{.kind = TypeKind::kDecimal, .precision = 20, .scale = 5};
  // groups, weight of the first, sign, digits after the point, groups
  EXPECT_EQ(hex(written(decimal, "numeric", "-12345.60000")),
            "0004"
            "0001"
            "4000"
            "0005"
            "0001"
            "0929"
            "1770"
            "0000");
  EXPECT_EQ(hex(written(decimal, "numeric", "0.00001")),
            "0003"
            "0000"
            "0000"
            "0005"
            "0000"
            "0000"
            "03e8");
  EXPECT_EQ(hex(written({.kind = TypeKind::kUInt64}, "numeric", "18446744073709551615")),
            "0005"
            "0004"
            "0000"
            "0000"
            "0734"
            "1a58"
            "02e1"
            "03bb"
            "064f");
}

TEST(PostgresBinaryTest, counts_time_from_2000) {
  EXPECT_EQ(hex(written({.kind = TypeKind::kDate}, "date", "1999-12-31")), "ffffffff");
  EXPECT_EQ(hex(written({.kind = TypeKind::kTimestamp, .precision = 6}, "timestamptz", "2000-01-01 00:00:00.000001")),
            "0000000000000001");
}

TEST(PostgresBinaryTest, moves_bits_to_the_left) {
  EXPECT_EQ(hex(written({.kind = TypeKind::kBit, .length = 12}, "bit", std::string_view("\x0f\xa5", 2))),
            "0000000c"
            "fa50");
}

TEST(PostgresBinaryTest, refuses_what_the_text_would_be_refused_for) {
  EXPECT_EQ(written({.kind = TypeKind::kTime}, "time", "-00:00:01"), std::nullopt);
  EXPECT_EQ(written({.kind = TypeKind::kString}, "text", std::string_view("a\0b", 3)), std::nullopt);
}

TEST(PostgresBinaryTest, leaves_to_text_what_the_server_would_read_otherwise) {
  EXPECT_EQ(postgres_binary({.kind = TypeKind::kInt64}, {.type_name = "int4"}), PostgresBinary::kNone);
  EXPECT_EQ(postgres_binary({.kind = TypeKind::kFloat}, {.type_name = "float8"}), PostgresBinary::kNone);
  EXPECT_EQ(postgres_binary({.kind = TypeKind::kTime}, {.type_name = "interval"}), PostgresBinary::kNone);
  EXPECT_EQ(postgres_binary({.kind = TypeKind::kEnum}, {.type_name = "mood"}), PostgresBinary::kNone);
}

}  // namespace
}  // namespace sluice
