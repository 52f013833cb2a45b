// SPDX-License-Identifier: Apache-2.0
// Keeps a source from keeping its log. A server that holds its log until the job has acknowledged it fills its disk
// when the target is away, hangs or is slow. Past a limit (change-log.retained-limit) the log is read into a change log
// in the state directory, and acknowledged from there; what the target lacks comes from the change log, in order, and
// once it has caught up the job reads from the source into memory again.
//
// The change log is never empty-handed: while the job reads into memory it holds no changes but what the source needs
// to go on (tables, position), so that a job that starts while its target is away can spool, too.
//
// A task of its own looks how much the server keeps, and reads (in one long step) while the log is spooled: whether an
// attempt to run the job is under way or not. The stream phase reads through what attach() gives. set_blocked() and
// wants_log() may be called from any thread, all others by the coordinator.
//
// While tables are copied the log is read beside that, as if every chunk that is to be read stood where the snapshots
// do that are open now: it may come to stand behind that, never before it. The Reader then leaves out what the chunks
// turned out to contain. Tables that appear during the first copy are left out; they are copied after the others.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "changelog/change_log.h"
#include "config/job_spec.h"
#include "connector/reads_beside_copies.h"
#include "connector/source.h"
#include "engine/progress.h"
#include "engine/task_pool.h"

namespace sluice {

class LogSpool final : public Task {
 public:
  // Everything given by reference outlives it. `coordinator` is woken when the phase should end.
  LogSpool(Source& source, std::unique_ptr<HeldLog> held, const PipelineSpec& options, std::string folder,
           Progress& progress, Task& coordinator);
  ~LogSpool() override;

  // `fresh`: the change log on disk is about to be forgotten.
  void begin(TaskPool& tasks, bool fresh);
  // Removes the change log: the job begins anew.
  Result<> forget();

  // Before the snapshots are opened in which rows are copied: what is read of the log from here to the call of
  // begin_copy(), or resume(), is nothing.
  void pause();
  void resume();
  // They are open: start.chunks has all chunks of the tables that are copied, those that wait with the snapshots'
  // place. The job begins with this copy if `first`. An error if what lies between the target and the source is lost.
  Result<> begin_copy(Context& context, const LogStart& start, const std::string& life, bool first);
  // From here on no table is left out, also while more are copied. True if any may have been.
  bool end_copy();

  // A reader of all changes behind start.position, from the change log and then from the source. `life` names the life
  // of the job that the ledger belongs to. `phase` is asked to stop when the log must be spooled. One at a time.
  Result<std::unique_ptr<LogReader>> attach(Context& phase, const LogStart& start, const std::string& life);
  // The ledger has recorded it; everything before it is durable.
  void schema_changed(const SchemaChangeEvent& event);
  // Whether the target keeps the stream phase from reading on.
  void set_blocked(bool blocked);
  // The stream phase should end, and begin again.
  bool wants_log() const;

 private:
  class Reader;

  // Of the task.
  NextStep step() override;
  void look_if_due(Context& context);
  void open_log_early();
  bool should_read();
  void read_until_told();
  Result<> read_source(Context& context);
  Result<> begin_reading(Context& context);
  Result<> publish();
  bool has_room();
  bool hand_over();

  // While the task is idle.
  Result<bool> take_up(const LogStart& start, const std::string& life, std::optional<Error>& unusable);
  Result<bool> prepare(const LogStart& start, const std::string& life);
  LogState newer_tables(const LogStart& start) const;
  Result<> write_tables();

  // Of the Reader.
  Result<std::unique_ptr<LogReader>> read_back(const LogStart& start);
  Result<> acknowledge(const Position& position, bool in_memory);
  Result<> wait_for_more(uint64_t published, std::unique_ptr<LogReader>& inner);
  bool is_durable(const Position& position) const;  // in the target
  uint64_t published() const;

  uint64_t segment_bytes() const;
  bool covers(const Position& reached, const Position& other) const { return source_.covers(reached, other); }

  Source& source_;
  const std::unique_ptr<HeldLog> held_;
  ReadsBesideCopies* const beside_;  // held_, if it can
  const uint64_t limit_;
  const uint64_t max_bytes_;
  const std::chrono::milliseconds longest_delay_;
  const std::string folder_;
  Progress& progress_;
  Task& coordinator_;
  Context context_;  // of the task

  // Used by the task while busy_, else by the coordinator when it has paused it, and by the Reader.
  std::unique_ptr<ChangeLog> log_;
  LogState unwritten_;  // tables that the change log must know before it goes on
  // Of the task alone.
  std::unique_ptr<LogReader> reader_;
  KeptLog kept_;
  MonotonicTime last_look_;
  MonotonicTime last_sync_;
  bool told_full_ = false;
  bool may_open_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  LogState base_;             // what the ledger says; its position is durable in the target
  bool have_base_ = false;    // the ledger has been read
  bool base_stale_ = false;   // the change log on disk, empty of changes, knows less
  bool attached_ = false;     // or paused
  bool first_copy_ = false;   // is being made, or was broken off
  bool left_out_ = false;     // tables, perhaps, since end_copy()
  bool looked_late_ = false;  // end_copy() has said so once
  Context* phase_ = nullptr;  // while attached
  bool can_spool_ = false;    // while attached: there is a change log
  bool blocked_ = false;
  MonotonicTime last_word_;  // of the phase
  bool yield_ = false;       // the phase should end, so that the log can be spooled
  bool active_ = false;      // the task is to read the source
  bool busy_ = false;        // it does, or uses the change log
  uint64_t published_ = 0;   // how often there was more in the change log
  bool at_end_ = false;      // the Reader has read all there is
  std::unique_ptr<LogReader> handed_over_;
  std::optional<Error> stopped_;  // the log cannot be spooled beyond its end
  MonotonicTime detached_since_;
  std::unique_ptr<Context> reading_;  // while busy_
};

}  // namespace sluice
