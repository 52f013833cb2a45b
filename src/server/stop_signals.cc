// SPDX-License-Identifier: Apache-2.0
#include "server/stop_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/log.h"

namespace sluice {

StopSignals::StopSignals(Context& context) : context_(context) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  SLUICE_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  finish_ = eventfd(0, EFD_CLOEXEC);
  SLUICE_CHECK(signals_ >= 0 && finish_ >= 0);
  thread_ = std::thread([this] { wait_for_signals(); });
}

StopSignals::~StopSignals() {
  const uint64_t one = 1;
  SLUICE_CHECK(::write(finish_, &one, sizeof one) == sizeof one);
  thread_.join();
  ::close(signals_);
  ::close(finish_);
}

void StopSignals::wait_for_signals() {
  pollfd waiting[] = {{signals_, POLLIN, 0}, {finish_, POLLIN, 0}};
  for (;;) {
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if ((waiting[1].revents & POLLIN) != 0) return;
    if ((waiting[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) continue;
    if (context_.stop_requested()) ::_exit(128 + static_cast<int>(info.ssi_signo));
    log_info("stopping; a second signal ends the process at once");
    context_.request_stop();
  }
}

}  // namespace sluice
