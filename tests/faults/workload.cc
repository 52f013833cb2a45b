// SPDX-License-Identifier: Apache-2.0
#include "faults/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

namespace sluice::support {
namespace {

// Leaves the machine some time for everybody else.
constexpr std::chrono::milliseconds kPace{1};

}  // namespace

Workload::Workload(DatabaseServer& server, std::string database, uint64_t seed, WorkloadOptions options)
    : server_(server),
      postgres_(server.kind() == "postgres"),
      database_(std::move(database)),
      options_(options),
      random_(seed) {
  auto session = server_.connect(database_);
  if (!session) {
    ADD_FAILURE() << session.error().message();
    return;
  }
  session_ = std::move(session).value();
  execute("CREATE TABLE items (id INT PRIMARY KEY, v INT NOT NULL, name VARCHAR(40), amount DECIMAL(12,2))");
  execute(fmt::format("CREATE TABLE names (name VARCHAR(40) {} PRIMARY KEY, v INT NOT NULL)",
                      postgres_ ? "" : "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"));
  execute("CREATE TABLE pairs (a INT, b VARCHAR(20), v BIGINT, PRIMARY KEY (a, b))");
  execute("CREATE TABLE journal (n BIGINT NOT NULL, who VARCHAR(10), payload VARCHAR(60))");
  execute("CREATE TABLE altered (id INT PRIMARY KEY, v INT)");
  std::string items, names, pairs, journal, altered;
  for (int i = 0; i < options_.rows; ++i) {
    const char* comma = i == 0 ? "" : ",";
    items += fmt::format("{}({}, 0, '{}', {}.25)", comma, i * 3, word(), i);
    names += fmt::format("{}('{}{}', {})", comma, i % 2 == 0 ? "Key" : "kEY", i, i);
    pairs += fmt::format("{}({}, 'b{}', {})", comma, i / 10, i % 10, i);
    journal += fmt::format("{}({}, 'copy', '{}')", comma, ++journal_, word());
    altered += fmt::format("{}({}, {})", comma, i, i);
  }
  execute("INSERT INTO items VALUES " + items);
  execute("INSERT INTO names VALUES " + names);
  execute("INSERT INTO pairs VALUES " + pairs);
  execute("INSERT INTO journal VALUES " + journal);
  execute("INSERT INTO altered VALUES " + altered);
  next_id_ = options_.rows * 3;
}

void Workload::start() {
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Workload::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Workload::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPace, [this] { return stopping_; })) {
    lock.unlock();
    step();
    lock.lock();
  }
}

void Workload::step() {
  if (options_.schema_changes) {
    const bool wanted = schema_changes_wanted_ > 0;
    if (wanted) --schema_changes_wanted_;
    if (wanted || random(0, 199) == 0) return schema_change();
  }
  if (random(0, 3) != 0) return row_statement();
  execute("BEGIN");
  const int statements = random(2, 8);
  for (int i = 0; i < statements; ++i) row_statement();
  // What is rolled back must not count as appended, and the journal's numbers may have holes.
  execute(random(0, 4) == 0 ? "ROLLBACK" : "COMMIT");
}

std::string Workload::word() {
  std::string text;
  const int length = random(1, 12);
  for (int i = 0; i < length; ++i) text.push_back(static_cast<char>('a' + random(0, 25)));
  if (random(0, 9) == 0) text += postgres_ ? "''é\\" : "\\'é\\\\";
  return text;
}

void Workload::row_statement() {
  const int id = random(0, options_.rows * 3);
  switch (random(0, 13)) {
    case 0:
    case 1: return execute(fmt::format("INSERT INTO items VALUES ({}, 1, '{}', NULL)", ++next_id_, word()));
    case 2:
      return execute(fmt::format("UPDATE items SET v = v + 1, name = '{}' WHERE id BETWEEN {} AND {}", word(), id,
                                 id + random(0, 60)));
    case 3: return execute(fmt::format("DELETE FROM items WHERE id = {}", id));
    case 4: return execute(fmt::format("UPDATE items SET id = {} WHERE id = {}", ++next_id_, id));
    case 5: return execute(upsert_item(id));
    case 6:
      return execute(upsert_name(fmt::format("{}{}", random(0, 1) == 0 ? "KEY" : "key", random(0, options_.rows * 2))));
    case 7:
      // Another spelling of the same key, for the server's eyes.
      return execute(fmt::format("UPDATE names SET name = '{}{}', v = v + 1 WHERE name = 'key{}'",
                                 random(0, 1) == 0 ? "KeY" : "keY", id, id));
    case 8: return execute(fmt::format("DELETE FROM names WHERE name = 'key{}'", id));
    case 9: return execute(fmt::format("UPDATE pairs SET v = v + 1 WHERE a = {}", random(0, options_.rows / 10)));
    case 10: return execute(insert_new_pair(random(0, options_.rows / 5), random(0, 12)));
    case 11:
      return execute(
          fmt::format("DELETE FROM pairs WHERE a = {} AND b = 'b{}'", random(0, options_.rows / 10), random(0, 9)));
    case 12: return execute(fmt::format("UPDATE altered SET v = v + 1 WHERE id = {}", id));
    default: ++journal_; return execute(fmt::format("INSERT INTO journal VALUES ({}, 'log', '{}')", journal_, word()));
  }
}

