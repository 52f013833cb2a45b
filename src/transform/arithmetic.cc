// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "transform/decimal.h"
#include "transform/functions.h"
#include "transform/operators.h"
#include "transform/temporal.h"

namespace sluice {

namespace {

constexpr int kMaxResultPrecision = 38;
constexpr int kMinDivisionScale = 6;
constexpr const char* kDivisionByZero = "division by zero";
constexpr const char* kTimeOverflow = "the result is outside the range of timestamps";
constexpr int64_t kMaxMonths = 12 * 200000;
constexpr int64_t kMaxDays = 100000000;  // a timestamp of microseconds reaches a little further
constexpr const char* kIntegerOverflow = "the result does not fit its integer type";

ExpressionList two(ExpressionPtr first, ExpressionPtr second) {
  ExpressionList list;
  list.push_back(std::move(first));
  list.push_back(std::move(second));
  return list;
}

DecimalOp decimal_op(char op) {
  switch (op) {
    case '+': return DecimalOp::kAdd;
    case '-': return DecimalOp::kSubtract;
    case '*': return DecimalOp::kMultiply;
    case '/': return DecimalOp::kDivide;
    default: return DecimalOp::kModulo;
  }
}

DataType as_decimal(const DataType& type) {
  DataType decimal = plain_type(TypeKind::kDecimal);
  decimal.precision = static_cast<uint16_t>(decimal_digits(type));
  decimal.scale = type.kind == TypeKind::kDecimal ? type.scale : uint16_t{0};
  return decimal;
}

// The SQL standard's shape of a result; beyond 38 digits (or those of a wider operand) the fraction gives way, down to
// 6 digits.
DataType decimal_result(char op, const DataType& a, const DataType& b) {
  int integer = std::max(a.precision - a.scale, b.precision - b.scale);
  int scale = std::max(a.scale, b.scale);
  if (op == '+' || op == '-') {
    integer += 1;
  } else if (op == '*') {
    integer = a.precision + b.precision - a.scale - b.scale;
    scale = a.scale + b.scale;
  } else if (op == '/') {
    integer = a.precision - a.scale + b.scale;
    scale = std::max(kMinDivisionScale, a.scale + b.precision + 1);
  } else {
    integer = std::min(a.precision - a.scale, b.precision - b.scale);
  }
  const int limit = std::max({kMaxResultPrecision, static_cast<int>(a.precision), static_cast<int>(b.precision)});
  if (integer + scale > limit) scale = std::max(limit - integer, std::min(scale, kMinDivisionScale));
  DataType type = plain_type(TypeKind::kDecimal);
  type.scale = static_cast<uint16_t>(scale);
  type.precision = static_cast<uint16_t>(std::clamp(integer + scale, 1, limit));
  return type;
}

Result<ExpressionPtr> make_decimal(char op, ExpressionPtr left, ExpressionPtr right, const Dialect& dialect) {
  for (auto* side : {&left, &right}) {
    if (has_any_digits((*side)->type())) return any_digits_mistake(fmt::format("'{}'", op));
    if ((*side)->type().kind == TypeKind::kDecimal) continue;
    const DataType decimal = as_decimal((*side)->type());
    ASSIGN_OR_RETURN(*side, make_cast(std::move(*side), decimal, CastMode::kCast, dialect));
  }
  const DataType type = decimal_result(op, left->type(), right->type());
  const DecimalShape shape{type.precision, type.scale};
  const bool flink = dialect.flink;
  const auto rounding = flink && op == '/' ? DecimalRounding::kDown : DecimalRounding::kHalfUp;
  const auto function = [operation = decimal_op(op), shape, rounding, flink](Call& call) {
    call.scratch.clear();
    switch (decimal_arithmetic(operation, call.text(0), call.text(1), shape, rounding, call.scratch)) {
      case DecimalStatus::kOk: return call.out.append_bytes(call.scratch);
      case DecimalStatus::kDivisionByZero: return call.fail(kDivisionByZero);
      case DecimalStatus::kOverflow:
        if (flink) return call.out.append_null();
        return call.fail("the result has more digits than its decimal type");
      case DecimalStatus::kNotFinite: return call.fail(kNotFiniteDecimal);
    }
  };
  auto arguments = two(std::move(left), std::move(right));
  if (flink) return make_partial(type, std::move(arguments), function);
  return make_strict(type, std::move(arguments), function);
}

Result<ExpressionPtr> make_double(char op, ExpressionPtr left, ExpressionPtr right, const Dialect& dialect) {
  const DataType type = plain_type(TypeKind::kDouble);
  ASSIGN_OR_RETURN(left, make_cast(std::move(left), type, CastMode::kCast, dialect));
  ASSIGN_OR_RETURN(right, make_cast(std::move(right), type, CastMode::kCast, dialect));
  return make_strict(type, two(std::move(left), std::move(right)), [op, flink = dialect.flink](Call& call) {
    const double a = call.number(0);
    const double b = call.number(1);
    if ((op == '/' || op == '%') && b == 0 && !flink) return call.fail(kDivisionByZero);
    switch (op) {
      case '+': return call.out.append_double(a + b);
      case '-': return call.out.append_double(a - b);
      case '*': return call.out.append_double(a * b);
      case '/':
        // As IEEE 754 says; written out because the compiler's checker takes it for a mistake.
        if (b == 0) {
          const bool negative = std::signbit(a) != std::signbit(b);
          return call.out.append_double(a == 0 || std::isnan(a) ? NAN : negative ? -INFINITY : INFINITY);
        }
        return call.out.append_double(a / b);
      default: return call.out.append_double(std::fmod(a, b));
    }
  });
}

// One row of integer arithmetic. `narrow`: the result must fit 32 bits.
void compute_integer(Call& call, char op, bool narrow, bool flink) {
  const int64_t a = call.integer(0);
  const int64_t b = call.integer(1);
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case '+': overflow = __builtin_add_overflow(a, b, &result); break;
    case '-': overflow = __builtin_sub_overflow(a, b, &result); break;
    case '*': overflow = __builtin_mul_overflow(a, b, &result); break;
    default:
      if (b == 0) return call.fail(kDivisionByZero);
      if (b == -1) {  // the machine's division traps on the smallest number
        if (op == '/') overflow = __builtin_sub_overflow(int64_t{0}, a, &result);
      } else {
        result = op == '/' ? a / b : a % b;
      }
      break;
  }
  if (narrow && result != static_cast<int32_t>(result)) {
    overflow = true;
    result = static_cast<int32_t>(result);
  }
  if (overflow && !flink) return call.fail(kIntegerOverflow);
  call.out.append_int(result);
}

Result<ExpressionPtr> make_integer(char op, ExpressionPtr left, ExpressionPtr right, const Dialect& dialect) {
  const bool wide = left->type().kind == TypeKind::kInt64 || right->type().kind == TypeKind::kInt64;
  const bool narrow = !wide;
  return make_strict(plain_type(wide ? TypeKind::kInt64 : TypeKind::kInt32), two(std::move(left), std::move(right)),
                     [op, narrow, flink = dialect.flink](Call& call) { compute_integer(call, op, narrow, flink); });
}

Result<ExpressionPtr> make_interval_arithmetic(char op, ExpressionPtr left, ExpressionPtr right) {
  if (left->is_interval() && !right->is_interval() && op == '+') std::swap(left, right);
  if (left->is_interval() || !right->is_interval() || (op != '+' && op != '-')) {
    return type_mistake("an interval can be added to or subtracted from a date, time or timestamp");
  }
  const bool in_months = right->role() == Expression::Role::kMonths;
  return make_time_shift(std::move(left), std::move(right), in_months, op == '+' ? 1 : -1);
}

}  // namespace

