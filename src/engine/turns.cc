// SPDX-License-Identifier: Apache-2.0
#include "engine/turns.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace sluice {

Turns::Turns(MonotonicTime::duration patience, bool alone) : patience_(patience), alone_until_(alone ? kRunsAlone : 1) {
  if (alone) {
    log_info("transactions may have been in each other's way: the next {} commits are prepared one after the other",
             kRunsAlone);
  }
}

uint64_t Turns::begin(Task& writer) {
  std::lock_guard lock(mutex_);
  if (writers_.empty()) got_on_ = monotonic_now();
  writers_.push_back(&writer);
  return durable_ + writers_.size();
}

void Turns::done(uint64_t run) {
  Task* next = nullptr;
  {
    std::lock_guard lock(mutex_);
    SLUICE_CHECK(run == durable_ + 1 && !writers_.empty());
    durable_ = run;
    writers_.pop_front();
    got_on_ = monotonic_now();
    commits_ = false;
    if (!writers_.empty()) next = writers_.front();
  }
  if (next != nullptr) next->wake();
}

bool Turns::is_turn(uint64_t run) const {
  std::lock_guard lock(mutex_);
  return run == durable_ + 1;
}

uint64_t Turns::durable() const {
  std::lock_guard lock(mutex_);
  return durable_;
}

size_t Turns::in_flight() const {
  std::lock_guard lock(mutex_);
  return writers_.size();
}

bool Turns::may_write_ahead() const {
  std::lock_guard lock(mutex_);
  return durable_ >= alone_until_;
}

void Turns::got_on() {
  std::lock_guard lock(mutex_);
  got_on_ = monotonic_now();
}

void Turns::commits() {
  std::lock_guard lock(mutex_);
  got_on_ = monotonic_now();
  commits_ = true;
}

// While one commits the others look again from time to time: its end wakes only the next one.
MonotonicTime Turns::patience_ends() const {
  std::lock_guard lock(mutex_);
  if (!commits_) return got_on_ + patience_;
  return std::min(got_on_ + kPatienceOfCommits * patience_, monotonic_now() + patience_);
}

void Turns::give_way() {
  std::lock_guard lock(mutex_);
  if (durable_ < alone_until_) return;
  alone_until_ = durable_ + kRunsAlone;
  log_warn(
      "the target has kept a transaction waiting for {} ms, perhaps for one that is prepared beside it: the next {} "
      "commits are prepared one after the other (if unique or foreign keys were added to the target, start the job "
      "again)",
      std::chrono::duration_cast<std::chrono::milliseconds>(patience_).count(), kRunsAlone);
}

}  // namespace sluice
