// SPDX-License-Identifier: Apache-2.0
// A writer lane: a task with one connection to the target and one entry in the ledger. Rows of one key always pass
// through the same lane, so they stay in order. A lane commits where a group of changes ends: at once when nothing more
// waits, so that latency is low, and otherwise at least every commit interval, so that throughput is high.
#pragma once

#include <memory>
#include <optional>

#include "connector/event_sink.h"
#include "engine/source_order.h"
#include "engine/stream_lane.h"

namespace sluice {

class Lane final : public StreamLane {
 public:
  // `start` is what the ledger says. Starts the task.
  Lane(JobParts& parts, Context& context, size_t number, std::unique_ptr<SinkWriter> writer, Position start,
       size_t channel_bytes);
  ~Lane() override;

 private:
  NextStep step() override;
  NextStep fail(Error error);
  std::optional<MonotonicTime> next_check() const;
  Result<> handle(LaneElement& element, bool more_waiting);
  Result<> open_rows();
  Result<> write(std::shared_ptr<const ChangeBatch> batch);
  Result<bool> wants_source_order(const ChangeBatch& batch);
  Result<> write_held();
  MonotonicTime::duration idle_interval() const;
  Result<> commit();
  Result<> check_ownership();
  bool behind() const { return !reached_.position.empty() && reached_.position != durable(); }

  const size_t number_;
  std::unique_ptr<SinkWriter> writer_;
  EventSink* const events_;   // the sink, if it is one
  SourceOrder held_;          // only where the lane is the only one
  bool rows_open_ = false;    // rows since the last commit
  bool at_group_end_ = true;  // nothing of an unfinished group is in the open transaction
  GroupEnd reached_;          // the last group end seen
  MonotonicTime last_commit_;
};

}  // namespace sluice
