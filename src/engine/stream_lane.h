// SPDX-License-Identifier: Apache-2.0
// What the coordinator of the stream sees of a lane: rows go in, in order, and become durable together with one entry
// of the ledger. Lane writes them through one connection, OrderedLane through several.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <variant>

#include "engine/byte_channel.h"
#include "engine/job_parts.h"
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

class StreamLane : public Task {
 public:
  // Called by the coordinator. False if the lane has failed; error() says why.
  bool send(LaneElement element, size_t bytes);
  // Waits until everything sent before is durable. Needs a group end before it.
  bool flush();
  // The lane's position after a schema change, which the coordinator wrote to the ledger itself.
  void set_position(const Position& position);

  Position durable() const;
  std::optional<Error> error() const;

 protected:
  // `start` is what the ledger says.
  StreamLane(JobParts& parts, Context& context, Position start, size_t channel_bytes);
  // A lane calls it in its own destructor.
  void leave();

  // Durable from here on.
  void reach(const Position& position);
  // Everything before the Flush is. Until something is written the coordinator may be writing the lane's entry.
  void tell_flushed();
  bool stands_still() const;
  // Nothing more is taken; the first error is kept.
  NextStep end(Error error);

  JobParts& parts_;
  Context& context_;
  ByteChannel<LaneElement> channel_;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable flushed_;
  Position durable_;
  bool stands_still_ = false;  // since a flush
  size_t flushes_asked_ = 0;
  size_t flushes_done_ = 0;
  std::optional<Error> error_;
};

// A lane without rows still moves its position, so that a restart does not read the log again.
inline constexpr std::chrono::seconds kIdleCommitInterval{1};
// A lane with nothing to do asks now and then whether the job is still its own.
inline constexpr std::chrono::seconds kOwnershipCheckInterval{5};

}  // namespace sluice
