// SPDX-License-Identifier: Apache-2.0
// Copies tables again while the stream goes on, because signals ask for it (docs/design/012).
//
// Rows are read in pieces at exact positions of the log (RangeCopier) and handed to the writer lanes between two
// groups, once the stream has reached the piece's position; a row that was changed behind that position is left out,
// since the stream has told the newer value already. How far a copy is stands in the ledger, a little behind what the
// target has: rows that come twice do no harm.
//
// For a blocking snapshot the stream rests from a table's first piece to its last, all of one snapshot.
//
// Belongs to a stream phase and is used by its thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "connector/event_topics.h"
#include "engine/job_parts.h"
#include "engine/range_copier.h"
#include "engine/snapshot_queue.h"
#include "signals/notification.h"
#include "signals/signal.h"
#include "signals/signal_file.h"

namespace sluice {

class IncrementalCopy {
 public:
  // The way to the target, of the stream phase.
  struct Outlet {
    // Rows of target tables. Their events say this in source.snapshot.
    std::function<Result<>(std::vector<ChangeBatch>, std::string_view mark)> write;
    std::function<Result<>()> end_group;  // behind them
    std::function<Result<>()> flush;      // waits until all that was written is durable
  };
  // Null if no channel for signals is open and nothing is left to copy.
  static Result<std::unique_ptr<IncrementalCopy>> open(Context& context, JobParts& parts, const JobState& state,
                                                       Outlet outlet);

  // Elements that are about to be dispatched: the ledger knows of signals among them before any target has them. In
  // the middle of a group, when lanes may hold locks on the ledger, it does when the group has ended.
  Result<> look_at(std::span<const StreamElement> elements, bool between_groups);
  // The stream dispatches these.
  void note_changes(const ChangeBatch& batch);
  void note_schema_change(const SchemaChangeEvent& event);
  // Between two groups; the stream has everything up to `reached`.
  Result<> step(const Position& reached);
  // True while a table is copied for a blocking snapshot: the stream must not go on.
  bool holds_stream() const { return holds_stream_; }

 private:
  // The last change of a row that the stream brought since the window was opened.
  struct Change {
    std::shared_ptr<const TransactionList> transactions;
    uint32_t transaction = 0;
    bool whole = true;  // it told all columns
  };
  IncrementalCopy(Context& context, JobParts& parts, Outlet outlet, SnapshotQueue queue);

  Result<> obey_all();
  Result<> obey(const Signal& signal);
  Result<> execute(const Signal& signal);
  Result<> stop(const Signal& signal);
  Result<> set_paused(const Signal& signal, bool paused);
  Result<> obey_or_warn(const Signal& signal);
  Result<> look_around();
  Result<> look_into_inbox();
  Result<> look_into_file();
  Result<> look_into_topic();
  Result<> open_topic();
  const QueuedTable* current() const;
  void start_first();
  void begin_table();  // from behind what the lanes have
  void halt();
  Result<bool> hand_on(CopiedPiece piece);
  bool drop_changed_rows(CopiedPiece& piece) const;
  Result<std::optional<ScanStatus>> look_at_targets(const TableSchemaPtr& schema);
  Result<> finish_table(ScanStatus status);
  Result<> record();
  void notify(const QueuedSnapshot& snapshot, std::string_view type,
              std::vector<std::pair<std::string, std::string>> data) const;

  Context& context_;  // of the stream phase
  JobParts& parts_;
  const Outlet outlet_;
  SnapshotQueue queue_;
  std::set<TableId> tables_;   // that the stream has
  EventTopics* const topics_;  // null: the sink has none
  std::optional<SignalFile> file_;
  MonotonicTime file_read_{};
  std::unique_ptr<TopicReader> topic_;  // null: no signals come from one
  std::string topic_name_;
  bool topic_complained_ = false;
  std::vector<Signal> signals_;  // that came and were not obeyed yet
  Position reached_;

  std::unordered_map<std::string, Change> changes_;  // by key, of the current table since the window was opened
  bool window_open_ = false;
  bool running_ = false;  // the copier has the current table
  bool unrecorded_ = false;
  bool holds_stream_ = false;
  MonotonicTime recorded_{};
  TableSchemaPtr checked_;  // the last shape that look_at_targets() found well
  std::unique_ptr<RangeCopier> copier_;
};

}  // namespace sluice
