// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#ifdef SLUICE_FAULTS

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace sluice {
namespace {

struct ArmedFault {
  std::string name;
  std::atomic<int> remaining{0};
};

ArmedFault& armed() {
  static ArmedFault fault;
  static const bool parsed = [] {
    if (const char* setting = std::getenv("SLUICE_FAULT"); setting != nullptr) {
      const std::string text(setting);
      const auto colon = text.find(':');
      fault.name = text.substr(0, colon);
      fault.remaining = colon == std::string::npos ? 1 : std::atoi(text.c_str() + colon + 1);
    }
    return true;
  }();
  (void)parsed;
  return fault;
}

}  // namespace

void fault_point(std::string_view name) {
  SLUICE_CHECK(std::ranges::find(kFaultPoints, name) != kFaultPoints.end() ||
               std::ranges::find(kTenantFaultPoints, name) != kTenantFaultPoints.end() ||
               std::ranges::find(kCopyAgainFaultPoints, name) != kCopyAgainFaultPoints.end() ||
               std::ranges::find(kChangeLogFaultPoints, name) != kChangeLogFaultPoints.end() ||
               std::ranges::find(kIncrementalFaultPoints, name) != kIncrementalFaultPoints.end() ||
               std::ranges::find(kFileFaultPoints, name) != kFileFaultPoints.end());
  ArmedFault& fault = armed();
  if (fault.name == name && fault.remaining.fetch_sub(1) == 1) kill(getpid(), SIGKILL);
}

}  // namespace sluice

#endif
