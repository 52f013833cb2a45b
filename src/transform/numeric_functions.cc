// SPDX-License-Identifier: Apache-2.0
// Functions on numbers, and UUID().
#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "data/value_text.h"
#include "transform/decimal.h"
#include "transform/functions.h"

namespace sluice {

namespace {

constexpr const char* kOverflow = "the result does not fit the type of its argument";

DataType unlabelled(DataType type) {
  type.source_type.clear();
  return type;
}

Result<ExpressionPtr> absolute(const Dialect&, ExpressionList arguments) {
  const DataType type = unlabelled(arguments[0]->type());
  if (is_floating(type.kind)) {
    return make_strict(type, std::move(arguments),
                       [](Call& call) { call.out.append_double(std::fabs(call.number(0))); });
  }
  if (type.kind == TypeKind::kDecimal) {
    return make_strict(type, std::move(arguments), [](Call& call) {
      auto text = call.text(0);
      if (text.starts_with('-')) text.remove_prefix(1);
      call.out.append_bytes(text);
    });
  }
  const bool is_unsigned = type.kind == TypeKind::kUInt64;
  const int64_t least = type.kind == TypeKind::kInt8    ? INT8_MIN
                        : type.kind == TypeKind::kInt16 ? INT16_MIN
                        : type.kind == TypeKind::kInt32 ? INT32_MIN
                                                        : INT64_MIN;
  return make_strict(type, std::move(arguments), [is_unsigned, least](Call& call) {
    const int64_t value = call.integer(0);
    if (is_unsigned || value >= 0) return call.out.append_int(value);
    if (value == least) return call.fail(kOverflow);
    call.out.append_int(-value);
  });
}

double round_double(double value, int digits, DecimalRounding rounding) {
  if (rounding == DecimalRounding::kFloor) return std::floor(value);
  if (rounding == DecimalRounding::kCeiling) return std::ceil(value);
  if (!std::isfinite(value) || digits > 18) return value;
  // By way of the decimal text a person would write, so that 2.675 becomes 2.68 whatever the binary digits are.
  const auto plain = decimal_from_text(fmt::format("{}", value));
  std::string text;
  const DecimalShape shape{kMaxDecimalPrecision * 5, std::max(digits, 0)};
  if (!plain || decimal_round(*plain, digits, shape, rounding, text) != DecimalStatus::kOk) return value;
  return decimal_to_double(text);
}

DataType rounded_decimal(const DataType& from, int digits) {
  DataType type = plain_type(TypeKind::kDecimal);
  type.scale = static_cast<uint16_t>(std::clamp(digits, 0, static_cast<int>(from.scale)));
  // One digit more for what rounds up to the next power of ten.
  const int precision = from.precision - from.scale + type.scale + (digits < from.scale ? 1 : 0);
  type.precision = static_cast<uint16_t>(std::clamp(precision, 1, kMaxDecimalPrecision));
  return type;
}

Result<ExpressionPtr> round_to(ExpressionList arguments, int digits, DecimalRounding rounding) {
  const DataType from = unlabelled(arguments[0]->type());
  if (is_floating(from.kind)) {
    return make_strict(from, std::move(arguments), [digits, rounding](Call& call) {
      call.out.append_double(round_double(call.number(0), digits, rounding));
    });
  }
  if (from.kind == TypeKind::kDecimal) {
    if (has_any_digits(from)) return any_digits_mistake("rounding");
    const DataType type = rounded_decimal(from, digits);
    return make_strict(type, std::move(arguments),
                       [shape = DecimalShape{type.precision, type.scale}, digits, rounding](Call& call) {
                         call.scratch.clear();
                         const auto status = decimal_round(call.text(0), digits, shape, rounding, call.scratch);
                         if (status == DecimalStatus::kNotFinite) return call.fail(kNotFiniteDecimal);
                         if (status != DecimalStatus::kOk) return call.fail(kOverflow);
                         call.out.append_bytes(call.scratch);
                       });
  }
  if (digits >= 0) return std::move(arguments[0]);
  const bool is_unsigned = from.kind == TypeKind::kUInt64;
  return make_strict(from, std::move(arguments), [digits, rounding, is_unsigned](Call& call) {
    const std::string text =
        is_unsigned ? fmt::format("{}", static_cast<uint64_t>(call.integer(0))) : fmt::format("{}", call.integer(0));
    call.scratch.clear();
    if (decimal_round(text, digits, {20, 0}, rounding, call.scratch) != DecimalStatus::kOk) return call.fail(kOverflow);
    if (is_unsigned) {
      const auto value = decimal_to_uint64(call.scratch);
      return value ? call.out.append_int(static_cast<int64_t>(*value)) : call.fail(kOverflow);
    }
    const auto value = decimal_to_int64(call.scratch);
    return value ? call.out.append_int(*value) : call.fail(kOverflow);
  });
}

template <DecimalRounding kRounding>
Result<ExpressionPtr> round_whole(const Dialect&, ExpressionList arguments) {
  return round_to(std::move(arguments), 0, kRounding);
}

Result<ExpressionPtr> round(const Dialect&, ExpressionList arguments) {
  int64_t digits = 0;
  if (arguments.size() > 1) {
    const auto* literal = arguments[1]->constant();
    if (literal == nullptr || !literal->has_value(0)) return type_mistake("the number of digits must be a literal");
    digits = std::clamp<int64_t>(literal->int_at(0), -100, 100);
    arguments.pop_back();
  }
  return round_to(std::move(arguments), static_cast<int>(digits), DecimalRounding::kHalfUp);
}

Result<ExpressionPtr> uuid(const Dialect&, ExpressionList arguments) {
  return make_volatile(plain_type(TypeKind::kString), std::move(arguments), [](Call& call) {
    std::array<unsigned char, 16> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
      return call.fail("no random numbers are to be had");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 9562
    call.scratch.clear();
    append_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, call.scratch);
    for (const size_t dash : {8, 13, 18, 23}) call.scratch.insert(dash, 1, '-');
    call.out.append_bytes(call.scratch);
  });
}

constexpr FunctionInfo kFunctions[] = {
    {"ABS", "n", absolute},
    {"CEIL", "n", round_whole<DecimalRounding::kCeiling>},
    {"CEILING", "n", round_whole<DecimalRounding::kCeiling>},
    {"FLOOR", "n", round_whole<DecimalRounding::kFloor>},
    {"ROUND", "n[i", round},
    {"UUID", "", uuid},
};

}  // namespace

std::span<const FunctionInfo> numeric_functions() { return kFunctions; }

}  // namespace sluice
