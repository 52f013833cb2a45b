// SPDX-License-Identifier: Apache-2.0
// The sink `http` and a receiver that refuses, breaks off and loses answers, while the program is killed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <openssl/hmac.h>

#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "integration/pipelines/history.h"
#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using Json = nlohmann::json;

constexpr int kKilled = 128 + 9;
constexpr std::string_view kStreaming = "reading the log from";

// Takes what is posted to /events. Answers 200 unless told otherwise.
class Receiver {
 public:
  struct Request {
    int status = 0;
    httplib::Headers headers;
    std::string body;
    std::string header(const std::string& name) const {
      const auto found = headers.find(name);
      return found == headers.end() ? "" : found->second;
    }
  };

  Receiver() {
    server_.set_keep_alive_max_count(1 << 20);
    server_.Post("/events", [this](const httplib::Request& request, httplib::Response& response) {
      std::lock_guard lock(mutex_);
      response.status = 200;
      if (!answers_.empty()) {
        response.status = answers_.front();
        answers_.pop_front();
      }
      if (response.status == 429) response.set_header("Retry-After", "1");
      requests_.push_back({response.status, request.headers, request.body});
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
  }
  ~Receiver() { server_.stop(); }

  int port() const { return port_; }
  std::string url() const { return fmt::format("http://127.0.0.1:{}/events", port_); }
  // Of the next requests.
  void answer(std::initializer_list<int> statuses) {
    std::lock_guard lock(mutex_);
    answers_.assign(statuses);
  }
  std::vector<Request> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  // Of the requests that were answered with 200, in their order.
  std::vector<Json> events() const {
    std::vector<Json> all;
    for (const Request& request : requests()) {
      if (request.status != 200) continue;
      for (const Json& event : Json::parse(request.body)) all.push_back(event);
    }
    return all;
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::deque<int> answers_;
  std::vector<Request> requests_;
  std::jthread thread_;
};

class HttpSink : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get(GetParam());
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "http");
    pipeline_ = std::make_unique<Pipeline>(*source_, "http", database_);
    pipeline_->pipeline_options("restart.delay-max: 1s");
    sink();
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  void sink(const std::string& lines = {}) {
    pipeline_->sink_options(fmt::format("url: {}?token=hush\nretry.interval: 10ms\n{}", receiver_.url(), lines));
  }
  void sql(const std::string& statement) { execute(*source_, statement, database_); }
  std::unique_ptr<Process> start(std::map<std::string, std::string> env = {}) {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, std::move(env));
  }
  std::vector<Json> values() const {
    std::vector<Json> all;
    for (const Json& event : receiver_.events()) all.push_back(event["value"]);
    return all;
  }

  void expect_truncation_in_its_place(int connections);

  Receiver receiver_;
  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};
INSTANTIATE_TEST_SUITE_P(Sources, HttpSink, testing::Values("mariadb", "postgres_source"),
                         [](const auto& test) { return test.param; });

