// SPDX-License-Identifier: Apache-2.0
#include "transform/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "config/setting.h"
#include "transform/common_type.h"
#include "transform/conditional.h"
#include "transform/decimal.h"
#include "transform/operators.h"
#include "transform/row_metadata.h"
#include "transform/temporal.h"

namespace sluice {

namespace {

Error at(const SyntaxNode& node, Error error) {
  return std::move(error).context(fmt::format("column {}", node.position));
}

ExpressionList one(ExpressionPtr first) {
  ExpressionList list;
  list.push_back(std::move(first));
  return list;
}

Result<ExpressionPtr> expect_boolean(ExpressionPtr value, std::string_view what) {
  if (value->is_null_literal()) return make_null(plain_type(TypeKind::kBoolean));
  if (value->type().kind == TypeKind::kBoolean && !value->is_interval()) return value;
  return type_mistake(fmt::format("{} takes a boolean, not {}", what, type_text(value->type())));
}

ExpressionPtr make_not(ExpressionPtr value) {
  return make_strict(plain_type(TypeKind::kBoolean), one(std::move(value)),
                     [](Call& call) { call.out.append_int(call.boolean(0) ? 0 : 1); });
}

// Converts an argument to what one letter of a signature asks for.
Result<ExpressionPtr> convert_argument(char letter, ExpressionPtr value, const Dialect& dialect) {
  const TypeKind kind = value->type().kind;
  const bool null = value->is_null_literal();
  const auto wrong = [&](std::string_view wanted) {
    return type_mistake(
        fmt::format("must be {}, not {}", wanted, value->is_interval() ? "an interval" : type_text(value->type())));
  };
  if (value->is_interval()) return wrong("a plain value");
  const auto as = [&](TypeKind target) {
    return make_cast(std::move(value), plain_type(target), CastMode::kCast, dialect);
  };
  switch (letter) {
    case 's':
      if (null) return make_null(plain_type(TypeKind::kString));
      if (!is_text(value->type())) return wrong("text (CAST it AS STRING)");
      return value;
    case 'v':
      if (null) return make_null(plain_type(TypeKind::kString));
      if (!is_text(value->type()) && !is_binary(kind)) return wrong("text or bytes");
      return value;
    case 'x':
      if (is_text(value->type())) return value;
      return as(TypeKind::kString);
    case 'i':
      if (null) return make_null(plain_type(TypeKind::kInt64));
      if (!is_integer(kind) && kind != TypeKind::kUInt64) return wrong("an integer");
      if (kind != TypeKind::kUInt64) return value;
      return as(TypeKind::kInt64);
    case 'n':
      if (null) return make_null(plain_type(TypeKind::kInt32));
      if (!is_numeric(kind)) return wrong("a number");
      return value;
    case 'd':
      if (!null && !is_numeric(kind)) return wrong("a number");
      return as(TypeKind::kDouble);
    case 'b': return expect_boolean(std::move(value), "the argument");
    case 't':
      if (null) return make_null(plain_type(TypeKind::kTimestamp));
      if (!is_instant(kind) && kind != TypeKind::kTime) return wrong("a date, time or timestamp (CAST it)");
      return value;
    default: return value;
  }
}

}  // namespace

Result<ExpressionPtr> Binder::bind(const SyntaxNode& node) {
  switch (node.kind) {
    case SyntaxKind::kColumn: return bind_column(node);
    case SyntaxKind::kCall: return bind_call(node);
    case SyntaxKind::kCase: return bind_case(node);
    case SyntaxKind::kCast: {
      ASSIGN_OR_RETURN(auto value, bind(node.args[0]));
      auto type = named_type(node.type_name, node.type_arguments);
      if (!type) return at(node, std::move(type).error());
      auto cast = make_cast(std::move(value), *type, node.name == "CAST" ? CastMode::kCast : CastMode::kTry, dialect_);
      if (!cast) return at(node, std::move(cast).error());
      return cast;
    }
    case SyntaxKind::kNumber:
    case SyntaxKind::kString:
    case SyntaxKind::kNull:
    case SyntaxKind::kTrue:
    case SyntaxKind::kFalse:
    case SyntaxKind::kTemporal:
    case SyntaxKind::kInterval: break;
  }
  return bind_literal(node);
}

Result<ExpressionPtr> Binder::bind_condition(const SyntaxNode& node) {
  ASSIGN_OR_RETURN(auto value, bind(node));
  auto condition = expect_boolean(std::move(value), "a condition");
  if (!condition) return at(node, std::move(condition).error());
  return condition;
}

Result<ExpressionPtr> Binder::bind_column(const SyntaxNode& node) {
  if (const auto index = schema_.find_column(node.name)) return make_column(*index, schema_.columns[*index].type);
  if (auto metadata = make_row_metadata(node.name, schema_.id)) return metadata;
  if (aliases_ != nullptr) {
    for (auto alias = aliases_->rbegin(); alias != aliases_->rend(); ++alias) {
      if (alias->star || alias->alias != node.name) continue;
      // A computed column is made of source columns only.
      const auto* aliases = std::exchange(aliases_, nullptr);
      auto value = bind(alias->expression);
      aliases_ = aliases;
      return value;
    }
  }
  std::vector<std::string_view> names;
  for (const auto& column : schema_.columns) names.push_back(column.name);
  const auto closest = closest_name(node.name, names);
  return at(node, Error(ErrorCode::kConfig, fmt::format("{} has no column '{}'", schema_.id.text(), node.name),
                        closest.empty() ? fmt::format("The columns are {}.", fmt::join(names, ", "))
                                        : fmt::format("Did you mean '{}'?", closest)));
}

Result<ExpressionPtr> Binder::bind_literal(const SyntaxNode& node) {
  switch (node.kind) {
    case SyntaxKind::kString: return make_text_constant(node.text);
    case SyntaxKind::kTrue: return make_int_constant(TypeKind::kBoolean, 1);
    case SyntaxKind::kFalse: return make_int_constant(TypeKind::kBoolean, 0);
    case SyntaxKind::kNumber: {
      const auto plain = decimal_from_text(node.text);
      if (!plain) return at(node, type_mistake("the number is too long"));
      if (node.text.find_first_of("eE") != std::string::npos) {
        return make_constant(plain_type(TypeKind::kDouble),
                             [&](ColumnVector& out) { out.append_double(decimal_to_double(*plain)); });
      }
      auto number = make_number_constant(*plain, node.text.find('.') == std::string::npos);
      if (has_any_digits(number->type())) return at(node, type_mistake("the number has more than 65 digits"));
      return number;
    }
    case SyntaxKind::kTemporal: {
      const auto kind = node.name == "DATE"   ? TypeKind::kDate
                        : node.name == "TIME" ? TypeKind::kTime
                                              : TypeKind::kTimestamp;
      DataType type = plain_type(kind);
      const auto point = node.text.find('.');
      const auto digits = point == std::string::npos ? 0 : std::min<size_t>(node.text.size() - point - 1, 6);
      if (kind != TypeKind::kDate) type.precision = static_cast<uint16_t>(digits);
      ASSIGN_OR_RETURN(auto value,
                       make_cast(make_text_constant(node.text), type, CastMode::kCast, {false, dialect_.zone}));
      if (value->constant() == nullptr)
        return at(node, type_mistake(fmt::format("'{}' is not a {}", node.text, node.name)));
      return value;
    }
    case SyntaxKind::kInterval: {
      const auto value = parse_interval(node.text, node.name);
      if (!value) return at(node, type_mistake(fmt::format("'{}' is not an interval in {}", node.text, node.name)));
      return make_constant(
          plain_type(TypeKind::kInt64), [&](ColumnVector& out) { out.append_int(value->amount); },
          value->in_months ? Expression::Role::kMonths : Expression::Role::kMicroseconds);
    }
    case SyntaxKind::kNull:
    case SyntaxKind::kColumn:
    case SyntaxKind::kCall:
    case SyntaxKind::kCase:
    case SyntaxKind::kCast: break;
  }
  return make_null(plain_type(TypeKind::kString));
}

Result<ExpressionList> Binder::bind_all(const std::vector<SyntaxNode>& nodes) {
  ExpressionList list;
  list.reserve(nodes.size());
  for (const auto& node : nodes) {
    ASSIGN_OR_RETURN(auto expression, bind(node));
    list.push_back(std::move(expression));
  }
  return list;
}

Result<ExpressionPtr> Binder::bind_call(const SyntaxNode& node) {
  RETURN_IF_ERROR(check_call(node));
  ASSIGN_OR_RETURN(auto arguments, bind_all(node.args));
  const FunctionInfo* function = find_function(node.name);
  if (function != nullptr && function->make != nullptr) return bind_function(node, *function, std::move(arguments));
  auto result = function == nullptr ? bind_operator(node, std::move(arguments))
                                    : bind_conditional_function(node, std::move(arguments));
  if (!result) return at(node, std::move(result).error());
  return result;
}

Result<ExpressionPtr> Binder::bind_operator(const SyntaxNode& node, ExpressionList arguments) {
  const std::string_view name = node.name;
  if (name == "AND" || name == "OR" || name == "NOT") {
    for (auto& argument : arguments) {
      ASSIGN_OR_RETURN(argument, expect_boolean(std::move(argument), name));
    }
    return name == "NOT" ? make_not(std::move(arguments[0])) : make_logical(name == "AND", std::move(arguments));
  }
  constexpr std::string_view kComparisons[] = {
      "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};
  if (std::find(std::begin(kComparisons), std::end(kComparisons), name) != std::end(kComparisons)) {
    return make_comparison(name, std::move(arguments[0]), std::move(arguments[1]), dialect_);
  }
  if (name.size() == 1) return make_arithmetic(name, std::move(arguments[0]), std::move(arguments[1]), dialect_);
  if (name == "NEGATE") return make_negation(std::move(arguments[0]), dialect_);
  if (name.starts_with("IS ")) return bind_is(node, std::move(arguments));
  if (name == "BETWEEN") return bind_between(std::move(arguments));
  return bind_in(std::move(arguments));
}

Result<ExpressionPtr> Binder::bind_is(const SyntaxNode& node, ExpressionList arguments) {
  const bool negative = node.name.starts_with("IS NOT ");
  const std::string_view what = std::string_view(node.name).substr(negative ? 7 : 3);
  const DataType boolean = plain_type(TypeKind::kBoolean);
  if (what == "NULL") {
    return make_lenient(boolean, std::move(arguments),
                        [negative](Call& call) { call.out.append_int(call.is_null(0) != negative ? 1 : 0); });
  }
  ASSIGN_OR_RETURN(arguments[0], expect_boolean(std::move(arguments[0]), "IS"));
  const int wanted = what == "TRUE" ? 1 : what == "FALSE" ? 0 : 2;
  return make_lenient(boolean, std::move(arguments), [negative, wanted](Call& call) {
    const int value = call.is_null(0) ? 2 : call.boolean(0) ? 1 : 0;
    call.out.append_int((value == wanted) != negative ? 1 : 0);
  });
}

Result<ExpressionPtr> Binder::bind_between(ExpressionList arguments) {
  Let value(std::move(arguments[0]));
  ExpressionList both;
  ASSIGN_OR_RETURN(auto low, make_comparison(">=", value.slot(), std::move(arguments[1]), dialect_));
  both.push_back(std::move(low));
  ASSIGN_OR_RETURN(auto high, make_comparison("<=", value.slot(), std::move(arguments[2]), dialect_));
  both.push_back(std::move(high));
  return std::move(value).finish(make_logical(true, std::move(both)));
}

Result<ExpressionPtr> Binder::bind_in(ExpressionList arguments) {
  Let value(std::move(arguments[0]));
  ExpressionList any;
  for (size_t i = 1; i < arguments.size(); ++i) {
    ASSIGN_OR_RETURN(auto equal, make_comparison("=", value.slot(), std::move(arguments[i]), dialect_));
    any.push_back(std::move(equal));
  }
  return std::move(value).finish(make_logical(false, std::move(any)));
}

Result<ExpressionPtr> Binder::bind_case(const SyntaxNode& node) {
  ASSIGN_OR_RETURN(auto parts, bind_all(node.args));
  size_t next = 0;
  std::optional<Let> subject;
  if (node.has_subject) subject.emplace(std::move(parts[next++]));
  ExpressionList conditions;
  ExpressionList values;
  const size_t end = parts.size() - (node.has_else ? 1 : 0);
  for (; next < end; next += 2) {
    auto condition = subject ? make_comparison("=", subject->slot(), std::move(parts[next]), dialect_)
                             : expect_boolean(std::move(parts[next]), "WHEN");
    if (!condition) return at(node.args[next], std::move(condition).error());
    conditions.push_back(std::move(*condition));
    values.push_back(std::move(parts[next + 1]));
  }
  values.push_back(node.has_else ? std::move(parts.back()) : make_null(plain_type(TypeKind::kString)));
  auto type = unify(values, dialect_);
  if (!type) return at(node, std::move(type).error());
  auto otherwise = std::move(values.back());
  values.pop_back();
  auto choice = make_case(*type, std::move(conditions), std::move(values), std::move(otherwise));
  return subject ? std::move(*subject).finish(std::move(choice)) : std::move(choice);
}

// Functions that compute only some of their arguments.
Result<ExpressionPtr> Binder::bind_conditional_function(const SyntaxNode& node, ExpressionList arguments) {
  if (node.name == "IF") {
    ASSIGN_OR_RETURN(auto condition, expect_boolean(std::move(arguments[0]), "IF"));
    arguments.erase(arguments.begin());
    ASSIGN_OR_RETURN(const auto type, unify(arguments, dialect_));
    auto otherwise = std::move(arguments[1]);
    arguments.pop_back();
    return make_case(type, one(std::move(condition)), std::move(arguments), std::move(otherwise));
  }
  if (node.name == "NULLIF") {
    Let value(std::move(arguments[0]));
    auto otherwise = value.slot();
    const DataType type = otherwise->type();
    ASSIGN_OR_RETURN(auto equal, make_comparison("=", value.slot(), std::move(arguments[1]), dialect_));
    return std::move(value).finish(make_case(type, one(std::move(equal)), one(make_null(type)), std::move(otherwise)));
  }
  ASSIGN_OR_RETURN(const auto type, unify(arguments, dialect_));  // COALESCE, IFNULL
  return make_coalesce(type, std::move(arguments));
}

Result<ExpressionPtr> Binder::bind_function(const SyntaxNode& node, const FunctionInfo& function,
                                            ExpressionList arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto converted = convert_argument(argument_letter(function, i), std::move(arguments[i]), dialect_);
    if (!converted) {
      return at(node, std::move(converted).error().context(fmt::format("argument {} of {}", i + 1, node.name)));
    }
    arguments[i] = std::move(*converted);
  }
  auto result = function.make(dialect_, std::move(arguments));
  if (!result) return at(node, node.name == kSubscript ? result.error() : std::move(result).error().context(node.name));
  return result;
}

}  // namespace sluice
