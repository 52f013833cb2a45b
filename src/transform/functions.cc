// SPDX-License-Identifier: Apache-2.0
#include "transform/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice {

namespace {

constexpr FunctionInfo kConditional[] = {
    {"COALESCE", "?*", nullptr}, {"IF", "???", nullptr}, {"IFNULL", "??", nullptr}, {"NULLIF", "??", nullptr}};
// Functions of Flink CDC that call a model.
constexpr std::string_view kModels[] = {"AI_COMPLETE", "AI_EMBED", "AI_CHAT_PREDICT", "GET_EMBEDDING",
                                        "AI_LANGCHAIN_PREDICT"};
constexpr size_t kMostArguments = 1000;

std::vector<std::span<const FunctionInfo>> all_tables() {
  return {string_functions(),  pattern_functions(), temporal_functions(),
          numeric_functions(), struct_functions(),  kConditional};
}

// How many arguments a signature allows.
struct Arity {
  size_t least = 0;
  size_t most = 0;

  explicit Arity(std::string_view signature) {
    bool optional = false;
    for (const char c : signature) {
      if (c == '[') {
        optional = true;
      } else if (c == '*') {
        most = kMostArguments;
      } else {
        ++most;
        if (!optional) ++least;
      }
    }
  }
  bool allows(size_t count) const { return count >= least && count <= most; }
  std::string text() const {
    const std::string_view noun = least == 1 && most == 1 ? "argument" : "arguments";
    if (least == most) return fmt::format("{} {}", least, noun);
    if (most < kMostArguments) return fmt::format("{} to {} {}", least, most, noun);
    return fmt::format("at least {} {}", least, least == 1 ? "argument" : noun);
  }
};

Error unknown_function(const std::string& name) {
  if (std::find(std::begin(kModels), std::end(kModels), name) != std::end(kModels)) {
    return Error(ErrorCode::kConfig, fmt::format("function {} calls a model, and models are not supported", name),
                 "Remove it from the expression.");
  }
  std::vector<std::string_view> names;
  for (const auto table : all_tables()) {
    for (const auto& function : table) names.push_back(function.name);
  }
  const auto closest = closest_name(name, names);
  return Error(
      ErrorCode::kConfig, fmt::format("there is no function {}", name),
      closest.empty() ? "User-defined functions are not supported." : fmt::format("Did you mean {}?", closest));
}

}  // namespace

const FunctionInfo* find_function(std::string_view name) {
  for (const auto table : all_tables()) {
    for (const auto& function : table) {
      if (function.name == name) return &function;
    }
  }
  return nullptr;
}

char argument_letter(const FunctionInfo& function, size_t index) {
  char last = '?';
  for (const char c : function.signature) {
    if (c == '[' || c == '*') continue;
    last = c;
    if (index-- == 0) break;
  }
  return last;
}

Result<> check_call(const SyntaxNode& call) {
  const auto place = [&](Error error) { return std::move(error).context(fmt::format("column {}", call.position)); };
  const FunctionInfo* function = find_function(call.name);
  if (function == nullptr) {
    if (call.is_operator) return {};
    return place(unknown_function(call.name));
  }
  const Arity arity(function->signature);
  if (!arity.allows(call.args.size())) {
    return place(type_mistake(fmt::format("{} takes {}, not {}", call.name, arity.text(), call.args.size())));
  }
  return {};
}

void check_calls(const SyntaxNode& tree, const Location& place, const std::string& key, Problems& problems) {
  if (tree.kind == SyntaxKind::kCall) {
    if (const auto checked = check_call(tree); !checked) {
      problems.error(place, key, checked.error().message(), std::string(checked.error().advice()));
    }
  }
  for (const auto& argument : tree.args) check_calls(argument, place, key, problems);
}

Error type_mistake(std::string message) {
  return Error(ErrorCode::kConfig, std::move(message), "Correct the expression, with CAST where types differ.");
}

Error any_digits_mistake(std::string_view what) {
  return Error(ErrorCode::kConfig, fmt::format("{} needs a decimal with declared digits", what),
               "A PostgreSQL numeric without precision declares none: CAST it AS DECIMAL(p, s), with as many digits as "
               "its values need.");
}

}  // namespace sluice