std::string hmac(const std::string& secret, const std::string& body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  std::string text = "sha256=";
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

TEST_P(HttpSink, posts_every_change_in_order_in_signed_batches) {
  sink("batch.max-size: 3\nsignature.secret: a key\nheaders.Authorization: Bearer me\ntopic.prefix: it");
  sql("CREATE TABLE t (id int PRIMARY KEY, name varchar(20))");
  sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
  pipeline_->run_until_caught_up();
  sql("INSERT INTO t VALUES (5, 'e\n')");
  sql("UPDATE t SET name = 'B' WHERE id = 2");
  sql("UPDATE t SET id = 30 WHERE id = 3");
  sql("DELETE FROM t WHERE id = 1");
  pipeline_->run_until_caught_up();
  for (const auto& request : receiver_.requests()) {
    const Json events = Json::parse(request.body);
    EXPECT_LE(events.size(), 3u);
    EXPECT_EQ(request.header("Sluice-Position"), events.back()["id"]);
    EXPECT_EQ(request.header("Sluice-Signature"), hmac("a key", request.body));
    EXPECT_EQ(request.header("Authorization"), "Bearer me");
    EXPECT_EQ(request.header("Content-Type"), "application/json");
  }
  std::string log;
  std::set<std::string> ids;
  for (const Json& event : receiver_.events()) {
    EXPECT_TRUE(ids.insert(event["id"]).second) << event;
    EXPECT_EQ(event["topic"], "it." + database_ + ".t");
    log += event["value"]["op"].get<std::string>() + event["key"]["id"].dump() + " ";
  }
  EXPECT_EQ(log, "r1 r2 r3 r4 c5 u2 d3 c30 d1 ");
}

TEST_P(HttpSink, sends_again_what_was_not_taken_and_keeps_the_order) {
  sink("batch.max-size: 2");
  make_counted_table(*source_, database_);
  receiver_.answer({503, 500, 429, 200, 502, 200, 408});
  pipeline_->run_until_caught_up();
  Counting counting(*source_, database_);
  ASSERT_TRUE(wait_until([&] { return counting.steps() > 50; }));
  counting.stop();
  receiver_.answer({503, 503, 200, 503});
  pipeline_->run_until_caught_up();
  expect_whole_history(*source_, database_, values());
}

TEST_P(HttpSink, a_receiver_that_is_away_holds_the_source_back) {
  sink("retries: 1");
  make_counted_table(*source_, database_);
  receiver_.answer({503, 503, 503, 503, 503, 503});
  const auto job = start();
  Counting counting(*source_, database_);
  ASSERT_TRUE(wait_until([&] { return values().size() > kCountedRows + 50; })) << tail(job->err(), 20);
  counting.stop();
  EXPECT_THAT(job->err(), testing::HasSubstr("did not take the events in 2 attempts; trying again in"));
  EXPECT_THAT(job->err(), testing::Not(testing::HasSubstr("hush"))) << "a part of the URL that may be secret";
  job->stop();  // perhaps in the middle of a request, whose events come again
  pipeline_->run_until_caught_up();
  std::set<std::string> ids;
  std::vector<Json> once;
  for (const Json& event : receiver_.events()) {
    if (ids.insert(event["id"]).second) once.push_back(event["value"]);
  }
  expect_whole_history(*source_, database_, once);
}

TEST_P(HttpSink, what_comes_again_after_a_kill_has_the_ids_that_it_had) {
  make_counted_table(*source_, database_);
  pipeline_->run_until_caught_up();
  Counting counting(*source_, database_);
  for (const char* fault : {"after_write:3", "before_commit:4", "after_commit:3", "after_log_read:9", "after_commit:1",
                            "after_commit:5", "before_source_ack:2"}) {
    const auto process = start({{"SLUICE_FAULT", fault}});
    ASSERT_EQ(process->wait().value_or(-1), kKilled) << fault << "\n" << tail(process->err(), 30);
  }
  counting.stop();
  pipeline_->run_until_caught_up();
  std::map<std::string, Json> seen;
  std::vector<Json> once;
  size_t repeated = 0;
  for (const Json& event : receiver_.events()) {
    Json value = event["value"];
    value.erase("ts_ms");  // when the event was made
    value.erase("ts_us");
    value.erase("ts_ns");
    value["source"].erase("sequence");  // PostgreSQL: the commit before, which a program that begins does not know
    const auto [known, is_new] = seen.emplace(event["id"], value);
    if (is_new) {
      once.push_back(event["value"]);
    } else {
      ++repeated;
      EXPECT_EQ(known->second, value);
    }
  }
  EXPECT_GT(repeated, 0u) << "no kill came between an answer and the ledger";
  expect_whole_history(*source_, database_, once);
}

TEST_P(HttpSink, events_of_one_change_in_several_topics_and_of_equal_keys_have_ids_of_their_own) {
  pipeline_->blocks(
      fmt::format("route:\n  - {{source-table: '{0}.shard\\.*', sink-table: {0}.shards}}\n"
                  "  - {{source-table: {0}.orders, sink-table: {0}.orders}}\n"
                  "  - {{source-table: {0}.orders, sink-table: {0}.again}}\n",
                  database_));
  sink(fmt::format("message.key.columns: {}.(orders|again):customer", database_));
  sql("CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL)");
  sql("INSERT INTO orders VALUES (1, 7), (2, 7), (3, 8)");
  for (const char* shard : {"shard1", "shard2"}) {
    sql(fmt::format("CREATE TABLE {} (id int PRIMARY KEY, v int)", shard));
    sql(fmt::format("INSERT INTO {} VALUES (1, 1), (2, 2)", shard));
  }
  pipeline_->run_until_caught_up();
  EXPECT_EQ(values().size(), 2 * 3u + 2 * 2u);
  sql("INSERT INTO orders VALUES (4, 8)");
  sql("UPDATE orders SET customer = 9 WHERE id = 2");
  pipeline_->run_until_caught_up();
  std::map<std::string, std::string> ids;
  std::multiset<std::string> topics;
  for (const Json& event : receiver_.events()) {
    const auto [same, is_new] = ids.emplace(event["id"], event.dump());
    EXPECT_TRUE(is_new) << event << "\n" << same->second;
    topics.insert(event["topic"].get<std::string>().substr(event["topic"].get<std::string>().rfind('.') + 1));
  }
  EXPECT_EQ(topics.count("shards"), 4u);
  EXPECT_EQ(topics.count("orders"), topics.count("again"));
  EXPECT_GT(topics.count("again"), 3u + 1u);
}

TEST_P(HttpSink, rows_of_a_blocking_snapshot_say_so) {
  pipeline_->pipeline_options(fmt::format("signal.data.collection: {}.signals", database_));
  sql("CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))");
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1), (2)");
  pipeline_->run_until_caught_up();
  const auto job = start();
  const size_t before = values().size();
  const auto marks = [&] {
    std::string found;
    const auto all = values();
    for (size_t i = before; i < all.size(); ++i) {
      if (all[i]["op"] == "r") found += all[i]["source"]["snapshot"].get<std::string>() + " ";
    }
    return found;
  };
  std::string expected;
  for (const auto& [type, mark] : {std::pair("blocking", "true "), std::pair("incremental", "incremental ")}) {
    sql(
        fmt::format("INSERT INTO signals VALUES ('{1}', 'execute-snapshot', "
                    "'{{\"data-collections\":[\"{0}.t\"],\"type\":\"{1}\"}}')",
                    database_, type));
    expected.append(mark).append(mark);
    wait_until([&] { return marks().size() >= expected.size(); });
    ASSERT_EQ(marks(), expected) << tail(job->err(), 30);
  }
  EXPECT_EQ(job->stop(), 0) << tail(job->err(), 30);
}

