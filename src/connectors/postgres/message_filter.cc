// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/message_filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include "config/option.h"

namespace sluice {
namespace {

Result<std::unique_ptr<re2::RE2>> any_of(std::string_view option, const std::optional<std::string>& list) {
  if (!list) return std::unique_ptr<re2::RE2>();
  std::string all;
  for (const std::string& item : split_list(*list)) all += fmt::format("{}(?:{})", all.empty() ? "" : "|", item);
  re2::RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  auto regex = std::make_unique<re2::RE2>(all, options);
  if (regex->ok()) return regex;
  return Error(ErrorCode::kConfig, fmt::format("option '{}': {}", option, regex->error()),
               "Entries are regular expressions for whole prefixes, separated by commas.");
}

}  // namespace

MessageFilter::MessageFilter() = default;
MessageFilter::MessageFilter(MessageFilter&&) noexcept = default;
MessageFilter& MessageFilter::operator=(MessageFilter&&) noexcept = default;
MessageFilter::~MessageFilter() = default;

Result<MessageFilter> MessageFilter::compile(const std::optional<std::string>& include,
                                             const std::optional<std::string>& exclude) {
  MessageFilter filter;
  filter.any_ = include || exclude;
  ASSIGN_OR_RETURN(filter.include_, any_of("message.prefix.include.list", include));
  ASSIGN_OR_RETURN(filter.exclude_, any_of("message.prefix.exclude.list", exclude));
  return filter;
}

bool MessageFilter::wants(std::string_view prefix) const {
  if (!any_ || (include_ && !re2::RE2::FullMatch(prefix, *include_))) return false;
  return !exclude_ || !re2::RE2::FullMatch(prefix, *exclude_);
}

}  // namespace sluice
