// SPDX-License-Identifier: Apache-2.0
// Events and records that are no changes of rows: logical messages, transaction metadata, heartbeats.
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
};
INSTANTIATE_TEST_SUITE_P(Sources, Metadata, testing::Values("mariadb", "mysql", "postgres_source"), source_name);

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
