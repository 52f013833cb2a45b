// SPDX-License-Identifier: Apache-2.0
// Which rows of a run must wait for its turn, because a run before it that is not durable yet has touched their key (or
// a row of the table, where the key does not tell rows apart). Later rows of such a key wait too. One thread.
#pragma once

#include <deque>
#include <unordered_map>
#include <vector>

#include "engine/partitioner.h"

namespace sluice {

class KeysInFlight {
 public:
  static constexpr size_t kMost = 1 << 18;
  explicit KeysInFlight(Partitioner keys, size_t most = kMost) : keys_(std::move(keys)), most_(most) {}

  // Takes the rows of `batch` into `run`, which is the last one; runs up to `durable` are durable. The answer is how
  // many rows wait.
  size_t add(const ChangeBatch& batch, uint64_t run, uint64_t durable);
  // Of the last batch.
  const std::vector<bool>& waiting_rows() const { return waits_; }
  // The rest of the run waits for its turn, and everything behind the run until the run is durable.
  void add_barrier(uint64_t run) { barrier_ = run; }

 private:
  struct Mark {
    uint64_t run;
    bool waits;
  };
  struct Touched {
    uint64_t run;
    std::vector<uint64_t> keys;
  };
  // As `run` meets the key.
  Mark& touch(uint64_t key, uint64_t run, uint64_t durable);
  bool touch_both(uint64_t old_key, uint64_t new_key, uint64_t run, uint64_t durable);
  void forget(uint64_t durable);

  const Partitioner keys_;
  const size_t most_;
  std::unordered_map<uint64_t, Mark> marks_;  // by the key's hash
  std::deque<Touched> touched_;               // by run
  uint64_t barrier_ = 0;
  std::vector<bool> waits_;
};

}  // namespace sluice
