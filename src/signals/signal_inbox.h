// SPDX-License-Identifier: Apache-2.0
// Signals that come from elsewhere in the process, over HTTP, and what the job answers. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "signals/signal.h"

namespace sluice {

class SignalInbox {
 public:
  struct Letter {
    Signal signal;
    std::optional<Result<>> answer;  // guarded by the inbox
  };
  using Letters = std::vector<std::shared_ptr<Letter>>;

  // Returns when the job has recorded the signal, or why it is ignored. kConnect: the job does not take signals now;
  // kTransient: it has taken this one, and nobody knows yet whether it stays.
  Result<> deliver(Signal signal, std::chrono::milliseconds patience);
  // For the job.
  Letters take();
  void answer(Letter& letter, Result<> result);

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  Letters waiting_;
};

}  // namespace sluice
