// SPDX-License-Identifier: Apache-2.0
// Turns SIGINT and SIGTERM into Context::request_stop; a second one ends the process at once. Construct it before any
// other thread is started, because the signals are blocked in the constructing thread and in those it starts later.
// SIGPIPE is ignored from then on: writes report EPIPE instead.
#pragma once

#include <thread>

#include "base/context.h"

namespace sluice {

class StopSignals {
 public:
  // `context` must outlive this object.
  explicit StopSignals(Context& context);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  void wait_for_signals();

  Context& context_;
  int signals_ = -1;  // signalfd
  int finish_ = -1;   // eventfd, written by the destructor
  std::thread thread_;
};

}  // namespace sluice
