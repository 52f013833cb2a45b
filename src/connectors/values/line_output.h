// SPDX-License-Identifier: Apache-2.0
// Where printed events go: standard output, or a file that is appended to. Shared by the writers of a sink; whole
// blocks of lines never mix.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/result.h"

namespace sluice {

class LineOutput {
 public:
  // Appends to the file, which is created with mode 0600; a last line without an end, left by a crash, is cut off.
  static Result<std::shared_ptr<LineOutput>> open_file(const std::string& path);
  static std::shared_ptr<LineOutput> standard_output();
  // Takes a descriptor of a stream or pipe; closed by the destructor if `owned`.
  static std::shared_ptr<LineOutput> stream(int descriptor, std::string name, bool owned);

  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  // Writes everything, or fails: kStopped within a second when a stop is requested while the reader of a pipe does not
  // read. `durable`: a file's content has reached the disk when this returns.
  Result<> write(Context& context, std::string_view text, bool durable);

 private:
  LineOutput(int descriptor, std::string name, bool is_file, bool owned);
  Result<> wait_until_writable(Context& context) const;

  const int descriptor_;
  const std::string name_;
  const bool is_file_;
  const bool owned_;
  std::mutex mutex_;  // held while writing: keeping blocks whole is what it is for
};

}  // namespace sluice
