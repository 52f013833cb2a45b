// SPDX-License-Identifier: Apache-2.0
// A bank whose books balance after every transaction: clients that transfer between accounts at the source, and
// auditors who read the target's books all the time and write down whatever does not balance.
//
// Tables: accounts0..accounts2 (id, balance, transfers), entries (one row a transfer), daily (emptied and filled with
// kDaily rows within one transaction). What holds after every transaction of the source: the balances of all accounts
// sum to what the bank began with, accounts have made as many transfers as there are entries, daily has kDaily rows.
// And chronicle (k) and pages (id, k): a chronicler's k-th transaction writes k into both, so that whoever sees the
// chronicle sees 1 to some m without a gap, and m as the greatest number on the pages.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {

struct BankOptions {
  int accounts = 60;  // in each of the three tables
  int clients = 3;
  int large = 2000;  // entries of a large transaction
};

class Bank {
 public:
  static constexpr int kTables = 3;
  static constexpr int kDaily = 100;
  static constexpr int kPages = 50;
  static constexpr int64_t kBalance = 1000;  // of each account at first

  // Creates and fills the tables at the source.
  Bank(DatabaseServer& server, std::string database, uint64_t seed, BankOptions options = {});
  ~Bank() { close(); }
  void open();   // the clients begin
  void close();  // and have gone home
  uint64_t transactions() const { return transactions_; }
  // What the books of the target must say; `prefix` goes before a table's name.
  static std::string audit_sql(const std::string& prefix);
  std::string balanced() const;
  // What the answer to audit_sql() says of them.
  static std::string books(const SqlRows& rows);

 private:
  struct Client {
    int number;
    std::mt19937_64 random;
    int64_t entries = 0;
    std::unique_ptr<SqlSession> session;
    std::thread thread;
    bool chronicler = false;
  };
  void serve(Client& client);
  std::string transaction(Client& client) const;
  std::string transfer(Client& client) const;
  std::string large_transaction(Client& client) const;
  std::string chronicle(Client& client) const;
  std::string account_change(Client& client) const;

  DatabaseServer& server_;
  const bool postgres_;
  const std::string database_;
  const BankOptions options_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::atomic<uint64_t> transactions_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false;
};

// Threads that audit the target of a pipeline from their construction to stop(). A target that cannot be reached is
// asked again.
class Auditors {
 public:
  Auditors(const Bank& bank, const Pipeline& pipeline, int count = 2);
  ~Auditors() { stop(); }
  void stop();
  uint64_t readings() const { return readings_; }
  uint64_t states() const { return states_; }  // readings that found other books than the one before
  uint64_t violations() const { return violations_; }
  std::string first_violation() const;

 private:
  void audit();

  const std::string expected_;
  const Pipeline& pipeline_;
  const std::string sql_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> readings_{0};
  std::atomic<uint64_t> states_{0};
  std::atomic<uint64_t> violations_{0};
  mutable std::mutex mutex_;
  std::string first_violation_;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::support
