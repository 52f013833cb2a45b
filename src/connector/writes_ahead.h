// SPDX-License-Identifier: Apache-2.0
// What a sink may be, too (ask by dynamic_cast): one in which several writers of a job may each have a transaction open
// while one after the other is committed, in an order that the engine chooses (engine/ordered_lane.h). Its
// open_writer() may be called from any thread. Its writers are AheadWriters, whose commit() alone touches the ledger
// and whose begin() does nothing.
#pragma once

#include "base/context.h"
#include "base/result.h"
#include "data/types.h"

namespace sluice {

class WritesAhead {
 public:
  virtual ~WritesAhead() = default;
};

class AheadWriter {
 public:
  virtual ~AheadWriter() = default;
  // True if rows of the table with different keys cannot get into each other's way, so that they may be written while
  // earlier transactions are not committed yet. Foreign keys, other unique indexes and a missing key say no.
  virtual Result<bool> may_write_ahead(Context& context, const TableSchemaPtr& schema) = 0;
  // What was written has been carried out, or the error is told here.
  virtual Result<> settle(Context& context) = 0;
};

}  // namespace sluice
