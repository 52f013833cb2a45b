// SPDX-License-Identifier: Apache-2.0
#include "connector/relational_writing.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::optional<std::string> value(DataType type, std::optional<std::string> expression) {
  return value_of_added_column({.name = "c", .type = std::move(type), .default_expression = std::move(expression)});
}

TEST(AddedColumnTest, literal_defaults_fill_existing_rows) {
  EXPECT_EQ(value({.kind = TypeKind::kInt32}, "5"), "5");
  EXPECT_EQ(value({.kind = TypeKind::kInt32}, "'5'"), "5");
  EXPECT_EQ(value({.kind = TypeKind::kString}, "'it''s'"), "it's");
  EXPECT_EQ(value({.kind = TypeKind::kString}, R"('C:\\new')"), R"(C:\new)");
  EXPECT_EQ(value({.kind = TypeKind::kString}, R"('a\nb\rc\0d')"), std::string("a\nb\rc\0d", 7));
  EXPECT_EQ(value({.kind = TypeKind::kString}, R"('\\')"), "\\");
  EXPECT_EQ(value({.kind = TypeKind::kString}, "open"), "open");
  EXPECT_EQ(value({.kind = TypeKind::kDecimal, .precision = 10, .scale = 2}, "1.5"), "1.50");
  EXPECT_EQ(value({.kind = TypeKind::kDate}, "'2024-02-29'"), "2024-02-29");
}

TEST(AddedColumnTest, nullable_without_default_stays_null) {
  EXPECT_EQ(value({.kind = TypeKind::kInt32}, std::nullopt), std::nullopt);
  EXPECT_EQ(value({.kind = TypeKind::kInt32}, "NULL"), std::nullopt);
}

TEST(AddedColumnTest, not_null_without_default_gets_what_mysql_fills_in) {
  EXPECT_EQ(value({.kind = TypeKind::kInt32, .nullable = false}, std::nullopt), "0");
  EXPECT_EQ(value({.kind = TypeKind::kString, .nullable = false}, std::nullopt), "");
}

TEST(AddedColumnTest, expressions_are_not_taken_for_literals) {
  EXPECT_EQ(value({.kind = TypeKind::kTimestamp}, "current_timestamp()"), std::nullopt);
  EXPECT_EQ(value({.kind = TypeKind::kString}, "uuid()"), std::nullopt);
}

}  // namespace
}  // namespace sluice
