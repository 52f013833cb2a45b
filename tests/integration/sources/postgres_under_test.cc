// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL source. Each source of the suite has a slot and a publication of its own schema.
#include "integration/sources/postgres_under_test.h"

#include <fmt/format.h>

#include "connectors/postgres/postgres_connector.h"
#include "support/ok.h"
#include "support/postgres_server.h"

namespace sluice::support {
namespace {

class PostgresUnderTest final : public SourceUnderTest {
 public:
  DatabaseServer& server() override {
    if (!server_) {
      auto started = PostgresServer::start({.arguments = {"-c", "wal_level=logical", "-c", "max_replication_slots=60",
                                                          "-c", "max_wal_senders=60", "-c", "max_connections=200"}});
      EXPECT_OK(started);
      server_ = std::move(*started);
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
    add("tables", in_database(options.tables.empty() ? schema + ".\\.*" : options.tables));
    add("slot.name", schema);
    add("scan.incremental.snapshot.chunk.size", std::to_string(options.chunk_rows));
    if (!options.startup.empty()) add("scan.startup.mode", options.startup);
    Problems problems;
    auto source = postgres_connector().make_source(settings, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return source;
  }

  bool cuts_text_keys() const override { return false; }
  bool reads_past_added_columns() const override { return true; }

  std::vector<KeyType> key_types() const override {
    const auto letter = [](int i) { return "aBcDeFgHiJ"[i % 10]; };
    return {
        {"SMALLINT", [](int i) { return fmt::format("{}", i); }},
        {"INT", [](int i) { return fmt::format("{}", i * 7 - 600); }},
        {"BIGINT", [](int i) { return fmt::format("{}", (i - 100) * 92'233'720'368'547'758); }},
        {"NUMERIC(20,3)", [](int i) { return fmt::format("{}.5", i * i - 900 * i); }},
        {"UUID",
         [](int i) {
           return fmt::format("'{:08x}-e89b-12d3-a456-{:012x}'", static_cast<uint32_t>(i) * 0x1234567U, 200 - i);
         }},
        {"VARCHAR(20)", [=](int i) { return fmt::format("'{}{}'", letter(i), i); }},
        {"TEXT COLLATE \"C\"", [=](int i) { return fmt::format("'{}{} '", letter(i), i); }},
        {"VARCHAR(20) COLLATE \"und-x-icu\"",
         [](int i) { return fmt::format("'{}''\\{}'", i % 3 == 0 ? "É" : "e", i); }},
        {"CHAR(10)", [](int i) { return fmt::format("'{}{}'", i % 2 == 0 ? "Ä" : "z", i); }},
        {"DATE", [](int i) { return fmt::format("'19{:02}-{:02}-{:02}'", i % 70, 1 + i % 12, 1 + i % 28); }},
        {"TIMESTAMP(6)", [](int i) { return fmt::format("'2024-01-{:02} 00:00:{:02}.{:06}'", 1 + i % 30, i % 60, i); }},
        {"TIMESTAMPTZ(3)",
         [](int i) { return fmt::format("'2024-02-{:02} 00:00:{:02}.{:03}'", 1 + i % 28, i % 60, i); }},
        {"BYTEA", [](int i) { return fmt::format("'\\x{:02x}{}'", i, i % 2 == 0 ? "" : "00"); }},
        {"DOUBLE PRECISION", [](int i) { return fmt::format("{}.25", 100 - i); }},
    };
  }

  std::vector<ValueType> value_types() const override {
    return {
        {"BOOLEAN", {"true", "false"}},
        {"SMALLINT", {"-32768", "32767"}},
        {"BIGINT", {"-9223372036854775808", "9223372036854775807"}},
        {"REAL", {"1.1", "'NaN'", "'-Infinity'"}},
        {"DOUBLE PRECISION", {"0.1", "-1.7976931348623157e308", "'NaN'"}},
        {"NUMERIC(10,2)", {"-0.01", "99999999.99", "0"}},
        {"VARCHAR(50)", {"'小明 🚀'", "E'tab\\tnewline\\nback\\\\slash'", "'NULL'"}},
        {"CHAR(10)", {"'abc'", "''", "'größe'"}},
        {"TEXT", {"REPEAT('x', 60000)", "''"}},
        {"BYTEA", {"'\\x00ff27'", "''"}},
        {"DATE", {"'1000-01-01'", "'9999-12-31'", "'2024-02-29'"}},
        {"TIME(6)", {"'00:00:00'", "'23:59:59.999999'"}},
        {"TIMESTAMP(6)", {"'1000-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'"}},
        {"TIMESTAMPTZ", {"'1970-01-02 00:00:01+02'", "'2037-12-31 23:59:59.999999Z'"}},
        {"UUID", {"'123e4567-e89b-12d3-a456-426614174000'"}},
        {"JSON", {"'{\"a\": [1, 2.5, null, \"x\"]}'", "'[]'"}},
        {"JSONB", {"'{\"b\": {\"c\": true}, \"a\": 1.50}'"}},
        {"BIT(10)", {"B'1000000001'"}},
        {"INET", {"'192.168.0.1'"}},
    };
  }

  std::string long_text() const override { return "TEXT"; }
  std::string analyze(const std::string& table) const override { return "ANALYZE " + table; }
  // A value that is stored apart and does not change is not in the log.
  std::string log_partial_rows(const std::string& table, const std::string& untouched) const override {
    return fmt::format("ALTER TABLE {0} ALTER COLUMN {1} SET STORAGE EXTERNAL; UPDATE {0} SET {1} = {1} || 'x'", table,
                       untouched);
  }
  std::string lock_table(const std::string& table) const override {
    return fmt::format("BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", table);
  }

 private:
  // The suite's patterns name schema and table; this source wants the database in front.
  static std::string in_database(const std::string& patterns) {
    std::string result = "postgres.";
    for (const char c : patterns) {
      result += c;
      if (c == ',') result += "postgres.";
    }
    return result;
  }

  std::unique_ptr<DatabaseServer> server_;
};

}  // namespace

std::unique_ptr<SourceUnderTest> postgres_source() { return std::make_unique<PostgresUnderTest>(); }

}  // namespace sluice::support
