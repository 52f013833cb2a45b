// SPDX-License-Identifier: Apache-2.0
#include "integration/pipelines/history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {

void make_counted_table(DatabaseServer& server, const std::string& database) {
  execute(server, "CREATE TABLE t (id int PRIMARY KEY, v bigint NOT NULL)", database);
  if (server.kind() == "postgres") execute(server, "ALTER TABLE t REPLICA IDENTITY FULL", database);
  std::string insert = "INSERT INTO t VALUES (1, 1)";
  for (int id = 2; id <= kCountedRows; ++id) insert += fmt::format(", ({}, {})", id, id);
  execute(server, insert, database);
}

Counting::Counting(DatabaseServer& server, const std::string& database) {
  auto connected = server.connect(database);
  EXPECT_TRUE(connected.has_value());
  session_ = std::move(*connected);
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stopped.wait_for(lock, stop, std::chrono::milliseconds(2), [&] { return stop.stop_requested(); })) step();
  });
}

void Counting::stop() {
  thread_.request_stop();
  thread_.join();
}

void Counting::step() {
  const int64_t v = 1'000'000 + 2 * ++steps_;
  const auto id = 1 + 2 * (random_() % (kCountedRows / 2));
  std::vector<std::string> statements = {"BEGIN", fmt::format("UPDATE t SET v = {} WHERE id = {}", v, id)};
  if (steps_ % 5 == 0) {
    statements.push_back(fmt::format("DELETE FROM t WHERE id = {}", id + 1));
    statements.push_back(fmt::format("INSERT INTO t VALUES ({}, {})", id + 1, v + 1));
  } else {
    statements.push_back(fmt::format("UPDATE t SET v = {} WHERE id = {}", v + 1, id + 1));
  }
  statements.emplace_back("COMMIT");
  for (const std::string& statement : statements) {
    const auto done = session_->execute(statement);
    EXPECT_TRUE(done.has_value()) << statement << ": " << done.error().message();
  }
}

void expect_whole_history(DatabaseServer& server, const std::string& database,
                          const std::vector<nlohmann::json>& events) {
  std::map<int, std::optional<int64_t>> state;
  std::set<int> copied;
  int64_t last = 0;
  for (const auto& event : events) {
    const std::string text = event.dump();
    const bool removed = event["after"].is_null();
    const int id = event[removed ? "before" : "after"]["id"];
    auto& v = state[id];
    if (event["op"] == "r") {
      EXPECT_TRUE(copied.insert(id).second) << "copied twice: " << text;
    } else {
      EXPECT_EQ(v.has_value(), !event["before"].is_null()) << text;
    }
    if (event["op"] != "r" && !removed) {
      const int64_t now = event["after"]["v"];
      EXPECT_GT(now, last) << "out of the source's order: " << text;
      last = now;
    }
    if (v && !event["before"].is_null()) {
      EXPECT_EQ(event["before"]["v"], *v) << text;
    }
    v = removed ? std::nullopt : std::optional(event["after"]["v"].get<int64_t>());
  }
  const auto rows = server.query("SELECT id, v FROM t", database);
  ASSERT_TRUE(rows.has_value());
  std::map<int, std::optional<int64_t>> expected;
  for (const auto& row : *rows) expected[std::stoi(*row[0])] = std::stoll(*row[1]);
  EXPECT_EQ(state, expected);
}

}  // namespace sluice::support
