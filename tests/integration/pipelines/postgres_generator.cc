// SPDX-License-Identifier: Apache-2.0
#include "integration/pipelines/postgres_generator.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::support {
namespace {

// As arrays, ranges and composites want it.
std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + '"';
}

}  // namespace

std::string PostgresGenerator::fresh_name(const char* kind) { return fmt::format("public.{}{}", kind, ++names_); }

std::string PostgresGenerator::integer(int bits) {
  const int64_t greatest = static_cast<int64_t>((uint64_t{1} << (bits - 1)) - 1);
  switch (random(0, 5)) {
    case 0: return std::to_string(greatest);
    case 1: return std::to_string(-greatest - 1);
    case 2: return std::to_string(random(-3, 3));
    default: return std::to_string(std::uniform_int_distribution<int64_t>(-greatest, greatest)(random_));
  }
}

std::string PostgresGenerator::numeric() {
  if (one_in(6)) return one_of({"NaN", "Infinity", "-Infinity", "0", "0.000", "-0.0", "1e100", "1e-30"});
  return fmt::format("{}{}.{}", one_in(2) ? "-" : "", digits(random(1, 40)), digits(random(1, 30)));
}

std::string PostgresGenerator::date(bool timestamp) {
  if (!portable_ && one_in(6)) return one_of({"infinity", "-infinity"});
  int year = random(1900, 2100);
  std::string era;
  if (one_in(4)) year = random(1, 9999);
  if (!portable_ && one_in(4)) {
    era = one_in(2) ? " BC" : "";
    year = era.empty() ? random(10000, timestamp ? 294000 : 5874000) : random(1, 4700);
  }
  return fmt::format("{:04}-{:02}-{:02}{}", year, random(1, 12), random(1, 28), era);
}

std::string PostgresGenerator::zone() {
  return fmt::format("{}{:02}:{:02}", one_in(2) ? "+" : "-", random(0, 15), random(0, 59));
}

std::string PostgresGenerator::interval(int fraction) {
  const auto part = [&](int greatest) { return one_in(3) ? 0 : random(-greatest, greatest); };
  return fmt::format("{} years {} mons {} days {}{}", part(100000), part(11), part(100000), one_in(2) ? "-" : "",
                     time_of_day(fraction));
}

std::string PostgresGenerator::address(bool network) {
  const bool six = one_in(2);
  if (network)
    return six ? fmt::format("2001:{:x}::/32", random(1, 65535)) : fmt::format("10.{}.0.0/16", random(0, 255));
  std::string out = six ? fmt::format("2001:db8::{:x}:{:x}", random(0, 65535), random(0, 65535))
                        : fmt::format("{}.{}.{}.{}", random(0, 255), random(0, 255), random(0, 255), random(0, 255));
  if (one_in(2)) out += fmt::format("/{}", random(0, 32));
  return out;
}

std::string PostgresGenerator::point() {
  const auto coordinate = [&] { return fmt::format("{:.{}g}", random(-1000, 1000) / 7.0, random(1, 17)); };
  return fmt::format("({},{})", coordinate(), coordinate());
}

std::string PostgresGenerator::points(int least) {
  std::string out;
  for (int i = random(least, least + 3), first = 1; i > 0; --i, first = 0) out += (first ? "" : ",") + point();
  return out;
}

std::string PostgresGenerator::range(const std::function<std::string()>& bound,
                                     const std::function<bool(std::string&, std::string&)>& order) {
  if (one_in(6)) return "empty";
  std::string lower = bound();
  std::string upper = bound();
  if (!order(lower, upper)) return "empty";
  return fmt::format("{}{},{}{}", one_in(2) ? "[" : "(", one_in(6) ? "" : in_quotes(lower), one_in(6) ? "" : in_quotes(upper),
                     one_in(2) ? "]" : ")");
}

std::string PostgresGenerator::floating(int precision) {
  if (portable_ || !one_in(5)) return real(precision);
  return one_of({"NaN", "Infinity", "-Infinity", "-0", precision > 10 ? "5e-324" : "1e-45"});
}

