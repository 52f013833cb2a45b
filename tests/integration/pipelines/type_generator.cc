// SPDX-License-Identifier: Apache-2.0
#include "integration/pipelines/type_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::support {

std::string sql_literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

std::string TypeGenerator::digits(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out.push_back(static_cast<char>('0' + random(0, 9)));
  return out;
}

std::string TypeGenerator::hex(int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += fmt::format("{:02x}", random(0, 255));
  return out;
}

std::string TypeGenerator::bits(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out.push_back(one_in(2) ? '1' : '0');
  return out;
}

std::string TypeGenerator::real(int precision) {
  const double mantissa = std::uniform_real_distribution<double>(-10, 10)(random_);
  const int exponent = one_in(2) ? random(-3, 3) : random(-37, 37);
  return fmt::format("{:.{}g}", mantissa * std::pow(10, exponent), precision);
}

std::string TypeGenerator::text(int longest) {
  static const std::vector<std::string> kPieces = {
      "a", "Z", "0",    " ",  "'", "\"",   "\\",   ",",  "{", "}", "(",   ")",   "\t", "\n", "\r",   "%",
      "é", "ß", "小明", "🚀", "ż", "\x7f", "\x01", "\b", "|", "N", "\\N", "\\.", "&",  "<",  "null", "NULL"};
  if (longest > 2000 && one_in(12)) return std::string(static_cast<size_t>(random(2000, longest)), 'x') + digits(5);
  std::string out;
  const int pieces = random(0, std::min(longest / 4, 12));
  for (int i = 0; i < pieces; ++i) out += one_of(kPieces);
  return out;
}

std::string TypeGenerator::time_of_day(int fraction) {
  std::string out = fmt::format("{:02}:{:02}:{:02}", random(0, 23), random(0, 59), random(0, 59));
  if (fraction > 0) out += "." + digits(fraction);
  return out;
}

std::string TypeGenerator::json(int depth) {
  const std::string space = one_in(3) ? " " : "";
  switch (depth == 0 ? random(0, 4) : random(0, 6)) {
    case 0: return "null";
    case 1: return one_in(2) ? "true" : "false";
    case 2: return one_of({"0", "-1.50", "1e3", "123456789012345678901234567890", "0.1", "1.0"});
    case 3: return "\"" + one_of({"", "ä", "\\u00e4", "a\\\"b", "\\\\", "\\n", "x y", "🚀", "\\ud83d\\ude80"}) + "\"";
    case 4: return std::to_string(random(-1000, 1000));
    case 5: {
      std::string out = "[" + space;
      for (int i = random(0, 3), first = 1; i > 0; --i, first = 0) out += (first ? "" : ",") + space + json(depth - 1);
      return out + "]";
    }
    default: {
      std::string out = "{";
      for (int i = random(0, 3), first = 1; i > 0; --i, first = 0) {
        out +=
            fmt::format("{}\"{}{}\"{}:{}", first ? "" : ",", one_of({"a", "bb", "é", ""}), i, space, json(depth - 1));
      }
      return out + space + "}";
    }
  }
}

}  // namespace sluice::support
