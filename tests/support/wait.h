// SPDX-License-Identifier: Apache-2.0
// How tests wait: on a condition, with a deadline; never by sleeping a guessed time.
#pragma once

#include <chrono>
#include <functional>

namespace sluice::support {

// Asks until the condition holds (true) or the time is over (false). Polls at first every millisecond, later every 20.
bool wait_until(const std::function<bool()>& condition,
                std::chrono::milliseconds timeout = std::chrono::milliseconds(30000));

}  // namespace sluice::support
