// SPDX-License-Identifier: Apache-2.0
// Processes that outlive the one that started them, and how they are found again: by an argument of their command line
// that no other process has. A found process is held by a pidfd, so that a signal can never hit another one that got
// its number.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/result.h"

namespace sluice {

class DetachedProcess {
 public:
  DetachedProcess(DetachedProcess&& other) noexcept
      : pid_(other.pid_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  DetachedProcess& operator=(DetachedProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~DetachedProcess();

  // Starts command[0] with no open files but /dev/null and the log, in the groups whose cgroup.procs are given.
  static Result<DetachedProcess> start(const std::vector<std::string>& command, const std::string& log_file,
                                       const std::vector<std::string>& group_files);
  // The process of this user that runs the program and has this argument. The program is asked for since a client or an
  // editor may be given the same argument.
  static std::optional<DetachedProcess> find(const std::string& program, const std::string& argument);

  pid_t pid() const { return pid_; }
  int descriptor() const { return descriptor_; }  // readable when it is gone
  bool alive() const;
  void signal(int number) const;
  // Waits until it is gone; false after the time, or when a stop is requested.
  bool wait_gone(Context& context, std::chrono::milliseconds timeout) const;
  // SIGKILL, and waits until it is gone.
  void kill9() const;

 private:
  DetachedProcess(pid_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}
  bool gone_within(int milliseconds) const;
  pid_t pid_;
  int descriptor_;
};

}  // namespace sluice
