// SPDX-License-Identifier: Apache-2.0
// The ledger in a MySQL or MariaDB database: table sluice_ledger in the connection's default database.
#pragma once

#include <memory>
#include <string>

#include "connector/sink.h"
#include "connectors/mysql/mysql_connection.h"

namespace sluice {

class MysqlLedger : public Ledger {
 public:
  MysqlLedger(std::unique_ptr<MysqlConnection> connection, std::string job)
      : connection_(std::move(connection)), job_(std::move(job)) {}
  Result<uint64_t> take_over(Context& context) override;
  Result<std::vector<LedgerEntry>> load(Context& context) override;
  Result<> update(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove) override;

 private:
  Result<uint64_t> raise_epoch(Context& context);
  Result<> change_entries(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove);
  std::string quoted(std::string_view text) const;

  std::unique_ptr<MysqlConnection> connection_;
  std::string job_;
  uint64_t epoch_ = 0;
};

// The job's entries in the open transaction, if there is one; none if there is no ledger.
Result<std::vector<LedgerEntry>> read_mysql_ledger(Context& context, MysqlConnection& connection,
                                                   const std::string& job);
// Moves an entry inside the open transaction; kFenced if it does not have the epoch. The connection counts matched
// rows.
Result<> write_mysql_ledger_entry(Context& context, MysqlConnection& connection, const std::string& job, uint64_t epoch,
                                  const LedgerEntry& entry);

}  // namespace sluice
