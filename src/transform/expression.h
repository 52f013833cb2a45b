// SPDX-License-Identifier: Apache-2.0
// Typed expressions, evaluated a column at a time over a batch. A tree belongs to one thread.
//
// An operand that is NULL makes a strict function NULL; one that is absent (the log did not carry it) makes any result
// that depends on it absent. Rows that are not active are never computed, so they cannot fail; what they yield means
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "data/change_batch.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

// The rows to compute.
struct Frame {
  const ChangeBatch* batch = nullptr;  // null only while constants are folded
  size_t rows = 0;
  const uint8_t* active = nullptr;  // one byte a row; null: every row
  int64_t now = 0;                  // microseconds UTC; the same for the whole batch

  bool is_active(size_t row) const { return active == nullptr || active[row] != 0; }
};

class Expression {
 public:
  // What a value means beyond its type.
  enum class Role : uint8_t { kPlain, kNullLiteral, kMonths, kMicroseconds };

  explicit Expression(DataType type, Role role = Role::kPlain)
      : type_(std::move(type)), role_(role), result_(type_.kind) {}
  virtual ~Expression() = default;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  // At least frame.rows values, valid until the next call.
  virtual Result<const ColumnVector*> evaluate(const Frame& frame) = 0;
  // The value if it is the same for every row and every batch; else null.
  virtual const ColumnVector* constant() const { return nullptr; }
  // The source column that this is, unchanged; else nothing.
  virtual std::optional<uint32_t> source_column() const { return std::nullopt; }
  // False if the value depends on more than the arguments (time, chance, the row's kind).
  virtual bool foldable() const { return false; }

  const DataType& type() const { return type_; }
  Role role() const { return role_; }
  bool is_null_literal() const { return role_ == Role::kNullLiteral; }
  bool is_interval() const { return role_ == Role::kMonths || role_ == Role::kMicroseconds; }
  // Declares that NULL cannot (or can) occur, where the maker knows better than the function.
  void set_nullable(bool nullable) { type_.nullable = nullable; }

  // Moves the last result out if this expression made it, else copies.
  ColumnVector take(const ColumnVector* result, size_t rows);

 protected:
  DataType type_;
  Role role_;
  ColumnVector result_;
};

using ExpressionPtr = std::unique_ptr<Expression>;
using ExpressionList = std::vector<ExpressionPtr>;

// One row of a function's evaluation: its arguments, and where the result goes. A function appends exactly one value to
// `out` unless it fails.
struct Call {
  const Frame& frame;
  const ColumnVector* const* columns;
  ColumnVector& out;
  std::string& scratch;  // for text under construction; keeps its memory between rows
  size_t row = 0;
  const char* failure = nullptr;  // why this row cannot be computed

  bool is_null(size_t i) const { return columns[i]->presence(row) == Presence::kNull; }
  bool has_value(size_t i) const { return columns[i]->has_value(row); }
  int64_t integer(size_t i) const { return columns[i]->int_at(row); }
  bool boolean(size_t i) const { return columns[i]->int_at(row) != 0; }
  double number(size_t i) const { return columns[i]->double_at(row); }
  std::string_view text(size_t i) const { return columns[i]->bytes_at(row); }
  void fail(const char* why) { failure = why; }
};

// A function of its arguments. `Strict`: the function sees only rows whose arguments all have values. Otherwise it sees
// NULLs too. `Foldable`: equal arguments give equal results.
template <bool Strict, bool Foldable, typename Function>
class FunctionExpression final : public Expression {
 public:
  FunctionExpression(DataType type, ExpressionList arguments, Function function)
      : Expression(std::move(type)),
        arguments_(std::move(arguments)),
        columns_(arguments_.size()),
        function_(std::move(function)) {}

  bool foldable() const override { return Foldable; }

  Result<const ColumnVector*> evaluate(const Frame& frame) override {
    for (size_t i = 0; i < arguments_.size(); ++i) {
      ASSIGN_OR_RETURN(columns_[i], arguments_[i]->evaluate(frame));
    }
    result_.clear();
    Call call{frame, columns_.data(), result_, scratch_};
    for (; call.row < frame.rows; ++call.row) {
      if (!frame.is_active(call.row)) {
        result_.append_null();
        continue;
      }
      const Presence presence = combined_presence(call.row);
      if (presence == Presence::kAbsent) {
        result_.append_absent();
      } else if (Strict && presence == Presence::kNull) {
        result_.append_null();
      } else {
        function_(call);
        if (call.failure != nullptr) return Error(ErrorCode::kData, call.failure);
      }
    }
    return &result_;
  }

 private:
  Presence combined_presence(size_t row) const {
    Presence presence = Presence::kValue;
    for (const ColumnVector* column : columns_) {
      const Presence one = column->presence(row);
      if (one == Presence::kAbsent) return one;
      if (one == Presence::kNull) presence = one;
    }
    return presence;
  }

  ExpressionList arguments_;
  std::vector<const ColumnVector*> columns_;
  Function function_;
  std::string scratch_;
};

// A constant expression if all arguments are constant and the computation succeeds, else the expression itself.
ExpressionPtr fold(ExpressionPtr expression, bool constant_arguments);
bool all_constant(const ExpressionList& arguments);
bool any_nullable(const ExpressionList& arguments);

// NULL if any argument is; the function itself never yields NULL.
template <typename Function>
ExpressionPtr make_strict(DataType type, ExpressionList arguments, Function function) {
  type.nullable = any_nullable(arguments);
  const bool constant = all_constant(arguments);
  return fold(std::make_unique<FunctionExpression<true, true, Function>>(std::move(type), std::move(arguments),
                                                                         std::move(function)),
              constant);
}
// NULL if any argument is, and whenever the function says so.
template <typename Function>
ExpressionPtr make_partial(DataType type, ExpressionList arguments, Function function) {
  auto expression = make_strict(std::move(type), std::move(arguments), std::move(function));
  expression->set_nullable(true);
  return expression;
}
// The function sees NULLs; the type's nullability is the caller's.
template <typename Function>
ExpressionPtr make_lenient(DataType type, ExpressionList arguments, Function function) {
  const bool constant = all_constant(arguments);
  return fold(std::make_unique<FunctionExpression<false, true, Function>>(std::move(type), std::move(arguments),
                                                                          std::move(function)),
              constant);
}
// Depends on the moment, or on chance.
template <typename Function>
ExpressionPtr make_volatile(DataType type, ExpressionList arguments, Function function) {
  type.nullable = any_nullable(arguments);
  return std::make_unique<FunctionExpression<true, false, Function>>(std::move(type), std::move(arguments),
                                                                     std::move(function));
}

// A value of a batch's column, of its rows' kinds or of its origin.
ExpressionPtr make_column(uint32_t index, const DataType& type);
// A constant from its stored form; `append` puts the one value into the column.
template <typename Append>
ExpressionPtr make_constant(DataType type, Append append, Expression::Role role = Expression::Role::kPlain);
ExpressionPtr make_constant_from(DataType type, ColumnVector value, Expression::Role role);
ExpressionPtr make_null(DataType type);  // the literal NULL; takes any type by a cast
ExpressionPtr make_text_constant(std::string_view text);
ExpressionPtr make_int_constant(TypeKind kind, int64_t value);

template <typename Append>
ExpressionPtr make_constant(DataType type, Append append, Expression::Role role) {
  ColumnVector value(type.kind);
  append(value);
  return make_constant_from(std::move(type), std::move(value), role);
}

// A type with its kind and defaults: not null, timestamps with 6 fractional digits.
DataType plain_type(TypeKind kind);

}  // namespace sluice
