// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/json_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <memory>
#include <vector>

#include "connectors/mysql/decimal_binary.h"

namespace sluice::mysql {
namespace {

enum class JsonType : uint8_t {
  kSmallObject = 0,
  kLargeObject = 1,
  kSmallArray = 2,
  kLargeArray = 3,
  kLiteral = 4,
  kInt16 = 5,
  kUint16 = 6,
  kInt32 = 7,
  kUint32 = 8,
  kInt64 = 9,
  kUint64 = 10,
  kDouble = 11,
  kString = 12,
  kOpaque = 15,
};
constexpr int kMaxDepth = 100;  // the server's own limit

Error damaged(std::string_view what) {
  return Error(ErrorCode::kCorrupt, fmt::format("decoding a JSON document: {}", what));
}

// A document in memory, for applying differences. Scalars are kept as the text they will print.
struct Node {
  enum class Kind : uint8_t { kScalar, kArray, kObject };
  Kind kind = Kind::kScalar;
  std::string text;
  std::vector<std::string> keys;  // of an object, parallel to children
  std::vector<std::unique_ptr<Node>> children;
};

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// Base64 in lines of 76 characters, as the server's encoder breaks them; each break is an escaped newline in the text.
void append_base64(Bytes bytes, std::string& out) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t line = 0;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    if (line == 76) {
      out += "\\n";
      line = 0;
    }
    uint32_t group = uint32_t{bytes[i]} << 16;
    if (i + 1 < bytes.size()) group |= uint32_t{bytes[i + 1]} << 8;
    if (i + 2 < bytes.size()) group |= bytes[i + 2];
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
    line += 4;
  }
}

// DATE, TIME, DATETIME and TIMESTAMP: a signed number of 8 bytes, fraction of a second in the low 24 bits.
void append_temporal(uint8_t field_type, int64_t packed, std::string& out) {
  bool negative = packed < 0;
  uint64_t value = negative ? 0 - static_cast<uint64_t>(packed) : static_cast<uint64_t>(packed);
  uint64_t micros = value & 0xffffff;
  uint64_t whole = value >> 24;
  uint64_t second = whole & 63, minute = whole >> 6 & 63;
  out += '"';
  if (field_type == 11 || field_type == 19) {
    out += fmt::format("{}{:02}:{:02}:{:02}.{:06}", negative ? "-" : "", whole >> 12 & 1023, minute, second, micros);
  } else {
    uint64_t hour = whole >> 12 & 31, day = whole >> 17 & 31, months = whole >> 22;
    out += fmt::format("{:04}-{:02}-{:02}", months / 13, months % 13, day);
    if (field_type != 10 && field_type != 14)
      out += fmt::format(" {:02}:{:02}:{:02}.{:06}", hour, minute, second, micros);
  }
  out += '"';
}

Result<> append_opaque(uint8_t field_type, Bytes bytes, std::string& out) {
  switch (field_type) {
    case 246: {  // DECIMAL: precision, scale, packed digits
      if (bytes.size() < 2) return damaged("a decimal is cut short");
      size_t size = decimal_size(bytes[0], bytes[1]);
      if (size == 0 || bytes.size() != size + 2) return damaged("a decimal has the wrong length");
      char buffer[kMaxDecimalText];
      std::string_view text = decimal_text(bytes.data() + 2, bytes[0], bytes[1], buffer);
      if (text.empty()) return damaged("a decimal has digits above nine");
      out += text;
      return {};
    }
    case 7:
    case 10:
    case 11:
    case 12:
    case 14:
    case 17:
    case 18:
    case 19:
      if (bytes.size() != 8) return damaged("a temporal value has the wrong length");
      append_temporal(field_type, static_cast<int64_t>(load_little_endian<8>(bytes.data())), out);
      return {};
    default:
      out += fmt::format("\"base64:type{}:", field_type);
      append_base64(bytes, out);
      out += '"';
      return {};
  }
}

