// SPDX-License-Identifier: Apache-2.0
// The channel `file`: one signal a line, as JSON; what was read is removed. Used by one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "signals/signal.h"

namespace sluice {

class SignalFile {
 public:
  // `obeyed` is the mark() of what was obeyed and may still be there: a file that begins with it is read from behind
  // it.
  explicit SignalFile(std::string path, std::string obeyed = {}) : path_(std::move(path)), obeyed_(std::move(obeyed)) {}
  // The signals that are in the file, which stay there until clear(). Lines that are none are named in a warning.
  // Nothing if the file cannot be written to.
  std::optional<std::vector<Signal>> read();
  // By which the beginning of the file that read() has returned is known again.
  std::string mark() const;
  // Removes what read() has returned, and leaves what was added since, or another file in its place.
  Result<> clear();

 private:
  const std::string path_;
  std::string obeyed_;
  std::string read_;    // what read() has returned, behind what was obeyed before
  bool stuck_ = false;  // it could not be cleared
  bool told_ = false;
};

}  // namespace sluice
