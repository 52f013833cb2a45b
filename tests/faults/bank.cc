// SPDX-License-Identifier: Apache-2.0
#include "faults/bank.h"

#include <fmt/format.h>

#include <chrono>

namespace sluice::support {
namespace {

// Leaves the machine some time for everybody else.
constexpr std::chrono::milliseconds kPace{20};
constexpr std::chrono::milliseconds kPaceOfChronicler{5};
constexpr int kLargeEvery = 80;
constexpr int64_t kEntriesOfClient = 1'000'000'000;
// An account whose key is changed comes back to its number by the next change.
constexpr int kRenumbered = 1'000'000;

int between(std::mt19937_64& random, int least, int greatest) {
  return std::uniform_int_distribution<int>(least, greatest)(random);
}

std::string daily_rows() {
  std::string rows;
  for (int i = 1; i <= Bank::kDaily; ++i) rows += fmt::format("{}({}, {})", i == 1 ? "" : ",", i, i);
  return rows;
}

}  // namespace

Bank::Bank(DatabaseServer& server, std::string database, uint64_t seed, BankOptions options)
    : server_(server), postgres_(server.kind() == "postgres"), database_(std::move(database)), options_(options) {
  for (int table = 0; table < kTables; ++table) {
    execute(server_,
            fmt::format("CREATE TABLE accounts{} (id INT PRIMARY KEY, balance BIGINT NOT NULL, transfers INT NOT NULL)",
                        table),
            database_);
    std::string rows;
    for (int id = 1; id <= options_.accounts; ++id) {
      rows += fmt::format("{}({}, {}, 0)", id == 1 ? "" : ",", id, kBalance);
    }
    execute(server_, fmt::format("INSERT INTO accounts{} VALUES {}", table, rows), database_);
  }
  execute(server_, "CREATE TABLE entries (id BIGINT PRIMARY KEY, account INT NOT NULL, amount INT)", database_);
  execute(server_, "CREATE TABLE daily (id INT PRIMARY KEY, v INT)", database_);
  execute(server_, "INSERT INTO daily VALUES " + daily_rows(), database_);
  execute(server_, "CREATE TABLE chronicle (k BIGINT PRIMARY KEY)", database_);
  execute(server_, "CREATE TABLE pages (id INT PRIMARY KEY, k BIGINT NOT NULL)", database_);
  std::string pages;
  for (int id = 1; id <= kPages; ++id) pages += fmt::format("{}({}, 0)", id == 1 ? "" : ",", id);
  execute(server_, "INSERT INTO pages VALUES " + pages, database_);
  for (int i = 0; i <= options_.clients; ++i) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->number = i;
    clients_.back()->chronicler = i == options_.clients;
    clients_.back()->random.seed(seed * 100 + static_cast<uint64_t>(i));
  }
}

void Bank::open() {
  closing_ = false;
  for (auto& client : clients_) {
    client->thread = std::thread([this, &client] { serve(*client); });
  }
}

void Bank::close() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (auto& client : clients_) {
    if (client->thread.joinable()) client->thread.join();
  }
}

void Bank::serve(Client& client) {
  std::unique_lock lock(mutex_);
  const auto pace = client.chronicler ? kPaceOfChronicler : kPace;
  while (!wake_.wait_for(lock, pace, [this] { return closing_; })) {
    lock.unlock();
    if (!client.session) {
      if (auto session = server_.connect(database_)) client.session = std::move(session).value();
    }
    if (client.session) {
      // Clients take accounts in any order, and one of two in a deadlock loses.
      const auto done = client.session->execute(client.chronicler ? chronicle(client) : transaction(client));
      done ? static_cast<void>(++transactions_) : static_cast<void>(client.session->execute("ROLLBACK"));
      if (!done && done.error().code() == ErrorCode::kConnect) client.session.reset();
    }
    lock.lock();
  }
}

std::string Bank::transaction(Client& client) const {
  const int kind = between(client.random, 1, kLargeEvery);
  const bool changes_account = kind % 8 == 0;
  std::string sql = "BEGIN;";
  // PostgreSQL passes over a row that somebody else deletes meanwhile, though it comes back in the same transaction.
  if (postgres_) sql += fmt::format("SELECT pg_advisory_xact_lock{}(7);", changes_account ? "" : "_shared");
  if (kind == 1) return sql + large_transaction(client) + "COMMIT";
  const int transfers = between(client.random, 1, between(client.random, 1, 50));
  for (int i = 0; i < transfers; ++i) sql += transfer(client);
  if (changes_account) sql += account_change(client);
  return sql + "COMMIT";
}

std::string Bank::transfer(Client& client) const {
  const auto account = [&] { return between(client.random, 1, options_.accounts); };
  const auto table = [&] { return between(client.random, 0, kTables - 1); };
  const int amount = between(client.random, 1, 100);
  const int from = account();
  const auto holder = [](int id) { return fmt::format("id IN ({}, {})", id, id + kRenumbered); };
  // Each account has one of its two numbers, so that every statement concerns one row.
  return fmt::format(
      "UPDATE accounts{} SET balance = balance - {}, transfers = transfers + 1 WHERE {};"
      "INSERT INTO entries VALUES ({}, {}, {});"
      "UPDATE accounts{} SET balance = balance + {} WHERE {};",
      table(), amount, holder(from), client.number * kEntriesOfClient + ++client.entries, from, amount, table(), amount,
      holder(account()));
}

