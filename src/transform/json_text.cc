// SPDX-License-Identifier: Apache-2.0
#include "transform/json_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/json_value.h"
#include "transform/decimal.h"
#include "transform/utf8.h"

namespace sluice {

namespace {

constexpr int kMaxDepth = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(uint32_t code, std::string& out) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// Four hexadecimal digits at `at`; -1 if they are none.
int32_t hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int32_t value = 0;
  for (const char c : text.substr(at, 4)) {
    const int digit = is_digit(c)            ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// Reads a string whose opening quote is at `at`, and moves behind the closing one. False if it is no JSON string.
bool take_string(std::string_view text, size_t& at, std::string& out) {
  for (++at; at < text.size();) {
    const char c = text[at++];
    if (c == '"') return true;
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at == text.size()) return false;
    const char escape = text[at++];
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const auto found = kLetters.find(escape); found != std::string_view::npos) {
      out += kMeanings[found];
      continue;
    }
    const int32_t first = escape == 'u' ? hex4(text, at) : -1;
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff)) return false;
    at += 4;
    auto code = static_cast<uint32_t>(first);
    if (first >= 0xd800 && first <= 0xdbff) {
      const int32_t second = text.substr(at, 2) == "\\u" ? hex4(text, at + 2) : -1;
      if (second < 0xdc00 || second > 0xdfff) return false;
      at += 6;
      code = 0x10000 + ((code - 0xd800) << 10) + (static_cast<uint32_t>(second) - 0xdc00);
    }
    append_utf8(code, out);
  }
  return false;
}

class Compactor {
 public:
  Compactor(std::string_view text, bool duplicates) : text_(text), duplicates_(duplicates) {}

  JsonStatus run(std::string& out) {
    if (!utf8_valid(text_)) return JsonStatus::kInvalid;
    const JsonStatus status = value(out, 1);
    if (status != JsonStatus::kOk) return status;
    return peek() == '\0' && at_ == text_.size() ? JsonStatus::kOk : JsonStatus::kInvalid;
  }

 private:
  // The next character that is no blank; NUL at the end.
  char peek() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }

  JsonStatus value(std::string& out, int depth) {
    if (depth > kMaxDepth) return JsonStatus::kInvalid;
    const char c = peek();
    if (c == '{') return object(out, depth);
    if (c == '[') return array(out, depth);
    if (c == '"') {
      std::string content;
      if (!take_string(text_, at_, content)) return JsonStatus::kInvalid;
      append_json_string(content, out);
      return JsonStatus::kOk;
    }
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      out += word;
      return JsonStatus::kOk;
    }
    return number(out);
  }

  JsonStatus array(std::string& out, int depth) {
    ++at_;
    out += '[';
    for (bool first = true; !accept(']'); first = false) {
      if (!first && !accept(',')) return JsonStatus::kInvalid;
      if (!first) out += ',';
      if (const auto status = value(out, depth + 1); status != JsonStatus::kOk) return status;
    }
    out += ']';
    return JsonStatus::kOk;
  }

  JsonStatus object(std::string& out, int depth) {
    ++at_;
    std::vector<std::pair<std::string, std::string>> members;
    for (bool first = true; !accept('}'); first = false) {
      if (!first && !accept(',')) return JsonStatus::kInvalid;
      auto& [name, content] = members.emplace_back();
      if (peek() != '"' || !take_string(text_, at_, name) || !accept(':')) return JsonStatus::kInvalid;
      if (const auto status = value(content, depth + 1); status != JsonStatus::kOk) return status;
    }
    std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    out += '{';
    bool first = true;
    for (size_t i = 0; i < members.size(); ++i) {
      if (i + 1 < members.size() && members[i].first == members[i + 1].first) {
        if (!duplicates_) return JsonStatus::kDuplicateName;
        continue;
      }
      if (!first) out += ',';
      first = false;
      append_json_string(members[i].first, out);
      out += ':';
      out += members[i].second;
    }
    out += '}';
    return JsonStatus::kOk;
  }

  JsonStatus number(std::string& out) {
    const size_t begin = at_;
    const auto digits = [&] {
      const size_t from = at_;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      return at_ - from;
    };
    const auto one_of = [&](std::string_view characters) {
      if (at_ == text_.size() || characters.find(text_[at_]) == std::string_view::npos) return false;
      ++at_;
      return true;
    };
    one_of("-");
    const size_t whole = at_;
    if (digits() == 0 || (text_[whole] == '0' && at_ - whole > 1)) return JsonStatus::kInvalid;
    if (one_of(".") && digits() == 0) return JsonStatus::kInvalid;
    if (one_of("eE")) {
      one_of("+-");
      if (digits() == 0) return JsonStatus::kInvalid;
    }
    out += text_.substr(begin, at_ - begin);
    return JsonStatus::kOk;
  }

  std::string_view text_;
  bool duplicates_;
  size_t at_ = 0;
};

// Behind the closing quote of the string that begins at `at`.
size_t end_of_string(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

bool is_number(std::string_view token) { return !token.empty() && (is_digit(token[0]) || token[0] == '-'); }

using Part = std::pair<std::string_view, std::string_view>;
std::vector<Part> parts_of(std::string_view text) {
  std::vector<Part> parts;
  JsonParts walk(text);
  while (walk.next()) parts.emplace_back(walk.name(), walk.value());
  if (text[0] == '{') std::stable_sort(parts.begin(), parts.end(), [](auto& a, auto& b) { return a.first < b.first; });
  return parts;
}

}  // namespace

JsonStatus append_compact_json(std::string_view text, bool duplicates, std::string& out) {
  return Compactor(text, duplicates).run(out);
}

void append_unquoted_json(std::string_view quoted, std::string& out) {
  size_t at = 0;
  take_string(quoted, at, out);
}

JsonParts::JsonParts(std::string_view compact) : text_(compact), object_(compact.starts_with('{')) {
  if (!object_ && !compact.starts_with('[')) text_ = {};
}

size_t JsonParts::end_of_value(size_t at) const {
  int depth = 0;
  while (at < text_.size()) {
    const char c = text_[at];
    if (c == '"') {
      at = end_of_string(text_, at);
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if (depth == 0 && (c == ',' || c == ']' || c == '}')) break;
    if (c == ']' || c == '}') --depth;
    ++at;
  }
  return at;
}

bool JsonParts::next() {
  if (at_ + 1 >= text_.size()) return false;  // the closing bracket is last
  if (object_) {
    const size_t end = end_of_string(text_, at_);
    name_ = text_.substr(at_, end - at_);
    at_ = end + 1;
  }
  const size_t end = end_of_value(at_);
  value_ = text_.substr(at_, end - at_);
  at_ = end + 1;
  return true;
}

bool json_equal(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (a.empty() || b.empty()) return false;
  if (is_number(a) && is_number(b)) {
    const auto left = decimal_from_text(a);
    const auto right = decimal_from_text(b);
    return left && right && decimal_compare(*left, *right) == 0;
  }
  if (a[0] != b[0] || (a[0] != '[' && a[0] != '{')) return false;
  const auto left = parts_of(a);
  const auto right = parts_of(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const Part& one, const Part& other) {
    return one.first == other.first && json_equal(one.second, other.second);
  });
}

}  // namespace sluice
