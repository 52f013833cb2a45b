// SPDX-License-Identifier: Apache-2.0
#include "engine/task_pool.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace sluice {
namespace {

// A step that takes longer than this keeps its thread for itself.
constexpr std::chrono::milliseconds kLongStep{5};
// Threads that nobody needed for so long leave, all but a few.
constexpr std::chrono::milliseconds kCountInterval{1000};
constexpr size_t kKeptThreads = 2;
constexpr uint64_t kInterruptId = 0;
constexpr size_t kEventsAtOnce = 64;

}  // namespace

// --- tasks

Task::~Task() { SLUICE_CHECK(state_ == State::kEnded); }

void Task::start(TaskPool& pool) {
  SLUICE_CHECK(pool_ == nullptr);
  label_ = LogLabel::current();
  pool_ = &pool;
  pool.begin(*this);
}

void Task::wake() {
  if (pool_ == nullptr || woken_.exchange(true)) return;
  pool_->woken(*this);
}

void Task::join() {
  if (pool_ != nullptr) pool_->join(*this);
}

// --- what tasks ask for

TaskPool::TaskPool(size_t most)
    : most_(std::max<size_t>(most, 1)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SLUICE_CHECK(epoll_ >= 0 && interrupt_ >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kInterruptId}};
  SLUICE_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, interrupt_, &event) == 0);
  watcher_ = std::thread([this] { watch(); });
}

TaskPool::~TaskPool() {
  {
    std::lock_guard lock(mutex_);
    SLUICE_CHECK(tasks_.empty());
    stopping_ = true;
    leaving_ = working_;
    interrupt_watcher();
  }
  work_.notify_all();
  watcher_.join();
  for (auto& worker : workers_) worker.thread.join();
  close(interrupt_);
  close(epoll_);
}

size_t TaskPool::usual_threads() { return std::max<size_t>(8, 4UL * std::thread::hardware_concurrency()); }

size_t TaskPool::threads() const {
  std::lock_guard lock(mutex_);
  return working_;
}

void TaskPool::begin(Task& task) {
  std::lock_guard lock(mutex_);
  tasks_.insert(&task);
  make_ready(task);
}

void TaskPool::woken(Task& task) {
  std::lock_guard lock(mutex_);
  // A step that runs will be followed by another; one that is to come sees what there is.
  if (task.state_ == Task::State::kWaiting) make_ready(task);
}

void TaskPool::wake_all() {
  std::lock_guard lock(mutex_);
  for (Task* task : tasks_) {
    if (!task->woken_.exchange(true) && task->state_ == Task::State::kWaiting) make_ready(*task);
  }
}

void TaskPool::join(Task& task) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&task] { return task.state_ == Task::State::kEnded; });
}

void TaskPool::make_ready(Task& task) {
  if (task.time_) times_.erase({*task.time_, &task});
  task.time_.reset();
  if (task.id_ != 0) {
    // The step may close it.
    epoll_ctl(epoll_, EPOLL_CTL_DEL, task.descriptor_, nullptr);
    descriptors_.erase(std::exchange(task.id_, 0));
  }
  task.state_ = Task::State::kReady;
  ready_.push_back(&task);
  if (ready_.size() <= idle_) {
    work_.notify_one();
  } else if (working_ - long_ < most_) {
    add_worker();
  } else if (!short_of_workers_) {
    short_of_workers_ = true;
    interrupt_watcher();
  }
  least_idle_ = std::min(least_idle_, idle_ - std::min(idle_, ready_.size()));
}

// --- the workers

void TaskPool::add_worker() {
  Worker& worker = workers_.emplace_back();
  if (working_++ == kKeptThreads) {
    next_count_ = monotonic_now() + kCountInterval;
    least_idle_ = 0;
    if (watching_until_ > next_count_) interrupt_watcher();
  }
  ++idle_;
  worker.thread = std::thread([this, &worker] { work(worker); });
}