GeneratedType PostgresGenerator::number_type() {
  switch (random(0, 9)) {
    case 0: return {"boolean", [this] { return one_in(2) ? "true" : "false"; }};
    case 1: return {"smallint", [this] { return integer(16); }};
    case 2: return {"integer", [this] { return integer(32); }};
    case 3: return {"bigint", [this] { return integer(64); }};
    case 4: return {"oid", [this] { return std::to_string(static_cast<uint32_t>(random_())); }};
    case 5: return {"real", [this] { return floating(9); }};
    case 6: return {"double precision", [this] { return floating(17); }};
    case 7: return {"numeric", [this] { return numeric(); }};
    case 8:
      return {"money",
              [this] { return fmt::format("{}{}.{}", one_in(2) ? "-" : "", digits(random(1, 15)), digits(2)); }, true};
    default: {
      const int precision = one_in(4) ? random(1, 200) : random(1, 38);
      const int scale = one_in(5) ? random(-20, 60) : random(0, precision);
      return {fmt::format("numeric({},{})", precision, scale), [this, precision, scale]() -> std::string {
                if (!portable_ && one_in(8)) return "NaN";
                return fmt::format("{}{}e{}", one_in(2) ? "-" : "", digits(random(1, precision)), -scale);
              }};
    }
  }
}

GeneratedType PostgresGenerator::text_type() {
  const int length = random(1, 40);
  const auto some = [this](int longest) { return [this, longest] { return text(longest); }; };
  // In characters, of which a piece of text may have four.
  const auto limited = [this, length] { return text(length); };
  switch (random(0, 6)) {
    case 0: return {fmt::format("char({})", length), limited};
    case 1: return {fmt::format("varchar({})", length), limited};
    case 2: return {"varchar", some(9000)};
    case 3: return {"name", some(40)};
    case 4: return {"\"char\"", [this] { return std::string(1, static_cast<char>(random('!', '~'))); }};
    case 5: return {"public.citext", some(9000)};
    default: return {"text", some(9000)};
  }
}

GeneratedType PostgresGenerator::time_type() {
  const int fraction = random(0, 6);
  const std::string in = one_in(2) ? fmt::format("({})", fraction) : "";
  switch (random(0, 6)) {
    case 0: return {"date", [this] { return date(false); }};
    case 1: return {"time" + in, [this, fraction] { return one_in(9) ? "24:00:00" : time_of_day(fraction); }};
    case 2:
      return {fmt::format("time{} with time zone", in), [this, fraction] { return time_of_day(fraction) + zone(); }};
    case 3:
    case 4: {
      const bool zoned = one_in(2);
      return {fmt::format("timestamp{}{}", in, zoned ? " with time zone" : ""), [this, fraction, zoned] {
                std::string out = date(true);
                if (out.ends_with("infinity")) return out;
                const size_t era = out.find(" BC");
                const std::string tail = era == out.npos ? "" : out.substr(era);
                if (era != out.npos) out.resize(era);
                return fmt::format("{} {}{}{}", out, time_of_day(fraction), zoned ? zone() : "", tail);
              }};
    }
    case 5:
      return {
          one_of({"interval year to month", "interval day to second(2)", "interval day", "interval hour to minute"}),
          [this] { return interval(6); }};
    default: return {"interval" + in, [this, fraction] { return interval(fraction); }};
  }
}

GeneratedType PostgresGenerator::bits_type() {
  const int length = one_in(3) ? random(60, 130) : random(1, 20);
  switch (random(0, 3)) {
    case 0: return {fmt::format("bit({})", length), [this, length] { return bits(length); }};
    case 1: return {fmt::format("varbit({})", length), [this, length] { return bits(random(0, length)); }};
    case 2: return {"varbit", [this] { return bits(random(0, 200)); }};
    default: return {"bytea", [this] { return "\\x" + hex(one_in(10) ? random(2000, 5000) : random(0, 20)); }};
  }
}

GeneratedType PostgresGenerator::network_type() {
  const auto hardware = [this](int bytes) {
    return [this, bytes] {
      std::string out = hex(1);
      for (int i = 1; i < bytes; ++i) out += ":" + hex(1);
      return out;
    };
  };
  switch (random(0, 4)) {
    case 0: return {"inet", [this] { return address(false); }};
    case 1: return {"cidr", [this] { return address(true); }};
    case 2: return {"macaddr", hardware(6)};
    case 3: return {"macaddr8", hardware(8)};
    default: {
      return {"uuid", [this] { return fmt::format("{}-{}-{}-{}-{}", hex(4), hex(2), hex(2), hex(2), hex(6)); }};
    }
  }
}

