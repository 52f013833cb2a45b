// SPDX-License-Identifier: Apache-2.0
// Comparison and arithmetic over typed operands.
#pragma once

#include <string_view>

#include "transform/casts.h"
#include "transform/expression.h"

namespace sluice {

// "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM".
Result<ExpressionPtr> make_comparison(std::string_view name, ExpressionPtr left, ExpressionPtr right,
                                      const Dialect& dialect);
// "+", "-", "*", "/", "%", also between times and intervals.
Result<ExpressionPtr> make_arithmetic(std::string_view name, ExpressionPtr left, ExpressionPtr right,
                                      const Dialect& dialect);
Result<ExpressionPtr> make_negation(ExpressionPtr value, const Dialect& dialect);
// t + months or microseconds (an integer argument); what a negative `sign` makes of it is t - interval.
Result<ExpressionPtr> make_time_shift(ExpressionPtr time, ExpressionPtr amount, bool in_months, int sign);

}  // namespace sluice
