// SPDX-License-Identifier: Apache-2.0
#include "codec/source_type.h"

#include <algorithm>
#include <cctype>

namespace sluice {

SourceType parse_source_type(std::string_view text) {
  SourceType type;
  const size_t open = std::min(text.find('('), text.size());
  const size_t close = open == text.size() ? open : text.rfind(')');
  std::string name(text.substr(0, open));
  if (close < text.size()) {
    name += text.substr(close + 1);
    const std::string_view arguments = text.substr(open + 1, close - open - 1);
    // Not the labels of ENUM and SET.
    if (arguments.find_first_not_of("0123456789,") == std::string_view::npos) {
      const size_t comma = std::min(arguments.find(','), arguments.size());
      type.length = arguments.substr(0, comma);
      type.scale = arguments.substr(std::min(comma + 1, arguments.size()));
    }
  }
  for (const char c : name) type.name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return type;
}

}  // namespace sluice
