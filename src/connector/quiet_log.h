// SPDX-License-Identifier: Apache-2.0
// An ability that a LogReader may have beside poll(), found by dynamic_cast: while its source is quiet it names a
// descriptor to wait for, so that nobody need sit in poll() for it.
#pragma once

#include <chrono>
#include <optional>

#include "connector/source.h"

namespace sluice {

struct LogWait {
  int readable;                       // a descriptor
  std::chrono::milliseconds at_most;  // then the reader has something to do by itself
};

// Used by the thread that uses the reader.
class QuietLog {
 public:
  virtual ~QuietLog() = default;
  // As LogReader::poll(), but without waiting.
  virtual Result<> look(Context& context, std::vector<StreamElement>& out) = 0;
  // After a call of either that appended nothing: what to wait for before the next one. Empty: only a call tells
  // whether there is more.
  virtual std::optional<LogWait> begin_wait() = 0;
};

}  // namespace sluice