// Length of strings and opaque values: 7 bits per byte, low bits first.
bool read_length(ByteReader& reader, uint64_t& length) {
  length = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    uint8_t byte = reader.u8();
    if (reader.failed()) return false;
    length |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// Walks a document and tells a visitor what it meets. Each value may be met once: the number of values is bounded by
// the document's size, so damaged offsets that share parts cannot make it grow.
template <typename Visitor>
class Walker {
 public:
  Walker(Visitor& visitor, size_t size) : visitor_(visitor), values_left_(size + 1) {}

  Result<> value(uint8_t type, Bytes bytes, int depth) {
    if (values_left_-- == 0) return damaged("its values overlap");
    auto kind = static_cast<JsonType>(type);
    if (kind > JsonType::kLargeArray) return scalar(kind, bytes);
    bool object = kind == JsonType::kSmallObject || kind == JsonType::kLargeObject;
    bool large = kind == JsonType::kLargeObject || kind == JsonType::kLargeArray;
    return large ? container<true>(bytes, object, depth) : container<false>(bytes, object, depth);
  }

 private:
  Result<> scalar(JsonType type, Bytes bytes) {
    ByteReader reader(bytes);
    std::string& out = visitor_.begin_scalar();
    switch (type) {
      case JsonType::kLiteral: {
        uint8_t literal = reader.u8();
        if (literal > 2) return damaged("it has an unknown literal");
        out += literal == 0 ? "null" : literal == 1 ? "true" : "false";
        break;
      }
      case JsonType::kInt16: number(static_cast<int16_t>(reader.u16()), out); break;
      case JsonType::kUint16: number(reader.u16(), out); break;
      case JsonType::kInt32: number(static_cast<int32_t>(reader.u32()), out); break;
      case JsonType::kUint32: number(reader.u32(), out); break;
      case JsonType::kInt64: number(static_cast<int64_t>(reader.u64()), out); break;
      case JsonType::kUint64: number(reader.u64(), out); break;
      case JsonType::kDouble: append_json_double(std::bit_cast<double>(reader.u64()), out); break;
      case JsonType::kString: {
        uint64_t length = 0;
        if (!read_length(reader, length) || length > reader.left()) return damaged("a string is cut short");
        append_quoted(reader.text(length), out);
        break;
      }
      case JsonType::kOpaque: {
        uint8_t field_type = reader.u8();
        uint64_t length = 0;
        if (!read_length(reader, length) || length > reader.left()) return damaged("an opaque value is cut short");
        RETURN_IF_ERROR(append_opaque(field_type, reader.bytes(length), out));
        break;
      }
      case JsonType::kSmallObject:
      case JsonType::kLargeObject:
      case JsonType::kSmallArray:
      case JsonType::kLargeArray:
      default: return damaged("it has a value of an unknown type");
    }
    if (reader.failed()) return damaged("a value is cut short");
    visitor_.end_scalar();
    return {};
  }

  template <typename Number>
  static void number(Number value, std::string& out) {
    fmt::format_int text(value);
    out.append(text.data(), text.size());
  }

  template <bool kLarge>
  Result<> container(Bytes bytes, bool object, int depth) {
    constexpr size_t kWidth = kLarge ? 4 : 2;
    auto word = [](ByteReader& from) -> uint32_t { return kLarge ? from.u32() : from.u16(); };
    if (depth >= kMaxDepth) return damaged("it is nested too deep");
    ByteReader reader(bytes);
    uint32_t count = word(reader);
    uint32_t size = word(reader);
    size_t entries = object ? size_t{count} * (kWidth + 2) : 0;
    if (reader.failed() || size > bytes.size() || entries + size_t{count} * (kWidth + 1) + 2 * kWidth > size) {
      return damaged("an array or object is cut short");
    }
    Bytes whole = bytes.first(size);
    ByteReader keys(whole.subspan(2 * kWidth));
    ByteReader values(whole.subspan(2 * kWidth + entries));
    visitor_.begin(object);
    for (uint32_t i = 0; i < count; ++i) {
      std::string_view key;
      if (object) {
        uint32_t offset = word(keys);
        uint16_t length = keys.u16();
        if (offset > size || length > size - offset) return damaged("a key is outside its object");
        key = as_text(whole.subspan(offset, length));
      }
      visitor_.item(i, object, key);
      uint8_t type = values.u8();
      auto json_type = static_cast<JsonType>(type);
      bool in_place = json_type == JsonType::kLiteral || json_type == JsonType::kInt16 ||
                      json_type == JsonType::kUint16 ||
                      (kLarge && (json_type == JsonType::kInt32 || json_type == JsonType::kUint32));
      Bytes rest = values.rest();
      uint32_t offset = word(values);
      if (!in_place && (offset >= size || offset < 2 * kWidth)) return damaged("a value is outside its container");
      RETURN_IF_ERROR(value(type, in_place ? rest.first(kWidth) : whole.subspan(offset), depth + 1));
    }
    visitor_.end(object);
    return {};
  }

  Visitor& visitor_;
  size_t values_left_;
};

class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}
  std::string& begin_scalar() { return out_; }
  void end_scalar() {}
  void begin(bool object) { out_ += object ? '{' : '['; }
  void item(uint32_t index, bool object, std::string_view key) {
    if (index > 0) out_ += ", ";
    if (!object) return;
    append_quoted(key, out_);
    out_ += ": ";
  }
  void end(bool object) { out_ += object ? '}' : ']'; }

 private:
  std::string& out_;
};

