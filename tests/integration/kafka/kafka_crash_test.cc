// SPDX-License-Identifier: Apache-2.0
// The program is killed and the broker goes away while an application changes rows; then the events of each key must
// follow each other without a gap, in order, and none twice.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "connectors/kafka/kafka_client.h"
#include "integration/kafka/kafka_fixture.h"

namespace sluice::support {
namespace {

constexpr int kKeys = 40;
constexpr std::chrono::milliseconds kPause{2};

// Counts `v` of some row up, or removes and creates it, again and again; v only grows, over all rows.
class Counting {
 public:
  Counting(DatabaseServer& server, const std::string& database) {
    auto connected = server.connect(database);
    EXPECT_TRUE(connected.has_value());
    session_ = std::move(*connected);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      // At most so fast that the job keeps up with it and commits often.
      while (!stopped.wait_for(lock, stop, kPause, [&] { return stop.stop_requested(); })) step();
    });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  int64_t steps() const { return steps_; }

 private:
  void step() {
    const int id = std::uniform_int_distribution<int>(1, kKeys)(random_);
    const int64_t v = 1'000'000 + ++steps_;
    std::string statement = fmt::format("UPDATE t SET v = {} WHERE id = {}", v, id);
    if (steps_ % 7 == 0) {
      statement = fmt::format("DELETE FROM t WHERE id = {}", id);
      EXPECT_TRUE(session_->execute(statement).has_value());
      statement = fmt::format("INSERT INTO t VALUES ({}, {})", id, v);
    }
    EXPECT_TRUE(session_->execute(statement).has_value());
  }

