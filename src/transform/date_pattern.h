// SPDX-License-Identifier: Apache-2.0
// A pattern of Java's SimpleDateFormat ("yyyy-MM-dd HH:mm:ss.SSS"), compiled once: formats and parses wall clock times.
// Letters: y M d D E a H k K h m s S, quotes; other letters are refused. Texts are English.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

class DatePattern {
 public:
  static Result<DatePattern> compile(std::string_view pattern);

  // `micros` of a wall clock since 1970-01-01.
  void format(int64_t micros, std::string& out) const;
  // Nothing if the text does not follow the pattern or names no real date. Text behind the pattern is ignored, as in
  // Java.
  std::optional<int64_t> parse(std::string_view text) const;

 private:
  struct Field {
    char letter = 0;  // 0: literal text
    int width = 0;
    std::string text;
  };
  std::vector<Field> fields_;
};

}  // namespace sluice