void TaskPool::work(Worker& self) {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return !ready_.empty() || leaving_ > 0; });
    --idle_;
    if (ready_.empty()) break;
    while (!ready_.empty()) {
      Task& task = *ready_.front();
      ready_.pop_front();
      task.state_ = Task::State::kRunning;
      self.running = true;
      self.began = monotonic_now();
      lock.unlock();
      task.woken_.exchange(false);
      NextStep next;
      {
        const LogLabel label(task.label_);
        next = task.step();
      }
      lock.lock();
      self.running = false;
      if (std::exchange(self.is_long, false)) --long_;
      settle(task, next);
    }
    ++idle_;
  }
  --leaving_;
  --working_;
  self.gone = true;
}

void TaskPool::settle(Task& task, const NextStep& next) {
  if (next.when == NextStep::When::kNever) {
    task.state_ = Task::State::kEnded;
    tasks_.erase(&task);
    ended_.notify_all();
    return;
  }
  if (next.when == NextStep::When::kEvent && !task.woken_.load()) {
    task.state_ = Task::State::kWaiting;
    wait_for_events(task, next);
    return;
  }
  // Behind the others; the thread that says so takes the next one.
  task.state_ = Task::State::kReady;
  ready_.push_back(&task);
}

void TaskPool::wait_for_events(Task& task, const NextStep& next) {
  task.time_ = next.time;
  if (next.time) {
    times_.emplace(*next.time, &task);
    if (watching_until_ > *next.time) interrupt_watcher();
  }
  if (next.readable < 0) return;
  task.id_ = ++last_id_;
  task.descriptor_ = next.readable;
  descriptors_.emplace(task.id_, &task);
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u64 = task.id_}};
  // What cannot be waited for is for the step to find out about.
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, next.readable, &event) != 0) make_ready(task);
}

// --- the watcher

void TaskPool::interrupt_watcher() {
  const uint64_t one = 1;
  SLUICE_CHECK(write(interrupt_, &one, sizeof one) == sizeof one);
}

void TaskPool::watch() {
  std::array<epoll_event, kEventsAtOnce> events;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const MonotonicTime now = monotonic_now();
    look_at_times(now);
    look_at_workers(now);
    const int timeout_ms = longest_watch(now);
    lock.unlock();
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
    lock.lock();
    watching_until_ = MonotonicTime::min();  // looks at everything before it watches again
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[static_cast<size_t>(i)].data.u64;
      if (id == kInterruptId) {
        uint64_t times = 0;
        (void)!read(interrupt_, &times, sizeof times);
      } else if (const auto found = descriptors_.find(id); found != descriptors_.end()) {
        make_ready(*found->second);  // unless it was woken meanwhile
      }
    }
  }
}

void TaskPool::look_at_times(MonotonicTime now) {
  while (!times_.empty() && times_.begin()->first <= now) make_ready(*times_.begin()->second);
}

void TaskPool::look_at_workers(MonotonicTime now) {
  std::erase_if(workers_, [](Worker& worker) {
    if (worker.gone) worker.thread.join();
    return worker.gone;
  });
  for (Worker& worker : workers_) {
    if (!short_of_workers_ || worker.is_long || !worker.running || now - worker.began < kLongStep) continue;
    worker.is_long = true;
    ++long_;
  }
  while (ready_.size() > idle_ && working_ - long_ < most_) add_worker();
  short_of_workers_ = ready_.size() > idle_;
  if (working_ <= kKeptThreads || now < next_count_) return;
  next_count_ = now + kCountInterval;
  leaving_ = std::min(least_idle_, working_ - kKeptThreads);
  least_idle_ = idle_;
  if (leaving_ > 0) work_.notify_all();
}

// In milliseconds; -1: until something happens.
int TaskPool::longest_watch(MonotonicTime now) {
  watching_until_ = MonotonicTime::max();
  if (!times_.empty()) watching_until_ = times_.begin()->first;
  if (short_of_workers_) watching_until_ = std::min(watching_until_, now + kLongStep);
  if (working_ > kKeptThreads) watching_until_ = std::min(watching_until_, next_count_);
  if (watching_until_ == MonotonicTime::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(watching_until_ - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000));
}

}  // namespace sluice
