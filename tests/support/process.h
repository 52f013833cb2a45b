// SPDX-License-Identifier: Apache-2.0
// A child process with its output in files. It never outlives the test: the destructor kills it, and the kernel does
// if the test itself dies. A Process is used by one thread at a time; spawn() may be called from any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::support {

struct ProcessOptions {
  std::vector<std::string> command;        // command[0] is looked up in PATH if it has no '/'
  std::map<std::string, std::string> env;  // added to the test's own environment
  std::string output_folder;               // "stdout" and "stderr" are appended to here; empty: both are discarded
  std::string input = "/dev/null";         // file that becomes standard input
  std::string folder;                      // working folder; empty: the test's own
  std::string user;                        // run as this user; needs root
  std::string root;                        // chroot; needs root
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> spawn(ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // The exit code, 128 + n after signal n; nothing if it still runs when the time is over.
  std::optional<int> wait(std::chrono::milliseconds timeout = std::chrono::milliseconds(60000));
  void send_signal(int number);
  void kill9();   // and waits until it is gone
  void pause();   // SIGSTOP, and waits until it has stopped
  void resume();  // SIGCONT
  // SIGTERM, and SIGKILL if that does not end it in time. The exit code as of wait().
  int stop(std::chrono::milliseconds grace = std::chrono::milliseconds(20000));

  // What it has written so far.
  std::string out() const;
  std::string err() const;

 private:
  Process(pid_t pid, std::string output_folder) : pid_(pid), output_folder_(std::move(output_folder)) {}
  bool reap(bool block);

  pid_t pid_;
  std::string output_folder_;
  std::optional<int> exit_code_;
};

// Runs a command to its end; an error, with the end of what it said, if it fails or takes too long.
Result<std::string> run_command(std::vector<std::string> command, const std::string& user = {},
                                std::chrono::milliseconds timeout = std::chrono::milliseconds(120000));

// The last lines of a log, for error messages.
std::string tail(const std::string& text, size_t lines = 20);

}  // namespace sluice::support
