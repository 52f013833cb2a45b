// SPDX-License-Identifier: Apache-2.0
// The functions of the expression language: their tables, and what is shared by those who make them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/setting.h"
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
  // Null: computes only some of its arguments, so the binder makes it itself.
  Result<ExpressionPtr> (*make)(const Dialect& dialect, ExpressionList arguments);
};
std::span<const FunctionInfo> string_functions();
std::span<const FunctionInfo> pattern_functions();
std::span<const FunctionInfo> temporal_functions();
std::span<const FunctionInfo> numeric_functions();
std::span<const FunctionInfo> struct_functions();

// Null if there is none of that name (in upper case).
const FunctionInfo* find_function(std::string_view name);
// What the signature asks of an argument.
char argument_letter(const FunctionInfo& function, size_t index);

// Of a call in an expression: there is such a function, and it takes so many arguments.
Result<> check_call(const SyntaxNode& call);
// The same for every call in the tree; each mistake is added to `problems` under this place and key.
void check_calls(const SyntaxNode& tree, const Location& place, const std::string& key, Problems& problems);

Error type_mistake(std::string message);
// `what` needs to know how many digits its decimal has, and a column declares none.
Error any_digits_mistake(std::string_view what);

}  // namespace sluice
