// SPDX-License-Identifier: Apache-2.0
// The job's memory in its ledger (connector/sink.h), in the engine's terms: lanes, planned and copied chunks, table
// descriptions. Kept by the sink in the target itself where it can, else in the state directory.
// commit() may be called from any thread; everything else from the coordinator's.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "connector/sink.h"
#include "connector/source.h"

namespace sluice {

struct PlannedChunk {
  SnapshotChunk chunk;
  bool into_empty_table = false;  // the target tables were empty when the copy of this table began
  bool compare = false;           // the target's rows are compared and repaired instead of written
  int64_t planned_ms = 0;         // when it was planned; zero: not known
  Position position;              // empty until copied
};

struct TableState {
  std::string detail;  // the source's description
  std::vector<PlannedChunk> chunks;
  bool copied() const;
};

struct JobState {
  std::vector<Position> lanes;  // empty: streaming has not begun
  std::map<TableId, TableState> tables;
  std::string resynchronizing;  // why, from the loss of the source's log to the end of the comparison; else empty
  std::string life;             // of the job, from its beginning or --reset; empty: it has none yet
  std::string snapshots;        // that signals have asked for (engine/snapshot_queue.h)
  // Tables whose rows all go to one lane because the target said so; nothing: rows were spread before anybody asked.
  std::optional<std::set<TableId>> confined;
  std::string rules;  // of transform and route, as they were (transform/rule_changes.h); empty: not known
};

Result<JobState> parse_job_state(std::span<const LedgerEntry> entries);

class JobLedger {
 public:
  // Takes the job over: from here on no other process can commit for it.
  static Result<std::unique_ptr<JobLedger>> open(Context& context, Sink& sink, const std::string& job,
                                                 const std::string& state_dir);

  const std::string& job() const { return job_; }
  uint64_t epoch() const { return epoch_; }
  // True if rows and ledger are committed together.
  bool in_target() const { return in_target_; }

  Result<JobState> load(Context& context);
  Result<> plan_tables(Context& context, const std::map<TableId, TableState>& tables);
  Result<> record_life(Context& context, const std::string& life);
  Result<> record_snapshots(Context& context, const std::string& snapshots);
  Result<> record_rules(Context& context, const std::string& rules);
  // The source has lost its log: nothing that is known about tables and lanes holds any more. Until streaming begins
  // again tables are planned to be compared.
  Result<> begin_resynchronizing(Context& context, const std::string& why);
  // Chunks that were compared, in one transaction. Any thread.
  Result<> record_compared(Context& context, std::span<PlannedChunk* const> chunks);
  // Streaming begins, or the number of lanes changes: all lanes at their positions, replacing `old_lanes` entries.
  Result<> set_lanes(Context& context, const std::vector<Position>& lanes, size_t old_lanes);
  // How rows are spread over lanes from here on; all lanes must be at one position.
  Result<> record_confined(Context& context, const std::set<TableId>& tables);
  // A schema change at a position that all lanes have reached: table descriptions and the lanes' positions in one
  // transaction. Tables that are gone, or that need a copy, are forgotten together with their chunks.
  Result<> record_schema_change(Context& context, const SchemaChangeEvent& event, std::span<const Position> lanes);
  // What was copied of the table counts no more, whatever becomes of it: no description of the source equals this one.
  Result<> void_copy(Context& context, const TableId& table);
  Result<> forget_table(Context& context, const TableId& table, const TableState& state);
  Result<> forget_all(Context& context);
  // Chunks whose positions all lanes have passed say nothing any more.
  Result<> forget_chunks(Context& context, const TableId& table, size_t chunks);

  // An entry to commit rows with that belong to no lane or chunk (repairs).
  Result<LedgerEntry> repair_entry(Context& context);
  // Commits the writer's open transaction with the entry.
  Result<> commit(Context& context, SinkWriter& writer, const LedgerEntry& entry);

  static LedgerEntry lane_entry(size_t lane, const Position& position);
  static LedgerEntry chunk_entry(const PlannedChunk& chunk);

 private:
  JobLedger(std::string job, std::unique_ptr<Ledger> ledger, bool in_target)
      : job_(std::move(job)), ledger_(std::move(ledger)), in_target_(in_target) {}

  const std::string job_;
  std::mutex mutex_;  // guards ledger_ when it is the state directory's, which lanes write too
  std::unique_ptr<Ledger> ledger_;
  const bool in_target_;
  uint64_t epoch_ = 0;
  std::map<TableId, size_t> chunks_;  // how many entries each table has, so that they go with it
};

}  // namespace sluice