GeneratedType PostgresGenerator::range_type() {
  const auto by_number = [](std::string& a, std::string& b) {
    if (std::stoll(a) > std::stoll(b)) std::swap(a, b);
    return true;
  };
  const auto by_text = [](std::string& a, std::string& b) {
    if (a > b) std::swap(a, b);
    return true;
  };
  const std::function<std::string()> number = [this] { return std::to_string(random(-100000, 100000)); };
  const std::function<std::string()> day = [this] {
    return fmt::format("{:04}-{:02}-{:02}", random(1000, 9999), random(1, 12), random(1, 28));
  };
  const std::function<std::string()> moment = [this, day] { return day() + " " + time_of_day(random(0, 6)); };
  const std::function<std::string()> zoned = [moment] { return moment() + "+00"; };
  const bool multiple = one_in(3);
  const auto make = [&](const std::string& stem, const std::function<std::string()>& bound,
                        const std::function<bool(std::string&, std::string&)>& order) -> GeneratedType {
    const auto one = [this, bound, order] { return range(bound, order); };
    if (!multiple) return {stem + "range", one};
    return {stem + "multirange", [this, one] {
              std::string out = "{";
              for (int i = random(0, 3), first = 1; i > 0; --i, first = 0) out += (first ? "" : ",") + one();
              return out + "}";
            }};
  };
  switch (random(0, 5)) {
    case 0: return make("int4", number, by_number);
    case 1: return make("int8", number, by_number);
    case 2:
      return make(
          "num", [number, this] { return number() + "." + digits(2); },
          [](std::string& a, std::string& b) {
            if (std::stod(a) > std::stod(b)) std::swap(a, b);
            return true;
          });
    case 3: return make("date", day, by_text);
    case 4: return make("ts", moment, by_text);
    default: return make("tstz", zoned, by_text);
  }
}

GeneratedType PostgresGenerator::shape_type() {
  switch (random(0, 6)) {
    case 0: return {"point", [this] { return point(); }};
    case 1: return {"line", [this] { return fmt::format("{{{},{},{}}}", random(1, 9), random(-9, 9), random(-9, 9)); }};
    case 2: return {"lseg", [this] { return fmt::format("[{},{}]", point(), point()); }};
    case 3: return {"box", [this] { return fmt::format("{},{}", point(), point()); }};
    case 4: return {"path", [this] { return one_in(2) ? "[" + points(1) + "]" : "(" + points(1) + ")"; }};
    case 5: return {"polygon", [this] { return "(" + points(1) + ")"; }};
    default: return {"circle", [this] { return fmt::format("<{},{}>", point(), random(0, 100)); }};
  }
}

GeneratedType PostgresGenerator::other_type() {
  switch (random(0, 11)) {
    case 0: return {"json", [this] { return json(3); }};
    case 1: return {"jsonb", [this] { return json(3); }};
    case 2:
      return {"xml", [this] {
                return fmt::format("<a b=\"{}\">{}</a>", digits(2),
                                   one_of({"", "é", "&amp;", "<c/>", "x\ny", "]]&gt;"}));
              }};
    case 3:
      return {"tsvector", [this] {
                std::string out;
                for (int i = random(0, 4); i > 0; --i) {
                  out += fmt::format("{}{}{} ", one_of({"fat", "'it''s'", "'a b'", "ä"}), i,
                                     one_in(2) ? fmt::format(":{}A,{}", random(1, 50), random(51, 99)) : "");
                }
                return out;
              }};
    case 4: return {"tsquery", [this] { return one_of({"fat & (rat | !cat)", "a <-> b", "'it''s':*A", "x <3> y"}); }};
    case 5: return {"pg_lsn", [this] { return fmt::format("{:X}/{:X}", random(0, 1000), random(0, 2000000000)); }};
    case 6: return {"jsonpath", [this] { return one_of({"$.a[*]", "strict $.\"b c\"", "$[0 to 2] ? (@ > 1.5)"}); }};
    case 7: {
      return {"public.hstore", [this] {
                std::string out;
                for (int i = random(0, 3), first = 1; i > 0; --i, first = 0) {
                  out += fmt::format("{}{}=>{}", first ? "" : ", ", in_quotes(fmt::format("{}{}", i, text(12))),
                                     one_in(3) ? "NULL" : in_quotes(text(20)));
                }
                return out;
              }};
    }
    case 8: return {"public.ltree", [this] { return one_of({"Top", "Top.Science", "a_1.b.c", ""}); }};
    case 9: return {"pg_snapshot", [this] { return fmt::format("{0}:{1}:{0}", random(1, 100), random(101, 200)); }};
    case 10: return {"tid", [this] { return fmt::format("({},{})", random(0, 1000), random(1, 200)); }};
    default: return {"xid8", [this] { return std::to_string(random(0, 2000000000)); }};
  }
}

