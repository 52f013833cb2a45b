// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot_phase.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/byte_channel.h"

namespace sluice {
namespace {

// Tables are planned in groups, so that a thousand tables do not cost a thousand ledger transactions.
constexpr size_t kTablesPerPlan = 200;

struct CopyTask {
  const SourceTable* table;
  PlannedChunk* chunk;
};

// Hands tasks out to the workers, and takes in the first error, which stops them all.
class TaskQueue {
 public:
  TaskQueue(Context& context, std::vector<CopyTask> tasks) : context_(context), tasks_(std::move(tasks)) {
    for (const CopyTask& task : tasks_) ++open_[task.table];
  }

  const CopyTask* next() {
    if (context_.stop_requested()) return nullptr;
    const size_t index = next_.fetch_add(1);
    return index < tasks_.size() ? &tasks_[index] : nullptr;
  }
  // To be called when the task's chunk is durable. True if it was the last one of its table.
  bool ends_table(const CopyTask& task) {
    std::lock_guard lock(mutex_);
    return --open_[task.table] == 0;
  }
  void fail(Error error, const CopyTask& task) {
    std::lock_guard lock(mutex_);
    if (!error_) {
      error_.emplace(std::move(error).context("copying " + task.table->schema->id.text()));
      failed_ = task;
    }
    context_.request_stop();
  }
  std::optional<Error>& error() { return error_; }
  const CopyTask& failed() const { return failed_; }
  size_t size() const { return tasks_.size(); }