class Builder {
 public:
  explicit Builder(Node& root) : slot_(&root) {}
  std::string& begin_scalar() { return slot_->text; }
  void end_scalar() {}
  void begin(bool object) {
    slot_->kind = object ? Node::Kind::kObject : Node::Kind::kArray;
    open_.push_back(slot_);
  }
  void item(uint32_t, bool object, std::string_view key) {
    Node& parent = *open_.back();
    if (object) parent.keys.emplace_back(key);
    slot_ = parent.children.emplace_back(std::make_unique<Node>()).get();
  }
  void end(bool) { open_.pop_back(); }

 private:
  Node* slot_;
  std::vector<Node*> open_;
};

template <typename Visitor>
Result<> walk(Bytes document, Visitor visitor) {
  Walker<Visitor> walker(visitor, document.size());
  return walker.value(document[0], document.subspan(1), 0);
}

void print(const Node& node, std::string& out) {
  if (node.kind == Node::Kind::kScalar) {
    out += node.text;
    return;
  }
  bool object = node.kind == Node::Kind::kObject;
  Printer printer(out);
  printer.begin(object);
  for (uint32_t i = 0; i < node.children.size(); ++i) {
    printer.item(i, object, object ? std::string_view(node.keys[i]) : std::string_view());
    print(*node.children[i], out);
  }
  printer.end(object);
}

// One step of a path: .key, [index], [last] or [last-index].
struct Leg {
  bool member = false;
  std::string key;
  uint64_t index = 0;
  bool from_end = false;
};

// Undoes JSON's escapes in a quoted member name.
bool unquote(std::string_view& path, std::string& key) {
  path.remove_prefix(1);
  while (!path.empty() && path[0] != '"') {
    if (path[0] != '\\') {
      key += path[0];
      path.remove_prefix(1);
      continue;
    }
    if (path.size() < 2) return false;
    char escaped = path[1];
    path.remove_prefix(2);
    constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
    if (size_t at = kFrom.find(escaped); at != std::string_view::npos) {
      key += kTo[at];
    } else if (escaped == 'u') {
      // The server writes this form for control characters only.
      unsigned code = 0;
      if (path.size() < 4 || std::from_chars(path.data(), path.data() + 4, code, 16).ptr != path.data() + 4 ||
          code > 127) {
        return false;
      }
      key += static_cast<char>(code);
      path.remove_prefix(4);
    } else {
      key += escaped;
    }
  }
  if (path.empty()) return false;
  path.remove_prefix(1);
  return true;
}

// What stands behind [; it is taken off the path.
bool parse_index(std::string_view& path, Leg& leg) {
  constexpr std::string_view kLast = "last";
  leg.from_end = path.starts_with(kLast);
  if (leg.from_end) path.remove_prefix(kLast.size());
  const bool has_number = !leg.from_end || path.starts_with('-');
  if (leg.from_end && has_number) path.remove_prefix(1);
  if (has_number) {
    const auto [end, code] = std::from_chars(path.data(), path.data() + path.size(), leg.index);
    if (code != std::errc()) return false;
    path.remove_prefix(static_cast<size_t>(end - path.data()));
  }
  if (!path.starts_with(']')) return false;
  path.remove_prefix(1);
  return true;
}

bool parse_path(std::string_view path, std::vector<Leg>& legs) {
  if (path.empty() || path[0] != '$') return false;
  path.remove_prefix(1);
  while (!path.empty()) {
    Leg leg;
    if (path[0] == '[') {
      path.remove_prefix(1);
      if (!parse_index(path, leg)) return false;
    } else if (path[0] == '.') {
      leg.member = true;
      path.remove_prefix(1);
      if (!path.empty() && path[0] == '"') {
        if (!unquote(path, leg.key)) return false;
      } else {
        size_t end = std::min(path.find_first_of(".["), path.size());
        leg.key = path.substr(0, end);
        path.remove_prefix(end);
      }
    } else {
      return false;
    }
    legs.push_back(std::move(leg));
  }
  return true;
}

// Where a leg leads inside its parent; the size of the parent if it is not there.
size_t find_child(const Node& parent, const Leg& leg) {
  if (leg.member != (parent.kind == Node::Kind::kObject)) return parent.children.size();
  const size_t size = parent.children.size();
  if (!leg.member && leg.from_end) return leg.index < size ? size - 1 - leg.index : size;
  if (!leg.member) return static_cast<size_t>(std::min<uint64_t>(leg.index, size));
  return static_cast<size_t>(std::find(parent.keys.begin(), parent.keys.end(), leg.key) - parent.keys.begin());
}

