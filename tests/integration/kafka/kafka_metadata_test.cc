// SPDX-License-Identifier: Apache-2.0
// Events and records that are no changes of rows: TRUNCATE, logical messages, schema changes, transaction metadata,
// heartbeats.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/kafka/kafka_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;

class Metadata : public KafkaTest {
 protected:
  // A transaction over two tables whose rows alternate.
  void make_two_tables() {
    sql("CREATE TABLE a (id int PRIMARY KEY)");
    sql("CREATE TABLE b (id int PRIMARY KEY)");
    sql("INSERT INTO a VALUES (1)");
  }
  void change_two_tables() {
    sql("BEGIN; INSERT INTO a VALUES (2); INSERT INTO b VALUES (1); INSERT INTO a VALUES (3); INSERT INTO b VALUES "
        "(2); "
        "COMMIT");
    sql("INSERT INTO a VALUES (4)");
  }
  void expect_two_transactions();
  std::vector<std::string> read_statements() const;
};
INSTANTIATE_TEST_SUITE_P(Sources, Metadata, testing::Values("mariadb", "mysql", "postgres_source"), source_name);

TEST_P(Metadata, truncate_is_an_event_where_it_is_not_skipped) {
  const auto pipeline = job("schemas.enable: false\nskipped.operations: none\ntopic.creation.default.partitions: 1");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1)");
  pipeline->run_until_caught_up();
  sql("INSERT INTO t VALUES (2)");
  pipeline->run_until_caught_up();
  sql(postgres() ? "BEGIN; TRUNCATE TABLE t; INSERT INTO t VALUES (3); COMMIT"
                 : "TRUNCATE TABLE t; INSERT INTO t VALUES (3)");
  // It is in the topic, and the ledger does not know: after the first commit, or after one without rows.
  run_killed(*pipeline, "after_commit:1");
  run_killed(*pipeline, postgres() ? "after_commit:1" : "after_commit:2");
  pipeline->run_until_caught_up();
  std::vector<std::string> operations;
  for (const auto& message : read("t")) {
    const Json event = event_of(message);
    operations.push_back(event["op"].get<std::string>());
    if (event["op"] != "t") continue;
    EXPECT_FALSE(message.key.has_value());
    EXPECT_TRUE(event["before"].is_null() && event["after"].is_null());
    const Json& source = event["source"];
    EXPECT_EQ(source["table"], "t");
    EXPECT_GT(source["ts_ms"].get<int64_t>(), 1'600'000'000'000);
    if (postgres()) {
      EXPECT_GT(source["lsn"].get<int64_t>(), 0);
      EXPECT_GT(source["txId"].get<int64_t>(), 0);
      continue;
    }
    const auto events = source_->query(fmt::format("SHOW BINLOG EVENTS IN '{}' FROM {} LIMIT 1",
                                                   source["file"].get<std::string>(), source["pos"].get<int64_t>()));
    ASSERT_TRUE(events.has_value() && events->size() == 1) << event.dump();
    EXPECT_THAT((*events)[0][5].value_or(""), testing::HasSubstr("TRUNCATE"));
  }
  EXPECT_THAT(operations, ElementsAre("r", "c", "t", "c"));
  drop_database(*source_, database_);
}

TEST_P(Metadata, truncate_beside_a_change_of_the_table_is_told_once) {
  if (!postgres()) GTEST_SKIP() << "only PostgreSQL does both at once";
  const auto pipeline = job("schemas.enable: false\nskipped.operations: none\ntopic.creation.default.partitions: 1");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1)");
  pipeline->run_until_caught_up();
  sql("BEGIN; ALTER TABLE t ADD v int; TRUNCATE TABLE t; INSERT INTO t VALUES (2, 3); COMMIT");
  run_killed(*pipeline, "after_schema_change:1");
  pipeline->run_until_caught_up();
  std::vector<std::string> told;
  for (const auto& message : read("t")) {
    const Json event = event_of(message);
    told.push_back(event["op"].get<std::string>() + " " + event["after"].dump());
  }
  EXPECT_THAT(told, ElementsAre(R"(r {"id":1})", "t null", R"(c {"id":2,"v":3})"));
  drop_database(*source_, database_);
}

