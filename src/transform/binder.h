// SPDX-License-Identifier: Apache-2.0
// Gives a parsed expression types and meaning against one table's schema. Mistakes are kConfig and say where.
#pragma once

#include <vector>

#include "transform/functions.h"

namespace sluice {

class Binder {
 public:
  // `aliases`: computed columns that may be named too, where the schema has no such column; may be null. All arguments
  // must outlive the binder, not what it makes.
  Binder(const TableSchema& schema, const Dialect& dialect, const std::vector<ProjectionItem>* aliases)
      : schema_(schema), dialect_(dialect), aliases_(aliases) {}

  Result<ExpressionPtr> bind(const SyntaxNode& node);
  // The same, and the result must be a boolean.
  Result<ExpressionPtr> bind_condition(const SyntaxNode& node);

 private:
  Result<ExpressionPtr> bind_column(const SyntaxNode& node);
  Result<ExpressionPtr> bind_literal(const SyntaxNode& node);
  Result<ExpressionPtr> bind_call(const SyntaxNode& node);
  Result<ExpressionPtr> bind_operator(const SyntaxNode& node, ExpressionList arguments);
  Result<ExpressionPtr> bind_is(const SyntaxNode& node, ExpressionList arguments);
  Result<ExpressionPtr> bind_between(ExpressionList arguments);
  Result<ExpressionPtr> bind_in(ExpressionList arguments);
  Result<ExpressionPtr> bind_case(const SyntaxNode& node);
  Result<ExpressionPtr> bind_conditional_function(const SyntaxNode& node, ExpressionList arguments);
  Result<ExpressionPtr> bind_function(const SyntaxNode& node, const FunctionInfo& function, ExpressionList arguments);
  Result<ExpressionList> bind_all(const std::vector<SyntaxNode>& nodes);

  const TableSchema& schema_;
  const Dialect& dialect_;
  const std::vector<ProjectionItem>* aliases_;
};

}  // namespace sluice
