// SPDX-License-Identifier: Apache-2.0
// One of the connections of an OrderedLane: a task that writes one run of whole source transactions after the other.
// Before it is a run's turn it writes what cannot be in anybody's way, and keeps all of it, so that it can begin again
// from nothing: when the target refuses something, which may be right once the runs before it are committed, or when it
// gives way (engine/turns.h). When the turn has come it writes the rest, in order, and commits at the end of the run.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "connector/writes_ahead.h"
#include "engine/byte_channel.h"
#include "engine/job_parts.h"
#include "engine/source_order.h"
#include "engine/task_pool.h"
#include "engine/turns.h"

namespace sluice {

struct RunElement {
  uint64_t run = 0;
  bool waits = false;              // for the run's turn
  std::vector<bool> waiting_rows;  // if some rows wait and some do not
  bool ahead = false;              // what does not wait has been written before the turn
  std::variant<std::shared_ptr<const ChangeBatch>, Truncation, GroupEnd> what;  // the GroupEnd is the run's last
};

// Who hands out the runs. Called by the writers' tasks.
class RunOwner {
 public:
  virtual void run_done(uint64_t run, const Position& position) = 0;
  // The writer's task ends.
  virtual void run_failed(Error error) = 0;

 protected:
  ~RunOwner() = default;
};

class RunWriter final : public Task {
 public:
  // `writer` is one of a sink that WritesAhead.
  RunWriter(JobParts& parts, Context& context, Turns& turns, RunOwner& owner, std::unique_ptr<SinkWriter> writer,
            size_t channel_bytes);
  ~RunWriter() override;

  void begin();
  // Of runs in their order; one is at an end before the next begins. False if the writers have ended.
  bool send(RunElement element, size_t bytes);
  // Ends the task, wherever it is.
  void close();

 private:
  NextStep step() override;
  Result<bool> get_on();
  std::optional<RunElement> next_element();
  Result<> take_turn();
  Result<> write_in_turn(RunElement& element);
  Result<> keep(RunElement element);
  Result<bool> write_ahead(const RunElement& element);
  Result<> forgive(const Error& error);
  Result<> settle();
  void undo();
  Result<> write_held();
  Result<> commit(const GroupEnd& end);
  std::optional<MonotonicTime> give_way_at();

  JobParts& parts_;
  Context& context_;
  Turns& turns_;
  RunOwner& owner_;
  std::unique_ptr<SinkWriter> writer_;  // null until the turn if what it had written is undone
  const size_t most_kept_;
  ByteChannel<RunElement> channel_;

  // The run in work.
  uint64_t run_ = 0;  // none
  bool in_turn_ = false;
  bool has_rows_ = false;
  std::deque<RunElement> kept_;  // until its turn
  size_t kept_bytes_ = 0;
  bool complete_ = false;      // its end is among them
  bool rest_waits_ = false;    // nothing more is written before the turn
  std::set<TableId> waiting_;  // tables of which rows wait although nobody has touched their keys
  bool ahead_ = false;         // rows are in the open transaction
  bool settled_ = true;        // and the target has carried them out
  bool unanswered_ = false;    // rows were written in the turn
  SourceOrder held_;
};

}  // namespace sluice
