// SPDX-License-Identifier: Apache-2.0
// What a writer of events can do besides the contract of sink.h: its events of rows that are copied while the stream
// goes on say which kind of snapshot they are of. Found by dynamic_cast.
#pragma once

#include <string_view>

namespace sluice {

class MarksCopies {
 public:
  virtual ~MarksCopies() = default;
  // A literal: "incremental", as if it was never called, or "true".
  virtual void mark_copies(std::string_view mark) = 0;
};

}  // namespace sluice
