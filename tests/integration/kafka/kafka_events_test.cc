// SPDX-License-Identifier: Apache-2.0
// What the events of each source are like. golden/*.jsonl is made by us from the description of Debezium's types: for
// each type the schema and the value; "unsure" says where that description is.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "integration/kafka/kafka_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;

constexpr const char* kOwnTypes =
    "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION ltree SCHEMA "
    "public;"
    "CREATE EXTENSION isn SCHEMA public; CREATE TYPE public.mood AS ENUM ('ok', 'a,b');"
    "ALTER TYPE public.mood ADD VALUE 'sad' BEFORE 'ok'; CREATE DOMAIN public.price AS numeric(8,2);";

class Events : public KafkaTest {
 protected:
  std::vector<Json> golden() const {
    std::ifstream file(fmt::format("{}/{}_types.jsonl", GOLDEN_FOLDER, postgres() ? "postgres" : "mysql"));
    std::vector<Json> types;
    for (std::string line; std::getline(file, line);) {
      Json type = Json::parse(line);
      if (!type.contains("only") || type["only"] == GetParam()) types.push_back(std::move(type));
    }
    return types;
  }
};
INSTANTIATE_TEST_SUITE_P(Sources, Events, testing::Values("mariadb", "mysql", "postgres_source"), source_name);

