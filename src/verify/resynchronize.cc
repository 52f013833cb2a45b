// SPDX-License-Identifier: Apache-2.0
#include "verify/resynchronize.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <thread>

#include "base/log.h"
#include "verify/hash_range.h"
#include "verify/repair_range.h"
#include "verify/verifier.h"

namespace sluice {
namespace {

// What is compared and recorded together: a chunk and its range where the target is cut like the source, else all
// tables that share targets.
struct Unit {
  std::vector<Range> ranges;
  std::vector<PlannedChunk*> chunks;
};

struct TargetTable {
  TableSchemaPtr schema;
  std::vector<const SourceTable*> sources;
};
using TargetTables = std::map<TableId, TargetTable>;

bool waits(const TableState& state) {
  return std::ranges::any_of(state.chunks,
                             [](const PlannedChunk& chunk) { return chunk.compare && chunk.position.empty(); });
}

class Planner {
 public:
  Planner(const std::vector<SourceTable>& tables, JobState& state) : state_(state) {
    for (const auto& table : tables) tables_[table.schema->id] = &table;
  }

  Result<std::deque<Unit>> plan(JobTransform& transform) {
    for (const auto& [id, table] : tables_) {
      ASSIGN_OR_RETURN(const auto targets, transform.targets(table->schema));
      for (const auto& target : targets) {
        targets_[target->id].schema = target;
        targets_[target->id].sources.push_back(table);
        targets_of_[id].push_back(target->id);
      }
    }
    std::deque<Unit> units;
    std::set<TableId> done;
    for (const auto& [id, table] : tables_) {
      if (done.contains(id) || !waits(state_.tables.at(id))) continue;
      std::set<TableId> targets;
      std::set<TableId> sources;
      join(id, sources, targets);
      add_units(sources, targets, units);
      done.merge(sources);
    }
    return units;
  }

 private:
  // Everything that is connected with the table by a target.
  void join(const TableId& table, std::set<TableId>& sources, std::set<TableId>& targets) const {
    if (!sources.insert(table).second) return;
    const auto own = targets_of_.find(table);
    if (own == targets_of_.end()) return;
    for (const auto& target : own->second) {
      if (!targets.insert(target).second) continue;
      for (const SourceTable* other : targets_.at(target).sources) join(other->schema->id, sources, targets);
    }
  }

  void add_units(const std::set<TableId>& sources, const std::set<TableId>& targets, std::deque<Unit>& units) {
    Unit whole;
    for (const auto& target : targets) {
      std::vector<ChunkedTable> chunked;
      for (const SourceTable* source : targets_.at(target).sources) {
        auto& chunks = chunked.emplace_back(source->schema, std::vector<SnapshotChunk>()).second;
        for (const auto& planned : state_.tables.at(source->schema->id).chunks) chunks.push_back(planned.chunk);
      }
      std::ranges::move(ranges_of(targets_.at(target).schema, chunked), std::back_inserter(whole.ranges));
    }
    std::vector<PlannedChunk*> chunks;
    for (const auto& source : sources) {
      for (auto& chunk : state_.tables.at(source).chunks) chunks.push_back(&chunk);
    }
    const bool cut_alike = sources.size() == 1 && targets.size() == 1 && whole.ranges.size() == chunks.size();
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (!chunks[i]->compare || !chunks[i]->position.empty()) continue;
      if (cut_alike) {
        units.push_back({.ranges = {whole.ranges[i]}, .chunks = {chunks[i]}});
      } else {
        whole.chunks.push_back(chunks[i]);
      }
    }
    if (!whole.chunks.empty()) units.push_back(std::move(whole));
  }

  JobState& state_;
  std::map<TableId, const SourceTable*> tables_;
  TargetTables targets_;
  std::map<TableId, std::vector<TableId>> targets_of_;
};

// Where the source stood when a chunk was read first; if the table has no key, and its rows were written, last.
using Places = std::map<std::pair<TableId, uint32_t>, Position>;

// What was found of a target table.
struct TableResult {
  uint64_t rows = 0;
  RepairCounts repaired;
  uint64_t ranges = 0;
  uint64_t repaired_ranges = 0;
};

class Resynchronizing {
 public:
  Resynchronizing(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state, std::deque<Unit> units)
      : parts_(parts), tables_(tables), state_(state), context_(&parts.context), units_(std::move(units)) {}

