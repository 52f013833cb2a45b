// SPDX-License-Identifier: Apache-2.0
// Tables are copied again into their topics while the stream goes on: the events of each key must tell, row after row,
// what the source had, never an older value behind a newer one; also when the program is killed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "connectors/kafka/kafka_client.h"
#include "integration/kafka/kafka_fixture.h"

namespace sluice::support {
namespace {

constexpr int kKilled = 128 + 9;
constexpr int kKeys = 400;
constexpr int kBusyKeys = 40;
constexpr std::chrono::milliseconds kPause{2};

class Snapshots : public KafkaTest {
 protected:
  void prepare() {
    pipeline_ = job("schemas.enable: false");
    pipeline_->pipeline_options(
        fmt::format("signal.data.collection: {0}.signals\nincremental.snapshot.chunk.size: 16\n"
                    "notification.enabled.channels: sink\nnotification.sink.topic.name: it.{0}.told",
                    database_));
    sql("CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))");
    sql("CREATE TABLE t (id int PRIMARY KEY, v bigint NOT NULL)");
    std::string insert = "INSERT INTO t VALUES (1, 1)";
    for (int id = 2; id <= kKeys; ++id) insert += fmt::format(", ({}, {})", id, id);
    sql(insert);
    pipeline_->run_until_caught_up();
  }
  void order(const std::string& id, const std::string& type = "incremental") {
    sql(fmt::format(
        R"(INSERT INTO signals VALUES ('{}', 'execute-snapshot', '{{"data-collections":["{}.t"],"type":"{}"}}'))", id,
        database_, type));
  }
  std::unique_ptr<Process> start(std::map<std::string, std::string> env = {}) const {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, std::move(env));
  }
  bool says(const std::string& words) const {
    return wait_until([&] { return read_file(pipeline_->folder().file("stderr")).find(words) != std::string::npos; },
                      std::chrono::minutes(2));
  }
  // Each copied row tells what the events before it told, and the last of each key is what the source has.
  void expect_rows_as_they_were() const {
    std::map<int, std::optional<int64_t>> state;
    int told = 0;
    std::map<int, std::vector<int64_t>> blocking;  // their offsets, by partition
    for (const auto& message : read("t")) {
      const Json event = event_of(message);
      if (event.is_null()) continue;
      const bool removed = event["after"].is_null();
      const int id = event[removed ? "before" : "after"]["id"].get<int>();
      const bool is_first = !state.contains(id);
      auto& v = state[id];
      if (event["op"] == "r" && !is_first) {
        ++told;
        if (event["source"]["snapshot"] == "true") blocking[message.partition].push_back(message.offset);
        ASSERT_EQ(v, std::optional(event["after"]["v"].get<int64_t>())) << event.dump();
      }
      v = removed ? std::nullopt : std::optional(event["after"]["v"].get<int64_t>());
    }
    // Nothing of the stream stands in the middle of a blocking snapshot.
    size_t rows = 0;
    for (const auto& [partition, offsets] : blocking) {
      rows += offsets.size();
      EXPECT_EQ(offsets.back() - offsets.front() + 1, static_cast<int64_t>(offsets.size())) << partition;
    }
    EXPECT_GE(rows, static_cast<size_t>(kKeys - kBusyKeys));
    EXPECT_GE(told, 3 * (kKeys - kBusyKeys));
    const auto now = source_->query("SELECT id, v FROM t", database_);
    ASSERT_TRUE(now.has_value());
    std::map<int, std::optional<int64_t>> expected;
    for (const auto& row : *now) expected[std::stoi(*row[0])] = std::stoll(*row[1]);
    std::erase_if(state, [](const auto& entry) { return !entry.second; });
    EXPECT_EQ(state, expected);
  }

