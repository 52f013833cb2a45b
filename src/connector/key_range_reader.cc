// SPDX-License-Identifier: Apache-2.0
#include "connector/key_range_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

bool starts_with_word(std::string_view text, std::string_view word) {
  if (text.size() <= word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if ((text[i] | 0x20) != word[i]) return false;
  }
  return kBlank.find(text[word.size()]) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(" \t\r\n;") + 1);
}

}  // namespace

bool is_select(std::string_view condition) {
  return starts_with_word(trimmed(condition), "select") || starts_with_word(trimmed(condition), "with");
}

std::string where_of(std::string_view condition, std::string_view columns) {
  if (!is_select(condition)) return std::string(condition);
  return fmt::format("({0}) IN (SELECT {0} FROM ({1}\n) AS chosen)", columns, trimmed(condition));
}

}  // namespace sluice
