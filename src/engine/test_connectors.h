// SPDX-License-Identifier: Apache-2.0
// A source without tables and a target in memory, for tests of single parts of the engine.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "connector/sink.h"
#include "connector/source.h"

namespace sluice {

// What the ledger of a target would hold; commits of all writers end here in order.
struct Commits {
  std::mutex mutex;
  std::vector<LedgerEntry> entries;
  size_t rows = 0;
  size_t truncations = 0;
};

// Remembers what is written beside the writers' own commits.
class MemoryLedger : public Ledger {
 public:
  explicit MemoryLedger(std::vector<LedgerEntry>& recorded) : recorded_(recorded) {}
  Result<uint64_t> take_over(Context&) override { return uint64_t{1}; }
  Result<std::vector<LedgerEntry>> load(Context&) override { return std::vector<LedgerEntry>(); }
  Result<> update(Context&, std::span<const LedgerEntry> put, std::span<const std::string>) override {
    recorded_.insert(recorded_.end(), put.begin(), put.end());
    return {};
  }

 private:
  std::vector<LedgerEntry>& recorded_;
};

class MemoryWriter : public SinkWriter {
 public:
  explicit MemoryWriter(Commits& commits) : commits_(commits) {}
  Result<> write(Context&, const ChangeBatch& batch, bool) override {
    open_rows_ += batch.rows();
    return {};
  }
  Result<> truncate(Context&, const Truncation&) override {
    std::lock_guard lock(commits_.mutex);
    ++commits_.truncations;
    return {};
  }
  Result<> commit(Context&, const LedgerEntry& entry) override {
    std::lock_guard lock(commits_.mutex);
    commits_.entries.push_back(entry);
    commits_.rows += std::exchange(open_rows_, 0);
    return {};
  }

 private:
  Commits& commits_;
  size_t open_rows_ = 0;
};

class MemorySink : public Sink {
 public:
  Result<> open(Context&) override { return {}; }
  Guarantee guarantee() const override { return Guarantee::kExactlyOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override {
    return std::unique_ptr<Ledger>(std::make_unique<MemoryLedger>(recorded));
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string&, uint64_t) override {
    return std::unique_ptr<SinkWriter>(std::make_unique<MemoryWriter>(commits));
  }
  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }
  Result<> apply(Context&, const SchemaChange& change) override {
    changes.push_back(change);
    return {};
  }
  std::vector<std::string> ddl_for(const SchemaChange&) const override { return {}; }
  int max_writers() const override { return writers; }
  bool tells_truncation() const override { return truncations_are_events; }
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

  Commits commits;
  std::vector<LedgerEntry> recorded;
  std::vector<SchemaChange> changes;
  int writers = 0;
  bool truncations_are_events = false;
};

class NoHeldLog : public HeldLog {
 public:
  Result<KeptLog> look(Context&) override { return KeptLog{}; }
  Result<std::unique_ptr<LogReader>> open_reader(Context&, LogStart) override { return std::unique_ptr<LogReader>(); }
};

// Only the members that plans and lanes use are real.
class NoSource : public Source {
 public:
  Result<> open(Context&) override { return {}; }
  Result<std::vector<SourceTable>> discover(Context&) override { return std::vector<SourceTable>(); }
  bool captures(const TableId&) const override { return true; }
  bool wants_snapshot() const override { return copied; }
  bool wants_stream() const override { return true; }
  std::unique_ptr<HeldLog> held_log() const override { return held ? std::make_unique<NoHeldLog>() : nullptr; }
  Result<std::vector<SnapshotChunk>> split(Context&, const TableSchemaPtr&) override {
    return std::vector<SnapshotChunk>();
  }
  Result<std::vector<std::unique_ptr<ChunkReader>>> open_chunk_readers(Context&, int) override {
    return std::vector<std::unique_ptr<ChunkReader>>();
  }
  Result<std::unique_ptr<LogReader>> open_log_reader(Context&, LogStart) override {
    return std::unique_ptr<LogReader>();
  }
  Result<Position> start_position(Context&) override { return Position(); }
  Result<Position> current_position(Context&) override { return Position(); }
  Result<uint64_t> estimate_rows(Context&, const TableId&) override { return uint64_t{0}; }
  bool covers(const Position&, const Transaction&) const override { return false; }
  bool covers(const Position&, const Position&) const override { return false; }

  bool copied = false;
  bool held = false;
};

}  // namespace sluice
