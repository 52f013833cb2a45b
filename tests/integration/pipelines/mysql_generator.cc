// SPDX-License-Identifier: Apache-2.0
#include "integration/pipelines/mysql_generator.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::support {
namespace {

// Backslashes mean something in its literals.
std::string literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "'";
}

struct Integer {
  const char* name;
  int bits;
};

}  // namespace

GeneratedType MysqlGenerator::number_type() {
  static const std::vector<Integer> kIntegers = {
      {"TINYINT", 8}, {"SMALLINT", 16}, {"MEDIUMINT", 24}, {"INT", 32}, {"BIGINT", 64}};
  switch (random(0, 5)) {
    case 0: return {"FLOAT", [this] { return real(6); }, false, true};
    case 1: return {"DOUBLE", [this] { return real(17); }, false, true};
    case 2: {
      const int bits = random(2, 64);
      return {fmt::format("BIT({})", bits), [this, bits] { return "b'" + this->bits(random(1, bits)) + "'"; }, false,
              true};
    }
    case 3: {
      const int precision = random(1, 65);
      const int scale = random(0, std::min(precision, 30));
      return {fmt::format("DECIMAL({},{})", precision, scale),
              [this, precision, scale] {
                std::string number = one_in(2) ? "-" : "";
                number += precision > scale ? digits(random(1, precision - scale)) : "0";
                return scale > 0 ? number + "." + digits(random(1, scale)) : number;
              },
              false, true};
    }
    default: {
      const Integer& type = kIntegers[static_cast<size_t>(random(0, static_cast<int>(kIntegers.size()) - 1))];
      const bool is_unsigned = one_in(2);
      const auto value = [this, bits = type.bits, is_unsigned] {
        const uint64_t greatest = (is_unsigned ? ~uint64_t{0} : ~uint64_t{0} >> 1) >> (64 - bits);
        const uint64_t magnitude = one_in(4) ? greatest : std::uniform_int_distribution<uint64_t>(0, greatest)(random_);
        return fmt::format("{}{}", is_unsigned || one_in(2) ? "" : "-", magnitude);
      };
      return {fmt::format("{}{}", type.name, is_unsigned ? " UNSIGNED" : ""), value, false, true};
    }
  }
}

GeneratedType MysqlGenerator::text_type() {
  static const std::vector<std::string> kSets = {"utf8mb4", "utf8mb4", "utf8mb3", "latin1", "ucs2", "cp1251"};
  const std::string set = one_of(kSets);
  const bool narrow = set != "utf8mb4";
  const int length = random(1, 40);
  const auto value = [this, narrow](int longest) {
    return
        [this, narrow, longest] { return literal(narrow ? digits(random(0, std::min(longest, 9))) : text(longest)); };
  };
  switch (random(0, 3)) {
    case 0: return {fmt::format("CHAR({}) CHARACTER SET {}", length, set), value(length), false, true};
    case 1: return {fmt::format("VARCHAR({}) CHARACTER SET {}", length, set), value(length), false, true};
    case 2: return {"TEXT CHARACTER SET " + set, value(9000), false, true};
    default: return {"LONGTEXT CHARACTER SET " + set, value(9000), false, true};
  }
}

std::string MysqlGenerator::date() {
  return fmt::format("{:04}-{:02}-{:02}", one_in(2) ? random(1000, 9999) : random(1900, 2100), random(1, 12),
                     random(1, 28));
}

GeneratedType MysqlGenerator::time_type() {
  const int fraction = random(0, 6);
  switch (random(0, 4)) {
    case 0: return {"DATE", [this] { return date(); }};
    case 1:
      return {fmt::format("TIME({})", fraction), [this, fraction] {
                if (portable_) return time_of_day(fraction);
                return fmt::format("{}{}{}", one_in(2) ? "-" : "", random(0, 8), time_of_day(fraction));
              }};
    case 2:
      return {fmt::format("DATETIME({})", fraction), [this, fraction] { return date() + " " + time_of_day(fraction); }};
    case 3:
      return {fmt::format("TIMESTAMP({}) NULL", fraction), [this, fraction] {
                return fmt::format("{}-{:02}-{:02} {}", random(1971, 2037), random(1, 12), random(1, 28),
                                   time_of_day(fraction));
              }};
    default: return {"YEAR", [this] { return std::to_string(random(1901, 2155)); }};
  }
}

GeneratedType MysqlGenerator::bytes_type() {
  const int length = random(1, 40);
  const auto value = [this](int longest) { return [this, longest] { return "x'" + hex(random(0, longest)) + "'"; }; };
  switch (random(0, 2)) {
    case 0: return {fmt::format("BINARY({})", length), value(length), false, true};
    case 1: return {fmt::format("VARBINARY({})", length), value(length), false, true};
    default: return {"LONGBLOB", value(one_in(3) ? 6000 : 30), false, true};
  }
}

GeneratedType MysqlGenerator::other_type() {
  switch (random(0, 3)) {
    case 0:
      return {"ENUM('a','very happy','it''s','Größe')",
              [this] { return one_of({"a", "very happy", "it's", "Größe"}); }};
    case 1: return {"SET('a','b','c','d e')", [this] { return one_of({"", "a", "a,c", "a,b,c,d e", "d e"}); }};
    case 2: return {"JSON", [this] { return literal(json(3)); }, false, true};
    default:
      return {"GEOMETRY", [this] { return fmt::format("ST_GeomFromText('POINT({} {})')", real(5), real(17)); }, false,
              true};
  }
}

GeneratedType MysqlGenerator::any_type() {
  switch (random(0, 5)) {
    case 0:
    case 1: return number_type();
    case 2: return text_type();
    case 3: return time_type();
    case 4: return bytes_type();
    default: return other_type();
  }
}

}  // namespace sluice::support
