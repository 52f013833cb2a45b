// SPDX-License-Identifier: Apache-2.0
#include "tenants/sql_error.h"

#include <charconv>
#include <string_view>

namespace sluice {
namespace {

constexpr std::string_view kMark = "ERROR ";

}  // namespace

std::string_view sql_error_state(int code) {
  switch (code) {
    case kSyntaxError: return "42000";
    case kNotSupported: return "0A000";
    case kAccessDenied: return "42501";
    case kNoSuchRequest: return "08S01";
    default: return "HY000";
  }
}

Error sql_error_text(int code, std::string message) {
  return Error(ErrorCode::kConfig, fmt::format("{}{} ({}): {}", kMark, code, sql_error_state(code), message));
}

int sql_error_code(const Error& error) {
  const std::string& text = error.message();
  int code = kUnknownError;
  if (text.starts_with(kMark)) std::from_chars(text.data() + kMark.size(), text.data() + text.size(), code);
  return code;
}

std::string sql_error_message(const Error& error) {
  const std::string& text = error.message();
  if (const size_t end = text.find("): "); text.starts_with(kMark) && end != std::string::npos) {
    return text.substr(end + 3);
  }
  return text;
}

std::string sql_error_line(const Error& error) {
  if (error.message().starts_with(kMark)) return error.message();
  return fmt::format("{}{} ({}): {}: {}", kMark, static_cast<int>(kUnknownError), sql_error_state(kUnknownError),
                     error_code_info(error.code()).name, error.message());
}

}  // namespace sluice
