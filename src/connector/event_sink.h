// SPDX-License-Identifier: Apache-2.0
// What a sink may be besides: one that tells what happened as events. Known by a dynamic cast of the Sink. Its lanes
// are one.
#pragma once

#include <chrono>
#include <optional>

#include "base/context.h"
#include "base/result.h"
#include "data/change_batch.h"

namespace sluice {

class EventSink {
 public:
  virtual ~EventSink() = default;

  // True if the rows of all tables must be written in the source's order, because events are counted in it.
  virtual bool keeps_source_order() const = 0;
  // SinkWriter::commit() is wanted this often even though nothing happens.
  virtual std::optional<std::chrono::milliseconds> heartbeat_interval() const = 0;
  // Between two groups, when everything before is committed. The ledger, which says `before` until now, notes the
  // change afterwards, so that it comes again after a crash.
  virtual Result<> write_schema_change(Context& context, const SchemaChangeEvent& event, const Position& before) = 0;
};

}  // namespace sluice
