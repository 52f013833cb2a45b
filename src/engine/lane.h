// SPDX-License-Identifier: Apache-2.0
// A writer lane: a task with one connection to the target and one entry in the ledger. Rows of one key always pass
// through the same lane, so they stay in order. A lane commits where a group of changes ends: at once when nothing more
// waits, so that latency is low, and otherwise at least every commit interval, so that throughput is high.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "connector/event_sink.h"
#include "engine/byte_channel.h"
#include "engine/job_parts.h"
#include "engine/source_order.h"
#include "engine/task_pool.h"

namespace sluice {

// Coordinates the coordinator and all lanes at a schema change or at the end: every lane commits what it has and says
// so.
struct Flush {};
// What events of copied rows say from here on, where the writer makes events.
struct CopyMark {
  std::string_view text;  // a literal
};
using LaneElement = std::variant<std::shared_ptr<const ChangeBatch>, GroupEnd, Flush, Truncation, CopyMark>;

class Lane final : public Task {
 public:
  // `start` is what the ledger says. Starts the task.
  Lane(JobParts& parts, Context& context, size_t number, std::unique_ptr<SinkWriter> writer, Position start,
       size_t channel_bytes);
  ~Lane() override;

  // Called by the coordinator. False if the lane has failed; error() says why.
  bool send(LaneElement element, size_t bytes);
  // Waits until everything sent before is durable. Needs a group end before it.
  bool flush();
  // The lane's position after a schema change, which the coordinator wrote to the ledger itself.
  void set_position(const Position& position);

  Position durable() const;
  std::optional<Error> error() const;

 private:
  NextStep step() override;
  NextStep end(Error error);
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

  JobParts& parts_;
  Context& context_;
  const size_t number_;
  std::unique_ptr<SinkWriter> writer_;
  ByteChannel<LaneElement> channel_;

  // Of the steps.
  EventSink* const events_;   // the sink, if it is one
  SourceOrder held_;          // only where the lane is the only one
  bool rows_open_ = false;    // rows since the last commit
  bool at_group_end_ = true;  // nothing of an unfinished group is in the open transaction
  GroupEnd reached_;          // the last group end seen
  MonotonicTime last_commit_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable flushed_;
  Position durable_;
  bool stands_still_ = false;  // since a flush: the coordinator may be writing the lane's entry
  size_t flushes_asked_ = 0;
  size_t flushes_done_ = 0;
  std::optional<Error> error_;
};

}  // namespace sluice