TEST_P(Metadata, truncate_is_no_event_by_default) {
  const auto pipeline = job("schemas.enable: false\ntopic.creation.default.partitions: 1");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1)");
  pipeline->run_until_caught_up();
  sql("TRUNCATE TABLE t");
  sql("INSERT INTO t VALUES (3)");
  pipeline->run_until_caught_up();
  EXPECT_EQ(read("t").size(), 2u);
  drop_database(*source_, database_);
}

// Type and statement of the records of this database in the topic of schema changes.
std::vector<std::string> Metadata::read_statements() const {
  std::vector<std::string> told;
  const auto messages = broker().read("it");
  EXPECT_TRUE(messages.has_value());
  for (size_t i = 0; messages && i < messages->size(); ++i) {
    const KafkaMessage& message = (*messages)[i];
    const Json record = event_of(message);
    if (record["databaseName"] != database_) continue;
    EXPECT_EQ(message.partition, 0);
    EXPECT_EQ(Json::parse(*message.key)["databaseName"], database_);
    const Json& change = record["tableChanges"][0];
    EXPECT_EQ(change["id"], fmt::format("\"{}\".{}", database_, record["source"]["table"].dump()));
    told.push_back(fmt::format("{} {}", change["type"].get<std::string>(), record["ddl"].get<std::string>()));
    if (change["table"].is_null()) continue;
    const Json& column = change["table"]["columns"][1];
    EXPECT_EQ(column["name"], "v");
    EXPECT_EQ(column["typeName"], "VARCHAR");
    EXPECT_EQ(column["length"], 20);
    EXPECT_EQ(column["optional"], false);
  }
  return told;
}

TEST_P(Metadata, statements_are_told_in_the_topic_of_the_prefix) {
  if (postgres()) GTEST_SKIP() << "PostgreSQL's log holds no statements";
  const auto pipeline = job("schemas.enable: false\ndebezium.include.schema.changes: true");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  pipeline->run_until_caught_up();
  sql("ALTER TABLE t ADD v varchar(20) NOT NULL DEFAULT 'x'");
  sql("INSERT INTO t VALUES (1, 'y')");
  run_killed(*pipeline, "after_schema_change:1");  // it is in the topic, and the ledger does not know
  const auto process = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  ASSERT_TRUE(wait_until([&] { return read("t").size() == 1; })) << tail(process->err());
  sql("TRUNCATE TABLE t");
  sql("CREATE TABLE u LIKE t");
  sql("DROP TABLE t");
  ASSERT_TRUE(wait_until([&] { return read_statements().size() >= 3; })) << tail(process->err());
  EXPECT_EQ(process->stop(), 0) << tail(process->err());
  EXPECT_THAT(read_statements(), ElementsAre("ALTER ALTER TABLE t ADD v varchar(20) NOT NULL DEFAULT 'x'",
                                             "CREATE CREATE TABLE u LIKE t", testing::StartsWith("DROP DROP TABLE")));
  drop_database(*source_, database_);
}

TEST_P(Metadata, logical_messages_are_events) {
  if (!postgres()) GTEST_SKIP() << "only PostgreSQL has them";
  const auto pipeline = job("schemas.enable: false");
  pipeline->source_options("message.prefix.include.list: a.*\nmessage.prefix.exclude.list: ax");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  pipeline->run_until_caught_up();
  sql("BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'a1', 'in'); "
      "SELECT pg_logical_emit_message(true, 'ax', 'x'); INSERT INTO t VALUES (2); COMMIT");
  sql("BEGIN; SELECT pg_logical_emit_message(true, 'a2', 'gone'); ROLLBACK");
  sql("BEGIN; SELECT pg_logical_emit_message(false, 'a3', 'kept'); ROLLBACK");
  sql("INSERT INTO t VALUES (3)");  // the message alone may be on its way to the log for a while
  run_killed(*pipeline, "after_commit:1");
  run_killed(*pipeline, "before_commit:1");
  pipeline->run_until_caught_up();
  std::vector<std::string> told;
  const auto messages = broker().read("it.message");
  ASSERT_TRUE(messages.has_value());
  for (const auto& message : *messages) {
    const Json event = Json::parse(*message.value);
    if (event["source"]["db"] != database_) continue;
    EXPECT_EQ(Json::parse(*message.key)["prefix"], event["message"]["prefix"]);
    EXPECT_EQ(event["op"], "m");
    EXPECT_EQ(event["source"]["table"], "");
    EXPECT_EQ(event["source"]["txId"].is_null(), event["message"]["prefix"] == "a3");
    EXPECT_GT(event["source"]["lsn"].get<int64_t>(), 0);
    told.push_back(event["message"].dump());
  }
  EXPECT_THAT(told, testing::UnorderedElementsAre(R"({"prefix":"a1","content":"aW4="})",
                                                  R"({"prefix":"a3","content":"a2VwdA=="})"));
  drop_database(*source_, database_);
}

