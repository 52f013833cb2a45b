// SPDX-License-Identifier: Apache-2.0
// The contract between the engine and a system that is read.
//
// The engine's promises: Source, each ChunkReader and the LogReader are used by one thread at a time, not always by the
// same one and not always by the one that uses the others. Everything is closed before its Source. Every blocking
// call returns within a second after context.request_stop().
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "data/change_batch.h"

namespace sluice {

// A range of one table's key: lower <= key < upper in the order of the server. Null bounds are open; a table with
// one chunk and two null bounds is read whole. Bounds are the text of the chunk key column's value.
struct SnapshotChunk {
  TableId table;
  uint32_t index = 0;
  std::optional<std::string> lower;
  std::optional<std::string> upper;
  bool by_key = true;  // the bounds are of the first key column, not of another that the options name
};

// A chunk whose rows are in the target, as of `position`: every change up to it is in them, none after it.
struct FinishedChunk {
  SnapshotChunk chunk;
  Position position;
};

// Reads chunks in one transaction of the source, opened before the first chunk: position() is exactly where in the log
// that transaction stands.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;
  virtual const Position& position() const = 0;
  // Begins a chunk of the table with exactly this schema. Fails with kSchemaChanged if the table has another one by
  // now, unless the transaction still shows it as it was: the engine then forgets the table's chunks and plans it anew.
  virtual Result<> begin(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) = 0;
  // Appends up to about 64 KiB to 1 MiB of rows (kind kRead) to the empty batch; returns false when the chunk has ended
  // (the batch may hold its last rows).
  virtual Result<bool> next(Context& context, ChangeBatch& batch) = 0;
  // Between two chunks, before a wait that may be long: gives up what others at the source would have to wait for.
  virtual Result<> release_locks(Context& context) = 0;
};

class LogReader {
 public:
  virtual ~LogReader() = default;
  // Appends what is there, waiting at most about 50 ms if there is nothing. Elements are in log order; each group ends
  // with GroupEnd. A quiet log yields GroupEnd with an advanced position at least every heartbeat interval.
  virtual Result<> poll(Context& context, std::vector<StreamElement>& out) = 0;
  // Everything up to here is durable in every target: the source may forget it.
  virtual Result<> acknowledge(const Position& position) = 0;
};

// A table as the source found it. `detail` is the source's own complete description of it (the schema, character sets,
// ...), stored by the engine and handed back in LogStart.
struct SourceTable {
  TableSchemaPtr schema;
  std::string detail;
};

struct LogStart {
  Position position;                                    // continue behind this
  std::vector<std::pair<TableId, std::string>> tables;  // SourceTable::detail of each table known at `position`
  std::vector<FinishedChunk> chunks;                    // changes that these already contain are left out
  bool second_reader = false;                           // another one follows the log for the job: leave it alone
};

// What a server keeps of its log for one job.
struct KeptLog {
  Position acknowledged;        // changes up to here are not sent again; empty: not known
  Position end;                 // of the log, when it was looked at; empty: not known
  uint64_t unacknowledged = 0;  // bytes of log behind it
  uint64_t retained = 0;        // bytes of log that the server keeps for the job: also what open transactions need
};

// A log that the server keeps for the job, however long that takes, until the job has acknowledged it. Has connections
// of its own; used by one thread at a time, which need not be the one that uses the source.
class HeldLog {
 public:
  virtual ~HeldLog() = default;
  virtual Result<KeptLog> look(Context& context) = 0;
  // As Source::open_log_reader; for a job that has streamed before.
  virtual Result<std::unique_ptr<LogReader>> open_reader(Context& context, LogStart start) = 0;
};

// What events say about where they come from.
struct SourceDescription {
  std::string connector;  // "mysql", "mariadb" or "postgresql"
  std::string database;   // of a source that reads one alone
};

class Source {
 public:
  virtual ~Source() = default;

  // Connects and checks the server's settings; errors name the setting and the statement that corrects it.
  virtual Result<> open(Context& context) = 0;
  virtual SourceDescription describe() const { return {}; }  // when open
  // The captured tables with their current schemas. An empty list is an error (kConfig) that names the pattern.
  virtual Result<std::vector<SourceTable>> discover(Context& context) = 0;
  // True if the options name this table, whether it exists or not.
  virtual bool captures(const TableId& table) const = 0;
  // True when the job begins with a copy of the rows; false when the options ask for the log only.
  virtual bool wants_snapshot() const = 0;
  // True when the job goes on with the log after the copy.
  virtual bool wants_stream() const = 0;
  // Cuts a table into chunks; always at least one.
  virtual Result<std::vector<SnapshotChunk>> split(Context& context, const TableSchemaPtr& schema) = 0;
  // False if the chunks of the table divide its rows only as one snapshot sees them: a copy that was broken off
  // between two of them begins again. Pure.
  virtual bool outlives_snapshot(const SnapshotChunk&) const { return true; }
  // Opens up to `count` readers whose positions are as close together as the server allows.
  virtual Result<std::vector<std::unique_ptr<ChunkReader>>> open_chunk_readers(Context& context, int count) = 0;
  // A reader of the rows of now, for comparisons. `placed` asks for one whose position is exact and behind which a
  // second reader may read the log, while this one is there; otherwise, and if the source has none to give, it is
  // empty.
  virtual Result<std::unique_ptr<ChunkReader>> open_comparing_reader(Context& context, [[maybe_unused]] bool placed) {
    ASSIGN_OR_RETURN(auto readers, open_chunk_readers(context, 1));
    return std::move(readers[0]);
  }
  virtual Result<std::unique_ptr<LogReader>> open_log_reader(Context& context, LogStart start) = 0;
  // Changes that the job needs are gone for good: removes what the server has kept for the job and cannot send any more.
  virtual Result<> give_up_log(Context&) { return {}; }
  // Null if the server drops its log after a time, whoever reads it. Pure.
  virtual std::unique_ptr<HeldLog> held_log() const { return nullptr; }
  // True if a second reader may read the log beside the job's own: from where a placed reader stands, and from where
  // the job's targets stand if the server still holds that.
  virtual bool log_can_be_read_again() const { return false; }
  // Where a job without a copy begins, as the startup options say.
  virtual Result<Position> start_position(Context& context) = 0;
  // Where the log stands now (for --until-caught-up, lag and log-only starts).
  virtual Result<Position> current_position(Context& context) = 0;
  // Estimated rows, for progress; 0 if unknown.
  virtual Result<uint64_t> estimate_rows(Context& context, const TableId& table) = 0;

  // True if somebody who has everything up to `reached` has the transaction / everything up to `other`. Pure.
  virtual bool covers(const Position& reached, const Transaction& transaction) const = 0;
  virtual bool covers(const Position& reached, const Position& other) const = 0;
};

}  // namespace sluice
