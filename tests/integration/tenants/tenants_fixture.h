// SPDX-License-Identifier: Apache-2.0
// A private `sluice server` with tenants, and an application that writes into one of them and knows exactly which of
// its transactions a position covers. One thread, except where said.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/database_server.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace sluice::support {

struct SqlReply {
  int code = 0;
  std::string out, err;
};

class Tenants {
 public:
  Tenants();
  ~Tenants();  // ends the server and all its tenants
  Tenants(const Tenants&) = delete;
  Tenants& operator=(const Tenants&) = delete;

  // Starts the server and waits until it answers; false if it ends before (at a fault point).
  bool start(const std::map<std::string, std::string>& env = {}, const std::vector<std::string>& arguments = {});
  Process& server() { return *server_; }
  std::string data() const { return folder_.file("d"); }
  // sluice sql; any thread.
  SqlReply sql(const std::string& statements) const;
  // The same; a failure of the test if it is refused.
  std::string must(const std::string& statements) const;
  // The cell of a query that has one.
  std::string value(const std::string& query) const;
  // A unit 'small', and a tenant of its own pool with the log archive on.
  void create_tenant(const std::string& name) const;

  std::string tenant_folder(const std::string& name) const;
  // As the tenant's user, as its option file says.
  std::unique_ptr<SqlSession> connect(const std::string& tenant) const;
  // The same where no server knows the tenant's folder.
  static std::unique_ptr<SqlSession> connect_to(const std::string& folder);
  std::string tenant_value(const std::string& tenant, const std::string& query) const;
  pid_t tenant_pid(const std::string& name) const;
  // Of all tenants; needs no server.
  size_t running_tenants() const;
  // As somebody with an editor could; a server may be running.
  void change_catalog(const std::string& statements) const;

  // What a finished or failed job may not leave behind: folders, processes, locks, pools, rows.
  void expect_nothing_left(const std::vector<std::string>& tenants, int snapshots = 0) const;

 private:
  TempFolder folder_;
  std::unique_ptr<Process> server_;
};

// Writers that commit all the time. Each transaction adds a row to a table with and to one without a primary key and
// moves an amount between two accounts.
class Application {
 public:
  Application(const Tenants& tenants, const std::string& tenant, int writers);
  ~Application() { stop(); }
  void stop();  // the source is still there
  int64_t committed() const { return committed_.load(); }
  // What the tenant holds, compared with what the position covers.
  void expect_exactly(const Tenants& tenants, const std::string& clone, const std::string& gtid) const;

 private:
  struct Commit {
    int writer;
    int64_t number;
    uint64_t sequence;  // of its GTID
  };
  void write(std::unique_ptr<SqlSession> session, int writer);

  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> committed_{0};
  mutable std::mutex mutex_;
  std::vector<Commit> commits_;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sluice::support
