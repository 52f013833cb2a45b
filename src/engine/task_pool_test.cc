// SPDX-License-Identifier: Apache-2.0
#include "engine/task_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>

#include "base/context.h"
#include "base/log.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

class FunctionTask : public Task {
 public:
  explicit FunctionTask(std::function<NextStep()> function) : function_(std::move(function)) {}
  int steps() const { return steps_; }

 private:
  NextStep step() override {
    ++steps_;
    return function_();
  }
  const std::function<NextStep()> function_;
  std::atomic<int> steps_{0};
};

// Holds up whoever passes until it is opened.
class Gate {
 public:
  void open() {
    {
      std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

bool wait_until(const std::function<bool()>& reached) {
  Context context;
  const MonotonicTime end = monotonic_now() + std::chrono::seconds(60);
  while (!reached() && monotonic_now() < end) context.wait_for(milliseconds(2));
  return reached();
}

// Until it is told to end, does nothing but wait.
struct Sleeper {
  std::atomic<bool> end{false};
  FunctionTask task{[this] { return end ? NextStep::never() : NextStep::woken(); }};
  void stop() {
    end = true;
    task.wake();
    task.join();
  }
};

TEST(TaskPoolTest, takes_steps_until_the_task_has_ended) {
  TaskPool pool;
  int left = 5;
  FunctionTask task([&] { return --left > 0 ? NextStep::now() : NextStep::never(); });
  task.start(pool);
  task.join();
  EXPECT_EQ(left, 0);
  task.wake();
  EXPECT_EQ(task.steps(), 5);
}

TEST(TaskPoolTest, steps_that_block_do_not_hold_others_up) {
  TaskPool pool(2);
  Gate gate;
  std::deque<FunctionTask> blocked;
  for (int i = 0; i < 20; ++i) {
    blocked
        .emplace_back([&] {
          gate.pass();
          return NextStep::never();
        })
        .start(pool);
  }
  gate.wait_for(20);
  FunctionTask other([] { return NextStep::never(); });
  other.start(pool);
  other.join();
  EXPECT_GE(pool.threads(), 20U);
  gate.open();
  for (auto& task : blocked) task.join();
  EXPECT_TRUE(wait_until([&] { return pool.threads() <= 2; }));
}

TEST(TaskPoolTest, tasks_that_wait_need_no_thread) {
  TaskPool pool(4);
  std::deque<Sleeper> sleepers(2000);
  for (auto& sleeper : sleepers) sleeper.task.start(pool);
  const auto all_took = [&](int steps) {
    return std::ranges::all_of(sleepers, [&](const Sleeper& sleeper) { return sleeper.task.steps() >= steps; });
  };
  ASSERT_TRUE(wait_until([&] { return all_took(1); }));
  pool.wake_all();
  EXPECT_TRUE(wait_until([&] { return all_took(2); }));
  EXPECT_TRUE(wait_until([&] { return pool.threads() <= 2; }));
  for (auto& sleeper : sleepers) sleeper.stop();
}

// Two tasks hand a number to and fro; a wake-up that got lost would stop them for ever.
TEST(TaskPoolTest, no_wake_up_is_lost) {
  constexpr int kRounds = 20000;
  constexpr int kPairs = 4;
  struct Pair {
    std::atomic<int> number{0};
    std::unique_ptr<FunctionTask> sides[2];
  };
  TaskPool pool(3);
  std::deque<Pair> pairs(kPairs);
  for (auto& pair : pairs) {
    for (int side = 0; side < 2; ++side) {
      pair.sides[side] = std::make_unique<FunctionTask>([&pair, side] {
        const int number = pair.number.load();
        if (number >= kRounds) return NextStep::never();
        if (number % 2 != side) return NextStep::woken();
        pair.number.store(number + 1);
        pair.sides[1 - side]->wake();
        return number + 1 >= kRounds ? NextStep::never() : NextStep::woken();
      });
    }
    pair.sides[1]->start(pool);
    pair.sides[0]->start(pool);
  }
  for (auto& pair : pairs) {
    for (auto& side : pair.sides) side->join();
    EXPECT_EQ(pair.number, kRounds);
  }
}

TEST(TaskPoolTest, what_was_done_before_a_wake_up_is_seen) {
  constexpr int kEach = 5000;
  TaskPool pool;
  std::atomic<int> done{0};
  int seen = 0;
  FunctionTask task([&] {
    seen = done;
    return seen == 3 * kEach ? NextStep::never() : NextStep::woken();
  });
  task.start(pool);
  {
    std::deque<std::jthread> others;
    for (int i = 0; i < 3; ++i) {
      others.emplace_back([&] {
        for (int n = 0; n < kEach; ++n) {
          ++done;
          task.wake();
        }
      });
    }
  }
  task.join();
  EXPECT_EQ(seen, 3 * kEach);
}

TEST(TaskPoolTest, a_time_brings_a_step_about) {
  TaskPool pool;
  const MonotonicTime time = monotonic_now() + milliseconds(30);
  bool early = false;
  int steps = 0;
  FunctionTask task([&] {
    if (++steps == 1) return NextStep::at(time);
    early = monotonic_now() < time;
    return NextStep::never();
  });
  Sleeper later;
  later.task.start(pool);
  task.start(pool);
  task.join();
  EXPECT_FALSE(early);
  EXPECT_EQ(steps, 2);
  later.stop();
}

TEST(TaskPoolTest, a_descriptor_that_can_be_read_brings_a_step_about) {
  TaskPool pool;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const MonotonicTime never = monotonic_now() + std::chrono::hours(1);
  std::atomic<int> received{0};
  FunctionTask reader([&] {
    if (received == 0) {
      ++received;
      return NextStep::when_readable(ends[0], never);
    }
    char byte = 0;
    if (read(ends[0], &byte, 1) != 1) return NextStep::never();
    ++received;
    return byte == 'z' ? NextStep::never() : NextStep::when_readable(ends[0], never);
  });
  reader.start(pool);
  EXPECT_EQ(write(ends[1], "a", 1), 1);
  ASSERT_TRUE(wait_until([&] { return received == 2; }));
  EXPECT_EQ(write(ends[1], "bz", 2), 2);
  reader.join();
  EXPECT_EQ(received, 4);
  close(ends[0]);
  close(ends[1]);
}

TEST(TaskPoolTest, a_task_that_waits_for_a_descriptor_can_be_woken) {
  TaskPool pool;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<bool> end{false};
  FunctionTask task([&] {
    return end ? NextStep::never() : NextStep::when_readable(ends[0], monotonic_now() + std::chrono::hours(1));
  });
  task.start(pool);
  ASSERT_TRUE(wait_until([&] { return task.steps() == 1; }));
  end = true;
  task.wake();
  task.join();
  close(ends[0]);
  close(ends[1]);
}

TEST(TaskPoolTest, tasks_that_always_have_more_to_do_take_turns) {
  TaskPool pool(1);
  std::atomic<bool> end{false};
  const auto more = [&] { return end ? NextStep::never() : NextStep::now(); };
  FunctionTask first(more);
  FunctionTask second(more);
  first.start(pool);
  second.start(pool);
  EXPECT_TRUE(wait_until([&] { return first.steps() > 1000 && second.steps() > 1000; }));
  FunctionTask third([] { return NextStep::never(); });
  third.start(pool);
  third.join();
  end = true;
  first.join();
  second.join();
}

TEST(TaskPoolTest, steps_log_with_the_label_of_whoever_started_the_task) {
  TaskPool pool;
  std::string label;
  FunctionTask task([&] {
    label = LogLabel::current();
    return NextStep::never();
  });
  {
    const LogLabel scope("shop");
    task.start(pool);
  }
  task.join();
  EXPECT_EQ(label, "shop");
}

}  // namespace
}  // namespace sluice
