// SPDX-License-Identifier: Apache-2.0
#include "codec/column_rules.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "config/option.h"

namespace sluice {
namespace {

constexpr std::string_view kTruncate = "column.truncate.to.";
constexpr std::string_view kAsterisks = "column.mask.with.";
constexpr std::string_view kChars = ".chars";
constexpr std::string_view kHash = "column.mask.hash.";
constexpr std::string_view kSalt = ".with.salt.";

using Digest = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;
Digest find_digest(const std::string& name) { return {EVP_MD_fetch(nullptr, name.c_str(), nullptr), EVP_MD_free}; }

// Of Java's characters, of which those beyond U+FFFF are two.
std::string_view first_chars(std::string_view text, size_t count) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const size_t chars = bytes == 4 ? 2 : 1;
    if (chars > count) break;
    count -= chars;
    at += bytes;
  }
  return text.substr(0, std::min(at, text.size()));
}

// The text as Java serializes it: its own form of UTF-8, in which NUL is two bytes and what is beyond U+FFFF a pair of
// surrogates of three each.
std::string java_serialized(std::string_view text) {
  std::string utf;
  const auto append_three = [&utf](uint32_t unit) {
    utf += static_cast<char>(0xE0 | unit >> 12);
    utf += static_cast<char>(0x80 | (unit >> 6 & 0x3F));
    utf += static_cast<char>(0x80 | (unit & 0x3F));
  };
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[at + i])); };
    if (byte(0) == 0) {
      utf += "\xC0\x80";
    } else if (byte(0) >= 0xF0 && at + 3 < text.size()) {
      const uint32_t code = (byte(0) & 7) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
      append_three(0xD800 + ((code - 0x10000) >> 10 & 0x3FF));
      append_three(0xDC00 + (code & 0x3FF));
      at += 3;
    } else {
      utf += text[at];
    }
  }
  const bool is_long = utf.size() > 0xFFFF;
  std::string out("\xAC\xED\x00\x05", 4);
  out += is_long ? '|' : 't';
  for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) out += static_cast<char>(utf.size() >> shift);
  return out + utf;
}

std::string hash_of(const ColumnMask& mask, std::string_view value) {
  std::string input = mask.salt;
  input += mask.version2 ? std::string(value) : java_serialized(value);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const Digest algorithm = find_digest(mask.algorithm);
  SLUICE_CHECK(EVP_Digest(input.data(), input.size(), digest, &size, algorithm.get(), nullptr) == 1);
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

// The lists' expressions as one.
std::optional<JavaRegex> any_of(const Setting& setting, std::string_view list, Problems& problems) {
  std::string all = "(?i)";
  char separator = 0;
  for (const std::string& item : split_list(list)) {
    if (separator != 0) all += separator;
    separator = '|';
    all += "(?:" + item + ")";
  }
  auto regex = JavaRegex::compile(all);
  if (regex) return std::move(*regex);
  problems.error(setting.location, setting.key, regex.error().message(), std::string(regex.error().advice()));
  return std::nullopt;
}

std::optional<size_t> count_in(std::string_view text) {
  size_t count = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size() || count > 1'000'000) {
    return std::nullopt;
  }
  return count;
}

// What the option's name says; null if it is no such name.
std::optional<ColumnMask> mask_named(std::string_view name) {
  ColumnMask mask;
  if (name.starts_with(kHash)) {
    std::string_view rest = name.substr(kHash.size());
    mask.kind = ColumnMask::Kind::kHash;
    mask.version2 = rest.starts_with("v2.");
    if (mask.version2) rest.remove_prefix(3);
    const size_t salt = rest.find(kSalt);
    if (salt == std::string_view::npos) return std::nullopt;
    mask.algorithm = rest.substr(0, salt);
    mask.salt = rest.substr(salt + kSalt.size());
    if (!find_digest(mask.algorithm)) return std::nullopt;
    return mask;
  }
  const bool truncate = name.starts_with(kTruncate);
  if (!name.ends_with(kChars) || (!truncate && !name.starts_with(kAsterisks))) return std::nullopt;
  const size_t begin = truncate ? kTruncate.size() : kAsterisks.size();
  if (name.size() < begin + kChars.size()) return std::nullopt;
  const auto count = count_in(name.substr(begin, name.size() - kChars.size() - begin));
  if (!count || (truncate && *count == 0)) return std::nullopt;
  mask.kind = truncate ? ColumnMask::Kind::kTruncate : ColumnMask::Kind::kAsterisks;
  mask.length = *count;
  return mask;
}

}  // namespace

