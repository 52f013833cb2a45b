// SPDX-License-Identifier: Apache-2.0
// Exact decimal arithmetic on the text form in which decimals are stored ("-0.50": plain notation, fixed scale).
// Results are appended to `out`, which is untouched unless the status is kOk. Intermediate results are exact; only the
// last step rounds. "NaN", "Infinity" and "-Infinity", which PostgreSQL's numeric has too, compare but cannot be
// computed with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

enum class DecimalStatus : uint8_t { kOk, kOverflow, kDivisionByZero, kNotFinite };
enum class DecimalOp : uint8_t { kAdd, kSubtract, kMultiply, kDivide, kModulo };
enum class DecimalRounding : uint8_t { kHalfUp, kDown, kFloor, kCeiling };

// The shape of a decimal: at most `precision` digits, exactly `scale` of them after the point.
struct DecimalShape {
  int precision;
  int scale;
};

constexpr int kMaxDecimalPrecision = 65;
constexpr const char* kNotFiniteDecimal = "NaN and Infinity cannot be computed with";

DecimalStatus decimal_arithmetic(DecimalOp op, std::string_view left, std::string_view right, DecimalShape shape,
                                 DecimalRounding rounding, std::string& out);

// The same value in another shape. With a negative `digits` or one below the shape's scale, rounds to so many digits
// first.
DecimalStatus decimal_rescale(std::string_view text, DecimalShape shape, DecimalRounding rounding, std::string& out);
DecimalStatus decimal_round(std::string_view text, int digits, DecimalShape shape, DecimalRounding rounding,
                            std::string& out);

// Negative, zero or positive as left is less than, equal to or greater than right, whatever their scales. As PostgreSQL
// orders them: -Infinity, numbers, Infinity, NaN, each equal to itself.
int decimal_compare(std::string_view left, std::string_view right);
bool decimal_is_zero(std::string_view text);
bool decimal_is_finite(std::string_view text);

// Plain notation of a number a person wrote: blanks around it, a sign, ".5", "5.", exponents. Nothing if it is none,
// or if it has more than a few hundred digits.
std::optional<std::string> decimal_from_text(std::string_view text);

// The part before the point, nothing if it does not fit (or is none). The fraction is cut off.
std::optional<int64_t> decimal_to_int64(std::string_view text);
std::optional<uint64_t> decimal_to_uint64(std::string_view text);
double decimal_to_double(std::string_view text);  // beyond its range an infinity

}  // namespace sluice
