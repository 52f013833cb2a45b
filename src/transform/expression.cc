// SPDX-License-Identifier: Apache-2.0
#include "transform/expression.h"

#include <algorithm>

namespace sluice {

namespace {

class ColumnExpression final : public Expression {
 public:
  ColumnExpression(uint32_t index, DataType type) : Expression(std::move(type)), index_(index) {}
  Result<const ColumnVector*> evaluate(const Frame& frame) override { return &frame.batch->columns[index_]; }
  std::optional<uint32_t> source_column() const override { return index_; }

 private:
  uint32_t index_;
};

// Repeats its one value as often as the longest batch so far had rows.
class ConstantExpression final : public Expression {
 public:
  ConstantExpression(DataType type, ColumnVector value, Role role)
      : Expression(std::move(type), role), value_(std::move(value)) {}

  Result<const ColumnVector*> evaluate(const Frame& frame) override {
    while (result_.size() < frame.rows) result_.append_from(value_, 0);
    return &result_;
  }
  const ColumnVector* constant() const override { return &value_; }
  bool foldable() const override { return true; }

 private:
  ColumnVector value_;
};

}  // namespace

ColumnVector Expression::take(const ColumnVector* result, size_t rows) {
  if (result == &result_ && result_.size() == rows && constant() == nullptr) {
    ColumnVector taken = std::move(result_);
    result_ = ColumnVector(type_.kind);
    return taken;
  }
  ColumnVector copy(type_.kind);
  for (size_t row = 0; row < rows; ++row) copy.append_from(*result, row);
  return copy;
}

bool all_constant(const ExpressionList& arguments) {
  return std::all_of(arguments.begin(), arguments.end(), [](const auto& one) { return one->constant() != nullptr; });
}

bool any_nullable(const ExpressionList& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const auto& one) { return one->type().nullable; });
}

ExpressionPtr fold(ExpressionPtr expression, bool constant_arguments) {
  if (!constant_arguments || !expression->foldable()) return expression;
  Frame frame;
  frame.rows = 1;
  auto result = expression->evaluate(frame);
  // A failure belongs to the rows that ask for the value; a dead branch may never do.
  if (!result.has_value()) return expression;
  ColumnVector value(expression->type().kind);
  value.append_from(**result, 0);
  DataType type = expression->type();
  type.nullable = !value.has_value(0);
  return make_constant_from(std::move(type), std::move(value), Expression::Role::kPlain);
}

ExpressionPtr make_column(uint32_t index, const DataType& type) {
  return std::make_unique<ColumnExpression>(index, type);
}

ExpressionPtr make_constant_from(DataType type, ColumnVector value, Expression::Role role) {
  return std::make_unique<ConstantExpression>(std::move(type), std::move(value), role);
}

ExpressionPtr make_null(DataType type) {
  type.nullable = true;
  return make_constant(std::move(type), [](ColumnVector& out) { out.append_null(); }, Expression::Role::kNullLiteral);
}

ExpressionPtr make_text_constant(std::string_view text) {
  return make_constant(plain_type(TypeKind::kString), [&](ColumnVector& out) { out.append_bytes(text); });
}

ExpressionPtr make_int_constant(TypeKind kind, int64_t value) {
  return make_constant(plain_type(kind), [&](ColumnVector& out) { out.append_int(value); });
}

DataType plain_type(TypeKind kind) {
  DataType type;
  type.kind = kind;
  type.nullable = false;
  if (kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampTz) type.precision = 6;
  return type;
}

}  // namespace sluice
