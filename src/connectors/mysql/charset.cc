// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/charset.h"

#include <fmt/format.h>
#include <iconv.h>

#include <algorithm>
#include <array>

#include "connectors/mysql/charset_tables.h"

namespace sluice::mysql {
namespace {

struct Charset {
  std::string_view name;
  uint32_t max_bytes;
  const char* iconv_name;  // null: no iconv needed
};
constexpr Charset kCharsets[] = {
    {"armscii8", 1, nullptr}, {"ascii", 1, nullptr},       {"big5", 2, "BIG5"},      {"binary", 1, nullptr},
    {"cp1250", 1, nullptr},   {"cp1251", 1, nullptr},      {"cp1256", 1, nullptr},   {"cp1257", 1, nullptr},
    {"cp850", 1, nullptr},    {"cp852", 1, nullptr},       {"cp866", 1, nullptr},    {"cp932", 2, "CP932"},
    {"dec8", 1, nullptr},     {"eucjpms", 3, "EUC-JP-MS"}, {"euckr", 2, "UHC"},      {"gb18030", 4, "GB18030"},
    {"gb2312", 2, "GB2312"},  {"gbk", 2, "GBK"},           {"geostd8", 1, nullptr},  {"greek", 1, nullptr},
    {"hebrew", 1, nullptr},   {"hp8", 1, nullptr},         {"keybcs2", 1, nullptr},  {"koi8r", 1, nullptr},
    {"koi8u", 1, nullptr},    {"latin1", 1, nullptr},      {"latin2", 1, nullptr},   {"latin5", 1, nullptr},
    {"latin7", 1, nullptr},   {"macce", 1, nullptr},       {"macroman", 1, nullptr}, {"sjis", 2, "SJIS"},
    {"swe7", 1, nullptr},     {"tis620", 1, nullptr},      {"ucs2", 2, "UCS-2BE"},   {"ujis", 3, "EUC-JP"},
    {"utf16", 4, "UTF-16BE"}, {"utf16le", 4, "UTF-16LE"},  {"utf32", 4, "UTF-32BE"}, {"utf8mb3", 3, nullptr},
    {"utf8mb4", 4, nullptr},
};

struct CollationRange {
  uint16_t first;
  uint16_t last;
  std::string_view charset;
};
// Ids below 1024; MariaDB's collations without padding are 1024 more than the padded ones.
constexpr CollationRange kCollations[] = {
    {1, 1, "big5"},        {2, 2, "latin2"},      {3, 3, "dec8"},        {4, 4, "cp850"},       {5, 5, "latin1"},
    {6, 6, "hp8"},         {7, 7, "koi8r"},       {8, 8, "latin1"},      {9, 9, "latin2"},      {10, 10, "swe7"},
    {11, 11, "ascii"},     {12, 12, "ujis"},      {13, 13, "sjis"},      {14, 14, "cp1251"},    {15, 15, "latin1"},
    {16, 16, "hebrew"},    {18, 18, "tis620"},    {19, 19, "euckr"},     {20, 20, "latin7"},    {21, 21, "latin2"},
    {22, 22, "koi8u"},     {23, 23, "cp1251"},    {24, 24, "gb2312"},    {25, 25, "greek"},     {26, 26, "cp1250"},
    {27, 27, "latin2"},    {28, 28, "gbk"},       {29, 29, "cp1257"},    {30, 30, "latin5"},    {31, 31, "latin1"},
    {32, 32, "armscii8"},  {33, 33, "utf8mb3"},   {34, 34, "cp1250"},    {35, 35, "ucs2"},      {36, 36, "cp866"},
    {37, 37, "keybcs2"},   {38, 38, "macce"},     {39, 39, "macroman"},  {40, 40, "cp852"},     {41, 42, "latin7"},
    {43, 43, "macce"},     {44, 44, "cp1250"},    {45, 46, "utf8mb4"},   {47, 49, "latin1"},    {50, 52, "cp1251"},
    {53, 53, "macroman"},  {54, 55, "utf16"},     {56, 56, "utf16le"},   {57, 57, "cp1256"},    {58, 59, "cp1257"},
    {60, 61, "utf32"},     {62, 62, "utf16le"},   {63, 63, "binary"},    {64, 64, "armscii8"},  {65, 65, "ascii"},
    {66, 66, "cp1250"},    {67, 67, "cp1256"},    {68, 68, "cp866"},     {69, 69, "dec8"},      {70, 70, "greek"},
    {71, 71, "hebrew"},    {72, 72, "hp8"},       {73, 73, "keybcs2"},   {74, 74, "koi8r"},     {75, 75, "koi8u"},
    {76, 76, "utf8mb3"},   {77, 77, "latin2"},    {78, 78, "latin5"},    {79, 79, "latin7"},    {80, 80, "cp850"},
    {81, 81, "cp852"},     {82, 82, "swe7"},      {83, 83, "utf8mb3"},   {84, 84, "big5"},      {85, 85, "euckr"},
    {86, 86, "gb2312"},    {87, 87, "gbk"},       {88, 88, "sjis"},      {89, 89, "tis620"},    {90, 90, "ucs2"},
    {91, 91, "ujis"},      {92, 93, "geostd8"},   {94, 94, "latin1"},    {95, 96, "cp932"},     {97, 98, "eucjpms"},
    {99, 99, "cp1250"},    {101, 124, "utf16"},   {128, 159, "ucs2"},    {160, 183, "utf32"},   {192, 223, "utf8mb3"},
    {224, 247, "utf8mb4"}, {248, 250, "gb18030"}, {255, 323, "utf8mb4"}, {576, 578, "utf8mb3"}, {608, 610, "utf8mb4"},
    {640, 642, "ucs2"},    {672, 674, "utf16"},   {736, 738, "utf32"},
};

const Charset* find_charset(std::string_view name) {
  for (const Charset& charset : kCharsets) {
    if (charset.name == name) return &charset;
  }
  return nullptr;
}

void append_code_point(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

struct Replacement {
  std::string_view charset;
  std::string_view standard;
  std::string_view server;
};
// Where the servers follow ASCII and the C library follows JIS. (Also known and left alone: about 270 rare signs of
// big5, mostly of its private area, and 24 of gb18030.)
constexpr Replacement kReplacements[] = {
    {"sjis", "\u00a5", "\\"}, {"sjis", "\u203e", "~"}, {"sjis", "\uff3c", "\\"}, {"ujis", "\uff3c", "\\"}};

iconv_t as_iconv(void* handle) { return static_cast<iconv_t>(handle); }

}  // namespace

// The UTF-8 form of each byte.
struct CharsetConverter::Table {
  std::array<std::array<char, 3>, 256> text{};
  std::array<uint8_t, 256> length{};

