// SPDX-License-Identifier: Apache-2.0
#include "codec/json_node.h"

#include <charconv>

#include "data/json_value.h"

namespace sluice {
namespace {

constexpr int kDeepest = 64;

void append_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr unsigned char kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[more] | code >> (6 * more));
  for (int shift = 6 * (more - 1); shift >= 0; shift -= 6) out += static_cast<char>(0x80 | (code >> shift & 0x3F));
}

// The content between the quotes of a JSON string that parse() took.
std::string decoded(std::string_view text) {
  std::string out;
  const auto unit = [&](size_t at) {
    uint32_t code = 0;
    if (at + 4 <= text.size()) std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
    return code;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    constexpr std::string_view kLetters = "bfnrt";
    if (const size_t letter = kLetters.find(c); letter != std::string_view::npos) {
      out += "\b\f\n\r\t"[letter];
    } else if (c == 'u') {
      uint32_t code = unit(i + 1);
      i += 4;
      if (code >= 0xD800 && code < 0xDC00 && text.substr(i + 1).starts_with("\\u")) {
        code = 0x10000 + ((code - 0xD800) << 10) + (unit(i + 3) - 0xDC00);
        i += 6;
      }
      append_utf8(code & 0x1FFFFF, out);
    } else {
      out += c;
    }
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<JsonNode> parse() {
    JsonNode node;
    if (!value(node, 0)) return std::nullopt;
    blanks();
    if (at_ != text_.size()) return std::nullopt;
    return node;
  }

 private:
  void blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) {
    blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // With its quotes.
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const size_t begin = at_ - 1;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return text_.substr(begin, at_ - begin);
      }
    }
    return std::nullopt;
  }
  bool object(JsonNode& out, int depth) {
    out.kind = JsonNode::Kind::kObject;
    if (take('}')) return true;
    do {
      const auto name = string();
      if (!name || !take(':')) return false;
      out.members.push_back({decoded(name->substr(1, name->size() - 2)), {}});
      if (!value(out.members.back().value, depth + 1)) return false;
    } while (take(','));
    return take('}');
  }
  bool array(JsonNode& out, int depth) {
    out.kind = JsonNode::Kind::kArray;
    if (take(']')) return true;
    do {
      if (!value(out.items.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }
  bool value(JsonNode& out, int depth) {
    if (depth > kDeepest) return false;
    if (take('{')) return object(out, depth);
    if (take('[')) return array(out, depth);
    if (at_ < text_.size() && text_[at_] == '"') {
      const auto text = string();
      if (text) out = {.kind = JsonNode::Kind::kScalar, .text = std::string(*text), .members = {}, .items = {}};
      return text.has_value();
    }
    const size_t end = std::min(text_.find_first_of(",]} \n\t\r", at_), text_.size());
    const std::string_view word = text_.substr(at_, end - at_);
    at_ = end;
    if (word == "null") return true;
    if (word != "true" && word != "false" && (word.empty() || (word[0] != '-' && (word[0] < '0' || word[0] > '9')))) {
      return false;
    }
    out = json_scalar(word);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const JsonNode* JsonNode::find(std::string_view name) const {
  for (const JsonMember& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

Result<JsonNode> parse_json_node(std::string_view text) {
  auto node = Parser(text).parse();
  if (!node) return Error(ErrorCode::kData, "a text is no JSON");
  return std::move(*node);
}

void append_json_node(const JsonNode& node, std::string& out) {
  char separator = 0;
  const auto separate = [&] {
    if (separator != 0) out += separator;
    separator = ',';
  };
  switch (node.kind) {
    case JsonNode::Kind::kNull: out += "null"; break;
    case JsonNode::Kind::kScalar: out += node.text; break;
    case JsonNode::Kind::kObject:
      out += '{';
      for (const JsonMember& member : node.members) {
        separate();
        append_json_string(member.name, out);
        out += ':';
        append_json_node(member.value, out);
      }
      out += '}';
      break;
    case JsonNode::Kind::kArray:
      out += '[';
      for (const JsonNode& item : node.items) {
        separate();
        append_json_node(item, out);
      }
      out += ']';
      break;
  }
}

JsonNode json_string(std::string_view text) {
  JsonNode node{.kind = JsonNode::Kind::kScalar, .text = {}, .members = {}, .items = {}};
  append_json_string(text, node.text);
  return node;
}

JsonNode json_scalar(std::string_view json) {
  return {.kind = JsonNode::Kind::kScalar, .text = std::string(json), .members = {}, .items = {}};
}

std::string json_plain(const JsonNode& node) {
  if (!node.is_string()) return node.is_null() ? "" : node.text;
  return decoded(std::string_view(node.text).substr(1, node.text.size() - 2));
}

}  // namespace sluice