  Result<> run();

 private:
  // The connections of one thread.
  struct Worker {
    std::unique_ptr<ChunkReader> source;
    std::unique_ptr<TableReader> target;
    std::unique_ptr<SinkWriter> writer;
    std::unique_ptr<JobTransform> transform;
  };
  enum class Round : uint8_t { kRepair, kRemove };

  Result<Worker> open_worker(std::unique_ptr<ChunkReader> source);
  void work(Worker& worker);
  Result<> settle_conflicts();
  Result<> compare(Worker& worker, Unit& unit, Round round);
  struct Compared {
    uint64_t rows = 0;
    RepairCounts repaired;
  };
  Result<Compared> compare_range(Worker& worker, const Unit& unit, const Range& range, Round round, Places& places);
  void take_in(const Range& range, uint64_t rows, const RepairCounts& counts);
  void report();

  JobParts& parts_;
  const std::vector<SourceTable>& tables_;
  JobState& state_;
  Context context_;  // of the workers
  std::deque<Unit> units_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;              // guards what follows
  std::vector<Unit*> conflicts_;  // that the target refused
  std::map<TableId, TableResult> results_;
  std::optional<Error> error_;
};

Result<Resynchronizing::Worker> Resynchronizing::open_worker(std::unique_ptr<ChunkReader> source) {
  Worker worker{.source = std::move(source), .target = nullptr, .writer = nullptr, .transform = nullptr};
  ASSIGN_OR_RETURN(worker.target, parts_.sink.open_table_reader(parts_.context));
  SLUICE_CHECK(worker.target != nullptr);
  ASSIGN_OR_RETURN(worker.writer, parts_.sink.open_writer(parts_.context, parts_.ledger.job(), parts_.ledger.epoch()));
  ASSIGN_OR_RETURN(worker.transform, make_transform(parts_.spec, tables_));
  return worker;
}

// What is to be written is in the writer's transaction when this returns.
Result<Resynchronizing::Compared> Resynchronizing::compare_range(Worker& worker, const Unit& unit, const Range& range,
                                                                 Round round, Places& places) {
  Sides sides{.context = context_,
              .source = parts_.source,
              .sink = parts_.sink,
              .transform = *worker.transform,
              .limiter = &parts_.limiter};
  const bool keyless = range.target->key.empty();
  bool moved = false;
  const auto note = [&](const SnapshotChunk& chunk) {
    Position& place = places[{chunk.table, chunk.index}];
    if (place.empty()) place = worker.source->position();
    moved = moved || (keyless && place != worker.source->position());
  };
  const auto note_filling = [&](const SnapshotChunk& chunk) {
    if (unit.ranges.size() == 1) places.erase({chunk.table, chunk.index});
    note(chunk);
  };
  if (may_hash_in_servers(parts_.spec) && round == Round::kRepair) {
    ASSIGN_OR_RETURN(const auto equal, rows_hashed_equal(sides, *worker.source, *worker.target, range, note));
    if (equal) return Compared{.rows = *equal, .repaired = {}};
    for (const auto& [table, chunk] : range.sources) {
      if (keyless && unit.ranges.size() == 1) places.erase({chunk.table, chunk.index});
    }
  }
  ASSIGN_OR_RETURN(const RangeSums sums, sum_range(sides, *worker.source, *worker.target, range, note));
  Compared result{.rows = sums.rows(), .repaired = {}};
  if (sums.differing().any()) {
    RETURN_IF_ERROR(worker.writer->begin(context_, JobLedger::chunk_entry(*unit.chunks.front())));
    const RangeRepair repair{.sides = sides,
                             .source = *worker.source,
                             .target = *worker.target,
                             .writer = *worker.writer,
                             .policy = parts_.policy,
                             .remove_only = round == Round::kRemove,
                             .filling = note_filling};
    ASSIGN_OR_RETURN(result.repaired, repair.repair(range, sums));
  }
  if (moved) return Error(ErrorCode::kTransient, "the snapshot of the source moved on while it was being compared");
  return result;
}

// Rows first, then the record: a kill in between compares again, and finds nothing.
Result<> Resynchronizing::compare(Worker& worker, Unit& unit, Round round) {
  Places places;
  for (const auto& range : unit.ranges) {
    ASSIGN_OR_RETURN(const Compared compared, compare_range(worker, unit, range, round, places));
    if (compared.repaired.rows() > 0) {
      RETURN_IF_ERROR(parts_.ledger.commit(context_, *worker.writer, JobLedger::chunk_entry(*unit.chunks.front())));
    }
    if (round == Round::kRepair) take_in(range, compared.rows, compared.repaired);
  }
  if (round == Round::kRemove) return {};
  for (PlannedChunk* chunk : unit.chunks) {
    chunk->position = places.at({chunk->chunk.table, chunk->chunk.index});
  }
  RETURN_IF_ERROR(parts_.ledger.record_compared(context_, unit.chunks));
  for (size_t i = 0; i < unit.chunks.size(); ++i) parts_.progress.add_chunk();
  return {};
}

void Resynchronizing::take_in(const Range& range, uint64_t rows, const RepairCounts& counts) {
  parts_.progress.add_copied(range.sources.front().first->id, rows, 0);
  const std::lock_guard lock(mutex_);
  TableResult& result = results_[range.target->id];
  result.rows += rows;
  result.repaired.missing += counts.missing;
  result.repaired.different += counts.different;
  result.repaired.surplus += counts.surplus;
  ++result.ranges;
  result.repaired_ranges += counts.rows() > 0 ? 1 : 0;
}

void Resynchronizing::work(Worker& worker) {
  for (size_t i = next_++; i < units_.size() && !context_.stop_requested(); i = next_++) {
    auto compared = compare(worker, units_[i], Round::kRepair);
    if (compared) continue;
    const std::lock_guard lock(mutex_);
    if (compared.error().code() == ErrorCode::kTarget) {
      conflicts_.push_back(&units_[i]);
      // After an error the writer is of no use.
      auto writer = parts_.sink.open_writer(context_, parts_.ledger.job(), parts_.ledger.epoch());
      if (writer) {
        worker.writer = std::move(writer).value();
        continue;
      }
      compared = std::move(writer).error();
    }
    if (!error_) error_ = std::move(compared).error();
    context_.request_stop();
  }
}

// A unique value that moved from one row to another while nobody looked: the row that has it in the target may belong
// to another range. So all of these ranges lose the rows that differ before any of them gets new ones.
Result<> Resynchronizing::settle_conflicts() {
  if (conflicts_.empty()) return {};
  ASSIGN_OR_RETURN(auto readers, parts_.source.open_chunk_readers(parts_.context, 1));
  ASSIGN_OR_RETURN(Worker worker, open_worker(std::move(readers[0])));
  for (const auto round : {Round::kRemove, Round::kRepair}) {
    for (Unit* unit : conflicts_) RETURN_IF_ERROR(compare(worker, *unit, round));
  }
  return {};
}

void Resynchronizing::report() {
  for (const auto& [table, result] : results_) {
    const RepairCounts& repaired = result.repaired;
    log_info(
        "{} is as its source again: {} rows compared, {} were missing, {} different, {} too much; {} of {} ranges "
        "were repaired",
        table.text(), result.rows, repaired.missing, repaired.different, repaired.surplus, result.repaired_ranges,
        result.ranges);
  }
}

Result<> Resynchronizing::run() {
  if (units_.empty()) return {};
  const size_t wanted = std::min(parts_.parallelism, units_.size());
  ASSIGN_OR_RETURN(auto readers, open_copy_readers(parts_, wanted, state_));
  std::deque<Worker> workers;
  for (auto& reader : readers) {
    ASSIGN_OR_RETURN(Worker worker, open_worker(std::move(reader)));
    workers.push_back(std::move(worker));
  }
  log_info("comparing {} parts of {} tables with the target", units_.size(), tables_.size());
  {
    std::vector<std::jthread> threads;
    for (auto& worker : workers) {
      threads.emplace_back([this, &worker, label = LogLabel::current()] {
        const LogLabel scope(label);
        work(worker);
      });
    }
  }
  workers.clear();
  if (error_) return std::move(*error_);
  if (parts_.context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while comparing");
  RETURN_IF_ERROR(settle_conflicts());
  report();
  return {};
}

}  // namespace

Result<> resynchronize(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state) {
  const auto transform = make_transform(parts.spec, tables);
  if (!transform) return transform.error();
  ASSIGN_OR_RETURN(auto units, Planner(tables, state).plan(**transform));
  return Resynchronizing(parts, tables, state, std::move(units)).run();
}

}  // namespace sluice