  explicit Table(const SingleByteCharset& charset) {
    bool swe7 = charset.name == "swe7";
    for (uint32_t byte = 0; byte < 256; ++byte) {
      char16_t code = static_cast<char16_t>(byte);
      if (swe7) {
        code = byte < 128 ? charset.upper[byte] : u'\ufffd';
      } else if (byte >= 128) {
        code = charset.upper[byte - 128];
      }
      std::string utf8;
      // A byte without a character becomes what the server makes of it.
      append_code_point(code == u'\ufffd' ? u'?' : code, utf8);
      std::copy(utf8.begin(), utf8.end(), text[byte].begin());
      length[byte] = static_cast<uint8_t>(utf8.size());
    }
  }
};

std::string_view charset_of_collation(uint32_t id) {
  // MariaDB's UCA 14.0.0 collations, 256 for each of its five character sets of Unicode.
  constexpr std::string_view kUca1400[] = {"utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"};
  if (id >= 2048) {
    uint32_t group = (id - 2048) / 256;
    return group < std::size(kUca1400) ? kUca1400[group] : std::string_view();
  }
  if (id >= 1024) id -= 1024;
  for (const CollationRange& range : kCollations) {
    if (id >= range.first && id <= range.last) return range.charset;
  }
  return {};
}

std::string_view charset_of_collation_name(std::string_view collation) {
  if (collation == "binary") return "binary";
  std::string_view prefix = collation.substr(0, collation.find('_'));
  if (prefix == "utf8") prefix = "utf8mb3";
  const Charset* charset = find_charset(prefix);
  return charset != nullptr && prefix.size() < collation.size() ? charset->name : std::string_view();
}

uint32_t charset_max_bytes(std::string_view charset) {
  const Charset* found = find_charset(canonical_charset(charset));
  return found != nullptr ? found->max_bytes : 0;
}

std::string canonical_charset(std::string_view charset) {
  std::string name(charset);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name == "utf8" ? "utf8mb3" : name;
}

CharsetConverter::CharsetConverter() = default;
CharsetConverter::~CharsetConverter() {
  if (iconv_ != nullptr) iconv_close(as_iconv(iconv_));
}

Result<std::unique_ptr<CharsetConverter>> CharsetConverter::make(std::string_view charset, std::string_view column) {
  std::unique_ptr<CharsetConverter> converter(new CharsetConverter);
  converter->charset_ = canonical_charset(charset);
  const Charset* found = find_charset(converter->charset_);
  if (found == nullptr) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("decoding column {}: character set '{}' is not known", column, charset),
                 "Convert the column to utf8mb4, or leave it out with a projection.");
  }
  for (const SingleByteCharset& single : kSingleByteCharsets) {
    if (single.name != found->name) continue;
    converter->form_ = CharsetForm::kSingleByte;
    converter->table_ = std::make_unique<Table>(single);
  }
  if (found->iconv_name != nullptr) {
    converter->form_ = CharsetForm::kOther;
    iconv_t handle = iconv_open("UTF-8", found->iconv_name);
    if (handle == reinterpret_cast<iconv_t>(-1)) {  // NOLINT(performance-no-int-to-ptr)
      return Error(ErrorCode::kUnsupported,
                   fmt::format("decoding column {}: this machine cannot convert from '{}'", column, found->iconv_name),
                   "Install the C library's conversion modules (Debian: libc6 with /usr/lib/*/gconv).");
    }
    converter->iconv_ = handle;
  }
  return converter;
}

