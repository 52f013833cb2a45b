// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_connection.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(MysqlVersionTest, reads_both_families) {
  EXPECT_EQ(parse_mysql_version("8.0.36-log"), 80036u);
  EXPECT_EQ(parse_mysql_version("9.7.4"), 90704u);
  EXPECT_EQ(parse_mysql_version("5.5.5-10.11.6-MariaDB-log"), 101106u);
  EXPECT_EQ(parse_mysql_version("10.11.19-MariaDB-0+deb12u1"), 101119u);
  EXPECT_EQ(parse_mysql_version("nonsense"), 0u);
}

TEST(MysqlErrorTest, never_shows_the_offending_value) {
  const Error duplicate =
      MysqlConnection::make_error(1062, "Duplicate entry 'it's secret' for key 'PRIMARY'", "writing shop.orders");
  EXPECT_EQ(duplicate.message(), "writing shop.orders: Duplicate entry '...' for key 'PRIMARY' (server error 1062)");
  const Error wrong = MysqlConnection::make_error(
      1292, "Incorrect datetime value: 'secret' for column `shop`.`orders`.`at` at row 1", "");
  EXPECT_EQ(wrong.message().find("secret"), std::string::npos);
  EXPECT_NE(wrong.message().find("orders"), std::string::npos);
  const Error syntax = MysqlConnection::make_error(1064, "error near 'x = 'secret'' at line 1", "");
  EXPECT_EQ(syntax.message().find("secret"), std::string::npos);
}

TEST(MysqlErrorTest, classifies_by_what_to_do) {
  const auto code = [](unsigned number, std::string_view text) {
    return MysqlConnection::make_error(number, text, "").code();
  };
  EXPECT_EQ(code(1213, "deadlock"), ErrorCode::kTransient);
  EXPECT_EQ(code(1205, "lock wait"), ErrorCode::kTransient);
  EXPECT_EQ(code(2013, "lost"), ErrorCode::kConnect);
  EXPECT_EQ(code(1053, "shutdown"), ErrorCode::kConnect);
  EXPECT_EQ(code(1045, "denied"), ErrorCode::kAccess);
  EXPECT_EQ(code(1264, "out of range"), ErrorCode::kData);
  EXPECT_EQ(code(1062, "duplicate"), ErrorCode::kTarget);
  EXPECT_EQ(code(1290, "running with the --read-only option"), ErrorCode::kTransient);
  EXPECT_EQ(code(1290, "running with the --secure-file-priv option"), ErrorCode::kTarget);
}

TEST(MysqlQuotingTest, doubles_backticks_and_writes_hex) {
  EXPECT_EQ(MysqlConnection::quote_identifier("a`b"), "`a``b`");
  std::string sql;
  MysqlConnection::append_hex_literal(std::string_view("\x00\xff'", 3), sql);
  EXPECT_EQ(sql, "0x00ff27");
  sql.clear();
  MysqlConnection::append_hex_literal("", sql);
  EXPECT_EQ(sql, "''");
}

}  // namespace
}  // namespace sluice
