// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_types.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SqliteTypesTest, every_kind_gets_a_declared_type_that_keeps_its_values) {
  for (int kind = 0; kind <= static_cast<int>(TypeKind::kGeometry); ++kind) {
    const DataType type{.kind = static_cast<TypeKind>(kind), .length = 5, .precision = 6, .scale = 2};
    const std::string declared = sqlite_declared_type(type, false);
    EXPECT_TRUE(sqlite_keeps(type, sqlite_affinity(declared))) << declared;
  }
}

TEST(SqliteTypesTest, numbers_as_text_would_lose_digits_in_a_numeric_column) {
  EXPECT_FALSE(sqlite_keeps({.kind = TypeKind::kDecimal, .precision = 10, .scale = 2}, SqliteAffinity::kNumeric));
  EXPECT_FALSE(sqlite_keeps({.kind = TypeKind::kUInt64}, SqliteAffinity::kInteger));
  EXPECT_FALSE(sqlite_keeps({.kind = TypeKind::kJson}, sqlite_affinity("JSON")));
}

TEST(SqliteTypesTest, affinity_follows_sqlites_rule) {
  EXPECT_EQ(sqlite_affinity("bigint"), SqliteAffinity::kInteger);
  EXPECT_EQ(sqlite_affinity("CHARINT"), SqliteAffinity::kInteger);
  EXPECT_EQ(sqlite_affinity("varchar(10)"), SqliteAffinity::kText);
  EXPECT_EQ(sqlite_affinity(""), SqliteAffinity::kBlob);
  EXPECT_EQ(sqlite_affinity("double precision"), SqliteAffinity::kReal);
  EXPECT_EQ(sqlite_affinity("DECIMAL(10,2)"), SqliteAffinity::kNumeric);
}

}  // namespace
}  // namespace sluice