  std::unique_ptr<SqlSession> session_;
  std::mt19937 random_{7};
  std::atomic<int64_t> steps_{0};
  std::jthread thread_;
};

class Faults : public KafkaTest {
 protected:
  void make_table(int rows) {
    sql("CREATE TABLE t (id int PRIMARY KEY, v bigint NOT NULL)");
    if (postgres()) sql("ALTER TABLE t REPLICA IDENTITY FULL");
    std::string insert = "INSERT INTO t VALUES (1, 1)";
    for (int id = 2; id <= rows; ++id) insert += fmt::format(", ({}, {})", id, id);
    sql(insert);
  }
  void expect_whole_log(const std::string& table = "t");
};
INSTANTIATE_TEST_SUITE_P(Sources, Faults, testing::Values("mariadb", "mysql", "postgres_source"), source_name);

// Every key's events: r or c, then u from what was before, d of what was before; at the end the row of the table.
void Faults::expect_whole_log(const std::string& table) {
  std::map<int, std::optional<int64_t>> state;
  std::set<std::string> places;
  for (const auto& message : read(table)) {
    const Json event = event_of(message);
    if (event.is_null()) continue;
    const bool created = event["before"].is_null();
    const bool removed = event["after"].is_null();
    const int id = event[removed ? "before" : "after"]["id"].get<int>();
    const std::string text = fmt::format("key {}: {}", id, event.dump());
    auto& v = state[id];
    if (event["op"] == "r") {
      // A chunk that was read again tells a row again if it is another by now.
      EXPECT_NE(v, std::optional(event["after"]["v"].get<int64_t>())) << text;
    } else if (event["source"]["snapshot"] == "false") {
      // Twice would be the same place in the log.
      Json source = event["source"];
      const std::string place = postgres() ? source["lsn"].dump() : source["file"].dump() + source["pos"].dump();
      EXPECT_TRUE(places.insert(place + source["row"].dump()).second) << "twice: " << text;
      EXPECT_EQ(v.has_value(), !created) << text;
    }
    if (v && !created) {
      EXPECT_EQ(event["before"]["v"].get<int64_t>(), *v) << text;
    }
    v = removed ? std::nullopt : std::optional(event["after"]["v"].get<int64_t>());
  }
  const auto rows = source_->query("SELECT id, v FROM t", database_);
  ASSERT_TRUE(rows.has_value());
  std::map<int, std::optional<int64_t>> expected;
  for (const auto& row : *rows) expected[std::stoi(*row[0])] = std::stoll(*row[1]);
  std::erase_if(state, [](const auto& entry) { return !entry.second; });
  EXPECT_EQ(state, expected);
}

TEST_P(Faults, a_killed_stream_leaves_no_gap_and_repeats_nothing) {
  const auto pipeline = job("schemas.enable: false");
  make_table(kKeys);
  pipeline->run_until_caught_up();
  Counting counting(*source_, database_);
  for (const char* fault : {"after_write:3", "before_commit:4", "after_commit:3", "after_log_read:9", "after_write:8",
                            "after_commit:1", "before_commit:1", "before_source_ack:2"}) {
    run_killed(*pipeline, fault);
  }
  counting.stop();
  pipeline->run_until_caught_up();
  EXPECT_GT(counting.steps(), 100);
  expect_whole_log();
  drop_database(*source_, database_);
}

// What a job captures may be changed while it is down; the records of its last transaction keep their names.
TEST_P(Faults, a_killed_stream_of_a_job_that_captures_less_by_now_repeats_nothing) {
  const auto pipeline = job("schemas.enable: false");
  make_table(5);
  sql("CREATE TABLE other (id int PRIMARY KEY)");
  pipeline->run_until_caught_up();
  sql("BEGIN; INSERT INTO other VALUES (1); UPDATE t SET v = 100 WHERE id = 1; UPDATE t SET v = 101 WHERE id = 1; "
      "COMMIT");
  run_killed(*pipeline, "after_commit:1");  // all are in the topics, and the ledger does not know
  pipeline->source_options(fmt::format("tables: {}{}.t", postgres() ? database_ + "." : "", database_));
  sql("UPDATE t SET v = 102 WHERE id = 1");
  pipeline->run_until_caught_up();
  expect_whole_log();
  drop_database(*source_, database_);
}

TEST_P(Faults, a_killed_copy_tells_again_only_what_is_different_by_now) {
  const auto pipeline = job("schemas.enable: false");
  make_table(20);
  run_killed(*pipeline, "after_chunk_commit:1");  // all rows are in the topic, and the ledger does not know
  sql("DELETE FROM t WHERE id = 1");
  sql("UPDATE t SET v = 200 WHERE id = 2");
  sql("INSERT INTO t VALUES (21, 21)");
  pipeline->run_until_caught_up();
  std::map<std::string, std::string> log;
  for (const auto& message : read("t")) {
    const Json event = event_of(message);
    log[*message.key] += event.is_null() ? " tombstone" : " " + event["op"].get<std::string>();
    if (!event.is_null() && !event["after"].is_null()) log[*message.key] += event["after"]["v"].dump();
  }
  ASSERT_EQ(log.size(), 21u);
  EXPECT_EQ(log[R"({"id":1})"], " r1 d tombstone");
  EXPECT_EQ(log[R"({"id":2})"], " r2 r200");
  EXPECT_EQ(log[R"({"id":3})"], " r3");
  EXPECT_EQ(log[R"({"id":21})"], " r21");
  drop_database(*source_, database_);
}

TEST_P(Faults, a_killed_stream_repeats_nothing_where_a_transform_names_the_topics) {
  const auto pipeline =
      job("schemas.enable: false\ntransforms: r\ntransforms.r.type: org.apache.kafka.connect.transforms.RegexRouter\n"
          "transforms.r.regex: (.*)\\.t\ntransforms.r.replacement: $1.routed");
  make_table(kKeys);
  pipeline->run_until_caught_up();
  Counting counting(*source_, database_);
  for (const char* fault : {"after_write:3", "before_commit:4", "after_commit:3"}) run_killed(*pipeline, fault);
  counting.stop();
  pipeline->run_until_caught_up();
  expect_whole_log("routed");
  drop_database(*source_, database_);
}

TEST_P(Faults, a_killed_copy_of_rows_without_envelope_tells_again_only_what_is_different_by_now) {
  const auto pipeline =
      job("schemas.enable: false\ntransforms: u\ntransforms.u.type: io.debezium.transforms.ExtractNewRecordState");
  make_table(20);
  run_killed(*pipeline, "after_chunk_commit:1");
  sql("DELETE FROM t WHERE id = 1");
  sql("UPDATE t SET v = 200 WHERE id = 2");
  pipeline->run_until_caught_up();
  std::map<std::string, std::string> log;
  for (const auto& message : read("t")) log[*message.key] += " " + message.value.value_or("tombstone");
  ASSERT_EQ(log.size(), 20u);
  EXPECT_EQ(log[R"({"id":1})"], R"( {"id":1,"v":1} tombstone)");
  EXPECT_EQ(log[R"({"id":2})"], R"( {"id":2,"v":2} {"id":2,"v":200})");
  EXPECT_EQ(log[R"({"id":3})"], R"( {"id":3,"v":3})");
  drop_database(*source_, database_);
}

TEST_P(Faults, a_copy_that_is_killed_again_and_again_joins_the_stream) {
  const auto pipeline = job("schemas.enable: false");
  pipeline->source_options("scan.incremental.snapshot.chunk.size: 15");
  make_table(400);
  Counting counting(*source_, database_);
  for (const char* fault : {"after_write:2", "after_chunk_commit:3", "before_chunk_commit:2", "after_chunk_commit:4",
                            "before_chunk_commit:1", "after_chunk_commit:1", "before_stream_start:1"}) {
    run_killed(*pipeline, fault);
  }
  run_killed(*pipeline, "after_commit:5");
  counting.stop();
  pipeline->run_until_caught_up();
  expect_whole_log();
  drop_database(*source_, database_);
}

TEST_P(Faults, what_was_in_a_topic_before_the_job_is_not_read) {
  const auto pipeline = job("schemas.enable: false\nheartbeat.interval.ms: 1\ntopic.heartbeat.prefix: beat");
  make_table(1);
  Context context;
  const auto producer = KafkaProducer::open({{"bootstrap.servers", broker().address()}});
  ASSERT_TRUE(producer.has_value());
  ASSERT_TRUE((*producer)->topic(context, topic("t"), {{"partitions", "1"}}).has_value());
  constexpr int64_t kDayMs = 24L * 3600 * 1000;
  for (int i = 0; i < 3; ++i) {
    const auto written = broker().write(topic("t"), 0, "of another program", wall_clock_ms() - 2 * kDayMs);
    ASSERT_TRUE(written.has_value()) << written.error().describe();
  }
  const auto looked_for = [&] {  // in all runs
    const auto process = pipeline->start(
        {"run", "JOB", "--until-caught-up", "--log-level", "debug", "--state", pipeline->folder().file("state")});
    EXPECT_EQ(process->wait().value_or(-1), 0) << tail(process->err(), 30);
    std::vector<std::string> lines;
    std::istringstream log(process->err());
    for (std::string line; std::getline(log, line);) {
      const size_t at = line.find("topic ");
      if (line.find("records are looked for") != std::string::npos) lines.push_back(line.substr(at));
    }
    return lines;
  };
  const std::string words = fmt::format("topic {}, partition 0: the job's records are looked for among ", topic("t"));
  EXPECT_THAT(looked_for(), testing::ElementsAre(words + "0"));
  EXPECT_EQ(read("t").size(), 4u);
  sql("UPDATE t SET v = 2");
  // The row of the copy. No topic of heartbeats is looked at: they have no place.
  EXPECT_THAT(looked_for(), testing::ElementsAre(words + "0", words + "1"));
  EXPECT_EQ(read("t").size(), 5u);
  const auto beats = broker().topics("beat.it");
  ASSERT_TRUE(beats.has_value());
  EXPECT_EQ(beats->size(), 1u);
  drop_database(*source_, database_);
}

TEST_P(Faults, a_broker_that_is_away_holds_the_source_back) {
  const auto pipeline = job("schemas.enable: false\nproperties.message.timeout.ms: 3000");
  make_table(kKeys);
  const auto process = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  Counting counting(*source_, database_);
  ASSERT_TRUE(wait_until([&] { return read("t").size() > 60; })) << tail(process->err());
  broker().kill9();
  const int64_t before = counting.steps();
  ASSERT_TRUE(wait_until([&] { return counting.steps() > before + 200; }));
  // So long that the records are given up, and the job begins again from its last commit.
  ASSERT_TRUE(
      wait_until([&] { return process->err().find("trying again in") != std::string::npos; }, std::chrono::seconds(60)))
      << tail(process->err());
  const auto restarted = broker().restart();
  ASSERT_TRUE(restarted.has_value()) << restarted.error().describe();
  counting.stop();
  EXPECT_TRUE(process->running()) << tail(process->err());
  process->stop();
  pipeline->run_until_caught_up();
  expect_whole_log();
  drop_database(*source_, database_);
}

TEST_P(Faults, a_record_that_the_broker_refuses_stops_the_job_and_nothing_is_lost) {
  const auto pipeline = job(
      "schemas.enable: false\ntopic.creation.default.partitions: 1\ntopic.creation.default.max.message.bytes: 2000");
  sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(8000))");
  sql("INSERT INTO t VALUES (1, 'a')");
  pipeline->run_until_caught_up();
  std::mt19937 random(1);
  std::string large;  // also when it is compressed
  while (large.size() < 8000) large += static_cast<char>('a' + random() % 26);
  sql("INSERT INTO t VALUES (2, 'b')");
  sql("INSERT INTO t VALUES (3, '" + large + "')");
  sql("INSERT INTO t VALUES (4, 'd')");
  const auto process = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  EXPECT_EQ(process->wait().value_or(-1), 7) << tail(process->err());
  EXPECT_THAT(process->err(),
              testing::AllOf(testing::HasSubstr(topic("t")), testing::HasSubstr("a record is larger than Kafka takes"),
                             testing::HasSubstr("max.message.bytes of the topic")));
  const auto configured = broker().configure(topic("t"), "max.message.bytes", "100000");
  ASSERT_TRUE(configured.has_value()) << configured.error().describe();
  pipeline->run_until_caught_up();
  std::vector<int> ids;
  for (const auto& message : read("t")) ids.push_back(event_of(message)["after"]["id"]);
  EXPECT_THAT(ids, testing::ElementsAre(1, 2, 3, 4));
  drop_database(*source_, database_);
}

}  // namespace
}  // namespace sluice::support
