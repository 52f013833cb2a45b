// SPDX-License-Identifier: Apache-2.0
// MariaDB (Debian's) and MySQL 9 (in a chroot, see tools/server_chroot.sh), with a row-format binary log. Not
// crash-safe against power loss (nothing is synced unless the arguments ask for it), but safe against kill -9.
#pragma once

#include "support/database_server.h"

namespace sluice::support {

struct MariadbOptions {
  std::vector<std::string> arguments;  // after ours, so they win: {"--binlog-row-metadata=FULL"}
};

class MariadbServer : public DatabaseServer {
 public:
  using Options = MariadbOptions;
  static Result<std::unique_ptr<MariadbServer>> start(Options options = {});
  ~MariadbServer() override;
  std::string socket() const override { return folder_.file("socket"); }
  std::string data_folder() const { return folder_.file("data"); }
  Result<std::unique_ptr<SqlSession>> connect(std::string_view database = {}) const override;

 private:
  explicit MariadbServer(Options options);
  ProcessOptions launch_options() const override;
  Result<> try_to_connect() const override;
  TempFolder folder_;
};

struct MysqlOptions {
  std::vector<std::string> arguments;
  bool gtid = true;
};

class MysqlServer : public DatabaseServer {
 public:
  using Options = MysqlOptions;
  // Why there can be no MySQL server here; empty if there can: if (auto why = MysqlServer::unavailable(); !why.empty())
  // GTEST_SKIP() << why;
  static std::string unavailable();
  static Result<std::unique_ptr<MysqlServer>> start(Options options = {});
  ~MysqlServer() override;
  std::string socket() const override { return folder_.file("socket"); }
  std::string data_folder() const { return folder_.file("data"); }
  Result<std::unique_ptr<SqlSession>> connect(std::string_view database = {}) const override;

 private:
  explicit MysqlServer(Options options);
  ProcessOptions launch_options() const override;
  Result<> try_to_connect() const override;
  bool gtid_;
  TempFolder folder_;  // inside the chroot
};

// A session with any MySQL-like server, by TCP if `socket` is empty; for connections through a NetworkProxy.
struct MysqlAddress {
  std::string host;
  int port = 0;
  std::string socket;
  std::string username;
  std::string password;
};
Result<std::unique_ptr<SqlSession>> connect_mysql(const MysqlAddress& address, std::string_view database);

}  // namespace sluice::support
