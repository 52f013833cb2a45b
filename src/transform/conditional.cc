// SPDX-License-Identifier: Apache-2.0
#include "transform/conditional.h"

#include <algorithm>

namespace sluice {

namespace {

using Mask = std::vector<uint8_t>;

Frame masked(const Frame& frame, const Mask& mask) {
  Frame result = frame;
  result.active = mask.data();
  return result;
}

// The rows of the frame as a mask of their own. Returns how many are active.
size_t copy_active(const Frame& frame, Mask& mask) {
  mask.resize(frame.rows);
  size_t count = 0;
  for (size_t row = 0; row < frame.rows; ++row) {
    mask[row] = frame.is_active(row) ? 1 : 0;
    count += mask[row];
  }
  return count;
}

class LogicalExpression final : public Expression {
 public:
  LogicalExpression(bool conjunction, ExpressionList arguments)
      : Expression(plain_type(TypeKind::kBoolean)), conjunction_(conjunction), arguments_(std::move(arguments)) {
    type_.nullable = any_nullable(arguments_);
  }
  bool foldable() const override { return true; }

  Result<const ColumnVector*> evaluate(const Frame& frame) override {
    size_t undecided = copy_active(frame, undecided_);
    outcome_.assign(frame.rows, conjunction_ ? kTrue : kFalse);
    const uint8_t deciding = conjunction_ ? kFalse : kTrue;
    for (const auto& argument : arguments_) {
      if (undecided == 0) break;
      ASSIGN_OR_RETURN(const ColumnVector* values, argument->evaluate(masked(frame, undecided_)));
      for (size_t row = 0; row < frame.rows; ++row) {
        if (undecided_[row] == 0) continue;
        const uint8_t value = outcome(*values, row);
        if (value == deciding) {
          outcome_[row] = deciding;
          undecided_[row] = 0;
          --undecided;
        } else if (value > kTrue) {  // NULL, or absent, which outlives NULL
          outcome_[row] = std::max(outcome_[row] > kTrue ? outcome_[row] : value, value);
        }
      }
    }
    result_.clear();
    for (const uint8_t value : outcome_) {
      if (value <= kTrue) {
        result_.append_int(value);
      } else if (value == kNull) {
        result_.append_null();
      } else {
        result_.append_absent();
      }
    }
    return &result_;
  }

 private:
  static constexpr uint8_t kFalse = 0;
  static constexpr uint8_t kTrue = 1;
  static constexpr uint8_t kNull = 2;
  static constexpr uint8_t kAbsent = 3;

  static uint8_t outcome(const ColumnVector& values, size_t row) {
    switch (values.presence(row)) {
      case Presence::kNull: return kNull;
      case Presence::kAbsent: return kAbsent;
      case Presence::kValue: break;
    }
    return values.int_at(row) != 0 ? kTrue : kFalse;
  }

  bool conjunction_;
  ExpressionList arguments_;
  Mask undecided_;
  std::vector<uint8_t> outcome_;
};

// Chooses one of several columns for each row.
class ChoosingExpression : public Expression {
 public:
  using Expression::Expression;

 protected:
  static constexpr uint16_t kNone = 0xffff;
  static constexpr uint16_t kUnknown = 0xfffe;  // a condition that decides is absent

  void begin(const Frame& frame, size_t choices) {
    undecided_count_ = copy_active(frame, undecided_);
    choice_.assign(frame.rows, kNone);
    columns_.assign(choices, nullptr);
  }
  void decide(size_t row, size_t choice) {
    choice_[row] = static_cast<uint16_t>(choice);
    undecided_[row] = 0;
    --undecided_count_;
  }
  const ColumnVector* gather(const Frame& frame) {
    result_.clear();
    for (size_t row = 0; row < frame.rows; ++row) {
      if (choice_[row] == kNone) {
        result_.append_null();
      } else if (choice_[row] == kUnknown) {
        result_.append_absent();
      } else {
        result_.append_from(*columns_[choice_[row]], row);
      }
    }
    return &result_;
  }

  Mask undecided_;
  size_t undecided_count_ = 0;
  std::vector<uint16_t> choice_;
  std::vector<const ColumnVector*> columns_;
};

class CaseExpression final : public ChoosingExpression {
 public:
  CaseExpression(DataType type, ExpressionList conditions, ExpressionList values, ExpressionPtr otherwise)
      : ChoosingExpression(std::move(type)), conditions_(std::move(conditions)), values_(std::move(values)) {
    values_.push_back(std::move(otherwise));
  }