TEST_P(HttpSink, a_refusal_stops_the_job) {
  make_counted_table(*source_, database_);
  for (const auto& [status, code] : {std::pair(400, 7), std::pair(413, 7), std::pair(302, 7), std::pair(401, 4)}) {
    receiver_.answer({status});
    const auto job = start();
    EXPECT_EQ(job->wait().value_or(-1), code) << status << "\n" << tail(job->err(), 20);
    EXPECT_THAT(job->err(),
                testing::HasSubstr(fmt::format("127.0.0.1:{} answered with status {}", receiver_.port(), status)));
  }
}

TEST_P(HttpSink, several_connections_keep_the_events_of_a_row_in_order) {
  sink("connections: 3\nbatch.max-size: 5");
  pipeline_->pipeline_options("parallelism: 3");
  make_counted_table(*source_, database_);
  pipeline_->run_until_caught_up();
  Counting counting(*source_, database_);
  const auto job = start();
  ASSERT_TRUE(wait_until([&] { return values().size() > kCountedRows + 300; })) << tail(job->err(), 20);
  counting.stop();
  job->stop();
  pipeline_->run_until_caught_up();
  std::map<int, int64_t> last;
  std::set<std::string> ids;
  for (const Json& event : receiver_.events()) {
    if (!ids.insert(event["id"]).second) continue;
    const Json& value = event["value"];
    if (value["after"].is_null()) continue;
    const int64_t v = value["after"]["v"];
    auto& before = last[value["after"]["id"].get<int>()];
    EXPECT_GT(v, before) << value;
    before = v;
  }
  EXPECT_EQ(last.size(), static_cast<size_t>(kCountedRows));
}

void HttpSink::expect_truncation_in_its_place(int connections) {
  sink(fmt::format("connections: {}\nskipped.operations: none", connections));
  pipeline_->pipeline_options(fmt::format("parallelism: {}", connections));
  const char* insert = "INSERT INTO t VALUES (1), (2), (3), (4), (5), (6), (7), (8)";
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  sql("INSERT INTO t VALUES (0)");
  pipeline_->run_until_caught_up();
  sql(insert);
  sql("TRUNCATE TABLE t");
  sql(insert);
  // PostgreSQL's three transactions may be one commit.
  const std::string later = source_->kind() == "postgres" ? "after_commit:1" : "after_commit:2";
  for (const std::string& fault : {std::string("after_commit:1"), later, later}) {
    const auto process = start({{"SLUICE_FAULT", fault}});
    ASSERT_EQ(process->wait().value_or(-1), kKilled) << fault << "\n" << tail(process->err(), 30);
  }
  pipeline_->run_until_caught_up();
  std::set<std::string> ids;
  std::string operations;
  for (const Json& event : receiver_.events()) {
    if (!ids.insert(event["id"]).second) continue;
    operations += event["value"]["op"].get<std::string>();
    EXPECT_EQ(event["key"].is_null(), event["value"]["op"] == "t");
    EXPECT_THAT(event["topic"].get<std::string>(), testing::EndsWith("." + database_ + ".t"));
  }
  EXPECT_EQ(operations, "rcccccccctcccccccc");
}

TEST_P(HttpSink, truncate_is_an_event_between_those_of_rows) { expect_truncation_in_its_place(1); }

TEST_P(HttpSink, truncate_is_in_its_place_among_several_connections) { expect_truncation_in_its_place(3); }

TEST_P(HttpSink, explain_says_what_comes_again) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto process = pipeline_->start({"explain", "JOB"});
  EXPECT_EQ(process->wait().value_or(-1), 0) << tail(process->err(), 20);
  EXPECT_THAT(process->out(),
              testing::AllOf(testing::HasSubstr("guarantee: at-least-once (after a crash"),
                             testing::HasSubstr(fmt::format("POST http://127.0.0.1:{};", receiver_.port()))));
}

}  // namespace
}  // namespace sluice::support
