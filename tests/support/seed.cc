// SPDX-License-Identifier: Apache-2.0
#include "support/seed.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/clock.h"

namespace sluice::support {

uint64_t test_seed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("SLUICE_SEED");
    const auto now = static_cast<uint64_t>(wall_clock_ms());
    const uint64_t value = given != nullptr ? std::strtoull(given, nullptr, 10) : now % 1'000'000;
    fmt::print("SLUICE_SEED={}\n", value);
    std::fflush(stdout);
    return value;
  }();
  return seed;
}

bool long_run() {
  const char* given = std::getenv("SLUICE_LONG");
  return given != nullptr && *given != '\0' && *given != '0';
}

}  // namespace sluice::support