  std::unique_ptr<Pipeline> pipeline_;
};
INSTANTIATE_TEST_SUITE_P(Sources, Snapshots, testing::Values("mariadb", "mysql", "postgres_source"), source_name);

TEST_P(Snapshots, tell_each_row_as_it_was_between_its_changes) {
  prepare();
  std::atomic<bool> stopping{false};
  std::thread application([&] {
    const auto session = source_->connect(database_);
    ASSERT_TRUE(session.has_value());
    std::mt19937 random{11};
    // At most so fast that the job keeps up with it.
    for (int64_t v = 1'000'000; !wait_until([&] { return stopping.load(); }, kPause); ++v) {
      const int id = std::uniform_int_distribution<int>(1, kBusyKeys)(random) * (kKeys / kBusyKeys);
      if (v % 7 == 0) {
        EXPECT_TRUE((*session)->execute(fmt::format("DELETE FROM t WHERE id = {}", id)).has_value());
        EXPECT_TRUE((*session)->execute(fmt::format("INSERT INTO t VALUES ({}, {})", id, v)).has_value());
      } else {
        EXPECT_TRUE((*session)->execute(fmt::format("UPDATE t SET v = {} WHERE id = {}", v, id)).has_value());
      }
    }
  });
  for (const char* fault : {"after_piece_written:9", "before_snapshot_recorded:2"}) {
    const auto killed = start({{"SLUICE_FAULT", fault}});
    order(fault);
    EXPECT_EQ(killed->wait(std::chrono::minutes(2)).value_or(-1), kKilled) << tail(killed->err(), 30);
  }
  const auto job = start();
  for (const std::string id : {"a", "b", "c"}) {
    order(id, id == "b" ? "blocking" : "incremental");
    EXPECT_TRUE(says(fmt::format("snapshot '{}' has ended", id))) << tail(job->err(), 30);
  }
  stopping = true;
  application.join();
  EXPECT_EQ(job->stop(), 0);
  pipeline_->run_until_caught_up();

  expect_rows_as_they_were();
  std::map<std::string, std::string> told_of;
  for (const auto& message : read("told")) {
    const Json notification = Json::parse(*message.value);
    EXPECT_EQ(notification["aggregate_type"], notification["id"] == "b" ? "Initial Snapshot" : "Incremental Snapshot");
    if (notification["type"] == "IN_PROGRESS") continue;
    told_of[notification["id"].get<std::string>()] += " " + notification["type"].get<std::string>();
  }
  EXPECT_EQ(told_of["b"], " STARTED TABLE_SCAN_COMPLETED COMPLETED");
  EXPECT_EQ(told_of["c"], " STARTED TABLE_SCAN_COMPLETED COMPLETED");
  drop_database(*source_, database_);
}

// Users who tell jobs something in a topic.
class Asking {
 public:
  explicit Asking(const std::string& brokers, std::string topic) : name_(std::move(topic)) {
    auto producer = KafkaProducer::open({{"bootstrap.servers", brokers}});
    EXPECT_TRUE(producer.has_value());
    producer_ = std::move(*producer);
  }
  void make_topic() {
    const auto made = producer_->topic(context_, name_, {{"partitions", "1"}});
    ASSERT_TRUE(made.has_value()) << made.error().message();
    topic_ = *made;
  }
  void ask(std::string_view key, std::string_view value) {
    EXPECT_TRUE(producer_->send(context_, topic_, {.partition = 0, .key = key, .value = value}, {}).has_value());
    EXPECT_TRUE(producer_->flush(context_).has_value());
  }

