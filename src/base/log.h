// SPDX-License-Identifier: Apache-2.0
// Log lines for operators, on standard error: "2026-01-02T03:04:05.678Z info  message". Any thread.
// Messages say what happened and where; never a password, never a cell value.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view message);

// Puts "[label] " in front of what this thread logs, until it is destroyed. Where one process runs several jobs, a
// thread that starts another hands its label on.
class LogLabel {
 public:
  explicit LogLabel(std::string label);
  ~LogLabel();
  LogLabel(const LogLabel&) = delete;
  LogLabel& operator=(const LogLabel&) = delete;
  static const std::string& current();

 private:
  std::string previous_;
};

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kDebug)) log_line(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kInfo)) log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kWarn)) log_line(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sluice
