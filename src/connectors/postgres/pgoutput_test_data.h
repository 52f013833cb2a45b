// SPDX-License-Identifier: Apache-2.0
// Builds messages of pgoutput for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct Field {
  char kind;
  std::string text;
  static Field of(std::string text) { return {'t', std::move(text)}; }
  static Field null() { return {'n', {}}; }
  static Field same() { return {'u', {}}; }
};

struct Payload {
  explicit Payload(char kind) : bytes(1, kind) {}
  Payload& u8(int value) { return number(static_cast<uint64_t>(value), 1); }
  Payload& u16(uint16_t value) { return number(value, 2); }
  Payload& u32(uint32_t value) { return number(value, 4); }
  Payload& u64(uint64_t value) { return number(value, 8); }
  Payload& text(std::string_view value) {
    bytes.append(value);
    bytes.push_back('\0');
    return *this;
  }
  Payload& row(const std::vector<Field>& fields) {
    u16(static_cast<uint16_t>(fields.size()));
    for (const Field& field : fields) {
      bytes.push_back(field.kind);
      if (field.kind == 't') u32(static_cast<uint32_t>(field.text.size())).bytes.append(field.text);
    }
    return *this;
  }
  std::string bytes;

 private:
  Payload& number(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
};

}  // namespace sluice
