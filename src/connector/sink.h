// SPDX-License-Identifier: Apache-2.0
// The contract between the engine and a system that is written.
//
// A sink with transactions keeps the job's *ledger* beside the rows: a small table of named entries, each written in
// the same transaction as the rows it speaks of. That is what makes a copy exact: after a crash the ledger says, as
// durably as the rows themselves, how far they go. Sinks without transactions return no ledger; the engine
// then keeps it in the state directory, and the guarantee is at-least-once.
//
// Entries: "lane/<n>" position of a lane · "chunk/<db.table>/<n>" a planned chunk (detail: bounds) and, once copied,
// its position · "schema/<db.table>" schema as of the lanes' position (detail) · "job" what the rows of
// the job were made with (detail) · "resynchronizing" while the source's log is lost and its rows are being compared
// with the target's (detail: why) · "life" a name of the job's life, from its beginning or --reset (detail) ·
// "snapshots" that signals have asked for, and how far they are (detail) · "confined" tables of one lane (detail).
//
// Fencing: take_over() raises the job's epoch on all entries; every later write names its epoch and fails with kFenced
// if another process has raised it since. A zombie therefore cannot commit.
//
// Threads: Sink and Ledger, each SinkWriter and each TableReader are used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "connector/source.h"
#include "data/change_batch.h"

namespace sluice {

enum class Guarantee : uint8_t { kExactlyOnce, kAtLeastOnce };

struct LedgerEntry {
  std::string name;
  std::string position;  // empty: planned, not reached
  std::string detail;    // JSON or empty
  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

class Ledger {
 public:
  virtual ~Ledger() = default;
  // Creates the ledger if it is missing, makes this process the job's owner and returns the new epoch (1 at first).
  virtual Result<uint64_t> take_over(Context& context) = 0;
  virtual Result<std::vector<LedgerEntry>> load(Context& context) = 0;
  // Writes (inserts or replaces) and removes entries in one transaction. Needs take_over first.
  virtual Result<> update(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove) = 0;
};

// One connection, one open transaction at a time. After any error the writer is thrown away, which must roll back.
class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  // Before the first write of a transaction: `entry` is what the ledger says of the lane or chunk until the commit. A
  // sink without ledger that finds rows written behind it does not write them again.
  virtual Result<> begin(Context&, const LedgerEntry&) { return {}; }
  // Makes the rows part of the open transaction. batch.schema is the target table's shape; columns that the target has
  // beyond it are left alone. Keyed tables: rows of one key take effect in order. Tables without a key: inserts append,
  // updates and deletes concern one row equal to the before image; if there is none, kData.
  // Rows of kind kRead may use the bulk path; if `into_empty_table` is false they replace rows with the same key.
  virtual Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) = 0;
  // Commits the rows together with this ledger entry (which must exist: lane or planned chunk). On success both are
  // durable. If the outcome is unknown (connection lost), the error is retryable and the ledger tells afterwards.
  virtual Result<> commit(Context& context, const LedgerEntry& entry) = 0;
  // True if changes of this table must take effect in the source's order among those of all other such tables: foreign
  // keys of the target connect them. write() then gets batches cut so that they do.
  virtual Result<bool> wants_source_order(Context&, const TableSchemaPtr&) { return false; }
  // Removes all rows of the tables as part of the open transaction; they may refer to each other. A sink of events
  // writes one for each.
  virtual Result<> truncate(Context&, const Truncation& truncation) {
    return Error(ErrorCode::kUnsupported,
                 "rows of " + truncation.tables.front()->id.text() + " cannot be removed in a transaction");
  }
  // All rows of the copy into this table are committed: adds what Sink::create_for_copy() left out. Doing it again, or
  // finding nothing left out, is not an error. No transaction is open.
  virtual Result<> finish_copy(Context&, const TableId&) { return {}; }
};

// Reads target tables back for verification.
class TableReader {
 public:
  virtual ~TableReader() = default;
  // From here on reads one state of the target, until the next call or the reader's end, and returns the job's ledger
  // in that state, which says exactly what is in it; empty if there is none. Before the first call each begin() reads
  // the state of its moment.
  virtual Result<std::vector<LedgerEntry>> begin_snapshot(Context& context, const std::string& job) = 0;
  // Rows of the table with exactly these columns and kinds, in any order, key in [lower, upper) of `key_column` by the
  // *source's* order if the target compares alike (integers), else whole. kRead rows.
  virtual Result<> begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) = 0;
  virtual Result<bool> next(Context& context, ChangeBatch& batch) = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;

  virtual Result<> open(Context& context) = 0;
  virtual void set_source(const Source&) {}  // which is open; before rows are written
  virtual Guarantee guarantee() const = 0;
  // What makes it, for `explain`.
  virtual std::string guarantee_reason() const {
    return guarantee() == Guarantee::kExactlyOnce
               ? "rows and position are committed in one transaction of the target"
               : "the target has no transactions; the position is kept in the state directory";
  }
  // False if open_table_reader() returns null. Pure.
  virtual bool can_be_read() const { return guarantee() == Guarantee::kExactlyOnce; }
  // True if SinkWriter::truncate() is wanted for every TRUNCATE, because it is an event. Pure.
  virtual bool tells_truncation() const { return false; }
  // Null if the sink cannot keep one. `job` names the job's entries.
  virtual Result<std::unique_ptr<Ledger>> open_ledger(Context& context, const std::string& job) = 0;
  // `epoch` from Ledger::take_over of the ledger above; 0 for sinks without one.
  virtual Result<std::unique_ptr<SinkWriter>> open_writer(Context& context, const std::string& job, uint64_t epoch) = 0;

  // How many writers may have an open transaction at once; SQLite has one. 0: no limit.
  virtual int max_writers() const { return 0; }

  // The current shape of a target table; null if it does not exist.
  virtual Result<TableSchemaPtr> find_table(Context& context, const TableId& table) = 0;
  virtual Result<bool> is_empty(Context& context, const TableId& table) = 0;
  // Makes the change to the target table; doing it again, or finding it done, is not an error.
  virtual Result<> apply(Context& context, const SchemaChange& change) = 0;
  // Creates a missing table that a copy will fill. It may lack what makes adding rows slow, its key, until
  // SinkWriter::finish_copy(); a writer that must find rows by their key before that finishes the table itself.
  virtual Result<> create_for_copy(Context& context, const TableSchemaPtr& table) {
    return apply(context, {.kind = SchemaChangeKind::kCreateTable, .after = table});
  }
  // The tables, of any job, that still wait for finish_copy(). One request, however many tables there are.
  virtual Result<std::vector<TableId>> unfinished_copies(Context&) { return std::vector<TableId>(); }
  // The statements apply() would run, for `explain`.
  virtual std::vector<std::string> ddl_for(const SchemaChange& change) const = 0;
  // True if keys that differ in bytes always differ in the target (no case-insensitive collation): such keys may be
  // spread over lanes.
  virtual bool keys_compare_bytewise() const = 0;
  // Null if the sink cannot be read back.
  virtual Result<std::unique_ptr<TableReader>> open_table_reader(Context& context) = 0;
};

}  // namespace sluice
