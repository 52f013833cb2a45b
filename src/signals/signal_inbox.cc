// SPDX-License-Identifier: Apache-2.0
#include "signals/signal_inbox.h"

#include <utility>

namespace sluice {

Result<> SignalInbox::deliver(Signal signal, std::chrono::milliseconds patience) {
  const auto letter = std::make_shared<Letter>();
  letter->signal = std::move(signal);
  std::unique_lock lock(mutex_);
  waiting_.push_back(letter);
  if (answered_.wait_for(lock, patience, [&] { return letter->answer.has_value(); })) return std::move(*letter->answer);
  if (std::erase(waiting_, letter) > 0) {
    return Error(ErrorCode::kConnect, "the job takes no signals now: it copies, restarts, or waits for its target",
                 "Send it again later.");
  }
  return Error(ErrorCode::kTransient, "the job has taken the signal, and not recorded it yet",
               "Its log tells whether it did.");
}

SignalInbox::Letters SignalInbox::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void SignalInbox::answer(Letter& letter, Result<> result) {
  {
    std::lock_guard lock(mutex_);
    letter.answer.emplace(std::move(result));
  }
  answered_.notify_all();
}

}  // namespace sluice
