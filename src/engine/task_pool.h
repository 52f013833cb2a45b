// SPDX-License-Identifier: Apache-2.0
// Many tasks on few threads. A task is an object whose step() does a bounded piece of work and then says what the next
// one waits for; while it waits it costs no thread. Steps of one task never overlap, but may run on different threads.
//
// A step may block (a statement of a database, a connection that opens): it keeps its thread for as long, and the pool
// takes another one for the others. Threads that were not needed for a second leave. So nothing depends on steps
// being short, except how many threads there are.
//
// The pool is the process's and outlives its tasks. wake() and wake_all() may be called from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"

namespace sluice {

class TaskPool;

// What the next step of a task waits for. A wake() always brings it about, too.
struct NextStep {
  enum class When : uint8_t { kNow, kEvent, kNever };
  When when = When::kEvent;
  std::optional<MonotonicTime> time;  // at the latest
  int readable = -1;                  // a descriptor to be read from; it stays open until the step

  static NextStep now() { return {.when = When::kNow}; }
  static NextStep woken() { return {}; }
  static NextStep at(MonotonicTime time) { return {.time = time}; }
  static NextStep when_readable(int descriptor, MonotonicTime at_latest) {
    return {.time = at_latest, .readable = descriptor};
  }
  static NextStep never() { return {.when = When::kNever}; }  // the task has ended
};

class Task {
 public:
  Task() = default;
  virtual ~Task();  // not started, or joined
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // Everything that was done before, on this thread, is seen by the steps. Its steps log with this thread's label.
  void start(TaskPool& pool);
  // A step that begins after this sees what was done before it. Nothing if the task was not started, or has ended.
  void wake();
  // Waits for the end of the task, which somebody else brings about. Nothing if it was not started.
  void join();

 private:
  friend class TaskPool;
  enum class State : uint8_t { kWaiting, kReady, kRunning, kEnded };

  virtual NextStep step() = 0;

  TaskPool* pool_ = nullptr;
  std::string label_;
  std::atomic<bool> woken_{false};  // since the last step began
  // Guarded by the pool.
  State state_ = State::kEnded;
  uint64_t id_ = 0;  // while a descriptor is waited for
  int descriptor_ = -1;
  std::optional<MonotonicTime> time_;
};

class TaskPool {
 public:
  // `most` threads run short steps; there are more only while steps take long.
  explicit TaskPool(size_t most = usual_threads());
  ~TaskPool();  // all tasks have ended
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  // For a stop that no task was told of.
  void wake_all();
  // Threads that run steps or could. One more watches descriptors and times.
  size_t threads() const;

  static size_t usual_threads();

 private:
  friend class Task;
  struct Worker {
    bool running = false;
    bool is_long = false;  // its step takes long; counted in long_
    bool gone = false;
    MonotonicTime began;
    std::thread thread;
  };

  void begin(Task& task);
  void woken(Task& task);
  void join(Task& task);

  // With the lock.
  void make_ready(Task& task);
  void settle(Task& task, const NextStep& next);
  void wait_for_events(Task& task, const NextStep& next);
  void add_worker();
  void interrupt_watcher();
  void look_at_times(MonotonicTime now);
  void look_at_workers(MonotonicTime now);
  int longest_watch(MonotonicTime now);

  void work(Worker& self);
  void watch();

  const size_t most_;
  int epoll_ = -1;
  int interrupt_ = -1;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable ended_;
  std::set<Task*> tasks_;
  std::deque<Task*> ready_;
  std::set<std::pair<MonotonicTime, Task*>> times_;
  std::map<uint64_t, Task*> descriptors_;
  uint64_t last_id_ = 0;
  std::list<Worker> workers_;
  size_t working_ = 0;     // workers that have not gone
  size_t idle_ = 0;        // of these, those that look for a task
  size_t long_ = 0;        // and those whose step takes long
  size_t leaving_ = 0;     // as many are to go
  size_t least_idle_ = 0;  // since the workers were counted last
  bool short_of_workers_ = false;
  MonotonicTime next_count_;
  MonotonicTime watching_until_;
  bool stopping_ = false;

  std::thread watcher_;
};

}  // namespace sluice