  Result<const ColumnVector*> evaluate(const Frame& frame) override {
    begin(frame, values_.size());
    for (size_t i = 0; i < conditions_.size() && undecided_count_ > 0; ++i) {
      ASSIGN_OR_RETURN(const ColumnVector* matches, conditions_[i]->evaluate(masked(frame, undecided_)));
      chosen_.assign(frame.rows, 0);
      bool any = false;
      for (size_t row = 0; row < frame.rows; ++row) {
        if (undecided_[row] == 0) continue;
        if (matches->presence(row) == Presence::kAbsent) {
          decide(row, kUnknown);
        } else if (matches->has_value(row) && matches->int_at(row) != 0) {
          decide(row, i);
          chosen_[row] = 1;
          any = true;
        }
      }
      if (!any) continue;
      ASSIGN_OR_RETURN(columns_[i], values_[i]->evaluate(masked(frame, chosen_)));
    }
    if (undecided_count_ > 0) {
      const size_t last = values_.size() - 1;
      ASSIGN_OR_RETURN(columns_[last], values_[last]->evaluate(masked(frame, undecided_)));
      for (size_t row = 0; row < frame.rows; ++row) {
        if (undecided_[row] != 0) decide(row, last);
      }
    }
    return gather(frame);
  }

 private:
  ExpressionList conditions_;
  ExpressionList values_;  // the last one: otherwise
  Mask chosen_;
};

class CoalesceExpression final : public ChoosingExpression {
 public:
  CoalesceExpression(DataType type, ExpressionList arguments)
      : ChoosingExpression(std::move(type)), arguments_(std::move(arguments)) {}

  Result<const ColumnVector*> evaluate(const Frame& frame) override {
    begin(frame, arguments_.size());
    for (size_t i = 0; i < arguments_.size() && undecided_count_ > 0; ++i) {
      ASSIGN_OR_RETURN(columns_[i], arguments_[i]->evaluate(masked(frame, undecided_)));
      for (size_t row = 0; row < frame.rows; ++row) {
        if (undecided_[row] != 0 && columns_[i]->presence(row) != Presence::kNull) decide(row, i);
      }
    }
    return gather(frame);
  }

 private:
  ExpressionList arguments_;
};

class SlotExpression final : public Expression {
 public:
  SlotExpression(DataType type, Role role, std::shared_ptr<const ColumnVector*> column)
      : Expression(std::move(type), role), column_(std::move(column)) {}
  Result<const ColumnVector*> evaluate(const Frame&) override { return *column_; }

 private:
  std::shared_ptr<const ColumnVector*> column_;
};

class LetExpression final : public Expression {
 public:
  LetExpression(ExpressionPtr subject, ExpressionPtr body, std::shared_ptr<const ColumnVector*> column)
      : Expression(body->type()), subject_(std::move(subject)), body_(std::move(body)), column_(std::move(column)) {}

  Result<const ColumnVector*> evaluate(const Frame& frame) override {
    ASSIGN_OR_RETURN(*column_, subject_->evaluate(frame));
    return body_->evaluate(frame);
  }

 private:
  ExpressionPtr subject_;
  ExpressionPtr body_;
  std::shared_ptr<const ColumnVector*> column_;
};

}  // namespace

ExpressionPtr make_logical(bool conjunction, ExpressionList arguments) {
  const bool constant = all_constant(arguments);
  return fold(std::make_unique<LogicalExpression>(conjunction, std::move(arguments)), constant);
}

ExpressionPtr make_case(DataType type, ExpressionList conditions, ExpressionList values, ExpressionPtr otherwise) {
  type.nullable = any_nullable(values) || otherwise->type().nullable;
  return std::make_unique<CaseExpression>(std::move(type), std::move(conditions), std::move(values),
                                          std::move(otherwise));
}

ExpressionPtr make_coalesce(DataType type, ExpressionList arguments) {
  type.nullable = std::all_of(arguments.begin(), arguments.end(), [](const auto& one) { return one->type().nullable; });
  return std::make_unique<CoalesceExpression>(std::move(type), std::move(arguments));
}

Let::Let(ExpressionPtr subject)
    : column_(std::make_shared<const ColumnVector*>(nullptr)), subject_(std::move(subject)) {}

ExpressionPtr Let::slot() { return std::make_unique<SlotExpression>(subject_->type(), subject_->role(), column_); }

ExpressionPtr Let::finish(ExpressionPtr body) && {
  return std::make_unique<LetExpression>(std::move(subject_), std::move(body), column_);
}

}  // namespace sluice
