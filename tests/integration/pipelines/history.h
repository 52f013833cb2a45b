// SPDX-License-Identifier: Apache-2.0
// An application that changes rows of one table so that their events show whether one is missing, there twice or out of
// order, and the check of that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/database_server.h"

namespace sluice::support {

inline constexpr int kCountedRows = 60;

// The table t (id, v) with its rows.
void make_counted_table(DatabaseServer& server, const std::string& database);

// Transactions that count `v` of two rows up, or remove one and create it; v only grows, over all rows.
class Counting {
 public:
  Counting(DatabaseServer& server, const std::string& database);
  void stop();
  int64_t steps() const { return steps_; }

 private:
  void step();

  std::unique_ptr<SqlSession> session_;
  std::mt19937 random_{11};
  std::atomic<int64_t> steps_{0};
  std::jthread thread_;
};

// The values of Debezium's events of that table are the whole history of the rows that it has now: each row of the copy
// once, then every change, in the order of the source.
void expect_whole_history(DatabaseServer& server, const std::string& database,
                          const std::vector<nlohmann::json>& events);

}  // namespace sluice::support