Result<ExpressionPtr> make_arithmetic(std::string_view name, ExpressionPtr left, ExpressionPtr right,
                                      const Dialect& dialect) {
  const char op = name[0];
  if (left->is_interval() || right->is_interval()) {
    return make_interval_arithmetic(op, std::move(left), std::move(right));
  }
  if (left->is_null_literal())
    left = make_null(right->is_null_literal() ? plain_type(TypeKind::kInt32) : right->type());
  if (right->is_null_literal()) right = make_null(left->type());
  const TypeKind a = left->type().kind;
  const TypeKind b = right->type().kind;
  if (!is_numeric(a) || !is_numeric(b)) {
    return type_mistake(
        fmt::format("'{}' takes numbers, not {} and {}", name, type_text(left->type()), type_text(right->type())));
  }
  if (is_floating(a) || is_floating(b)) return make_double(op, std::move(left), std::move(right), dialect);
  if (is_integer(a) && is_integer(b)) return make_integer(op, std::move(left), std::move(right), dialect);
  return make_decimal(op, std::move(left), std::move(right), dialect);
}

Result<ExpressionPtr> make_negation(ExpressionPtr value, const Dialect& dialect) {
  if (value->is_null_literal()) return make_null(plain_type(TypeKind::kInt32));
  if (!is_numeric(value->type().kind)) {
    return type_mistake(fmt::format("'-' takes a number, not {}", type_text(value->type())));
  }
  DataType type = value->type();
  type.source_type.clear();
  ExpressionList arguments;
  arguments.push_back(std::move(value));
  if (is_floating(type.kind)) {  // 0 - x would lose the sign of zero
    return make_strict(type, std::move(arguments), [](Call& call) { call.out.append_double(-call.number(0)); });
  }
  if (type.kind == TypeKind::kDecimal) {
    return make_strict(type, std::move(arguments), [](Call& call) {
      const auto text = call.text(0);
      if (text.starts_with('-')) return call.out.append_bytes(text.substr(1));
      if (decimal_is_zero(text) || text == "NaN") return call.out.append_bytes(text);
      call.scratch = "-";
      call.scratch += text;
      call.out.append_bytes(call.scratch);
    });
  }
  auto zero = make_int_constant(TypeKind::kInt32, 0);
  return make_arithmetic("-", std::move(zero), std::move(arguments[0]), dialect);
}