 private:
  Context context_;
  const std::string name_;
  std::unique_ptr<KafkaProducer> producer_;
  KafkaTopic topic_;
};

TEST_P(Snapshots, are_ordered_by_a_topic_once_each_whatever_is_killed) {
  prepare();
  Asking asking(broker().address(), topic("ask"));
  pipeline_->pipeline_options(
      fmt::format("incremental.snapshot.chunk.size: 50\nsignal.enabled.channels: kafka\nsignal.kafka.topic: {}\n"
                  "signal.kafka.bootstrap.servers: {}",
                  topic("ask"), broker().address()));
  const auto order_of = [&](const std::string& id) {
    return fmt::format(R"({{"id":"{}","type":"execute-snapshot","data":{{"data-collections":["{}.t"]}}}})", id,
                       database_);
  };
  const auto expect_once = [&](const std::string& id) {
    EXPECT_TRUE(says(fmt::format("snapshot '{}' has ended", id)));
    int rows = 0;
    for (const auto& message : read("t")) rows += event_of(message)["source"]["snapshot"] == "incremental" ? 1 : 0;
    return rows;
  };
  {
    const auto job = start();
    asking.make_topic();
    asking.ask("it", "nonsense");
    asking.ask("other", order_of("other"));
    asking.ask("it", order_of("k1"));
    EXPECT_EQ(expect_once("k1"), kKeys);
    EXPECT_NE(job->err().find("offset 0: the signal is not a JSON object; the record is ignored"), std::string::npos);
    EXPECT_EQ(job->stop(), 0);
  }
  // The first time, it is the signal that is recorded.
  int killed = 0;
  for (const char* fault : {"before_snapshot_recorded:1", "after_snapshot_recorded:1"}) {
    const std::string id = fmt::format("killed{}", ++killed);
    asking.ask("it", order_of(id));
    const auto job = start({{"SLUICE_FAULT", fault}});
    ASSERT_EQ(job->wait(std::chrono::minutes(2)).value_or(-1), kKilled) << tail(job->err(), 30);
    const auto again = start();
    EXPECT_EQ(expect_once(id), (1 + killed) * kKeys);
    EXPECT_EQ(again->stop(), 0);
  }
  const auto job = start();
  asking.ask("it", order_of("last"));
  EXPECT_EQ(expect_once("last"), 4 * kKeys);
  EXPECT_EQ(job->stop(), 0);
  const auto taken = [log = job->err()](const std::string& id) {
    int times = 0;
    const std::string words = fmt::format("signal '{}': a snapshot of", id);
    for (size_t at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++times;
    return times;
  };
  EXPECT_EQ(taken("k1"), 1);
  EXPECT_EQ(taken("killed1"), 2);  // the ledger did not know of it
  EXPECT_EQ(taken("killed2"), 1);
  EXPECT_EQ(taken("other"), 0);
  drop_database(*source_, database_);
}

// As Kafka Connect's JsonConverter writes them.
TEST_P(Snapshots, tell_notifications_with_their_schema) {
  prepare();
  pipeline_->sink_options(
      fmt::format("properties.bootstrap.servers: {}\ntopic.prefix: it\nschemas.enable: true", broker().address()));
  const auto job = start();
  order("n");
  EXPECT_TRUE(says("snapshot 'n' has ended")) << tail(job->err(), 30);
  EXPECT_EQ(job->stop(), 0);
  const auto told = read("told");
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(*told.front().key,
            R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"}],"optional":false,)"
            R"("name":"io.debezium.connector.common.NotificationKey","version":1},"payload":{"id":"n"}})");
  Json value = Json::parse(*told.front().value);
  EXPECT_GT(value["payload"]["timestamp"].get<int64_t>(), 0);
  value["payload"]["timestamp"] = 7;
  const std::string name = value["payload"]["additional_data"]["connector_name"].get<std::string>();
  EXPECT_EQ(
      value.dump(),
      R"({"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},)"
      R"({"type":"string","optional":false,"field":"type"},{"type":"string","optional":false,"field":"aggregate_type"},)"
      R"({"type":"map","keys":{"type":"string","optional":false},"values":{"type":"string","optional":false},)"
      R"("optional":true,"field":"additional_data"},{"type":"int64","optional":false,"field":"timestamp"}],)"
      R"("optional":false,"name":"io.debezium.connector.common.Notification","version":1},)"
      R"("payload":{"id":"n","type":"STARTED","aggregate_type":"Incremental Snapshot","additional_data":)" +
          fmt::format(R"({{"connector_name":"{}","data_collections":"{}"}},"timestamp":7}}}})", name,
                      database_ + ".t"));
  drop_database(*source_, database_);
}

}  // namespace
}  // namespace sluice::support
