// SPDX-License-Identifier: Apache-2.0
// UTF-8 text by characters (code points). Damaged text is never an error here: a stray byte counts as one character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

bool utf8_valid(std::string_view text);
size_t utf8_length(std::string_view text);
// As Java counts: characters beyond the basic plane are two.
size_t utf16_length(std::string_view text);
// Byte offset of the character with this index; the text's size if there are fewer.
size_t utf8_offset(std::string_view text, size_t index);
inline std::string_view utf8_prefix(std::string_view text, size_t characters) {
  return text.substr(0, utf8_offset(text, characters));
}
// Takes the first character off the front and returns it.
std::string_view utf8_take(std::string_view& text);
// Character by character in the C.UTF-8 locale: a character becomes one character, never two.
void append_upper(std::string_view text, std::string& out);
void append_lower(std::string_view text, std::string& out);

}  // namespace sluice