GeneratedType PostgresGenerator::scalar() {
  switch (random(0, 7)) {
    case 0:
    case 1: return number_type();
    case 2: return text_type();
    case 3: return time_type();
    case 4: return one_in(2) ? bits_type() : network_type();
    case 5: return range_type();
    case 6: return shape_type();
    default: return other_type();
  }
}

std::string PostgresGenerator::array_text(const GeneratedType& element, int dimensions) {
  std::string out;
  std::string body;
  std::vector<int> sizes;
  for (int i = 0; i < dimensions; ++i) sizes.push_back(random(1, 3));
  const std::function<std::string(size_t)> level = [&](size_t depth) -> std::string {
    if (depth == sizes.size()) return one_in(6) ? "NULL" : in_quotes(element.value());
    std::string text = "{";
    for (int i = 0; i < sizes[depth]; ++i) text += (i == 0 ? "" : ",") + level(depth + 1);
    return text + "}";
  };
  body = level(0);
  if (one_in(5)) {
    for (const int size : sizes) {
      const int first = random(-2, 3);
      out += fmt::format("[{}:{}]", first, first + size - 1);
    }
    out += "=";
  }
  return out + body;
}

GeneratedType PostgresGenerator::array_of(const GeneratedType& element) {
  return {element.name + "[]", [this, element]() -> std::string {
            return one_in(8) ? "{}" : array_text(element, one_in(3) ? random(2, 3) : 1);
          }};
}

GeneratedType PostgresGenerator::domain_of(const GeneratedType& base) {
  const std::string name = fresh_name("domain");
  definitions_.push_back(fmt::format("CREATE DOMAIN {} AS {}", name, base.name));
  return {name, base.value, base.money};
}

GeneratedType PostgresGenerator::enumeration() {
  const std::string name = fresh_name("enum");
  std::vector<std::string> labels = {"a", "it's", "very happy", "Größe", "x,\"y\""};
  labels.resize(static_cast<size_t>(random(1, 5)));
  std::string list;
  for (const auto& label : labels) list += (list.empty() ? "" : ", ") + sql_literal(label);
  definitions_.push_back(fmt::format("CREATE TYPE {} AS ENUM ({})", name, list));
  return {name, [this, labels] { return one_of(labels); }};
}

GeneratedType PostgresGenerator::composite(int depth) {
  const std::string name = fresh_name("row");
  std::vector<GeneratedType> fields;
  std::string list;
  for (int i = random(1, 4); i > 0; --i) {
    fields.push_back(any_type(depth - 1));
    list += fmt::format("{}f{} {}", list.empty() ? "" : ", ", i, fields.back().name);
  }
  definitions_.push_back(fmt::format("CREATE TYPE {} AS ({})", name, list));
  return {name, [this, fields] {
            std::string out = "(";
            for (size_t i = 0; i < fields.size(); ++i) {
              out += (i == 0 ? "" : ",") + (one_in(6) ? std::string() : in_quotes(fields[i].value()));
            }
            return out + ")";
          }};
}

GeneratedType PostgresGenerator::any_type(int depth) {
  if (depth > 0) {
    switch (random(0, 9)) {
      case 0:
      case 1: {
        GeneratedType element = any_type(depth - 1);
        return element.name.ends_with("[]") ? element : array_of(element);
      }
      case 2: return domain_of(any_type(depth - 1));
      case 3: return composite(depth);
      case 4: return enumeration();
      default: break;
    }
  }
  return scalar();
}

}  // namespace sluice::support
