// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "transform/common_type.h"
#include "transform/decimal.h"
#include "transform/functions.h"
#include "transform/json_text.h"
#include "transform/operators.h"

namespace sluice {

namespace {

// How two values of the same stored form are ordered.
enum class Order : uint8_t { kInteger, kUnsigned, kDouble, kDecimal, kBytes, kStructure };

template <typename T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

template <Order kOrder>
int compare(const Call& call) {
  if constexpr (kOrder == Order::kInteger) return three_way(call.integer(0), call.integer(1));
  if constexpr (kOrder == Order::kUnsigned) {
    return three_way(static_cast<uint64_t>(call.integer(0)), static_cast<uint64_t>(call.integer(1)));
  }
  if constexpr (kOrder == Order::kDouble) {
    // NaN equals itself and is greater than all numbers, so that every pair of values has an order.
    const bool left = std::isnan(call.number(0));
    const bool right = std::isnan(call.number(1));
    return left || right ? three_way(left, right) : three_way(call.number(0), call.number(1));
  }
  if constexpr (kOrder == Order::kDecimal) return decimal_compare(call.text(0), call.text(1));
  if constexpr (kOrder == Order::kBytes) return call.text(0).compare(call.text(1));
  if constexpr (kOrder == Order::kStructure) return json_equal(call.text(0), call.text(1)) ? 0 : 1;
}

// Which outcomes of a three-way comparison make the operator true.
struct Outcomes {
  bool less;
  bool equal;
  bool greater;
  bool of(int order) const { return order < 0 ? less : order > 0 ? greater : equal; }
};
Outcomes outcomes_of(std::string_view name) {
  if (name == "=") return {false, true, false};
  if (name == "<>") return {true, false, true};
  if (name == "<") return {true, false, false};
  if (name == "<=") return {true, true, false};
  if (name == ">") return {false, false, true};
  return {false, true, true};
}

template <Order kOrder>
ExpressionPtr make_ordered(std::string_view name, ExpressionList arguments, const Dialect& dialect) {
  const DataType boolean = plain_type(TypeKind::kBoolean);
  if (name.starts_with("IS ")) {
    const bool distinct = name == "IS DISTINCT FROM";
    return make_lenient(boolean, std::move(arguments), [distinct](Call& call) {
      const bool both = call.has_value(0) && call.has_value(1);
      const bool differ = both ? compare<kOrder>(call) != 0 : call.has_value(0) != call.has_value(1);
      call.out.append_int(differ == distinct ? 1 : 0);
    });
  }
  const Outcomes outcomes = outcomes_of(name);
  if (dialect.flink) {
    const bool with_null = name == "<>";
    return make_lenient(boolean, std::move(arguments), [outcomes, with_null](Call& call) {
      const bool both = call.has_value(0) && call.has_value(1);
      call.out.append_int((both ? outcomes.of(compare<kOrder>(call)) : with_null) ? 1 : 0);
    });
  }
  return make_strict(boolean, std::move(arguments),
                     [outcomes](Call& call) { call.out.append_int(outcomes.of(compare<kOrder>(call)) ? 1 : 0); });
}

Error incomparable(const DataType& left, const DataType& right) {
  return type_mistake(fmt::format("{} and {} cannot be compared", type_text(left), type_text(right)));
}

// The type that both numbers are compared in.
DataType number_type(const Expression& left, const Expression& right) {
  const TypeKind a = left.type().kind;
  const TypeKind b = right.type().kind;
  if (is_floating(a) || is_floating(b)) return plain_type(TypeKind::kDouble);
  const auto fits_unsigned = [](const Expression& one) {
    return one.type().kind == TypeKind::kUInt64 || (is_integer(one.type().kind) && one.constant() != nullptr &&
                                                    one.constant()->has_value(0) && one.constant()->int_at(0) >= 0);
  };
  if ((a == TypeKind::kUInt64 || b == TypeKind::kUInt64) && fits_unsigned(left) && fits_unsigned(right)) {
    return plain_type(TypeKind::kUInt64);
  }
  if (is_integer(a) && is_integer(b)) return plain_type(TypeKind::kInt64);
  DataType type = plain_type(TypeKind::kDecimal);
  const auto scale = [](const DataType& one) { return one.kind == TypeKind::kDecimal ? one.scale : uint16_t{0}; };
  type.scale = std::max(scale(left.type()), scale(right.type()));
  type.precision =
      static_cast<uint16_t>(std::max(decimal_digits(left.type()), decimal_digits(right.type())) + type.scale);
  return type;
}

// Structured values are equal or not; they have no order.
Result<Order> align_structures(std::string_view name, const DataType& left, const DataType& right) {
  const bool equality = name == "=" || name == "<>" || name.starts_with("IS ");
  if (!equality || !common_type(left, right)) return incomparable(left, right);
  return Order::kStructure;
}

Result<Order> align(std::string_view name, ExpressionPtr& left, ExpressionPtr& right, const Dialect& dialect) {
  if (left->is_null_literal() && !right->is_null_literal()) left = make_null(right->type());
  if (right->is_null_literal() && !left->is_null_literal()) right = make_null(left->type());
  if (left->type().structure != nullptr || right->type().structure != nullptr) {
    return align_structures(name, left->type(), right->type());
  }
  // A literal text takes the type of what it is compared with.
  const auto adapt = [&](ExpressionPtr& text, const ExpressionPtr& other) -> Result<> {
    const bool foreign = is_text(text->type()) && !is_text(other->type()) && !is_binary(other->type().kind);
    if (!foreign || text->constant() == nullptr) return {};
    DataType type = other->type();
    if (is_numeric(type.kind)) {
      // By all its digits, unless the other side is floating anyway: a double keeps only the first 15 or so.
      const auto* literal = text->constant();
      const bool exact = !is_floating(type.kind) && literal->has_value(0);
      if (const auto plain = exact ? decimal_from_text(literal->bytes_at(0)) : std::nullopt) {
        text = make_number_constant(*plain, plain->find('.') == std::string::npos);
        return {};
      }
      type = plain_type(TypeKind::kDouble);
    }
    if (is_instant(type.kind)) type = plain_type(type.kind == TypeKind::kDate ? TypeKind::kTimestamp : type.kind);
    ASSIGN_OR_RETURN(text, make_cast(std::move(text), type, CastMode::kCast, {false, dialect.zone}));
    if (text->constant() == nullptr) return type_mistake(fmt::format("the literal is not a {}", type_text(type)));
    return {};
  };
  RETURN_IF_ERROR(adapt(left, right));
  RETURN_IF_ERROR(adapt(right, left));
  const TypeKind a = left->type().kind;
  const TypeKind b = right->type().kind;
  const auto both = [&](auto predicate) { return predicate(a) && predicate(b); };
  const auto convert = [&](const DataType& type) -> Result<> {
    ASSIGN_OR_RETURN(left, make_cast(std::move(left), type, CastMode::kCast, dialect));
    ASSIGN_OR_RETURN(right, make_cast(std::move(right), type, CastMode::kCast, dialect));
    return {};
  };
  if ((is_text(left->type()) && is_text(right->type())) || both(is_binary)) return Order::kBytes;
  if (a == b && (a == TypeKind::kBoolean || a == TypeKind::kTime)) return Order::kInteger;
  if (both(is_instant)) {
    if (a != b) RETURN_IF_ERROR(convert(plain_type(std::max(a, b))));
    return Order::kInteger;
  }
  if (!both(is_numeric)) return incomparable(left->type(), right->type());
  if (a == TypeKind::kDecimal && b == TypeKind::kDecimal) return Order::kDecimal;
  const DataType type = number_type(*left, *right);
  if (type.kind == TypeKind::kDecimal) {
    // Only integers need another form: decimals of any scale compare as they are.
    for (auto* side : {&left, &right}) {
      if ((*side)->type().kind == TypeKind::kDecimal) continue;
      ASSIGN_OR_RETURN(*side, make_cast(std::move(*side), type, CastMode::kCast, dialect));
    }
    return Order::kDecimal;
  }
  if (type.kind == TypeKind::kInt64) return Order::kInteger;
  RETURN_IF_ERROR(convert(type));
  return type.kind == TypeKind::kUInt64 ? Order::kUnsigned : Order::kDouble;
}

}  // namespace

Result<ExpressionPtr> make_comparison(std::string_view name, ExpressionPtr left, ExpressionPtr right,
                                      const Dialect& dialect) {
  if (left->is_interval() || right->is_interval()) return type_mistake("intervals cannot be compared");
  ASSIGN_OR_RETURN(const Order order, align(name, left, right, dialect));
  ExpressionList arguments;
  arguments.push_back(std::move(left));
  arguments.push_back(std::move(right));
  switch (order) {
    case Order::kInteger: return make_ordered<Order::kInteger>(name, std::move(arguments), dialect);
    case Order::kUnsigned: return make_ordered<Order::kUnsigned>(name, std::move(arguments), dialect);
    case Order::kDouble: return make_ordered<Order::kDouble>(name, std::move(arguments), dialect);
    case Order::kDecimal: return make_ordered<Order::kDecimal>(name, std::move(arguments), dialect);
    case Order::kBytes: return make_ordered<Order::kBytes>(name, std::move(arguments), dialect);
    case Order::kStructure: return make_ordered<Order::kStructure>(name, std::move(arguments), dialect);
  }
  return type_mistake("the operands cannot be compared");
}

}  // namespace sluice
