// SPDX-License-Identifier: Apache-2.0
// Which logical messages are wanted, by their prefixes. Without case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace sluice {

class MessageFilter {
 public:
  // Lists of regular expressions, each for the whole prefix; without any nothing is wanted.
  static Result<MessageFilter> compile(const std::optional<std::string>& include,
                                       const std::optional<std::string>& exclude);
  MessageFilter();
  MessageFilter(MessageFilter&&) noexcept;
  MessageFilter& operator=(MessageFilter&&) noexcept;
  ~MessageFilter();

  bool wants(std::string_view prefix) const;

 private:
  bool any_ = false;
  std::unique_ptr<re2::RE2> include_;
  std::unique_ptr<re2::RE2> exclude_;
};

}  // namespace sluice
