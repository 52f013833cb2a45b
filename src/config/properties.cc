// SPDX-License-Identifier: Apache-2.0
#include "config/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace sluice {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

std::string_view without_leading_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

bool ends_with_open_escape(std::string_view line) {
  size_t count = 0;
  while (count < line.size() && line[line.size() - 1 - count] == '\\') ++count;
  return count % 2 == 1;
}

// Gives the lines of a text, joined where they go on.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  // The next line that holds something, and its number.
  std::optional<std::pair<std::string, int>> next() {
    while (!rest_.empty()) {
      std::string_view line = without_leading_blanks(take());
      if (line.empty() || line.front() == '#' || line.front() == '!') continue;
      const int number = number_;
      std::string joined;
      while (ends_with_open_escape(line)) {
        joined.append(line.substr(0, line.size() - 1));
        if (rest_.empty()) return std::pair(std::move(joined), number);
        line = without_leading_blanks(take());
      }
      joined.append(line);
      return std::pair(std::move(joined), number);
    }
    return std::nullopt;
  }

 private:
  std::string_view take() {
    ++number_;
    const size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  std::string_view rest_;
  int number_ = 0;
};

void append_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// The four digits of \uXXXX; null if there are not as many.
std::optional<uint32_t> code_unit(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t code = 0;
  const auto read = std::from_chars(text.data(), text.data() + 4, code, 16);
  if (read.ec != std::errc() || read.ptr != text.data() + 4) return std::nullopt;
  return code;
}

// Null for a wrong \u.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      if (text[i] != '\\') out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'u') {
      auto code = code_unit(text.substr(i + 1));
      if (!code) return std::nullopt;
      i += 4;
      if (*code >= 0xD800 && *code < 0xDC00 && text.substr(i + 1).starts_with("\\u")) {
        const auto low = code_unit(text.substr(i + 3));
        if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
        code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
        i += 6;
      }
      if (*code >= 0xD800 && *code <= 0xDFFF) return std::nullopt;
      append_utf8(*code, out);
    } else {
      constexpr std::string_view kLetters = "tnrf";
      const size_t at = kLetters.find(c);
      out += at == std::string_view::npos ? c : "\t\n\r\f"[at];
    }
  }
  return out;
}

}  // namespace

Settings parse_properties(const std::string& file_name, std::string_view text, Problems& problems) {
  Settings settings{{file_name, 1}, {}};
  Lines lines(text);
  while (const auto line = lines.next()) {
    const std::string_view all = line->first;
    size_t end = 0;
    for (bool escaped = false; end < all.size(); ++end) {
      const char c = all[end];
      if (!escaped && (c == '=' || c == ':' || is_blank(c))) break;
      escaped = !escaped && c == '\\';
    }
    std::string_view value = without_leading_blanks(all.substr(end));
    if (!value.empty() && (value.front() == '=' || value.front() == ':')) {
      value = without_leading_blanks(value.substr(1));
    }
    const Location at{file_name, line->second};
    auto key = unescaped(all.substr(0, end));
    auto content = unescaped(value);
    if (!key || !content) {
      problems.error(at, key.value_or(""), "'\\u' is not followed by four hexadecimal digits of a character",
                     "Write \\\\u for a backslash and a 'u'.");
      continue;
    }
    const auto known = std::ranges::find(settings.entries, *key, &Setting::key);
    if (known == settings.entries.end()) {
      settings.entries.push_back({std::move(*key), std::move(*content), at});
      continue;
    }
    problems.warn(at, *key, fmt::format("key '{}' is given twice, first in line {}", *key, known->location.line),
                  "The last one counts.");
    known->value = std::move(*content);
    known->location = at;
  }
  return settings;
}

}  // namespace sluice
