// SPDX-License-Identifier: Apache-2.0
// PostgreSQL 15 (Debian's), or 18 in a chroot (see tools/server_chroot.sh). Runs as the user postgres when the test
// runs as root, because the server refuses root.
#pragma once

#include "support/database_server.h"

namespace sluice::support {

struct PostgresOptions {
  std::vector<std::string> arguments;  // {"-c", "wal_level=logical"}
  bool fsync = false;
  bool newest = false;  // 18
};

class PostgresServer : public DatabaseServer {
 public:
  using Options = PostgresOptions;
  static Result<std::unique_ptr<PostgresServer>> start(Options options = {});
  // Why there is no version 18 here; empty if there is.
  static std::string newest_unavailable();
  ~PostgresServer() override;
  std::string socket() const override { return folder_.path(); }
  // Database "postgres" if none is named.
  Result<std::unique_ptr<SqlSession>> connect(std::string_view database = {}) const override;

 private:
  explicit PostgresServer(Options options);
  ProcessOptions launch_options() const override;
  Result<> try_to_connect() const override;
  int stop_signal() const override;  // the one that does not wait for clients to leave
  std::vector<pid_t> children() const override;
  bool fsync_;
  std::string root_;  // of the chroot; empty: none
  TempFolder folder_;
};

}  // namespace sluice::support