void Metadata::expect_two_transactions() {
  std::vector<std::string> told;
  std::vector<std::string> ids;
  for (const auto& message : read("tx")) {
    const Json record = event_of(message);
    EXPECT_EQ(Json::parse(*message.key)["payload"]["id"], record["id"]);
    EXPECT_GT(record["ts_ms"].get<int64_t>(), 1'600'000'000'000);
    told.push_back(fmt::format("{} {} {}", record["status"].get<std::string>(), record["event_count"].dump(),
                               record["data_collections"].dump()));
    ids.push_back(record["id"].get<std::string>());
  }
  EXPECT_THAT(told, ElementsAre("BEGIN null null",
                                fmt::format(R"(END 4 [{{"data_collection":"{0}.a","event_count":2}},)"
                                            R"({{"data_collection":"{0}.b","event_count":2}}])",
                                            database_),
                                "BEGIN null null",
                                fmt::format(R"(END 1 [{{"data_collection":"{}.a","event_count":1}}])", database_)));
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[2], ids[3]);
  std::map<std::string, std::string> blocks;
  for (const char* table : {"a", "b"}) {
    for (const auto& message : read(table)) {
      const Json event = event_of(message);
      const Json& block = event["transaction"];
      EXPECT_EQ(block.is_null(), event["op"] == "r");
      if (block.is_null()) continue;
      EXPECT_EQ(block["id"], event["after"]["id"] == 4 ? ids[2] : ids[0]);
      const auto inserted =
          blocks.emplace(fmt::format("{}{}", table, event["after"]["id"].dump()),
                         fmt::format("{} {}", block["total_order"].dump(), block["data_collection_order"].dump()));
      EXPECT_TRUE(inserted.second) << "twice: " << event.dump();
      const Json& source = event["source"];
      if (!postgres() && !source["gtid"].is_null()) {
        EXPECT_EQ(block["id"], source["gtid"]);
      }
    }
  }
  EXPECT_THAT(blocks, testing::UnorderedElementsAre(testing::Pair("a2", "1 1"), testing::Pair("b1", "2 1"),
                                                    testing::Pair("a3", "3 2"), testing::Pair("b2", "4 2"),
                                                    testing::Pair("a4", "1 1")));
}

constexpr const char* kTransactions =
    "provide.transaction.metadata: true\ntopic.transaction: DATABASE.tx\ntopic.creation.default.partitions: 1";

TEST_P(Metadata, transactions_begin_count_their_events_and_end) {
  const auto pipeline = job(kTransactions);
  make_two_tables();
  pipeline->run_until_caught_up();
  change_two_tables();
  pipeline->run_until_caught_up();
  expect_two_transactions();
  drop_database(*source_, database_);
}

TEST_P(Metadata, transactions_are_told_once_although_the_job_is_killed) {
  const auto pipeline = job(kTransactions);
  make_two_tables();
  pipeline->run_until_caught_up();
  change_two_tables();
  run_killed(*pipeline, "after_commit:1");  // all is in the topics, and the ledger does not know
  run_killed(*pipeline, "before_commit:1");
  pipeline->run_until_caught_up();
  expect_two_transactions();
  drop_database(*source_, database_);
}

TEST_P(Metadata, heartbeats_come_while_nothing_happens) {
  const auto pipeline = job("heartbeat.interval.ms: 100\ntopic.heartbeat.name: it.DATABASE.beat");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto process = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  ASSERT_TRUE(wait_until([&] { return read("beat").size() >= 5; })) << tail(process->err());
  process->stop();
  int64_t last = 0;
  for (const auto& message : read("beat")) {
    EXPECT_EQ(Json::parse(*message.key)["payload"], Json::parse(R"({"serverName":"it"})"));
    const int64_t time = event_of(message)["ts_ms"].get<int64_t>();
    EXPECT_GE(time - last, 100);
    last = time;
  }
  drop_database(*source_, database_);
}

}  // namespace
}  // namespace sluice::support
