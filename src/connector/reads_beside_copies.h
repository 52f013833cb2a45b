// SPDX-License-Identifier: Apache-2.0
// An ability that a HeldLog may have, found by dynamic_cast: its log can be read while tables are still being copied.
// What is read then does not know yet where each chunk will stand: whoever takes it up later leaves out what the copy
// turned out to contain.
#pragma once

#include <memory>
#include <vector>

#include "connector/source.h"

namespace sluice {

// One thread; elements come in the order of the log.
class CopiedChanges {
 public:
  virtual ~CopiedChanges() = default;
  // Takes out of an element what the chunks contain: rows, and what was done to tables. What is left may be empty, and
  // may be something else: a table that was emptied between two of its chunks must be copied again.
  virtual Result<> drop_from(StreamElement& element) = 0;
};

class ReadsBesideCopies {
 public:
  virtual ~ReadsBesideCopies() = default;
  // As HeldLog::open_reader, but leaves out captured tables that `start` does not know: they are copied later.
  virtual Result<std::unique_ptr<LogReader>> open_reader_beside_copy(Context& context, LogStart start) = 0;
  // Pure.
  virtual Result<std::unique_ptr<CopiedChanges>> copied_changes(const std::vector<FinishedChunk>& chunks) const = 0;
};

}  // namespace sluice
