// SPDX-License-Identifier: Apache-2.0
#include "transform/time_zone.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <string>

#include "transform/temporal.h"

namespace sluice {

namespace {

constexpr int64_t kSecond = 1000000;
constexpr int64_t kDay = 86400 * kSecond;
// Seconds beyond which the time zone library's own arithmetic could overflow; nothing changes out there.
constexpr int64_t kFarSeconds = 200000000000;

int64_t floor_seconds(int64_t micros) {
  const int64_t seconds = micros / kSecond - (micros % kSecond < 0 ? 1 : 0);
  return std::clamp(seconds, -kFarSeconds, kFarSeconds);
}

// "+08:00", "-3", "GMT+8", "UTC+05:30", "Z": the offset in seconds.
std::optional<int64_t> fixed_offset(std::string_view name) {
  if (name == "Z" || name == "UTC" || name == "GMT") return 0;
  if (name.starts_with("UTC") || name.starts_with("GMT")) name.remove_prefix(3);
  if (name.size() < 2 || (name[0] != '+' && name[0] != '-')) return std::nullopt;
  int64_t numbers[3] = {0, 0, 0};
  size_t count = 0;
  size_t digits = 0;
  for (const char c : name.substr(1)) {
    if (c == ':' && digits > 0 && count < 2) {
      ++count;
      digits = 0;
    } else if (c >= '0' && c <= '9' && digits < 4) {
      numbers[count] = numbers[count] * 10 + (c - '0');
      ++digits;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0) return std::nullopt;
  if (count == 0 && digits > 2) {  // +0530
    numbers[1] = numbers[0] % 100;
    numbers[0] /= 100;
  }
  if (numbers[0] > 18 || numbers[1] > 59 || numbers[2] > 59) return std::nullopt;
  const int64_t offset = numbers[0] * 3600 + numbers[1] * 60 + numbers[2];
  return name[0] == '-' ? -offset : offset;
}

}  // namespace

Result<std::shared_ptr<TimeZone>> TimeZone::find(std::string_view name) {
  auto zone = std::make_shared<TimeZone>();
  if (const auto offset = fixed_offset(name)) {
    zone->offset_ = *offset * kSecond;
    zone->begin_ = std::numeric_limits<int64_t>::min();
    zone->end_ = std::numeric_limits<int64_t>::max();
    return zone;
  }
  const bool system = name.empty() || name == "systemDefault";
  try {
    zone->zone_ = system ? date::current_zone() : date::locate_zone(std::string(name));
  } catch (const std::exception&) {
    return Error(
        ErrorCode::kConfig,
        system ? std::string("the machine's time zone is not known") : fmt::format("there is no time zone '{}'", name),
        "Name a zone of the IANA list such as Europe/Berlin, or an offset such as +08:00, and see that the "
        "package tzdata is installed.");
  }
  zone->load_period(0);
  return zone;
}

void TimeZone::load_period(int64_t utc) {
  const auto info = zone_->get_info(date::sys_seconds(std::chrono::seconds(floor_seconds(utc))));
  const auto micros = [](int64_t seconds) {
    if (seconds > kFarSeconds) return std::numeric_limits<int64_t>::max();
    if (seconds < -kFarSeconds) return std::numeric_limits<int64_t>::min();
    return seconds * kSecond;
  };
  offset_ = info.offset.count() * kSecond;
  begin_ = micros(info.begin.time_since_epoch().count());
  end_ = micros(info.end.time_since_epoch().count());
}

int64_t TimeZone::to_local(int64_t utc) {
  if (is_infinite(utc)) return utc;
  if (zone_ != nullptr && (utc < begin_ || utc >= end_)) load_period(utc);
  return utc + offset_;
}

int64_t TimeZone::to_utc(int64_t local) {
  if (is_infinite(local)) return local;
  if (zone_ == nullptr) return local - offset_;
  // More than a day from a clock change there is no doubt.
  const int64_t guess = local - offset_;
  if ((begin_ == std::numeric_limits<int64_t>::min() || guess >= begin_ + kDay) &&
      (end_ == std::numeric_limits<int64_t>::max() || guess < end_ - kDay)) {
    return guess;
  }
  const auto info = zone_->get_info(date::local_seconds(std::chrono::seconds(floor_seconds(local))));
  load_period(local - info.first.offset.count() * kSecond);
  return local - info.first.offset.count() * kSecond;
}

}  // namespace sluice
