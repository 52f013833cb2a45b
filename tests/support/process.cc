// SPDX-License-Identifier: Apache-2.0
#include "support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include "support/temp_folder.h"
#include "support/wait.h"

extern char** environ;

namespace sluice::support {

namespace {

// Everything the child needs between fork and exec, where it may no longer allocate.
struct Launch {
  std::vector<char*> argv;
  std::vector<std::string> env_text;
  std::vector<char*> envp;
  std::string out, err;
  uid_t uid = 0;
  gid_t gid = 0;
  int report = -1;  // pipe that carries errno if the exec fails
};

// PR_SET_PDEATHSIG fires when the *thread* that forked ends, so all forks happen on one thread that never does.
class Spawner {
 public:
  static Spawner& instance() {
    static Spawner* spawner = new Spawner;  // never destroyed: its thread uses it to the end
    return *spawner;
  }

  pid_t fork_child(const std::function<pid_t()>& fork_and_exec) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return work_ == nullptr && !done_; });
    work_ = &fork_and_exec;
    changed_.notify_all();
    changed_.wait(lock, [&] { return done_; });
    done_ = false;
    changed_.notify_all();
    return result_;
  }

 private:
  Spawner() {
    std::thread([this] { run(); }).detach();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return work_ != nullptr; });
      result_ = (*work_)();
      work_ = nullptr;
      done_ = true;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<pid_t()>* work_ = nullptr;
  bool done_ = false;
  pid_t result_ = -1;
};

void redirect(int target, const char* path, int flags) {
  const int opened = open(path, flags, 0600);
  if (opened >= 0) {
    dup2(opened, target);
    close(opened);
  }
}

[[noreturn]] void run_child(const ProcessOptions& options, const Launch& launch, pid_t parent) {
  redirect(STDIN_FILENO, options.input.c_str(), O_RDONLY);
  redirect(STDOUT_FILENO, launch.out.c_str(), O_WRONLY | O_CREAT | O_APPEND);
  redirect(STDERR_FILENO, launch.err.c_str(), O_WRONLY | O_CREAT | O_APPEND);
  signal(SIGPIPE, SIG_DFL);
  bool ready = true;
  if (!options.root.empty()) ready = chroot(options.root.c_str()) == 0 && chdir("/") == 0;
  if (ready && !options.folder.empty()) ready = chdir(options.folder.c_str()) == 0;
  if (ready && !options.user.empty()) {
    ready = setgroups(1, &launch.gid) == 0 && setgid(launch.gid) == 0 && setuid(launch.uid) == 0;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setuid, which clears it
  if (getppid() != parent) _exit(127);
  if (ready) execvpe(launch.argv[0], launch.argv.data(), launch.envp.data());
  const int problem = errno;
  [[maybe_unused]] const ssize_t written = write(launch.report, &problem, sizeof problem);
  _exit(127);
}

void collect_environment(const ProcessOptions& options, Launch& launch) {
  for (char** entry = environ; *entry != nullptr; entry++) {
    const std::string text = *entry;
    if (!options.env.contains(text.substr(0, text.find('=')))) launch.env_text.push_back(text);
  }
  for (const auto& [name, value] : options.env) launch.env_text.push_back(name + "=" + value);
  for (std::string& text : launch.env_text) launch.envp.push_back(text.data());
  launch.envp.push_back(nullptr);
}

}  // namespace

Result<std::unique_ptr<Process>> Process::spawn(ProcessOptions options) {
  Launch launch;
  for (std::string& word : options.command) launch.argv.push_back(word.data());
  launch.argv.push_back(nullptr);
  collect_environment(options, launch);
  launch.out = options.output_folder.empty() ? "/dev/null" : options.output_folder + "/stdout";
  launch.err = options.output_folder.empty() ? "/dev/null" : options.output_folder + "/stderr";
  if (!options.user.empty()) {
    const passwd* account = getpwnam(options.user.c_str());
    if (account == nullptr) return Error(ErrorCode::kState, fmt::format("there is no user '{}'", options.user));
    launch.uid = account->pw_uid;
    launch.gid = account->pw_gid;
  }
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return Error(ErrorCode::kState, "making a pipe failed");
  launch.report = report[1];
  const pid_t parent = getpid();
  const pid_t pid = Spawner::instance().fork_child([&] {
    const pid_t child = fork();
    if (child == 0) run_child(options, launch, parent);
    return child;
  });
  close(report[1]);
  int problem = 0;
  const ssize_t got = pid > 0 ? read(report[0], &problem, sizeof problem) : 0;
  close(report[0]);
  if (pid < 0) return Error(ErrorCode::kState, "fork failed");
  auto process = std::unique_ptr<Process>(new Process(pid, options.output_folder));
  if (got > 0) {
    return Error(ErrorCode::kState, fmt::format("starting {}: {}", options.command[0], strerror(problem)));
  }
  return process;
}

Process::~Process() { kill9(); }

bool Process::reap(bool block) {
  if (exit_code_) return true;
  int status = 0;
  pid_t got;
  do {
    got = waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got != pid_) return false;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Process::running() { return !reap(false); }

std::optional<int> Process::wait(std::chrono::milliseconds timeout) {
  wait_until([&] { return reap(false); }, timeout);
  return exit_code_;
}

void Process::send_signal(int number) {
  if (running()) kill(pid_, number);
}

void Process::kill9() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  reap(true);
}

void Process::pause() {
  send_signal(SIGSTOP);
  // Its threads go on for a moment on a busy machine.
  siginfo_t info{};
  if (!exit_code_) waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT);
}

void Process::resume() { send_signal(SIGCONT); }

int Process::stop(std::chrono::milliseconds grace) {
  send_signal(SIGTERM);
  resume();
  if (!wait(grace)) kill9();
  return exit_code_.value_or(-1);
}

std::string Process::out() const { return read_file(output_folder_ + "/stdout"); }

std::string Process::err() const { return read_file(output_folder_ + "/stderr"); }

Result<std::string> run_command(std::vector<std::string> command, const std::string& user,
                                std::chrono::milliseconds timeout) {
  const TempFolder folder;
  const std::string name = command[0];
  ASSIGN_OR_RETURN(auto process,
                   Process::spawn({.command = std::move(command), .output_folder = folder.path(), .user = user}));
  const std::optional<int> code = process->wait(timeout);
  if (code == 0) return process->out();
  return Error(ErrorCode::kState,
               fmt::format("{} {}: {}{}", name, code ? fmt::format("exited with {}", *code) : "took too long",
                           tail(process->out(), 5), tail(process->err(), 15)));
}

std::string tail(const std::string& text, size_t lines) {
  size_t start = text.size();
  for (size_t i = 0; i <= lines && start != std::string::npos && start > 0; i++) start = text.rfind('\n', start - 1);
  return start == std::string::npos ? text : text.substr(start == 0 ? 0 : start + 1);
}

}  // namespace sluice::support
