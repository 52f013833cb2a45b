// SPDX-License-Identifier: Apache-2.0
#include "state/sqlite_ledger.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace sluice {
namespace {

constexpr const char* kCreateLedger =
    "CREATE TABLE IF NOT EXISTS sluice_ledger ("
    "job TEXT NOT NULL, entry TEXT NOT NULL, epoch INTEGER NOT NULL, position TEXT NOT NULL, detail TEXT NOT NULL, "
    "updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (job, entry)) WITHOUT ROWID";

Error fenced(const std::string& job) {
  return Error(ErrorCode::kFenced, fmt::format("another process has taken over job '{}'", job));
}

Result<int64_t> job_epoch(SqliteDatabase& database, const std::string& job) {
  ASSIGN_OR_RETURN(SqliteStatement select,
                   database.prepare("SELECT epoch FROM sluice_ledger WHERE job = ? AND entry = 'job'"));
  select.bind_text(1, job);
  ASSIGN_OR_RETURN(const bool found, select.step());
  return found ? select.int_at(0) : int64_t{0};
}

}  // namespace

SqliteLedger::SqliteLedger(std::unique_ptr<SqliteDatabase> database, std::string job)
    : database_(std::move(database)), job_(std::move(job)) {}

Result<uint64_t> SqliteLedger::take_over(Context& context) {
  database_->use(context);
  RETURN_IF_ERROR(database_->execute(kCreateLedger));
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(*database_));
  ASSIGN_OR_RETURN(const int64_t previous, job_epoch(*database_, job_));
  if (previous == 0) {
    ASSIGN_OR_RETURN(SqliteStatement insert,
                     database_->prepare("INSERT INTO sluice_ledger (job, entry, epoch, position, detail) "
                                        "VALUES (?, 'job', 0, '', '')"));
    insert.bind_text(1, job_);
    RETURN_IF_ERROR(insert.run());
  }
  {
    ASSIGN_OR_RETURN(SqliteStatement raise, database_->prepare("UPDATE sluice_ledger SET epoch = ? WHERE job = ?"));
    raise.bind_int(1, previous + 1);
    raise.bind_text(2, job_);
    RETURN_IF_ERROR(raise.run());
  }
  RETURN_IF_ERROR(transaction.commit());
  epoch_ = static_cast<uint64_t>(previous + 1);
  return epoch_;
}

Result<std::vector<LedgerEntry>> SqliteLedger::load(Context& context) {
  database_->use(context);
  return read_sqlite_ledger(*database_, job_);
}

Result<std::vector<LedgerEntry>> read_sqlite_ledger(SqliteDatabase& database, const std::string& job) {
  std::vector<LedgerEntry> entries;
  ASSIGN_OR_RETURN(SqliteStatement table,
                   database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sluice_ledger' AND type = 'table'"));
  ASSIGN_OR_RETURN(const bool exists, table.step());
  if (!exists) return entries;
  ASSIGN_OR_RETURN(SqliteStatement select,
                   database.prepare("SELECT entry, position, detail FROM sluice_ledger WHERE job = ? ORDER BY entry"));
  select.bind_text(1, job);
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) return entries;
    entries.push_back({std::string(select.text_at(0)), std::string(select.text_at(1)), std::string(select.text_at(2))});
  }
}

Result<> SqliteLedger::update(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove) {
  SLUICE_CHECK(epoch_ != 0);
  database_->use(context);
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(*database_));
  ASSIGN_OR_RETURN(const int64_t current, job_epoch(*database_, job_));
  if (current != static_cast<int64_t>(epoch_)) return fenced(job_);
  {
    ASSIGN_OR_RETURN(SqliteStatement erase,
                     database_->prepare("DELETE FROM sluice_ledger WHERE job = ? AND entry = ?"));
    for (const std::string& name : remove) {
      erase.bind_text(1, job_);
      erase.bind_text(2, name);
      RETURN_IF_ERROR(erase.run());
    }
    ASSIGN_OR_RETURN(SqliteStatement insert,
                     database_->prepare("INSERT OR REPLACE INTO sluice_ledger (job, entry, epoch, position, detail) "
                                        "VALUES (?, ?, ?, ?, ?)"));
    for (const LedgerEntry& entry : put) {
      insert.bind_text(1, job_);
      insert.bind_text(2, entry.name);
      insert.bind_int(3, current);
      insert.bind_text(4, entry.position);
      insert.bind_text(5, entry.detail);
      RETURN_IF_ERROR(insert.run());
    }
  }
  return transaction.commit();
}

Result<SqliteLedgerEntryWriter> SqliteLedgerEntryWriter::prepare(SqliteDatabase& database, std::string job,
                                                                 uint64_t epoch) {
  RETURN_IF_ERROR(database.execute(kCreateLedger));
  SqliteLedgerEntryWriter writer;
  ASSIGN_OR_RETURN(writer.statement_,
                   database.prepare("UPDATE sluice_ledger SET position = ?, detail = ?, updated_at = CURRENT_TIMESTAMP "
                                    "WHERE job = ? AND entry = ? AND epoch = ?"));
  writer.job_ = std::move(job);
  writer.epoch_ = epoch;
  return writer;
}

Result<> SqliteLedgerEntryWriter::write(SqliteDatabase& database, const LedgerEntry& entry) {
  statement_.bind_text(1, entry.position);
  statement_.bind_text(2, entry.detail);
  statement_.bind_text(3, job_);
  statement_.bind_text(4, entry.name);
  statement_.bind_int(5, static_cast<int64_t>(epoch_));
  RETURN_IF_ERROR(statement_.run());
  if (database.changes() == 1) return {};
  return fenced(job_);
}

Result<std::unique_ptr<Ledger>> open_state_ledger(Context& context, const std::string& directory,
                                                  const std::string& job) {
  // Positions name servers and tables: nobody else's business.
  std::error_code failure;
  if (std::filesystem::create_directories(directory, failure)) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, failure);
  }
  if (failure) {
    return Error(ErrorCode::kState, fmt::format("cannot create {}: {}", directory, failure.message()));
  }
  ASSIGN_OR_RETURN(auto database, SqliteDatabase::open(context, directory + "/state.db", ErrorCode::kState));
  return std::unique_ptr<Ledger>(std::make_unique<SqliteLedger>(std::move(database), job));
}

}  // namespace sluice
