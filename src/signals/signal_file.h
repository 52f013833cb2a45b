// SPDX-License-Identifier: Apache-2.0
// The channel `file`: one signal a line, as JSON; what was read is removed. Used by one thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "signals/signal.h"

namespace sluice {

class SignalFile {
 public:
  explicit SignalFile(std::string path) : path_(std::move(path)) {}
  // The signals that are in the file, which stay there until clear(). Lines that are none are named in a warning. None
  // if the file cannot be written to.
  std::vector<Signal> read();
  // Removes what read() has returned, and leaves what was added since, or another file in its place.
  Result<> clear();

 private:
  const std::string path_;
  std::string read_;    // what read() has returned
  bool stuck_ = false;  // it could not be cleared
  bool told_ = false;
};

}  // namespace sluice