std::vector<std::string> names_of(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

TEST_P(Events, of_every_type_are_alike_in_the_copy_and_in_the_stream) {
  const auto types = golden();
  ASSERT_GT(types.size(), 70u);
  const auto pipeline = job();
  if (postgres()) sql(kOwnTypes);
  std::string columns;
  std::string values;
  for (size_t i = 0; i < types.size(); ++i) {
    columns += fmt::format(", c{} {}", i, types[i]["type"].get<std::string>());
    values += ", " + types[i]["literal"].get<std::string>();
  }
  sql(fmt::format("CREATE TABLE types (id int PRIMARY KEY{})", columns));
  sql(fmt::format("INSERT INTO types VALUES (1{})", values));
  pipeline->run_until_caught_up();
  sql(fmt::format("INSERT INTO types VALUES (2{})", values));
  pipeline->run_until_caught_up();

  const auto messages = read("types");
  ASSERT_EQ(messages.size(), 2u);
  for (const auto& message : messages) {
    const Json value = Json::parse(*message.value);
    const Json& payload = value["payload"];
    EXPECT_EQ(payload["op"], payload["after"]["id"] == 1 ? "r" : "c");
    const Json& fields = value["schema"]["fields"][1]["fields"];
    ASSERT_EQ(fields.size(), types.size() + 1);
    for (size_t i = 0; i < types.size(); ++i) {
      SCOPED_TRACE(types[i]["type"].get<std::string>() + " " + payload["op"].get<std::string>());
      Json schema = types[i]["schema"];
      schema["field"] = fmt::format("c{}", i);
      EXPECT_EQ(fields[i + 1].dump(), schema.dump());
      EXPECT_EQ(payload["after"][schema["field"].get<std::string>()].dump(), types[i]["value"].dump());
    }
  }
  drop_database(*source_, database_);
}

TEST_P(Events, tell_what_happened_and_where) {
  const auto pipeline = job("schemas.enable: false");
  sql("CREATE TABLE t (id int PRIMARY KEY, name varchar(20) NOT NULL)");
  if (postgres()) sql("ALTER TABLE t REPLICA IDENTITY FULL");
  sql("INSERT INTO t VALUES (1, 'one')");
  pipeline->run_until_caught_up();
  sql("INSERT INTO t VALUES (2, 'two'), (3, 'three')");
  sql("UPDATE t SET name = 'zwei' WHERE id = 2");
  sql("UPDATE t SET id = 4 WHERE id = 3");
  sql("DELETE FROM t WHERE id = 1");
  pipeline->run_until_caught_up();

  std::map<std::string, std::vector<std::string>> log;
  for (const auto& message : read("t")) {
    const Json event = event_of(message);
    log[*message.key].push_back(event.is_null() ? "tombstone"
                                                : fmt::format("{} {} {}", event["op"].get<std::string>(),
                                                              event["before"].dump(), event["after"].dump()));
  }
  EXPECT_THAT(log[R"({"id":1})"],
              ElementsAre(R"(r null {"id":1,"name":"one"})", R"(d {"id":1,"name":"one"} null)", "tombstone"));
  EXPECT_THAT(log[R"({"id":2})"],
              ElementsAre(R"(c null {"id":2,"name":"two"})", R"(u {"id":2,"name":"two"} {"id":2,"name":"zwei"})"));
  EXPECT_THAT(log[R"({"id":3})"],
              ElementsAre(R"(c null {"id":3,"name":"three"})", R"(d {"id":3,"name":"three"} null)", "tombstone"));
  EXPECT_THAT(log[R"({"id":4})"], ElementsAre(R"(c null {"id":4,"name":"three"})"));
  for (const auto& message : read("t")) {
    const Json event = event_of(message);
    const bool gone = *message.key == R"({"id":3})" && (event.is_null() || event["op"] == "d");
    EXPECT_EQ(message.headers.contains("__debezium.newkey"), gone);
    if (gone) {
      EXPECT_EQ(message.headers.at("__debezium.newkey"), R"({"id":4})");
    }
    if (*message.key == R"({"id":4})") {
      EXPECT_EQ(message.headers.at("__debezium.oldkey"), R"({"id":3})");
    }
    EXPECT_EQ(message.headers.at("__debezium.context.connectorLogicalName"), "it");
    if (event.is_null()) continue;
    EXPECT_THAT(names_of(event),
                ElementsAre("before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"));
  }
  drop_database(*source_, database_);
}

TEST_P(Events, have_no_old_row_where_the_log_of_postgres_has_none) {
  if (!postgres()) GTEST_SKIP() << "MySQL's log has old rows";
  const auto pipeline = job("schemas.enable: false\ntopic.creation.default.partitions: 1");
  sql("CREATE TABLE t (id int PRIMARY KEY, name varchar(20) NOT NULL, balance int NOT NULL)");
  sql("INSERT INTO t VALUES (1, 'one', 10)");
  pipeline->run_until_caught_up();
  sql("UPDATE t SET balance = 20");
  sql("UPDATE t SET id = 2");
  sql("ALTER TABLE t ADD code int NOT NULL DEFAULT 7");
  sql("CREATE UNIQUE INDEX t_code ON t (id, code)");
  sql("ALTER TABLE t REPLICA IDENTITY USING INDEX t_code");
  sql("UPDATE t SET balance = 30");
  sql("UPDATE t SET code = 8");
  pipeline->run_until_caught_up();
  std::vector<std::string> log;
  for (const auto& message : read("t")) {
    const Json event = event_of(message);
    log.push_back(event.is_null() ? "tombstone"
                                  : fmt::format("{} {} {}", event["op"].get<std::string>(), event["before"].dump(),
                                                event["after"].dump()));
  }
  EXPECT_THAT(
      log, ElementsAre(R"(r null {"id":1,"name":"one","balance":10})", R"(u null {"id":1,"name":"one","balance":20})",
                       R"(d {"id":1,"name":"","balance":0} null)", "tombstone",
                       R"(c null {"id":2,"name":"one","balance":20})",
                       R"(u null {"id":2,"name":"one","balance":30,"code":7})",
                       R"(u {"id":2,"name":"","balance":0,"code":7} {"id":2,"name":"one","balance":30,"code":8})"));
  drop_database(*source_, database_);
}

TEST_P(Events, name_their_place_in_the_log) {
  const auto pipeline = job("schemas.enable: false\ntopic.creation.default.partitions: 1");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1)");
  pipeline->run_until_caught_up();
  sql("INSERT INTO t VALUES (2), (3)");
  pipeline->run_until_caught_up();
  const auto messages = read("t");
  ASSERT_EQ(messages.size(), 3u);
  const Json copied = event_of(messages[0])["source"];
  const Json first = event_of(messages[1])["source"];
  const Json second = event_of(messages[2])["source"];
  EXPECT_EQ(copied["snapshot"], "true");
  EXPECT_EQ(first["snapshot"], "false");
  EXPECT_EQ(first["name"], "it");
  EXPECT_EQ(first["ts_us"].get<int64_t>() / 1000, first["ts_ms"].get<int64_t>());
  EXPECT_GT(first["ts_ms"].get<int64_t>(), 1'600'000'000'000);
  if (postgres()) {
    EXPECT_THAT(names_of(first),
                ElementsAre("version", "connector", "name", "ts_ms", "snapshot", "db", "sequence", "ts_us", "ts_ns",
                            "schema", "table", "txId", "lsn", "xmin", "origin", "origin_lsn"));
    EXPECT_EQ(first["db"], database_);
    EXPECT_EQ(first["schema"], database_);
    EXPECT_EQ(first["txId"], second["txId"]);
    EXPECT_LT(first["lsn"].get<int64_t>(), second["lsn"].get<int64_t>());
    EXPECT_LE(copied["lsn"].get<int64_t>(), first["lsn"].get<int64_t>());
    EXPECT_EQ(Json::parse(first["sequence"].get<std::string>())[1], std::to_string(first["lsn"].get<int64_t>()));
  } else {
    EXPECT_THAT(names_of(first),
                ElementsAre("version", "connector", "name", "ts_ms", "snapshot", "db", "sequence", "ts_us", "ts_ns",
                            "table", "server_id", "gtid", "file", "pos", "row", "thread", "query"));
    EXPECT_EQ(first["connector"], GetParam());
    EXPECT_EQ(first["db"], database_);
    EXPECT_EQ(std::to_string(first["server_id"].get<int64_t>()), source_->value("SELECT @@server_id").value());
    EXPECT_EQ(copied["server_id"], 0);
    EXPECT_EQ(first["row"], 0);
    EXPECT_EQ(second["row"], 1);
    EXPECT_EQ(first["pos"], second["pos"]);
    EXPECT_EQ(first["ts_ms"].get<int64_t>() % 1000, 0);
    // The row event stands there: the server lists it.
    const auto events = source_->query(fmt::format("SHOW BINLOG EVENTS IN '{}' FROM {} LIMIT 1",
                                                   first["file"].get<std::string>(), first["pos"].get<int64_t>()));
    ASSERT_TRUE(events.has_value()) << events.error().describe();
    ASSERT_EQ(events->size(), 1u);
    EXPECT_THAT((*events)[0][2].value_or(""), testing::StartsWith("Write_rows"));
    EXPECT_EQ(first["thread"].is_null(), GetParam() == "mariadb");
  }
  drop_database(*source_, database_);
}