Result<> CharsetConverter::append_utf8(std::string_view bytes, std::string& out) {
  if (form_ == CharsetForm::kUtf8) {
    out += bytes;
    return {};
  }
  if (form_ == CharsetForm::kSingleByte) {
    for (char c : bytes) {
      auto byte = static_cast<uint8_t>(c);
      out.append(table_->text[byte].data(), table_->length[byte]);
    }
    return {};
  }
  // One byte never becomes more than three, so the conversion needs one call.
  size_t before = out.size();
  out.resize(before + bytes.size() * 3);
  char* input = const_cast<char*>(bytes.data());
  size_t input_left = bytes.size();
  char* output = out.data() + before;
  size_t output_left = bytes.size() * 3;
  iconv(as_iconv(iconv_), nullptr, nullptr, nullptr, nullptr);
  size_t state = iconv(as_iconv(iconv_), &input, &input_left, &output, &output_left);
  out.resize(out.size() - output_left);
  if (state == static_cast<size_t>(-1)) {
    return Error(ErrorCode::kData, fmt::format("converting text from {}: its bytes are not valid", charset_));
  }
  for (const Replacement& rule : kReplacements) {
    if (rule.charset != charset_) continue;
    for (size_t at = out.find(rule.standard, before); at != std::string::npos; at = out.find(rule.standard, at)) {
      out.replace(at, rule.standard.size(), rule.server);
      at += rule.server.size();
    }
  }
  return {};
}

}  // namespace sluice::mysql