Result<ExpressionPtr> make_time_shift(ExpressionPtr time, ExpressionPtr amount, bool in_months, int sign) {
  if (time->is_null_literal()) time = make_null(plain_type(TypeKind::kTimestamp));
  DataType type = time->type();
  type.source_type.clear();
  if (type.kind == TypeKind::kDate) {
    return make_strict(type, two(std::move(time), std::move(amount)), [in_months, sign](Call& call) {
      const int64_t shift = call.integer(1);
      if (is_infinite(call.integer(0))) return call.out.append_int(call.integer(0));
      if (in_months && std::abs(shift) > kMaxMonths) return call.fail(kTimeOverflow);
      // A shift by hours moves a date by whole days only.
      const int64_t days =
          in_months ? add_months(call.integer(0), shift * sign) : call.integer(0) + shift / kMicrosPerDay * sign;
      if (std::abs(days) > kMaxDays) return call.fail(kTimeOverflow);
      call.out.append_int(days);
    });
  }
  if (type.kind == TypeKind::kTime) {
    if (in_months) return type_mistake("months cannot be added to a time of day");
    return make_strict(type, two(std::move(time), std::move(amount)), [sign](Call& call) {
      call.out.append_int(floor_mod(call.integer(0) + call.integer(1) % kMicrosPerDay * sign, kMicrosPerDay));
    });
  }
  if (!is_instant(type.kind)) {
    return type_mistake(fmt::format("an interval cannot be added to {}", type_text(type)));
  }
  return make_strict(type, two(std::move(time), std::move(amount)), [in_months, sign](Call& call) {
    const int64_t micros = call.integer(0);
    const int64_t shift = call.integer(1);
    if (is_infinite(micros)) return call.out.append_int(micros);
    int64_t result = 0;
    bool overflow = false;
    if (in_months) {
      if (std::abs(shift) > kMaxMonths) return call.fail(kTimeOverflow);
      const int64_t days = add_months(floor_div(micros, kMicrosPerDay), shift * sign);
      overflow = __builtin_mul_overflow(days, kMicrosPerDay, &result) ||
                 __builtin_add_overflow(result, floor_mod(micros, kMicrosPerDay), &result);
    } else {
      overflow =
          sign > 0 ? __builtin_add_overflow(micros, shift, &result) : __builtin_sub_overflow(micros, shift, &result);
    }
    if (overflow) return call.fail(kTimeOverflow);
    call.out.append_int(result);
  });
}

}  // namespace sluice