// The modes of columns that PostgreSQL alone has, in the copy and in the stream.
TEST_P(Events, follow_the_handling_modes_of_postgres) {
  if (!postgres()) GTEST_SKIP() << "MySQL has no such types";
  const auto pipeline = job("hstore.handling.mode: map\ninterval.handling.mode: string\nbinary.handling.mode: hex");
  sql(kOwnTypes);
  sql("CREATE TABLE t (id int PRIMARY KEY, h public.hstore, i interval, b bytea[])");
  const std::string values = "'a=>1, b=>NULL', '1 year 2 mons 3 days 04:05:06.78', ARRAY['\\x01ff'::bytea]";
  sql(fmt::format("INSERT INTO t VALUES (1, {})", values));
  pipeline->run_until_caught_up();
  sql(fmt::format("INSERT INTO t VALUES (2, {})", values));
  pipeline->run_until_caught_up();
  const auto messages = read("t");
  ASSERT_EQ(messages.size(), 2u);
  for (const auto& message : messages) {
    const Json value = Json::parse(*message.value);
    const Json& fields = value["schema"]["fields"][1]["fields"];
    EXPECT_EQ(fields[1].dump(),
              R"({"type":"map","keys":{"type":"string","optional":false},"values":{"type":"string","optional":true},)"
              R"("optional":true,"field":"h"})");
    EXPECT_EQ(fields[2].dump(),
              R"({"type":"string","optional":true,"name":"io.debezium.time.Interval","version":1,"field":"i"})");
    const Json& row = value["payload"]["after"];
    EXPECT_EQ(row["h"].dump(), R"({"a":"1","b":null})");
    EXPECT_EQ(row["i"], "P1Y2M3DT4H5M6.78S");
    EXPECT_EQ(row["b"].dump(), R"(["01ff"])");
  }
  drop_database(*source_, database_);
}

TEST_P(Events, tell_that_a_large_array_did_not_change) {
  if (!postgres()) GTEST_SKIP() << "MySQL's log has whole rows";
  const auto pipeline = job("schemas.enable: false");
  sql("CREATE TABLE t (id int PRIMARY KEY, n int, i int[], t text[], u uuid[], b bytea[])");
  sql("ALTER TABLE t ALTER i SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL, ALTER u SET STORAGE EXTERNAL, "
      "ALTER b SET STORAGE EXTERNAL");
  sql("INSERT INTO t SELECT 1, 1, array_agg(x), array_agg(x::text), array_agg(gen_random_uuid()), "
      "array_agg(x::text::bytea) FROM generate_series(1, 2000) AS x");
  pipeline->run_until_caught_up();
  sql("UPDATE t SET n = 2");
  pipeline->run_until_caught_up();
  const auto messages = read("t");
  ASSERT_EQ(messages.size(), 2u);
  const Json row = event_of(messages[1])["after"];
  EXPECT_THAT(row["i"].dump(), testing::StartsWith("[95,95,100,101,98,"));
  EXPECT_EQ(row["t"].dump(), R"(["__debezium_unavailable_value"])");
  EXPECT_EQ(row["u"].dump(), R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])");
  EXPECT_EQ(row["b"].dump(), R"(["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="])");
  drop_database(*source_, database_);
}

TEST_P(Events, of_a_type_that_is_not_there_yet_are_refused_at_the_start) {
  if (!postgres()) GTEST_SKIP() << "MySQL has no arrays";
  const auto pipeline = job();
  sql("CREATE TABLE t (id int PRIMARY KEY, list money[])");
  const auto process = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  EXPECT_EQ(process->wait().value_or(-1), 6);
  EXPECT_THAT(process->err(), testing::HasSubstr("column 'list': Debezium's events have no form for money[]"));
  drop_database(*source_, database_);
}

}  // namespace
}  // namespace sluice::support
