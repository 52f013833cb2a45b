// SPDX-License-Identifier: Apache-2.0
// Gives a parsed expression types and meaning against one table's schema. Mistakes are kConfig and say where.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "transform/casts.h"
#include "transform/expression.h"
#include "transform/expression_syntax.h"

namespace sluice {

// A function of the language. The signature has one letter an argument, after '[' the optional ones, a final '*'
// repeats the last: s text, v text or bytes, x anything as text, i integer, n number, d double, b boolean, t date, time
// or timestamp, ? anything. Arguments arrive converted accordingly.
struct FunctionInfo {
  std::string_view name;
  std::string_view signature;
  Result<ExpressionPtr> (*make)(const Dialect& dialect, ExpressionList arguments);
};
std::span<const FunctionInfo> string_functions();
std::span<const FunctionInfo> pattern_functions();
std::span<const FunctionInfo> temporal_functions();
std::span<const FunctionInfo> numeric_functions();

// Names that Flink CDC has and this version refuses, in upper case.
std::span<const std::string_view> unsupported_functions();

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

// The functions' shared tools.
Error type_mistake(std::string message);
// Converts all to the one type that holds them (branches of CASE, arguments of COALESCE) and returns it.
Result<DataType> unify(ExpressionList& arguments, const Dialect& dialect);

}  // namespace sluice
