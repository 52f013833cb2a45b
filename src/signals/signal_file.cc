// SPDX-License-Identifier: Apache-2.0
#include "signals/signal_file.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace sluice {
namespace {

// A file that is larger is not one of signals.
constexpr size_t kMostBytes = 16 << 20;

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.size() > kMostBytes) text.resize(kMostBytes);
  return text;
}

// "<length>:<hash>"
std::string mark_of(std::string_view text) {
  return fmt::format("{}:{:016x}", text.size(), XXH3_64bits(text.data(), text.size()));
}

// The length of the text's beginning that has the mark; zero if it has none.
size_t marked_length(std::string_view text, std::string_view mark) {
  size_t length = 0;
  std::from_chars(mark.data(), mark.data() + mark.size(), length);
  return length <= text.size() && mark_of(text.substr(0, length)) == mark ? length : 0;
}

}  // namespace

std::string SignalFile::mark() const { return mark_of(read_); }

std::optional<std::vector<Signal>> SignalFile::read() {
  const std::string text = read_all(path_);
  // What cannot be removed would be obeyed again and again.
  if (!text.empty() && (stuck_ || ::access(path_.c_str(), W_OK) != 0)) {
    if (!std::exchange(told_, true)) log_warn("signals in '{}' are not read: it cannot be written to", path_);
    return std::nullopt;
  }
  // A last line without its end may still be being written, unless it is whole JSON.
  std::vector<Signal> signals;
  size_t whole = marked_length(text, std::exchange(obeyed_, {}));
  auto number = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(whole), '\n');
  for (size_t at = whole; at < text.size();) {
    const size_t newline = text.find('\n', at);
    const size_t end = std::min(newline, text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = newline == std::string::npos ? text.size() : newline + 1;
    ++number;
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    auto signal = blank ? Result<Signal>(Signal()) : parse_signal(line);
    if (!signal && newline == std::string::npos) break;
    whole = at;
    if (!signal) {
      log_warn("{}:{}: {}; the line is ignored", path_, number, signal.error().message());
    } else if (!blank) {
      signals.push_back(std::move(*signal));
    }
  }
  read_ = text.substr(0, whole);
  return signals;
}

Result<> SignalFile::clear() {
  if (read_.empty()) return {};
  const std::string read = std::exchange(read_, {});
  const std::string text = read_all(path_);
  // Another file may have taken its place; nobody has read that one.
  if (!text.starts_with(read)) return {};
  std::ofstream out(path_, std::ios::binary | std::ios::trunc);
  out << std::string_view(text).substr(read.size());
  out.flush();
  if (out) return {};
  stuck_ = true;
  return Error(ErrorCode::kState,
               fmt::format("removing the signals that were read from '{}': {}", path_, std::strerror(errno)));
}

}  // namespace sluice
