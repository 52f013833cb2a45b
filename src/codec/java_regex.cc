// SPDX-License-Identifier: Apache-2.0
#include "codec/java_regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <vector>

namespace sluice {

JavaRegex::JavaRegex(std::unique_ptr<re2::RE2> regex) : regex_(std::move(regex)) {}
JavaRegex::JavaRegex(JavaRegex&&) noexcept = default;
JavaRegex& JavaRegex::operator=(JavaRegex&&) noexcept = default;
JavaRegex::~JavaRegex() = default;

Result<JavaRegex> JavaRegex::compile(std::string_view pattern) {
  std::string text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    text += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      text += pattern[++i];
    } else if (pattern.substr(i).starts_with("(?<") && i + 3 < pattern.size() && pattern[i + 3] != '=' &&
               pattern[i + 3] != '!') {
      text += "?P";  // a named group
      ++i;
    }
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_unique<re2::RE2>(text, options);
  if (!regex->ok()) {
    return Error(ErrorCode::kConfig,
                 fmt::format("'{}' is not a supported regular expression: {}", pattern, regex->error()),
                 "Look-around, back references and possessive quantifiers are not supported.");
  }
  return JavaRegex(std::move(regex));
}

Result<> JavaRegex::set_replacement(std::string_view replacement) {
  rewrite_.clear();
  const auto no_group = [&](std::string_view group) {
    return Error(ErrorCode::kConfig,
                 fmt::format("'{}' names the group '{}', which the pattern has not", replacement, group));
  };
  for (size_t i = 0; i < replacement.size(); ++i) {
    char c = replacement[i];
    if (c == '$' && i + 1 < replacement.size() && replacement[i + 1] >= '0' && replacement[i + 1] <= '9') {
      const int group = replacement[++i] - '0';
      if (group > regex_->NumberOfCapturingGroups()) return no_group(replacement.substr(i, 1));
      rewrite_ += fmt::format("\\{}", group);
      continue;
    }
    if (c == '$' && replacement.substr(i).starts_with("${")) {
      const size_t end = std::min(replacement.find('}', i), replacement.size());
      const std::string name(replacement.substr(i + 2, end - i - 2));
      const auto found = regex_->NamedCapturingGroups().find(name);
      if (found == regex_->NamedCapturingGroups().end() || found->second > 9) return no_group(name);
      rewrite_ += fmt::format("\\{}", found->second);
      i = end;
      continue;
    }
    if (c == '\\' && i + 1 < replacement.size()) c = replacement[++i];
    if (c == '\\') rewrite_ += '\\';
    rewrite_ += c;
  }
  return {};
}

bool JavaRegex::matches(std::string_view text) const {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

std::optional<std::string> JavaRegex::replaced(std::string_view text) const {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex_->NumberOfCapturingGroups()) + 1);
  const re2::StringPiece all(text.data(), text.size());
  const int count = static_cast<int>(groups.size());
  if (!regex_->Match(all, 0, text.size(), re2::RE2::ANCHOR_BOTH, groups.data(), count)) return std::nullopt;
  std::string out;
  regex_->Rewrite(&out, rewrite_, groups.data(), count);
  return out;
}

}  // namespace sluice
