// SPDX-License-Identifier: Apache-2.0
#include "transform/decimal.h"

#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cstdlib>
#include <type_traits>

namespace sluice {

namespace {

// Most decimals have few digits: 128 bits hold 38. The wide type holds any product or quotient of two 65-digit decimals
// (fewer than 300 digits) without allocating.
using Narrow = __int128;
namespace mp = boost::multiprecision;
using Wide = mp::number<mp::cpp_int_backend<1024, 1024, mp::signed_magnitude, mp::unchecked, void>>;

constexpr int kNarrowDigits = 37;
constexpr int kWideDigits = 300;
constexpr int kMaxInputDigits = 140;

// A number's text taken apart; `digits` counts integer and fraction digits without leading zeros.
struct Parts {
  bool negative = false;
  std::string_view integer;   // without leading zeros, may be empty
  std::string_view fraction;  // as it stands

  int scale() const { return static_cast<int>(fraction.size()); }
  int digits() const { return static_cast<int>(integer.size() + fraction.size()); }
};

Parts take_apart(std::string_view text) {
  Parts parts;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto point = text.find('.');
  parts.integer = text.substr(0, point);
  if (point != std::string_view::npos) parts.fraction = text.substr(point + 1);
  parts.integer.remove_prefix(std::min(parts.integer.find_first_not_of('0'), parts.integer.size()));
  return parts;
}

template <typename Int>
Int power_of_ten(int exponent) {
  Int result = 1;
  for (int i = 0; i < exponent; ++i) result *= 10;
  return result;
}

// Reads up to 18 digits at a time, so that the wide type multiplies seldom.
template <typename Int>
Int unscaled(const Parts& parts) {
  Int value = 0;
  for (const auto digits : {parts.integer, parts.fraction}) {
    for (size_t i = 0; i < digits.size(); i += 18) {
      const auto group = digits.substr(i, 18);
      int64_t number = 0;
      int64_t power = 1;
      for (const char c : group) {
        number = number * 10 + (c - '0');
        power *= 10;
      }
      value = value * power + number;
    }
  }
  return parts.negative ? Int(-value) : value;
}

template <typename Int>
Int divide(const Int& numerator, const Int& denominator, DecimalRounding rounding) {
  Int quotient = numerator / denominator;
  const Int rest = numerator - quotient * denominator;
  if (rest == 0) return quotient;
  const bool negative = (numerator < 0) != (denominator < 0);
  const Int size = rest < 0 ? Int(-rest) : rest;
  const Int divisor = denominator < 0 ? Int(-denominator) : denominator;
  bool away = false;
  switch (rounding) {
    case DecimalRounding::kHalfUp: away = size >= divisor - size; break;
    case DecimalRounding::kDown: break;
    case DecimalRounding::kFloor: away = negative; break;
    case DecimalRounding::kCeiling: away = !negative; break;
  }
  if (away) quotient += negative ? -1 : 1;
  return quotient;
}

// value * 10^-from as a number of scale `to`.
template <typename Int>
Int change_scale(const Int& value, int from, int to, DecimalRounding rounding) {
  if (to >= from) return value * power_of_ten<Int>(to - from);
  return divide<Int>(value, power_of_ten<Int>(from - to), rounding);
}

template <typename Int>
DecimalStatus print(Int value, DecimalShape shape, std::string& out) {
  const bool negative = value < 0;
  if (negative) value = -value;
  std::array<char, kWideDigits + 20> buffer;
  size_t begin = buffer.size();
  constexpr int64_t kGroup = 1000000000000000000;
  while (value != 0) {
    const Int rest = value % kGroup;
    value /= kGroup;
    auto number = static_cast<int64_t>(rest);
    for (int i = 0; i < 18 && (number != 0 || value != 0); ++i) {
      if (begin == 0) return DecimalStatus::kOverflow;
      buffer[--begin] = static_cast<char>('0' + number % 10);
      number /= 10;
    }
  }
  const std::string_view digits(buffer.data() + begin, buffer.size() - begin);
  if (static_cast<int>(digits.size()) > shape.precision) return DecimalStatus::kOverflow;
  const auto scale = static_cast<size_t>(shape.scale);
  if (negative) out += '-';
  if (digits.size() > scale) {
    out.append(digits.substr(0, digits.size() - scale));
  } else {
    out += '0';
  }
  if (scale > 0) {
    out += '.';
    if (digits.size() < scale) out.append(scale - digits.size(), '0');
    out.append(digits.substr(digits.size() - std::min(digits.size(), scale)));
  }
  return DecimalStatus::kOk;
}

template <typename Int>
DecimalStatus compute(DecimalOp op, const Parts& left, const Parts& right, DecimalShape shape, DecimalRounding rounding,
                      std::string& out) {
  const Int a = unscaled<Int>(left);
  const Int b = unscaled<Int>(right);
  const int common = std::max(left.scale(), right.scale());
  switch (op) {
    case DecimalOp::kAdd:
    case DecimalOp::kSubtract: {
      const Int x = change_scale<Int>(a, left.scale(), common, rounding);
      const Int y = change_scale<Int>(b, right.scale(), common, rounding);
      return print<Int>(
          change_scale<Int>(op == DecimalOp::kAdd ? Int(x + y) : Int(x - y), common, shape.scale, rounding), shape,
          out);
    }
    case DecimalOp::kMultiply:
      return print<Int>(change_scale<Int>(a * b, left.scale() + right.scale(), shape.scale, rounding), shape, out);
    case DecimalOp::kDivide: {
      if (b == 0) return DecimalStatus::kDivisionByZero;
      const int shift = shape.scale + right.scale() - left.scale();
      const Int quotient = shift >= 0 ? divide<Int>(a * power_of_ten<Int>(shift), b, rounding)
                                      : divide<Int>(a, b * power_of_ten<Int>(-shift), rounding);
      return print<Int>(quotient, shape, out);
    }
    case DecimalOp::kModulo: {
      if (b == 0) return DecimalStatus::kDivisionByZero;
      const Int x = change_scale<Int>(a, left.scale(), common, rounding);
      const Int y = change_scale<Int>(b, right.scale(), common, rounding);
      return print<Int>(change_scale<Int>(x % y, common, shape.scale, rounding), shape, out);
    }
  }
  return DecimalStatus::kOverflow;
}

// An upper bound of the digits of any number that compute() forms.
int digits_needed(DecimalOp op, const Parts& left, const Parts& right, DecimalShape shape) {
  const int digits = std::max(left.digits(), right.digits());
  const int scales = std::max({left.scale(), right.scale(), shape.scale});
  switch (op) {
    case DecimalOp::kAdd:
    case DecimalOp::kSubtract:
    case DecimalOp::kModulo: return digits + scales + 1;
    case DecimalOp::kMultiply: return left.digits() + right.digits() + scales + 1;
    case DecimalOp::kDivide: return digits + shape.scale + left.scale() + right.scale() + 1;
  }
  return kWideDigits;
}

// Where a value stands among those that are no digits: -Infinity, every number, Infinity, NaN.
int rank(std::string_view text) {
  if (decimal_is_finite(text)) return 0;
  if (text.back() == 'N') return 2;
  return text.front() == '-' ? -1 : 1;
}

bool too_long(const Parts& parts) { return parts.digits() > kMaxInputDigits; }

}  // namespace

DecimalStatus decimal_arithmetic(DecimalOp op, std::string_view left, std::string_view right, DecimalShape shape,
                                 DecimalRounding rounding, std::string& out) {
  if (!decimal_is_finite(left) || !decimal_is_finite(right)) return DecimalStatus::kNotFinite;
  const Parts a = take_apart(left);
  const Parts b = take_apart(right);
  const int needed = digits_needed(op, a, b, shape);
  if (needed <= kNarrowDigits) return compute<Narrow>(op, a, b, shape, rounding, out);
  if (needed > kWideDigits) return DecimalStatus::kOverflow;
  return compute<Wide>(op, a, b, shape, rounding, out);
}

DecimalStatus decimal_rescale(std::string_view text, DecimalShape shape, DecimalRounding rounding, std::string& out) {
  return decimal_round(text, shape.scale, shape, rounding, out);
}

DecimalStatus decimal_round(std::string_view text, int digits, DecimalShape shape, DecimalRounding rounding,
                            std::string& out) {
  if (!decimal_is_finite(text)) return DecimalStatus::kNotFinite;
  const Parts parts = take_apart(text);
  if (too_long(parts)) return DecimalStatus::kOverflow;
  digits = std::clamp(digits, -kMaxDecimalPrecision - 1, shape.scale);
  const auto round = [&]<typename Int>(std::type_identity<Int>) {
    const Int rounded = change_scale<Int>(unscaled<Int>(parts), parts.scale(), digits, rounding);
    return print<Int>(change_scale<Int>(rounded, digits, shape.scale, rounding), shape, out);
  };
  const int shift = std::max(parts.scale(), shape.scale) + (digits < 0 ? -digits : digits);
  if (parts.digits() + shift <= kNarrowDigits) return round(std::type_identity<Narrow>{});
  return round(std::type_identity<Wide>{});
}

int decimal_compare(std::string_view left, std::string_view right) {
  const int left_rank = rank(left);
  const int right_rank = rank(right);
  if (left_rank != 0 || right_rank != 0) return left_rank - right_rank;
  const bool left_zero = decimal_is_zero(left);
  const bool right_zero = decimal_is_zero(right);
  const Parts a = take_apart(left);
  const Parts b = take_apart(right);
  const int a_sign = left_zero ? 0 : a.negative ? -1 : 1;
  const int b_sign = right_zero ? 0 : b.negative ? -1 : 1;
  if (a_sign != b_sign || a_sign == 0) return a_sign - b_sign;
  if (a.integer.size() != b.integer.size()) return a.integer.size() < b.integer.size() ? -a_sign : a_sign;
  if (const int order = a.integer.compare(b.integer); order != 0) return order < 0 ? -a_sign : a_sign;
  const size_t common = std::min(a.fraction.size(), b.fraction.size());
  const int order = a.fraction.substr(0, common).compare(b.fraction.substr(0, common));
  if (order != 0) return order < 0 ? -a_sign : a_sign;
  const auto nonzero_after = [&](std::string_view digits) {
    return digits.find_first_not_of('0', common) != std::string_view::npos;
  };
  if (nonzero_after(a.fraction)) return a_sign;
  return nonzero_after(b.fraction) ? -a_sign : 0;
}

bool decimal_is_zero(std::string_view text) {
  return decimal_is_finite(text) && text.find_first_of("123456789") == std::string_view::npos;
}

// Every number ends in a digit, or a point, and every word in a letter.
bool decimal_is_finite(std::string_view text) { return text.empty() || text.back() <= '9'; }

std::optional<std::string> decimal_from_text(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  std::string digits;
  std::string result;
  if (text[0] == '-' || text[0] == '+') {
    if (text[0] == '-') result = "-";
    text.remove_prefix(1);
  }
  int point = -1;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (text[at] >= '0' && text[at] <= '9') {
      digits += text[at];
    } else if (text[at] == '.' && point < 0) {
      point = static_cast<int>(digits.size());
    } else {
      break;
    }
  }
  if (digits.empty() || digits.size() > kMaxInputDigits) return std::nullopt;
  if (point < 0) point = static_cast<int>(digits.size());
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    ++at;
    if (at + 1 < text.size() && text[at] == '+') ++at;
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (exponent < -kMaxInputDigits || exponent > kMaxInputDigits) return std::nullopt;
    point += exponent;
  }
  if (point < 0) {
    digits.insert(0, static_cast<size_t>(-point), '0');
    point = 0;
  }
  if (point > static_cast<int>(digits.size())) digits.append(static_cast<size_t>(point) - digits.size(), '0');
  std::string integer = digits.substr(0, static_cast<size_t>(point));
  const auto significant = integer.find_first_not_of('0');
  integer = significant == std::string::npos ? "0" : integer.substr(significant);
  result += integer;
  if (static_cast<size_t>(point) < digits.size()) result += "." + digits.substr(static_cast<size_t>(point));
  if (decimal_is_zero(result) && result[0] == '-') result.erase(0, 1);
  return result;
}

std::optional<int64_t> decimal_to_int64(std::string_view text) {
  if (!decimal_is_finite(text)) return std::nullopt;
  const Parts parts = take_apart(text);
  if (parts.integer.size() > 19) return std::nullopt;
  uint64_t value = 0;  // 19 digits fit
  for (const char c : parts.integer) value = value * 10 + static_cast<uint64_t>(c - '0');
  constexpr uint64_t kLimit = uint64_t{1} << 63;
  if (value > kLimit || (value == kLimit && !parts.negative)) return std::nullopt;
  return parts.negative ? static_cast<int64_t>(-value) : static_cast<int64_t>(value);
}

std::optional<uint64_t> decimal_to_uint64(std::string_view text) {
  if (!decimal_is_finite(text)) return std::nullopt;
  const Parts parts = take_apart(text);
  if (parts.integer.empty()) return 0;
  if (parts.negative || parts.integer.size() > 20) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(parts.integer.data(), parts.integer.data() + parts.integer.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

double decimal_to_double(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::result_out_of_range) return std::strtod(std::string(text).c_str(), nullptr);
  return value;
}

}  // namespace sluice
