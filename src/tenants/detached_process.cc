// SPDX-License-Identifier: Apache-2.0
#include "tenants/detached_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"
#include "tenants/file_tree.h"

namespace sluice {
namespace {

int open_pidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

// Whether the process, at this moment, is ours, runs the program (which may have been replaced since) and has the
// argument.
bool is_wanted(pid_t pid, const std::string& program, const std::string& argument) {
  struct stat info{};
  char target[PATH_MAX];
  const ssize_t size = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), target, sizeof target);
  if (size <= 0 || ::stat(fmt::format("/proc/{}", pid).c_str(), &info) != 0 || info.st_uid != geteuid()) return false;
  const std::string_view path(target, static_cast<size_t>(size));
  if (path != program && path != program + " (deleted)") return false;
  const auto line = read_file(fmt::format("/proc/{}/cmdline", pid));  // an error: the process is gone
  return line && ('\0' + *line).find('\0' + argument + '\0') != std::string::npos;
}

struct Launch {
  std::vector<char*> argv;
  int log = -1;
  std::vector<int> groups;
  int report = -1;  // pipe that carries errno if the exec fails
};

// Between fork and exec nothing may be allocated.
[[noreturn]] void run_child(const Launch& launch) {
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  for (const int group : launch.groups) {
    [[maybe_unused]] const ssize_t joined = write(group, "0\n", 2);
  }
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(launch.log, STDOUT_FILENO);
  dup2(launch.log, STDERR_FILENO);
  constexpr int kReport = 3;
  dup2(launch.report, kReport);
  fcntl(kReport, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, kReport + 1, ~0U, 0);
  execvp(launch.argv[0], launch.argv.data());
  const int problem = errno;
  [[maybe_unused]] const ssize_t written = write(kReport, &problem, sizeof problem);
  _exit(127);
}

}  // namespace

DetachedProcess::~DetachedProcess() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<DetachedProcess> DetachedProcess::start(const std::vector<std::string>& command, const std::string& log_file,
                                               const std::vector<std::string>& group_files) {
  std::vector<std::string> words = command;
  Launch launch;
  for (std::string& word : words) launch.argv.push_back(word.data());
  launch.argv.push_back(nullptr);
  launch.log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (launch.log < 0) {
    return Error(ErrorCode::kState, fmt::format("cannot open {}: {}", log_file, std::strerror(errno)));
  }
  for (const std::string& file : group_files) {
    if (const int group = ::open(file.c_str(), O_WRONLY | O_CLOEXEC); group >= 0) launch.groups.push_back(group);
  }
  int report[2] = {-1, -1};
  SLUICE_CHECK(pipe2(report, O_CLOEXEC) == 0);
  launch.report = report[1];
  const pid_t pid = fork();
  if (pid == 0) run_child(launch);
  ::close(report[1]);
  ::close(launch.log);
  for (const int group : launch.groups) ::close(group);
  int problem = pid < 0 ? errno : 0;
  const ssize_t got = pid < 0 ? 1 : ::read(report[0], &problem, sizeof problem);
  ::close(report[0]);
  if (pid > 0 && got > 0) waitpid(pid, nullptr, 0);
  if (got > 0) return Error(ErrorCode::kState, fmt::format("cannot start {}: {}", command[0], std::strerror(problem)));
  DetachedProcess process(pid, open_pidfd(pid));
  if (process.descriptor_ >= 0) return process;
  // Nobody could watch it or end it. As long as it is not waited for, its number is its own.
  problem = errno;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return Error(ErrorCode::kState, fmt::format("cannot watch {}: {}", command[0], std::strerror(problem)));
}

std::optional<DetachedProcess> DetachedProcess::find(const std::string& program, const std::string& argument) {
  char resolved[PATH_MAX];
  const std::string target = ::realpath(program.c_str(), resolved) == nullptr ? program : resolved;
  const auto names = names_in("/proc");
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    if (!is_wanted(pid, target, argument)) continue;
    DetachedProcess process(pid, open_pidfd(pid));
    // Again, now that the number cannot be given to another process.
    if (process.descriptor_ >= 0 && is_wanted(pid, target, argument)) return process;
  }
  return std::nullopt;
}

bool DetachedProcess::gone_within(int milliseconds) const {
  pollfd waiting{descriptor_, POLLIN, 0};
  if (descriptor_ >= 0 && poll(&waiting, 1, milliseconds) == 0) return false;
  waitpid(pid_, nullptr, WNOHANG);  // if it is a child of ours
  return true;
}

bool DetachedProcess::alive() const { return !gone_within(0); }

void DetachedProcess::signal(int number) const { syscall(SYS_pidfd_send_signal, descriptor_, number, nullptr, 0); }

bool DetachedProcess::wait_gone(Context& context, std::chrono::milliseconds timeout) const {
  const auto end = monotonic_now() + timeout;
  constexpr int kStopEvery = 50;
  while (!gone_within(kStopEvery)) {
    if (monotonic_now() >= end || context.stop_requested()) return false;
  }
  return true;
}

void DetachedProcess::kill9() const {
  signal(SIGKILL);
  while (!gone_within(-1)) {
  }
}

}  // namespace sluice
