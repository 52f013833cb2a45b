// SPDX-License-Identifier: Apache-2.0
// What makes a random test repeatable and long: SLUICE_SEED, SLUICE_LONG.
#pragma once

#include <cstdint>

namespace sluice::support {

// SLUICE_SEED, or the moment's; printed, so that a failure can be repeated.
uint64_t test_seed();
bool long_run();

}  // namespace sluice::support