// The server orders members by length, then by bytes.
bool key_before(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

enum class Difference : uint8_t { kReplace = 0, kInsert = 1, kRemove = 2 };

Result<> apply_difference(Node& root, Difference operation, std::string_view path, std::unique_ptr<Node> value) {
  std::vector<Leg> legs;
  if (!parse_path(path, legs)) return damaged("a difference has an unreadable path");
  if (legs.empty()) {
    if (operation != Difference::kReplace) return damaged("a difference concerns the whole document");
    root = std::move(*value);
    return {};
  }
  Node* parent = &root;
  for (size_t i = 0; i + 1 < legs.size(); ++i) {
    size_t at = find_child(*parent, legs[i]);
    if (at >= parent->children.size()) return damaged("a difference concerns a path that is not there");
    parent = parent->children[at].get();
  }
  const Leg& last = legs.back();
  if (parent->kind != (last.member ? Node::Kind::kObject : Node::Kind::kArray)) {
    return damaged("a difference concerns a value of another kind");
  }
  size_t at = find_child(*parent, last);
  auto where = static_cast<ptrdiff_t>(at);
  bool exists = at < parent->children.size();
  if (operation == Difference::kInsert) {
    if (last.member) {
      if (exists) return damaged("a difference adds a member that is there");
      where = std::lower_bound(parent->keys.begin(), parent->keys.end(), last.key, key_before) - parent->keys.begin();
      parent->keys.insert(parent->keys.begin() + where, last.key);
    } else if (last.from_end && !exists) {
      where = 0;  // [last-9] of a shorter array is in front of it
    }
    parent->children.insert(parent->children.begin() + where, std::move(value));
    return {};
  }
  if (!exists) return damaged("a difference concerns a path that is not there");
  if (operation == Difference::kReplace) {
    parent->children[at] = std::move(value);
    return {};
  }
  parent->children.erase(parent->children.begin() + where);
  if (last.member) parent->keys.erase(parent->keys.begin() + where);
  return {};
}

}  // namespace

void append_json_double(double value, std::string& out) {
  if (value == 0) {
    out += std::bit_cast<uint64_t>(value) >> 63 != 0 ? "-0.0" : "0.0";
    return;
  }
  // Shortest digits that read back, then the server's own choice between plain and scientific notation.
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  if (text[0] == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  size_t e = text.find('e');
  if (e == std::string_view::npos) {  // not finite; the server never stores that
    out += "null";
    return;
  }
  int exponent = 0;
  std::string_view exponent_text = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int length = static_cast<int>(digits.size());
  int point = exponent + 1;
  if (point < -14 || (point > 15 && length <= point)) {
    out += digits[0];
    if (length > 1) out.append(".").append(digits, 1);
    out += fmt::format("e{}", exponent);
    return;
  }
  if (point <= 0) {
    out.append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else if (length > point) {
    out.append(digits, 0, static_cast<size_t>(point)).append(".").append(digits, static_cast<size_t>(point));
  } else {
    out.append(digits).append(static_cast<size_t>(point - length), '0').append(".0");
  }
}

Result<> append_json_text(Bytes document, std::string& out) {
  if (document.empty()) {
    out += "null";
    return {};
  }
  return walk(document, Printer(out));
}

Result<> append_json_with_differences(Bytes document, Bytes differences, std::string& out) {
  Node root;
  root.text = "null";
  if (!document.empty()) {
    root.text.clear();
    RETURN_IF_ERROR(walk(document, Builder(root)));
  }
  ByteReader reader(differences);
  while (!reader.at_end()) {
    auto operation = static_cast<Difference>(reader.u8());
    if (operation > Difference::kRemove) return damaged("a difference has an unknown operation");
    std::string_view path = reader.text(reader.packed());
    std::unique_ptr<Node> value;
    if (operation != Difference::kRemove) {
      Bytes bytes = reader.bytes(reader.packed());
      if (reader.failed() || bytes.empty()) return damaged("a difference is cut short");
      value = std::make_unique<Node>();
      RETURN_IF_ERROR(walk(bytes, Builder(*value)));
    }
    if (reader.failed()) return damaged("a difference is cut short");
    RETURN_IF_ERROR(apply_difference(root, operation, path, std::move(value)));
  }
  print(root, out);
  return {};
}

}  // namespace sluice::mysql
