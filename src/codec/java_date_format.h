// SPDX-License-Identifier: Apache-2.0
// Java's SimpleDateFormat in UTC, as far as instants in files have it: y, M, d, H, m, s, S in numbers, X, XXX and Z for
// the zone, and text in quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

class JavaDateFormat {
 public:
  // kConfig names a letter that is not supported.
  static Result<JavaDateFormat> compile(std::string_view pattern);
  std::string format(int64_t millis) const;
  // Milliseconds since 1970; null if the text has another form.
  std::optional<int64_t> parse(std::string_view text) const;

 private:
  struct Item {
    char letter = 0;  // 0: `text` as it stands
    size_t count = 0;
    std::string text;
  };
  std::vector<Item> items_;
};

}  // namespace sluice