// An account gets its other number, or is closed and opened again.
std::string Bank::account_change(Client& client) const {
  const int table = between(client.random, 0, kTables - 1);
  const int id = between(client.random, 1, options_.accounts);
  if (between(client.random, 0, 1) == 0) {
    return fmt::format(
        "UPDATE accounts{0} SET id = CASE WHEN id > {1} THEN id - {1} ELSE id + {1} END "
        "WHERE id IN ({2}, {3});",
        table, kRenumbered, id, id + kRenumbered);
  }
  const int other = (table + 1) % kTables;
  const std::string same = fmt::format("id IN ({}, {})", id, id + kRenumbered);
  return fmt::format(
      "SELECT id FROM accounts{0} WHERE {2} FOR UPDATE;"
      "UPDATE accounts{1} SET balance = balance + (SELECT balance FROM accounts{0} WHERE {2}),"
      " transfers = transfers + (SELECT transfers FROM accounts{0} WHERE {2}) WHERE {2};"
      "DELETE FROM accounts{0} WHERE {2}; INSERT INTO accounts{0} VALUES ({3}, 0, 0);",
      table, other, same, id);
}

// Every account of one table gives to its like in another, a bulk of entries is booked, the daily table made anew.
std::string Bank::large_transaction(Client& client) const {
  const int from = between(client.random, 0, kTables - 1);
  std::string sql =
      fmt::format("UPDATE accounts{} SET balance = balance - 7; UPDATE accounts{} SET balance = balance + 7;", from,
                  (from + 1) % kTables);
  sql += postgres_ ? "TRUNCATE daily;" : "DELETE FROM daily;";
  sql += "INSERT INTO daily VALUES " + daily_rows() + ";";
  const int account = between(client.random, 1, options_.accounts);
  sql += fmt::format("UPDATE accounts0 SET transfers = transfers + {} WHERE id IN ({}, {});", options_.large, account,
                     account + kRenumbered);
  for (int i = 0; i < options_.large; ++i) {
    sql += fmt::format("{}({}, 0, NULL)", i == 0 ? "INSERT INTO entries VALUES " : ",",
                       client.number * kEntriesOfClient + ++client.entries);
  }
  return sql + ";";
}

std::string Bank::chronicle(Client& client) const {
  return fmt::format(
      "BEGIN; INSERT INTO chronicle SELECT COALESCE(MAX(k), 0) + 1 FROM chronicle;"
      "UPDATE pages SET k = (SELECT MAX(k) FROM chronicle) WHERE id = {}; COMMIT",
      between(client.random, 1, kPages));
}

std::string Bank::audit_sql(const std::string& prefix) {
  std::string balance, transfers;
  for (int table = 0; table < kTables; ++table) {
    const char* plus = table == 0 ? "" : " + ";
    balance += fmt::format("{}(SELECT SUM(balance) FROM {}accounts{})", plus, prefix, table);
    transfers += fmt::format("{}(SELECT SUM(transfers) FROM {}accounts{})", plus, prefix, table);
  }
  return fmt::format(
      "SELECT {0}, {1} - (SELECT COUNT(*) FROM {2}entries), (SELECT COUNT(*) FROM {2}daily), "
      "(SELECT COUNT(*) - COALESCE(MAX(k), 0) FROM {2}chronicle), "
      "(SELECT COALESCE(MAX(k), 0) FROM {2}chronicle) - (SELECT MAX(k) FROM {2}pages), {1}",
      balance, transfers, prefix);
}

std::string Bank::books(const SqlRows& rows) {
  std::string books;
  for (size_t i = 0; i < 5; ++i) books += (i == 0 ? "" : "|") + rows.at(0)[i].value_or("NULL");
  return books;
}

std::string Bank::balanced() const {
  return fmt::format("{}|0|{}|0|0", int64_t{kTables} * options_.accounts * kBalance, kDaily);
}

Auditors::Auditors(const Bank& bank, const Pipeline& pipeline, int count)
    : expected_(bank.balanced()),
      pipeline_(pipeline),
      sql_(Bank::audit_sql(pipeline.target() == nullptr ? "" : pipeline.database() + ".")) {
  for (int i = 0; i < count; ++i) threads_.emplace_back([this] { audit(); });
}

void Auditors::stop() {
  stopping_ = true;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::string Auditors::first_violation() const {
  std::lock_guard lock(mutex_);
  return first_violation_;
}

void Auditors::audit() {
  const bool postgres = pipeline_.target()->kind() == "postgres";
  std::unique_ptr<SqlSession> session;
  std::string before;
  while (!stopping_) {
    if (!session) {
      wait_until([&] {
        if (auto opened = pipeline_.target()->connect(postgres ? "postgres" : "mysql")) session = std::move(*opened);
        return session || stopping_;
      });
      if (!session) continue;
    }
    const auto rows = session->query(sql_);
    if (!rows) {
      session.reset();
      continue;
    }
    const std::string books = Bank::books(*rows);
    const std::string state = books + "|" + rows->at(0)[5].value_or("NULL");
    ++readings_;
    if (state != before) ++states_;
    before = state;
    if (books == expected_) continue;
    if (violations_++ > 0) continue;
    std::lock_guard lock(mutex_);
    first_violation_ = fmt::format("{} instead of {}", books, expected_);
  }
}

}  // namespace sluice::support
