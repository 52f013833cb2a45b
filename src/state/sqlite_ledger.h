// SPDX-License-Identifier: Apache-2.0
// The ledger in a SQLite file: beside the rows of a SQLite target, or alone in the state directory for sinks that
// cannot keep one. Format: table sluice_ledger(job, entry, epoch, position, detail, updated_at).
#pragma once

#include <memory>
#include <string>

#include "connector/sink.h"
#include "state/sqlite_database.h"

namespace sluice {

class SqliteLedger : public Ledger {
 public:
  SqliteLedger(std::unique_ptr<SqliteDatabase> database, std::string job);
  Result<uint64_t> take_over(Context& context) override;
  Result<std::vector<LedgerEntry>> load(Context& context) override;
  Result<> update(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove) override;

 private:
  std::unique_ptr<SqliteDatabase> database_;
  std::string job_;
  uint64_t epoch_ = 0;
};

// The job's entries in the open transaction, if there is one; none if there is no ledger.
Result<std::vector<LedgerEntry>> read_sqlite_ledger(SqliteDatabase& database, const std::string& job);

// Moves an existing entry of a job inside an open transaction of a SQLite database; kFenced if the job has another
// epoch by now.
class SqliteLedgerEntryWriter {
 public:
  static Result<SqliteLedgerEntryWriter> prepare(SqliteDatabase& database, std::string job, uint64_t epoch);
  Result<> write(SqliteDatabase& database, const LedgerEntry& entry);

 private:
  SqliteStatement statement_;
  std::string job_;
  uint64_t epoch_ = 0;
};

// The ledger `state.db` in a directory, which is created if need be, for jobs whose sink keeps none.
Result<std::unique_ptr<Ledger>> open_state_ledger(Context& context, const std::string& directory,
                                                  const std::string& job);

}  // namespace sluice
