// SPDX-License-Identifier: Apache-2.0
// The MySQL source on MariaDB and on MySQL.
#include "integration/sources/mysql_under_test.h"

#include <fmt/format.h>

#include "connectors/mysql/mysql_connector.h"
#include "support/mysql_server.h"
#include "support/ok.h"

namespace sluice::support {
namespace {

class MysqlUnderTest final : public SourceUnderTest {
 public:
  explicit MysqlUnderTest(bool mariadb) : mariadb_(mariadb) {}

  std::string unavailable() const override { return mariadb_ ? "" : MysqlServer::unavailable(); }

  DatabaseServer& server() override {
    if (!server_) {
      if (mariadb_) {
        auto started = MariadbServer::start();
        EXPECT_OK(started);
        server_ = std::move(*started);
      } else {
        auto started = MysqlServer::start();
        EXPECT_OK(started);
        server_ = std::move(*started);
      }
    }
    return *server_;
  }

  std::unique_ptr<Source> make(const std::string& schema, const SourceOptions& options) override {
    Settings settings;
    const auto add = [&](std::string key, std::string value) {
      settings.entries.push_back({std::move(key), std::move(value), {}});
    };
    add("hostname", DatabaseServer::host());
    add("port", std::to_string(options.port != 0 ? options.port : server().port()));
    add("username", server().username());
    add("password", options.password.empty() ? server().password() : options.password);
    add("tables", options.tables.empty() ? schema + ".\\.*" : options.tables);
    add("scan.incremental.snapshot.chunk.size", std::to_string(options.chunk_rows));
    if (!options.startup.empty()) add("scan.startup.mode", options.startup);
    Problems problems;
    auto source = mysql_connector().make_source(settings, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return source;
  }

  std::vector<KeyType> key_types() const override {
    const auto letter = [](int i) { return "aBcDeFgHiJ"[i % 10]; };
    std::vector<KeyType> types = {
        {"TINYINT UNSIGNED", [](int i) { return fmt::format("{}", i); }},
        {"INT", [](int i) { return fmt::format("{}", i * 7 - 600); }},
        {"BIGINT", [](int i) { return fmt::format("{}", (i - 100) * 92'233'720'368'547'758); }},
        {"BIGINT UNSIGNED", [](int i) { return fmt::format("{}", 18'446'744'073'709'551'615U - 3 * i); }},
        {"DECIMAL(20,3)", [](int i) { return fmt::format("{}.5", i * i - 900 * i); }},
        {"VARCHAR(20) COLLATE utf8mb4_general_ci", [=](int i) { return fmt::format("'{}{}'", letter(i), i); }},
        {"VARCHAR(20) COLLATE utf8mb4_bin", [=](int i) { return fmt::format("'{}{} '", letter(i), i); }},
        {"CHAR(10) CHARACTER SET latin1", [](int i) { return fmt::format("'{}{}'", i % 2 == 0 ? "Ä" : "z", i); }},
        {"VARCHAR(20) COLLATE utf8mb4_unicode_ci",
         [](int i) { return fmt::format("'{}''\\\\{}'", i % 3 == 0 ? "É" : "e", i); }},
        {"DATE", [](int i) { return fmt::format("'19{:02}-{:02}-{:02}'", i % 70, 1 + i % 12, 1 + i % 28); }},
        {"DATETIME(6)", [](int i) { return fmt::format("'2024-01-{:02} 00:00:{:02}.{:06}'", 1 + i % 30, i % 60, i); }},
        {"TIMESTAMP(3)", [](int i) { return fmt::format("'2024-02-{:02} 00:00:{:02}.{:03}'", 1 + i % 28, i % 60, i); }},
        {"TIME(3)", [](int i) { return fmt::format("'{}{}:00:00.{:03}'", i % 2 == 0 ? "-" : "", i, i); }},
        {"BINARY(4)", [](int i) { return fmt::format("x'{:02x}00ff27'", i); }},
        {"VARBINARY(8)", [](int i) { return fmt::format("x'{:02x}{}'", i, i % 2 == 0 ? "" : "00"); }},
        {"BIT(16)", [](int i) { return fmt::format("{}", i * 300); }},
        {"DOUBLE", [](int i) { return fmt::format("{}.25", 100 - i); }},
    };
    if (mariadb_) {
      types.push_back({"UUID", [](int i) {
                         return fmt::format("'{:08x}-e89b-12d3-a456-{:012x}'", static_cast<uint32_t>(i) * 0x1234567U,
                                            200 - i);
                       }});
      types.push_back({"INET4", [](int i) { return fmt::format("'10.{}.9.{}'", i / 20, i % 20 * 7); }});
      types.push_back({"INET6", [](int i) { return fmt::format("'2001:db8:{:x}::{:x}'", i / 20, i % 20 * 7); }});
    }
    return types;
  }

  std::vector<ValueType> value_types() const override {
    std::vector<ValueType> types = {
        {"TINYINT", {"-128", "127"}},
        {"TINYINT(1)", {"0", "1"}},
        {"SMALLINT UNSIGNED ZEROFILL", {"65535", "7"}},
        {"MEDIUMINT", {"-8388608", "8388607"}},
        {"INT UNSIGNED", {"4294967295"}},
        {"BIGINT", {"-9223372036854775808", "9223372036854775807"}},
        {"BIGINT UNSIGNED", {"18446744073709551615", "9223372036854775808"}},
        {"FLOAT", {"1.1", "-3.4e38", "1.17549e-38", "16777217"}},
        {"DOUBLE", {"0.1", "-1.7976931348623157e308", "2.2250738585072014e-308"}},
        {"DECIMAL(10,2)", {"-0.01", "99999999.99", "0"}},
        {"DECIMAL(65,30)", {"12345678901234567890123456789012345.123456789012345678901234567890", "-0.5"}},
        {"BIT(1)", {"b'1'", "b'0'"}},
        {"BIT(64)", {"b'1111111111111111111111111111111111111111111111111111111111111110'"}},
        {"CHAR(10)", {"'abc'", "''", "'größe'"}},
        {"VARCHAR(50) CHARACTER SET latin1", {"'äöü€'", "'it''s \\\"quoted\\\"'"}},
        {"VARCHAR(50) CHARACTER SET utf8mb4", {"'小明 🚀'", "'tab\\tnewline\\nback\\\\slash\\0'", "'NULL'"}},
        {"TEXT", {"REPEAT('x', 60000)", "''"}},
        {"BINARY(4)", {"x'00ff00ff'", "x'01'", "x''"}},
        {"BLOB", {"REPEAT(x'00ff27', 1000)", "x''"}},
        {"DATE", {"'1000-01-01'", "'9999-12-31'", "'2024-02-29'"}},
        {"TIME(3)", {"'-838:59:59.000'", "'838:59:59.000'", "'-00:00:00.001'"}},
        {"DATETIME(6)", {"'1000-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'"}},
        {"TIMESTAMP(6) NULL", {"'1970-01-02 00:00:01'", "'2037-12-31 23:59:59.999999'"}},
        {"YEAR", {"1901", "2155", "0"}},
        {"ENUM('small','it''s')", {"'small'", "'it''s'"}},
        {"SET('a','b','c')", {"'a,c'", "''"}},
        {"GEOMETRY", {"ST_GeomFromText('POINT(1 2)')"}},
        {"JSON", {"'{\"a\": [1, 2.5, null, \"x\"], \"b\": {\"c\": true}}'", "'[]'", "'-12345678901234'"}},
    };
    if (mariadb_) {
      types.push_back({"UUID", {"'123e4567-e89b-12d3-a456-426614174000'"}});
      types.push_back({"INET6", {"'2001:db8::ff00:42:8329'", "'::'"}});
    }
    return types;
  }

  std::string long_text() const override { return "LONGTEXT"; }
  std::string analyze(const std::string& table) const override { return "ANALYZE TABLE " + table; }
  std::string log_partial_rows(const std::string&, const std::string&) const override {
    return "SET SESSION binlog_row_image = MINIMAL";
  }
  std::string lock_table(const std::string& table) const override { return "LOCK TABLES " + table + " WRITE"; }

 private:
  const bool mariadb_;
  std::unique_ptr<DatabaseServer> server_;
};

}  // namespace

std::unique_ptr<SourceUnderTest> mysql_source_on_mariadb() { return std::make_unique<MysqlUnderTest>(true); }
std::unique_ptr<SourceUnderTest> mysql_source_on_mysql() { return std::make_unique<MysqlUnderTest>(false); }

}  // namespace sluice::support