std::string ColumnMask::of(std::string_view value, size_t column_length) const {
  switch (kind) {
    case Kind::kTruncate: return std::string(first_chars(value, length));
    case Kind::kAsterisks: return std::string(length, '*');
    case Kind::kHash: break;
  }
  std::string hash = hash_of(*this, value);
  if (column_length > 0 && hash.size() > column_length) hash.resize(column_length);
  return hash;
}

std::shared_ptr<const ColumnRules> ColumnRules::make(const Settings& settings, Problems& problems) {
  const auto rules = std::make_shared<ColumnRules>();
  bool any = false;
  for (const Setting& setting : settings.entries) {
    const std::string_view key = setting.key;
    const bool of_columns = key.starts_with("column.") || key == "datatype.propagate.source.type";
    if (!of_columns && key != "message.key.columns") continue;
    if (!(key == "message.key.columns" ? rules->take_keys(setting, problems) : rules->take(setting, problems))) {
      return nullptr;
    }
    any = true;
  }
  if (rules->include_ && rules->exclude_) {
    problems.error(settings.location, "", "'column.include.list' and 'column.exclude.list' exclude each other",
                   "Keep one of the two, as Debezium demands.");
    return nullptr;
  }
  return any ? rules : nullptr;
}

bool ColumnRules::take(const Setting& setting, Problems& problems) {
  std::optional<JavaRegex>* list = setting.key == "column.include.list"              ? &include_
                                   : setting.key == "column.exclude.list"            ? &exclude_
                                   : setting.key == "column.propagate.source.type"   ? &propagated_
                                   : setting.key == "datatype.propagate.source.type" ? &propagated_types_
                                                                                     : nullptr;
  auto regex = any_of(setting, setting.value, problems);
  if (!regex) return false;
  if (list != nullptr) {
    *list = std::move(regex);
    return true;
  }
  auto mask = mask_named(setting.key);
  if (!mask) {
    problems.error(setting.location, setting.key, fmt::format("option '{}' is not understood", setting.key),
                   "Possible are column.truncate.to.N.chars, column.mask.with.N.chars and "
                   "column.mask.hash[.v2].ALGORITHM.with.salt.SALT.");
    return false;
  }
  masks_.emplace_back(std::move(*regex), std::move(*mask));
  return true;
}

// "inventory.a:id;.*b:x,y"
bool ColumnRules::take_keys(const Setting& setting, Problems& problems) {
  std::string_view rest = setting.value;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view entry = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (entry.empty()) continue;
    const size_t colon = entry.rfind(':');
    const auto names =
        colon == std::string_view::npos ? std::vector<std::string>() : split_list(entry.substr(colon + 1));
    if (names.empty()) {
      problems.error(setting.location, setting.key, fmt::format("'{}': '{}' names no columns", setting.key, entry),
                     "Entries are TABLES:COLUMN,COLUMN, separated by semicolons.");
      return false;
    }
    auto tables = any_of(setting, entry.substr(0, colon), problems);
    if (!tables) return false;
    std::vector<JavaRegex> columns;
    for (const std::string& name : names) {
      auto column = any_of(setting, name, problems);
      if (!column) return false;
      columns.push_back(std::move(*column));
    }
    keys_.emplace_back(std::move(*tables), std::move(columns));
  }
  return true;
}

bool ColumnRules::shows(const TableId& table, std::string_view column) const {
  if (!include_ && !exclude_) return true;
  const std::string name = fmt::format("{}.{}", table.text(), column);
  return include_ ? include_->matches(name) : !exclude_->matches(name);
}

const ColumnMask* ColumnRules::mask(const TableId& table, std::string_view column) const {
  const std::string name = fmt::format("{}.{}", table.text(), column);
  const auto found = std::ranges::find_if(masks_, [&](const auto& each) { return each.first.matches(name); });
  return found == masks_.end() ? nullptr : &found->second;
}

// A type's whole name is written with its database, or with that and the table.
bool ColumnRules::propagates(const TableId& table, std::string_view column, std::string_view type) const {
  if (propagated_ && propagated_->matches(fmt::format("{}.{}", table.text(), column))) return true;
  return propagated_types_ && (propagated_types_->matches(fmt::format("{}.{}", table.schema, type)) ||
                               propagated_types_->matches(fmt::format("{}.{}", table.text(), type)));
}

// Those of all entries, in their order.
std::vector<uint32_t> ColumnRules::key(const TableSchema& table) const {
  std::vector<uint32_t> key;
  const std::string name = table.id.text();
  for (const auto& [tables, columns] : keys_) {
    if (!tables.matches(name)) continue;
    for (const JavaRegex& column : columns) {
      for (uint32_t i = 0; i < table.columns.size(); ++i) {
        const bool meant = column.matches(table.columns[i].name) && std::ranges::find(key, i) == key.end();
        if (meant) key.push_back(i);
      }
    }
  }
  return key.empty() ? table.key : key;
}

}  // namespace sluice
