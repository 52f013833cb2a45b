// SPDX-License-Identifier: Apache-2.0
// The lane of `apply: transactional` where the sink allows several writers: whole source transactions are written
// through several connections side by side and committed in the source's order, each commit with the same entry of the
// ledger. What it says and promises is what one connection would.
//
// The stream is cut into runs of whole transactions. A run ends when nothing more waits and all before it is durable;
// otherwise it grows, until it is large enough for another connection to go on with the next one. A row whose key an
// earlier run in flight has touched waits for its run's turn; so do all rows of tables whose keys say too little.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/keys_in_flight.h"
#include "engine/run_writer.h"
#include "engine/stream_lane.h"
#include "engine/turns.h"

namespace sluice {

class OrderedLane final : public StreamLane, private RunOwner {
 public:
  // `start` is what the ledger says. Starts the task.
  OrderedLane(JobParts& parts, Context& context, std::vector<std::unique_ptr<SinkWriter>> writers, Partitioner keys,
              Position start, size_t channel_bytes, MonotonicTime::duration patience = Turns::kPatience);
  ~OrderedLane() override;

 private:
  NextStep step() override;
  NextStep fail(Error error);
  void run_done(uint64_t run, const Position& position) override;
  void run_failed(Error error) override;

  bool handle(LaneElement& element);
  bool send_rows(std::shared_ptr<const ChangeBatch> batch);
  bool send_to_run(RunElement element, size_t bytes);
  void open_run();
  bool end_run(GroupEnd end);
  bool end_due_run(bool more_waiting);
  bool flush_is_over();
  bool behind() const { return !reached_.position.empty() && reached_.position != ended_; }
  std::optional<MonotonicTime> next_check() const;

  // Of the steps.
  Turns turns_;
  KeysInFlight keys_;
  uint64_t run_ = 0;  // that is open; 0: none
  size_t run_writer_ = 0;
  size_t run_bytes_ = 0;
  bool at_group_end_ = true;
  bool flushing_ = false;
  GroupEnd reached_;  // the last group end seen
  Position ended_;    // of the last run
  MonotonicTime last_end_;
  std::vector<uint64_t> last_runs_;  // of each writer

  std::deque<RunWriter> writers_;
};

}  // namespace sluice
