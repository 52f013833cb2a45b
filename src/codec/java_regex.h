// SPDX-License-Identifier: Apache-2.0
// Regular expressions as Java's users write them, with replacements ($1, ${name}, \$). Look-around, back references and
// possessive quantifiers are refused.
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

class JavaRegex {
 public:
  static Result<JavaRegex> compile(std::string_view pattern);
  // Refuses groups that the pattern has not.
  Result<> set_replacement(std::string_view replacement);
  bool matches(std::string_view text) const;  // the whole text
  // The replacement if the whole text matches.
  std::optional<std::string> replaced(std::string_view text) const;

  JavaRegex(JavaRegex&&) noexcept;
  JavaRegex& operator=(JavaRegex&&) noexcept;
  ~JavaRegex();

 private:
  explicit JavaRegex(std::unique_ptr<re2::RE2> regex);
  std::unique_ptr<re2::RE2> regex_;
  std::string rewrite_;
};

}  // namespace sluice
