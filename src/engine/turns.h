// SPDX-License-Identifier: Apache-2.0
// Runs of whole source transactions that several writers prepare side by side are committed in the source's order: one
// after the other has its turn. Writers of later runs hold locks in the target while they wait, and the one whose turn
// it is may wait for such a lock; no server sees that circle. So when a turn brings nothing for a while, the others
// give way: they undo what they have written and write it when their turn comes, and for a time nobody writes ahead.
// Any thread.
#pragma once

#include <deque>
#include <mutex>

#include "base/clock.h"
#include "engine/task_pool.h"

namespace sluice {

class Turns {
 public:
  static constexpr std::chrono::milliseconds kPatience{3000};
  static constexpr uint64_t kRunsAlone = 1000;

  // A commit waits for no row that another run has written, but perhaps for a server far away.
  static constexpr int kPatienceOfCommits = 20;

  // `alone`: for the first kRunsAlone nobody writes ahead.
  explicit Turns(MonotonicTime::duration patience = kPatience, bool alone = false);

  // The next run, which this task writes; it is woken when its turn comes. Runs are numbered from 1.
  uint64_t begin(Task& writer);
  // The run is durable: it is the next one's turn.
  void done(uint64_t run);
  bool is_turn(uint64_t run) const;
  uint64_t durable() const;  // the last run that is
  size_t in_flight() const;  // runs that have begun and are not
  bool may_write_ahead() const;

  // Whoever has the turn has got on.
  void got_on();
  // All it has written has been carried out, and it commits.
  void commits();
  // Until then whoever has written ahead need not give way.
  MonotonicTime patience_ends() const;
  void give_way();

 private:
  const MonotonicTime::duration patience_;
  mutable std::mutex mutex_;   // guards what follows
  std::deque<Task*> writers_;  // of the runs in flight
  uint64_t durable_ = 0;
  uint64_t alone_until_;  // at least 1: whatever ended the last attempt, the first run of this one passes
  MonotonicTime got_on_;
  bool commits_ = false;  // since got_on_
};

}  // namespace sluice
