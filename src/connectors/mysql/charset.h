// SPDX-License-Identifier: Apache-2.0
// MySQL's character sets to UTF-8, as the server itself converts them. A converter is made once per column; the sets
// that are UTF-8 already need none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::mysql {

// "latin1" for 8; empty if the id is not known.
std::string_view charset_of_collation(uint32_t collation_id);
// "latin1" for "latin1_swedish_ci"; empty if not known. MariaDB's "uca1400_..." carry no character set: empty.
std::string_view charset_of_collation_name(std::string_view collation);
// Most bytes per character (1 to 4); 0 if the character set is not known.
uint32_t charset_max_bytes(std::string_view charset);
// "utf8" is "utf8mb3", upper case is lower case.
std::string canonical_charset(std::string_view charset);

enum class CharsetForm : uint8_t {
  kUtf8,        // utf8mb3, utf8mb4, ascii: the bytes are the result
  kSingleByte,  // by table
  kOther,       // by a Converter
};

class CharsetConverter {
 public:
  // kUnsupported if the character set is not known; `column` names the column in the message.
  static Result<std::unique_ptr<CharsetConverter>> make(std::string_view charset, std::string_view column);
  CharsetConverter(const CharsetConverter&) = delete;
  CharsetConverter& operator=(const CharsetConverter&) = delete;
  ~CharsetConverter();

  CharsetForm form() const { return form_; }
  // Appends the UTF-8 form. kData if the bytes are not valid in the character set.
  Result<> append_utf8(std::string_view bytes, std::string& out);

 private:
  struct Table;
  CharsetConverter();
  CharsetForm form_ = CharsetForm::kUtf8;
  std::string charset_;
  std::unique_ptr<Table> table_;
  void* iconv_ = nullptr;
};

}  // namespace sluice::mysql
