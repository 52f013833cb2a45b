// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/row_values.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "connectors/mysql/mysql_types.h"
#include "data/value_text.h"

namespace sluice::mysql {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kPowersOf10[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
// What one unit of a fraction of 0 to 3 bytes is worth.
constexpr int64_t kFractionUnit[] = {0, 10'000, 100, 1};

void append_moment(uint32_t year, uint32_t month, uint32_t day, int64_t micros, const DataType& type,
                   ColumnVector& out) {
  if (!valid_date(year, month, day)) {
    append_zero_date(out, type);
  } else {
    out.append_int(days_from_civil(year, month, day) * 86'400 * kSecond + micros);
  }
}

int64_t clock_micros(uint64_t hour, uint64_t minute, uint64_t second) {
  return static_cast<int64_t>((hour * 60 + minute) * 60 + second) * kSecond;
}

// As MariaDB prints it: the longest run of zero groups is left out, the first of them, also if it is a single group
// (which inet_ntop() keeps).
std::string inet6_text(const uint8_t (&address)[16]) {
  constexpr size_t kGroups = 8;
  const auto group = [&](size_t index) {
    return static_cast<uint32_t>(address[2 * index] << 8 | address[2 * index + 1]);
  };
  size_t gap = kGroups;
  size_t gap_length = 0;
  for (size_t i = 0; i < kGroups; ++i) {
    size_t end = i;
    while (end < kGroups && group(end) == 0) ++end;
    if (end - i > gap_length) {
      gap = i;
      gap_length = end - i;
    }
    i = end;
  }
  const bool holds_inet4 = gap == 0 && (gap_length == 6 || (gap_length == 5 && group(5) == 0xffff));
  std::string text;
  for (size_t i = 0; i < kGroups; ++i) {
    if (i == gap) {
      text += i == 0 ? "::" : ":";
      i += gap_length - 1;
    } else if (i == 6 && holds_inet4) {
      return text + fmt::format("{}.{}.{}.{}", address[12], address[13], address[14], address[15]);
    } else {
      text += fmt::format("{:x}{}", group(i), i + 1 < kGroups ? ":" : "");
    }
  }
  return text;
}

bool pad(std::string_view bytes, uint8_t* out, size_t size) {
  if (bytes.size() > size) return false;
  std::memset(out, 0, size);
  std::memcpy(out, bytes.data(), bytes.size());
  return true;
}

}  // namespace

int64_t time2_micros(const uint8_t* from, uint32_t digits) {
  size_t fraction = fraction_size(digits);
  int64_t value = static_cast<int64_t>(load_big(from, 3 + fraction)) - (int64_t{0x800000} << (8 * fraction));
  bool negative = value < 0;
  auto magnitude = static_cast<uint64_t>(negative ? -value : value);
  uint64_t whole = magnitude >> (8 * fraction);
  uint64_t rest = magnitude & ((uint64_t{1} << (8 * fraction)) - 1);
  int64_t micros = clock_micros(whole >> 12 & 1023, whole >> 6 & 63, whole & 63) +
                   static_cast<int64_t>(rest) * kFractionUnit[fraction];
  return negative ? -micros : micros;
}

void append_datetime2(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out) {
  uint64_t whole = load_big(from, 5) & 0x7fffffffff;
  size_t fraction = fraction_size(digits);
  auto months = static_cast<uint32_t>(whole >> 22);
  int64_t micros = clock_micros(whole >> 12 & 31, whole >> 6 & 63, whole & 63) +
                   static_cast<int64_t>(load_big(from + 5, fraction)) * kFractionUnit[fraction];
  append_moment(months / 13, months % 13, static_cast<uint32_t>(whole >> 17 & 31), micros, type, out);
}

void append_timestamp2(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out) {
  auto seconds = static_cast<int64_t>(load_big(from, 4));
  size_t fraction = fraction_size(digits);
  int64_t micros = static_cast<int64_t>(load_big(from + 4, fraction)) * kFractionUnit[fraction];
  if (seconds == 0 && micros == 0) {
    append_zero_date(out, type);  // the log's form of '0000-00-00 00:00:00'
  } else {
    out.append_int(seconds * kSecond + micros);
  }
}

void append_date(const uint8_t* from, const DataType& type, ColumnVector& out) {
  auto value = static_cast<uint32_t>(load_little(from, 3));
  uint32_t year = value >> 9, month = value >> 5 & 15, day = value & 31;
  if (!valid_date(year, month, day)) {
    append_zero_date(out, type);
  } else {
    out.append_int(days_from_civil(year, month, day));
  }
}

size_t old_time_size(uint32_t digits) {
  constexpr size_t kSizes[] = {3, 4, 4, 5, 5, 5, 6};
  return kSizes[digits];
}
size_t old_datetime_size(uint32_t digits) {
  constexpr size_t kSizes[] = {8, 6, 6, 7, 7, 7, 8};
  return kSizes[digits];
}
size_t old_timestamp_size(uint32_t digits) {
  constexpr size_t kSizes[] = {4, 5, 5, 6, 6, 7, 7};
  return kSizes[digits];
}

int64_t old_time_micros(const uint8_t* from, uint32_t digits) {
  if (digits > 0) {
    // Units of the last digit since -839:00:00, big-endian.
    constexpr int64_t kZeroSeconds = 838 * 3600 + 59 * 60 + 59 + 1;
    auto units = static_cast<int64_t>(load_big(from, old_time_size(digits)));
    return (units - kZeroSeconds * kPowersOf10[digits]) * kPowersOf10[6 - digits];
  }
  auto value = static_cast<int32_t>(load_little(from, 3) << 8) >> 8;
  auto magnitude = static_cast<uint64_t>(value < 0 ? -value : value);
  int64_t micros = clock_micros(magnitude / 10'000, magnitude / 100 % 100, magnitude % 100);
  return value < 0 ? -micros : micros;
}

void append_old_datetime(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out) {
  if (digits > 0) {
    uint64_t value = load_big(from, old_datetime_size(digits));
    auto units = static_cast<uint64_t>(kPowersOf10[digits]);
    int64_t micros = static_cast<int64_t>(value % units) * kPowersOf10[6 - digits];
    value /= units;
    uint64_t second = value % 60, minute = value / 60 % 60, hour = value / 3600 % 24;
    value /= 86'400;
    micros += clock_micros(hour, minute, second);
    append_moment(static_cast<uint32_t>(value / 32 / 13), static_cast<uint32_t>(value / 32 % 13),
                  static_cast<uint32_t>(value % 32), micros, type, out);
    return;
  }
  uint64_t value = load_little(from, 8);
  uint64_t date = value / 1'000'000, clock = value % 1'000'000;
  append_moment(static_cast<uint32_t>(date / 10'000 % 100'000), static_cast<uint32_t>(date / 100 % 100),
                static_cast<uint32_t>(date % 100), clock_micros(clock / 10'000, clock / 100 % 100, clock % 100), type,
                out);
}

void append_old_timestamp(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out) {
  auto seconds = static_cast<int64_t>(digits > 0 ? load_big(from, 4) : load_little(from, 4));
  int64_t micros =
      digits > 0 ? static_cast<int64_t>(load_big(from + 4, old_timestamp_size(digits) - 4)) * kPowersOf10[6 - digits]
                 : 0;
  if (seconds == 0 && micros == 0) {
    append_zero_date(out, type);
  } else {
    out.append_int(seconds * kSecond + micros);
  }
}

bool append_uuid(std::string_view bytes, ColumnVector& out) {
  uint8_t stored[16];
  if (!pad(bytes, stored, sizeof(stored))) return false;
  // Versions 1 to 5 are stored with their parts in reverse order, so that they sort by time.
  uint8_t uuid[16];
  bool reversed = (stored[6] & 0x80) != 0 && stored[8] > 0 && stored[8] < 0x60;
  if (reversed) {
    std::memcpy(uuid + 10, stored, 6);
    std::memcpy(uuid + 8, stored + 6, 2);
    std::memcpy(uuid + 6, stored + 8, 2);
    std::memcpy(uuid + 4, stored + 10, 2);
    std::memcpy(uuid, stored + 12, 4);
  } else {
    std::memcpy(uuid, stored, 16);
  }
  char text[36];
  char* at = text;
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = kDigits[uuid[i] >> 4];
    *at++ = kDigits[uuid[i] & 15];
  }
  out.append_bytes({text, sizeof(text)});
  return true;
}

bool append_inet4(std::string_view bytes, ColumnVector& out) {
  uint8_t address[4];
  if (!pad(bytes, address, sizeof(address))) return false;
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, address, text, sizeof(text));
  out.append_bytes(text);
  return true;
}

bool append_inet6(std::string_view bytes, ColumnVector& out) {
  uint8_t address[16];
  if (!pad(bytes, address, sizeof(address))) return false;
  out.append_bytes(inet6_text(address));
  return true;
}

bool expand_column(std::string_view bytes, std::string& out) {
  out.clear();
  if (bytes.empty()) return true;
  auto head = static_cast<uint8_t>(bytes[0]);
  constexpr uint8_t kPlain = 0, kZlib = 8;
  if (head >> 4 == kPlain) {
    out = bytes.substr(1);
    return true;
  }
  size_t length_size = head & 7;
  if (head >> 4 != kZlib || length_size == 0 || bytes.size() < 1 + length_size) return false;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  uint64_t length = load_big(data + 1, length_size);
  size_t compressed = bytes.size() - 1 - length_size;
  if (length > compressed * uint64_t{1100} + 64) return false;  // more than zlib can promise
  out.resize(length);
  z_stream stream{};
  bool raw = (head & 8) != 0;
  if (inflateInit2(&stream, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK) return false;
  stream.next_in = const_cast<Bytef*>(data + 1 + length_size);
  stream.avail_in = static_cast<uInt>(compressed);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(length);
  int state = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return state == Z_STREAM_END && stream.total_out == length;
}

bool join_labels(uint64_t bits, const std::vector<std::string>& labels, std::string& out) {
  out.clear();
  if (labels.size() < 64 && bits >> labels.size() != 0) return false;
  for (size_t i = 0; i < std::min<size_t>(labels.size(), 64); ++i) {
    if ((bits >> i & 1) == 0) continue;
    if (!out.empty()) out += ',';
    out += labels[i];
  }
  return true;
}

}  // namespace sluice::mysql
