// SPDX-License-Identifier: Apache-2.0
#include "tenants/mysql_dialog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenants/sql_error.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kScramble = "abcdefghijklmnopqrst";

std::string packet(uint8_t sequence, const std::string& payload) {
  std::string out;
  for (int i = 0; i < 3; ++i) out += static_cast<char>(payload.size() >> (8 * i));
  return out + static_cast<char>(sequence) + payload;
}

std::string login(const std::string& user, const std::string& answer, const std::string& plugin) {
  std::string payload("\x00\x82\x08\x00", 4);  // protocol 4.1, a length before the answer, a plugin's name
  payload += std::string(4, '\0') + '\x2d' + std::string(23, '\0') + user + '\0';
  return packet(1, payload + static_cast<char>(answer.size()) + answer + plugin + '\0');
}

MysqlDialog dialog_with(std::optional<std::string> password, int* executed = nullptr) {
  MysqlDialogOptions options{.connection = 7, .scramble = kScramble, .password = std::move(password)};
  options.execute = [executed](const Statement&) -> Result<StatementResult> {
    if (executed != nullptr) ++*executed;
    return StatementResult{.rows = {{"a"}, {{"x"}, {std::nullopt}}}, .notes = {"look"}};
  };
  MysqlDialog dialog(std::move(options));
  EXPECT_THAT(dialog.greeting(), HasSubstr("mysql_native_password"));
  return dialog;
}

std::string talk(MysqlDialog& dialog, const std::string& bytes, bool open = true) {
  std::string out;
  EXPECT_EQ(dialog.receive(bytes, out), open);
  return out;
}

TEST(MysqlDialogTest, lets_in_who_knows_the_password_and_nobody_else) {
  const std::string good = native_password_answer("secret", kScramble);
  EXPECT_EQ(good.size(), 20U);
  auto known = dialog_with("secret");
  talk(known, login("root@sys", good, "mysql_native_password"));
  EXPECT_TRUE(known.logged_in());
  for (const auto& [user, answer] :
       {std::pair<std::string, std::string>("root@sys", native_password_answer("wrong", kScramble)),
        {"root@sys", ""},
        {"root@sys", good.substr(0, 19)},
        {"admin", good}}) {
    auto unknown = dialog_with("secret");
    EXPECT_THAT(talk(unknown, login(user, answer, "mysql_native_password"), false), HasSubstr("#28000Access denied"));
    EXPECT_FALSE(unknown.logged_in());
  }
}

TEST(MysqlDialogTest, asks_again_when_a_client_answers_for_another_plugin) {
  auto dialog = dialog_with("secret");
  EXPECT_THAT(talk(dialog, login("root", "x", "caching_sha2_password")), HasSubstr("\xfemysql_native_password"));
  EXPECT_FALSE(dialog.logged_in());
  talk(dialog, packet(3, native_password_answer("secret", kScramble)));
  EXPECT_TRUE(dialog.logged_in());
}

TEST(MysqlDialogTest, takes_bytes_as_they_come_and_ends_what_is_too_large) {
  int executed = 0;
  auto dialog = dialog_with(std::nullopt, &executed);
  const std::string bytes = login("anybody", "", "") + packet(0, "\x03SHOW TENANTS") + packet(0, "\x0e");
  for (const char byte : bytes) talk(dialog, std::string(1, byte));
  EXPECT_EQ(executed, 1);
  EXPECT_THAT(talk(dialog, std::string("\xff\xff\xff\x00", 4), false), HasSubstr("#08S01Got a packet bigger"));
  auto stranger = dialog_with(std::nullopt, &executed);
  talk(stranger, packet(1, "\x03SHOW TENANTS"), false);
  EXPECT_EQ(executed, 1);
}

TEST(MysqlDialogTest, answers_what_clients_ask_at_their_start_by_itself) {
  int executed = 0;
  auto dialog = dialog_with(std::nullopt, &executed);
  talk(dialog, login("root", "", ""));
  EXPECT_THAT(talk(dialog, packet(0, "\x03select @@version_comment limit 1")), HasSubstr("Sluice"));
  EXPECT_THAT(talk(dialog, packet(0, "\x03SELECT @@session.sql_mode AS m, database(), CONNECTION_ID();")),
              HasSubstr("7"));
  EXPECT_THAT(talk(dialog, packet(0, "\x03SET NAMES utf8mb4")), Not(HasSubstr("#")));
  EXPECT_THAT(talk(dialog, packet(0, "\x03SELECT @@nonsense")), HasSubstr("#HY000Unknown system variable 'nonsense'"));
  EXPECT_THAT(talk(dialog, packet(0, "\x03select @@version as")), HasSubstr("x"));  // the views' to refuse
  EXPECT_EQ(executed, 1);
  EXPECT_THAT(talk(dialog, packet(0, "\x03SET GLOBAL x = 1")), HasSubstr("#0A000"));
  // A statement behind it is not passed over.
  for (const char* text : {"\x03SET NAMES utf8; DROP TENANT x", "\x03SET autocommit = 1\\G DROP TENANT x",
                           "\x03SET @a = 'x;'; ; DROP TENANT x"}) {
    EXPECT_THAT(talk(dialog, packet(0, text)), HasSubstr("#")) << text;
  }
  EXPECT_EQ(executed, 1);
  EXPECT_THAT(talk(dialog, packet(0, "\x03SET @a = ';', NAMES utf8;")), Not(HasSubstr("#")));
  EXPECT_THAT(talk(dialog, packet(0, "\x03SHOW TENANTS")), HasSubstr("a"));
  EXPECT_THAT(talk(dialog, packet(0, "\x03SHOW WARNINGS")), HasSubstr("look"));
  EXPECT_THAT(talk(dialog, packet(0, "\x02mysql")), HasSubstr("#42000Unknown database 'mysql'"));
  EXPECT_THAT(talk(dialog, packet(0, "\x03")), HasSubstr("#42000Query was empty"));
  EXPECT_THAT(talk(dialog, packet(0, "\x03SHOW TENANTS; SHOW TENANTS")), HasSubstr("#42000"));
  talk(dialog, packet(0, "\x01"), false);
}

}  // namespace
}  // namespace sluice