 private:
  Context& context_;
  const std::vector<CopyTask> tasks_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;                           // guards what follows
  std::map<const SourceTable*, size_t> open_;  // chunks that are not durable
  std::optional<Error> error_;
  CopyTask failed_{};
};

struct Worker {
  std::unique_ptr<ChunkReader> reader;
  std::unique_ptr<SinkWriter> writer;
  std::unique_ptr<JobTransform> transform;
  const CopyTask* task = nullptr;  // whose rows are being written
};

// What a worker's reader hands to its writer: some rows of a chunk or, last, the position that all its rows are of.
struct ChunkPart {
  const CopyTask* task;
  ChangeBatch batch;
  std::optional<Position> end;
};
using ChunkParts = ByteChannel<ChunkPart>;

// Enough for the source to go on while the target is busy with a few statements.
constexpr size_t kReadAheadBytes = 4 << 20;
constexpr size_t kEndBytes = 64;
constexpr std::chrono::milliseconds kPopTimeout{50};
constexpr std::chrono::milliseconds kSlowTarget{1000};

// False if nobody takes the rows any more.
Result<bool> read_chunk(Context& context, ChunkReader& reader, const CopyTask& task, ChunkParts& parts) {
  const TableSchemaPtr& schema = task.table->schema;
  RETURN_IF_ERROR(reader.begin(context, task.chunk->chunk, schema));
  const auto snapshot = std::make_shared<const TransactionList>(
      1, Transaction{.start = reader.position(), .event_time_us = wall_clock_ms() * 1000});
  bool more = true;
  const auto push = [&](ChunkPart part, size_t bytes) -> Result<bool> {
    // The target may keep us waiting for as long as it likes; nobody at the source shall wait for it with us.
    if (!more && !parts.wait_for_room(bytes, kSlowTarget)) RETURN_IF_ERROR(reader.release_locks(context));
    return parts.push(std::move(part), bytes);
  };
  while (more) {
    ChangeBatch batch(schema);
    ASSIGN_OR_RETURN(more, reader.next(context, batch));
    batch.transactions = snapshot;
    const size_t bytes = batch.byte_size();
    if (batch.rows() == 0) continue;
    ASSIGN_OR_RETURN(const bool taken, push({&task, std::move(batch), std::nullopt}, bytes));
    if (!taken) return false;
  }
  return push({&task, ChangeBatch(schema), reader.position()}, kEndBytes);
}

Result<> write_rows(JobParts& parts, Context& context, Worker& worker, ChunkPart part) {
  const uint64_t rows = part.batch.rows();
  const uint64_t bytes = part.batch.byte_size();
  if (worker.task != part.task) {
    RETURN_IF_ERROR(worker.writer->begin(context, JobLedger::chunk_entry(*part.task->chunk)));
    worker.task = part.task;
  }
  if (!parts.limiter.acquire(context, rows, bytes)) return Error(ErrorCode::kStopped, "stopped while copying");
  std::vector<ChangeBatch> out;
  RETURN_IF_ERROR(worker.transform->apply(std::move(part.batch), out));
  for (auto& target : out) {
    if (target.rows() == 0) continue;
    const ChangeBatch fitted = parts.policy.fit(std::move(target));
    RETURN_IF_ERROR(worker.writer->write(context, fitted, part.task->chunk->into_empty_table));
  }
  parts.progress.add_copied(part.task->table->schema->id, rows, bytes);
  return {};
}

Result<> finish_copy(Context& context, SinkWriter& writer, JobTransform& transform, const SourceTable& table) {
  ASSIGN_OR_RETURN(const auto targets, transform.targets(table.schema));
  fault_point("before_copy_finish");
  for (const auto& target : targets) RETURN_IF_ERROR(writer.finish_copy(context, target->id));
  fault_point("after_copy_finish");
  return {};
}

Result<> write_part(JobParts& parts, Context& context, Worker& worker, TaskQueue& queue, ChunkPart part) {
  if (!part.end) return write_rows(parts, context, worker, std::move(part));
  PlannedChunk done = *part.task->chunk;
  done.position = std::move(*part.end);
  RETURN_IF_ERROR(parts.ledger.commit(context, *worker.writer, JobLedger::chunk_entry(done)));
  part.task->chunk->position = done.position;
  parts.progress.add_chunk();
  if (!queue.ends_table(*part.task)) return {};
  return finish_copy(context, *worker.writer, *worker.transform, *part.task->table);
}

// Reads in a thread of its own, so that the source works on the next rows, also of the next chunk, while the target
// takes the last ones. The reader goes when it has read its last chunk: its transaction holds locks on the tables.
void run_worker(JobParts& parts, Context& context, Worker& worker, TaskQueue& queue) {
  ChunkParts channel(kReadAheadBytes);
  const std::jthread reader([&, label = LogLabel::current()] {
    const LogLabel scope(label);
    while (const CopyTask* task = queue.next()) {
      auto read = read_chunk(context, *worker.reader, *task, channel);
      if (!read) queue.fail(std::move(read).error(), *task);
      if (!read || !*read) break;
    }
    worker.reader.reset();
    channel.close();
  });
  while (!context.stop_requested()) {
    auto part = channel.pop(kPopTimeout);
    if (!part && channel.drained()) break;
    if (!part) continue;
    const CopyTask& task = *part->task;
    auto written = write_part(parts, context, worker, queue, std::move(*part));
    if (written) continue;
    queue.fail(std::move(written).error(), task);
    break;
  }
  channel.close();
}

// True if every target of the table is there and without rows.
Result<bool> targets_are_empty(JobParts& parts, const std::vector<TableSchemaPtr>& targets) {
  for (const auto& target : targets) {
    ASSIGN_OR_RETURN(const bool empty, parts.sink.is_empty(parts.context, target->id));
    if (!empty) return false;
  }
  return true;
}

// Rows that are there already are replaced by key; without a key they would be there twice.
Result<> check_rows_can_be_replaced(const SourceTable& table, const std::vector<TableSchemaPtr>& targets, bool empty) {
  const bool keyed = std::ranges::none_of(targets, [](const TableSchemaPtr& target) { return target->key.empty(); });
  if (empty || keyed) return {};
  return Error(ErrorCode::kTarget,
               fmt::format("the target of table {} holds rows already and has no key: they would be doubled",
                           table.schema->id.text()),
               "Empty the target table, or give the table a key (primary-keys in a transform).");
}

Result<> plan_tables(JobParts& parts, const std::vector<const SourceTable*>& tables, JobState& state) {
  for (size_t first = 0; first < tables.size(); first += kTablesPerPlan) {
    std::map<TableId, TableState> planned;
    for (size_t i = first; i < std::min(tables.size(), first + kTablesPerPlan); ++i) {
      if (parts.context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while planning the copy");
      const SourceTable& table = *tables[i];
      ASSIGN_OR_RETURN(const auto targets, parts.transform.targets(table.schema));
      ASSIGN_OR_RETURN(const bool empty, targets_are_empty(parts, targets));
      const bool compare = !empty && !state.resynchronizing.empty();
      if (!compare) RETURN_IF_ERROR(check_rows_can_be_replaced(table, targets, empty));
      ASSIGN_OR_RETURN(auto chunks, parts.source.split(parts.context, table.schema));
      TableState& table_state = planned[table.schema->id];
      table_state.detail = table.detail;
      const int64_t now = wall_clock_ms();
      for (auto& chunk : chunks) {
        table_state.chunks.push_back({.chunk = std::move(chunk),
                                      .into_empty_table = empty,
                                      .compare = compare,
                                      .planned_ms = now,
                                      .position = {}});
      }
    }
    RETURN_IF_ERROR(parts.ledger.plan_tables(parts.context, planned));
    state.tables.merge(planned);
    fault_point("after_snapshot_plan");
  }
  return {};
}

// True if the table's target holds no rows but those that its copy has put there.
bool is_ours_alone(const JobParts& parts, const TableState& state) {
  return !state.chunks.empty() && state.chunks.front().into_empty_table && parts.spec.routes.empty();
}

Result<> drop_target(JobParts& parts, const TableSchemaPtr& target) {
  return parts.sink.apply(
      parts.context,
      {.kind = SchemaChangeKind::kDropTable, .before = target, .after = nullptr, .columns = {}, .new_names = {}});
}

// Tables that went away before all of their chunks were copied: nobody can copy the rest.
Result<> forget_lost_tables(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state) {
  std::set<TableId> present;
  for (const auto& table : tables) present.insert(table.schema->id);
  for (auto entry = state.tables.begin(); entry != state.tables.end();) {
    const auto& [id, table_state] = *entry;
    if (present.contains(id) || table_state.copied()) {
      ++entry;
      continue;
    }
    log_warn("table {} went away while it was being copied; what was copied of it is dropped", id.text());
    if (is_ours_alone(parts, table_state)) {
      TableSchema gone;
      gone.id = id;
      RETURN_IF_ERROR(drop_target(parts, std::make_shared<const TableSchema>(std::move(gone))));
    }
    RETURN_IF_ERROR(parts.ledger.forget_table(parts.context, id, table_state));
    entry = state.tables.erase(entry);
  }
  return {};
}

// What was copied of the table does not fit what is to come (`why`): it is thrown away, and the table is planned anew.
Result<> forget_partial_copy(JobParts& parts, const SourceTable& table, JobState& state, std::string_view why) {
  const TableState& table_state = state.tables[table.schema->id];
  if (table_state.chunks.front().compare) {
    log_warn("table {} {} while it was being compared; its comparison starts again", table.schema->id.text(), why);
    return parts.ledger.forget_table(parts.context, table.schema->id, table_state);
  }
  ASSIGN_OR_RETURN(const auto targets, parts.transform.targets(table.schema));
  const auto& chunks = table_state.chunks;
  const bool any_copied = std::ranges::any_of(chunks, [](const auto& chunk) { return !chunk.position.empty(); });
  const bool ours = is_ours_alone(parts, table_state);
  if (any_copied && !ours) {
    return Error(ErrorCode::kTarget,
                 fmt::format("table {} {} while it was being copied into a table that holds other rows too",
                             table.schema->id.text(), why),
                 "Empty the target table and start the job with --reset.");
  }
  if (ours) {
    // Chunks without their rows must not be taken for copied: after a crash between the two this is done again,
    // although the definition may be what it was.
    RETURN_IF_ERROR(parts.ledger.void_copy(parts.context, table.schema->id));
    for (const auto& target : targets) RETURN_IF_ERROR(drop_target(parts, target));
    fault_point("after_copy_dropped");
  }
  RETURN_IF_ERROR(parts.ledger.forget_table(parts.context, table.schema->id, table_state));
  log_warn("table {} {} while it was being copied; its copy starts again", table.schema->id.text(), why);
  return {};
}

constexpr const char* kAltered = "was altered";

// Why the rest of a table cannot be copied beside what is there; null if it can.
const char* begins_again(const Source& source, const SourceTable& table, const TableState& state) {
  if (state.copied()) return nullptr;
  if (state.detail != table.detail) return kAltered;
  const auto& chunks = state.chunks;
  const bool any_copied = std::ranges::any_of(chunks, [](const auto& chunk) { return !chunk.position.empty(); });
  const bool divided =
      std::ranges::all_of(chunks, [&](const auto& chunk) { return source.outlives_snapshot(chunk.chunk); });
  return any_copied && !divided ? "lost its snapshot" : nullptr;
}

// A kill may have come between the last chunk of a table and the end of its copy.
Result<> finish_left_copies(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state) {
  ASSIGN_OR_RETURN(const auto unfinished, parts.sink.unfinished_copies(parts.context));
  if (unfinished.empty()) return {};
  const std::set<TableId> waiting(unfinished.begin(), unfinished.end());
  std::unique_ptr<SinkWriter> writer;
  for (const auto& table : tables) {
    if (!state.tables[table.schema->id].copied()) continue;
    ASSIGN_OR_RETURN(const auto targets, parts.transform.targets(table.schema));
    if (std::ranges::none_of(targets, [&](const auto& target) { return waiting.contains(target->id); })) continue;
    if (!writer) {
      ASSIGN_OR_RETURN(writer, parts.sink.open_writer(parts.context, parts.ledger.job(), parts.ledger.epoch()));
    }
    RETURN_IF_ERROR(finish_copy(parts.context, *writer, parts.transform, table));
  }
  return {};
}

Result<> copy_tables(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state) {
  std::vector<CopyTask> tasks;
  for (const auto& table : tables) {
    for (auto& chunk : state.tables[table.schema->id].chunks) {
      if (chunk.position.empty() && !chunk.compare) tasks.push_back({.table = &table, .chunk = &chunk});
    }
  }
  if (tasks.empty()) return {};
  const auto wanted = std::min(parts.parallelism, tasks.size());
  ASSIGN_OR_RETURN(auto readers, open_copy_readers(parts, wanted, state));
  std::vector<Worker> workers;
  for (auto& reader : readers) {
    ASSIGN_OR_RETURN(auto writer, parts.sink.open_writer(parts.context, parts.ledger.job(), parts.ledger.epoch()));
    ASSIGN_OR_RETURN(auto transform, make_transform(parts.spec, tables));
    workers.push_back({std::move(reader), std::move(writer), std::move(transform)});
  }
  Context copying(&parts.context);
  TaskQueue queue(copying, std::move(tasks));
  log_info("copying {} chunks of {} tables with {} readers", queue.size(), tables.size(), workers.size());
  {
    std::vector<std::jthread> threads;
    for (auto& worker : workers) {
      threads.emplace_back([&, label = LogLabel::current()] {
        const LogLabel scope(label);
        run_worker(parts, copying, worker, queue);
      });
    }
  }
  if (!queue.error()) {
    if (parts.context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while copying");
    return {};
  }
  if (queue.error()->code() == ErrorCode::kSchemaChanged) {
    workers.clear();  // their transactions hold locks on the tables
    RETURN_IF_ERROR(forget_partial_copy(parts, *queue.failed().table, state, kAltered));
  }
  return std::move(*queue.error());
}

}  // namespace

Result<> run_snapshot_phase(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state) {
  RETURN_IF_ERROR(forget_lost_tables(parts, tables, state));
  std::vector<const SourceTable*> unplanned;
  for (const auto& table : tables) {
    const TableId& id = table.schema->id;
    const auto known = state.tables.find(id);
    if (known == state.tables.end()) {
      unplanned.push_back(&table);
    } else if (const char* why = begins_again(parts.source, table, known->second)) {
      RETURN_IF_ERROR(forget_partial_copy(parts, table, state, why));
      state.tables.erase(id);
      unplanned.push_back(&table);
    }
  }
  // The plan comes first: it remembers the shape that the targets are created with, should the source's change now.
  RETURN_IF_ERROR(plan_tables(parts, unplanned, state));
  RETURN_IF_ERROR(open_targets(parts, tables, state));
  RETURN_IF_ERROR(finish_left_copies(parts, tables, state));
  for (const auto& table : tables) {
    const TableState& table_state = state.tables[table.schema->id];
    if (table_state.copied()) continue;  // asking for the size of thousands of tables takes seconds
    const auto& chunks = table_state.chunks;
    const auto copied = std::ranges::count_if(chunks, [](const auto& chunk) { return !chunk.position.empty(); });
    ASSIGN_OR_RETURN(const uint64_t rows, parts.source.estimate_rows(parts.context, table.schema->id));
    parts.progress.add_plan(table.schema->id, rows, chunks.size(), static_cast<uint64_t>(copied));
  }
  parts.progress.set_phase(state.resynchronizing.empty() ? JobPhase::kCopying : JobPhase::kResynchronizing);
  return copy_tables(parts, tables, state);
}

}  // namespace sluice
