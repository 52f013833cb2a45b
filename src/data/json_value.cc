// SPDX-License-Identifier: Apache-2.0
#include "data/json_value.h"

#include <array>
#include <cmath>

#include "data/value_text.h"

namespace sluice {
namespace {

// For each byte: 0 if it stands for itself, else the letter behind the backslash ('u' for \u00XX).
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

// NaN and the infinities, words, are strings.
void append_number(const ColumnVector& column, const DataType& type, size_t row, bool finite, std::string& out) {
  if (!finite) out += '"';
  append_value_text(column, type, row, out);
  if (!finite) out += '"';
}

}  // namespace

void append_json_value(const ColumnVector& column, const DataType& type, size_t row, std::string& out) {
  switch (type.kind) {
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kYear: append_value_text(column, type, row, out); return;
    case TypeKind::kDecimal: append_number(column, type, row, column.bytes_at(row).back() <= '9', out); return;
    case TypeKind::kFloat:
    case TypeKind::kDouble: append_number(column, type, row, std::isfinite(column.double_at(row)), out); return;
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kUuid: append_json_string(column.bytes_at(row), out); return;
    case TypeKind::kBytes:
    case TypeKind::kBit:
    case TypeKind::kGeometry:
      out += '"';
      append_base64(column.bytes_at(row), out);
      out += '"';
      return;
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      out += '"';
      append_value_text(column, type, row, out);
      if (type.kind == TypeKind::kTimestampTz && out.back() != 'y') out += 'Z';  // infinity is in every zone
      out += '"';
      return;
  }
}

void append_json_string(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789ABCDEF";  // as Jackson writes them
  out += '"';
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0) continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    out += '\\';
    out += escape;
    if (escape == 'u') {
      out += "00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out.append(text, begin, text.size() - begin);
  out += '"';
}

void append_base64(std::string_view bytes, std::string& out) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte_at = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])); };
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t group = byte_at(i) << 16 | byte_at(i + 1) << 8 | byte_at(i + 2);
    for (const int shift : {18, 12, 6, 0}) out += kDigits[group >> shift & 63];
  }
  const size_t rest = bytes.size() - i;
  if (rest == 0) return;
  const uint32_t group = byte_at(i) << 16 | (rest == 2 ? byte_at(i + 1) << 8 : 0);
  out += kDigits[group >> 18 & 63];
  out += kDigits[group >> 12 & 63];
  out += rest == 2 ? kDigits[group >> 6 & 63] : '=';
  out += '=';
}

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else {
      return false;
    }
    bits = (bits << 6 | value) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return count != 6;  // one character alone holds no byte
}

}  // namespace sluice
