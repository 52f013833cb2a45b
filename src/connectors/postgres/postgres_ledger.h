// SPDX-License-Identifier: Apache-2.0
// The ledger in a PostgreSQL database: table sluice_ledger in the first schema of the search path.
#pragma once

#include <memory>
#include <string>

#include "connector/sink.h"
#include "connectors/postgres/postgres_connection.h"

namespace sluice {

class PostgresLedger : public Ledger {
 public:
  PostgresLedger(std::unique_ptr<PostgresConnection> connection, std::string job)
      : connection_(std::move(connection)), job_(std::move(job)) {}
  Result<uint64_t> take_over(Context& context) override;
  Result<std::vector<LedgerEntry>> load(Context& context) override;
  Result<> update(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove) override;

 private:
  Result<uint64_t> raise_epoch(Context& context);
  Result<> change_entries(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove);

  std::unique_ptr<PostgresConnection> connection_;
  std::string job_;
  uint64_t epoch_ = 0;
};

// The job's entries in the open transaction, if there is one; none if there is no ledger.
Result<std::vector<LedgerEntry>> read_postgres_ledger(Context& context, PostgresConnection& connection,
                                                      const std::string& job);

// Parameters: position, detail, job, entry, epoch. Fails (see PostgresConnection::counted) unless the entry has the
// epoch.
std::string postgres_ledger_commit_sql();

}  // namespace sluice
