// SPDX-License-Identifier: Apache-2.0
#include "transform/utf8.h"

#include <locale.h>
#include <wctype.h>

#include <algorithm>

namespace sluice {

namespace {

// Bytes of the well-formed character at the front; 0 if there is none. Rejects overlong forms and surrogates.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
      (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return size;
}

uint32_t decode(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(character[i])); };
  switch (character.size()) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3: return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  }
}

void encode(uint32_t point, std::string& out) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
  }
  put(0x80 | (point & 0x3f));
}

// The case tables of the C library, whatever the process' locale is.
locale_t unicode_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

template <typename Map>
void append_mapped(std::string_view text, std::string& out, Map map) {
  while (!text.empty()) {
    const auto character = utf8_take(text);
    if (character.size() == 1) {
      out += static_cast<unsigned char>(character[0]) < 0x80 ? static_cast<char>(map(static_cast<wint_t>(character[0])))
                                                             : character[0];
    } else {
      encode(static_cast<uint32_t>(map(static_cast<wint_t>(decode(character)))), out);
    }
  }
}

}  // namespace

bool utf8_valid(std::string_view text) {
  while (!text.empty()) {
    const size_t size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string_view utf8_take(std::string_view& text) {
  const size_t size = std::max<size_t>(character_size(text), 1);
  const auto character = text.substr(0, size);
  text.remove_prefix(size);
  return character;
}

size_t utf8_length(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) utf8_take(text);
  return count;
}

size_t utf16_length(std::string_view text) {
  size_t count = 0;
  while (!text.empty()) count += utf8_take(text).size() == 4 ? 2 : 1;
  return count;
}

size_t utf8_offset(std::string_view text, size_t index) {
  const size_t size = text.size();
  for (; index > 0 && !text.empty(); --index) utf8_take(text);
  return size - text.size();
}

void append_upper(std::string_view text, std::string& out) {
  append_mapped(text, out, [locale = unicode_locale()](wint_t c) {
    return locale != nullptr ? towupper_l(c, locale) : towupper(c);
  });
}

void append_lower(std::string_view text, std::string& out) {
  append_mapped(text, out, [locale = unicode_locale()](wint_t c) {
    return locale != nullptr ? towlower_l(c, locale) : towlower(c);
  });
}

}  // namespace sluice