std::string Workload::upsert_item(int id) {
  const int v = random(0, 99);
  if (!postgres_) return fmt::format("REPLACE INTO items VALUES ({}, {}, NULL, 0.5)", id, v);
  return fmt::format(
      "INSERT INTO items VALUES ({}, {}, NULL, 0.5) ON CONFLICT (id) DO UPDATE SET v = excluded.v, name = NULL, amount "
      "= "
      "0.5",
      id, v);
}

std::string Workload::upsert_name(const std::string& name) {
  return fmt::format("INSERT INTO names VALUES ('{}', 1) ON {} UPDATE {}v = names.v + 1", name,
                     postgres_ ? "CONFLICT (name) DO" : "DUPLICATE KEY", postgres_ ? "SET " : "");
}

std::string Workload::insert_new_pair(int a, int b) {
  return fmt::format("INSERT {}INTO pairs VALUES ({}, 'b{}', 5){}", postgres_ ? "" : "IGNORE ", a, b,
                     postgres_ ? " ON CONFLICT DO NOTHING" : "");
}

void Workload::schema_change() {
  if (random(0, 1) == 0) return alter();
  side_table();
}

void Workload::alter() {
  const int kind = columns_.empty() ? 0 : random(0, 4);
  if (kind <= 1 && columns_.size() < 5) {
    columns_.push_back(fmt::format("c{}", ++next_column_));
    const char* type = random(0, 1) == 0 ? "INT DEFAULT 7" : "VARCHAR(20)";
    execute(fmt::format("ALTER TABLE altered ADD COLUMN {} {}{}", columns_.back(), type,
                        random(0, 1) == 0 && !postgres_ ? " AFTER id" : ""));
  } else if (kind == 2) {
    execute(fmt::format("ALTER TABLE altered {} COLUMN {} {}VARCHAR({})", postgres_ ? "ALTER" : "MODIFY",
                        columns_.back(), postgres_ ? "TYPE " : "", random(30, 200)));
  } else if (kind == 3) {
    std::string name = fmt::format("c{}", ++next_column_);
    execute(fmt::format("ALTER TABLE altered RENAME COLUMN {} TO {}", columns_.back(), name));
    columns_.back() = std::move(name);
  } else {
    execute(fmt::format("ALTER TABLE altered DROP COLUMN {}", columns_.front()));
    columns_.erase(columns_.begin());
  }
  // Sometimes the next schema change follows without a row between.
  if (random(0, 2) == 0) return alter();
  for (int i = 0; i < 3; ++i) execute(fmt::format("INSERT INTO altered (id, v) VALUES ({}, 3)", ++next_id_));
}

void Workload::side_table() {
  const int number = random(0, 3);
  switch (random(0, 3)) {
    case 0: return execute(fmt::format("DROP TABLE IF EXISTS side{}", number));
    case 1: return execute(fmt::format("TRUNCATE TABLE side{}", number));
    default:
      execute(fmt::format("CREATE TABLE IF NOT EXISTS side{} (id {} PRIMARY KEY, v{} INT)", number,
                          postgres_ ? "SERIAL" : "INT AUTO_INCREMENT", random(0, 2)));
      for (int i = 0; i < 3; ++i) {
        execute(fmt::format("INSERT INTO side{} VALUES ({}, {})", number, postgres_ ? "DEFAULT" : "NULL", i));
      }
  }
}

// Statements may fail (a key that is there, a table that is not); the session must live, though.
void Workload::execute(const std::string& sql) {
  ++statements_;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!session_) {
      auto session = server_.connect(database_);
      if (!session) return;
      session_ = std::move(session).value();
    }
    auto executed = session_->execute(sql);
    if (executed || executed.error().code() != ErrorCode::kConnect) return;
    session_.reset();
  }
}

void expect_exact_copy(DatabaseServer& source, const Pipeline& pipeline) {
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
  const auto columns = source.query(
      fmt::format("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{}'",
                  pipeline.database()),
      pipeline.database());
  ASSERT_TRUE(columns.has_value()) << columns.error().message();
  std::map<std::string, std::vector<std::string>> tables;
  for (const auto& row : *columns) tables[row[0].value()].push_back(row[1].value());
  EXPECT_GE(tables.size(), 5U);
  for (const auto& [table, names] : tables) {
    expect_same_rows(source, pipeline, fmt::format("{}", fmt::join(names, ", ")), table, names[0]);
  }
}

}  // namespace sluice::support
