// SPDX-License-Identifier: Apache-2.0
// A time zone by IANA name or offset ("Europe/Berlin", "UTC", "+08:00", "GMT+8"). Remembers the last period between two
// clock changes, so converting many near-by instants is an addition each. Used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace date {
class time_zone;
}

namespace sluice {

class TimeZone {
 public:
  // Empty or "systemDefault": the machine's zone. An unknown name is kConfig.
  static Result<std::shared_ptr<TimeZone>> find(std::string_view name);

  // Microseconds of the wall clock at an instant, and back. A wall clock time that a clock change skips is read with
  // the offset before the change, one that occurs twice means the first occurrence.
  int64_t to_local(int64_t utc);
  int64_t to_utc(int64_t local);

 private:
  void load_period(int64_t utc);

  const date::time_zone* zone_ = nullptr;  // null: the fixed offset below, for ever
  int64_t offset_ = 0;                     // microseconds east of Greenwich, valid in [begin_, end_)
  int64_t begin_ = 0;
  int64_t end_ = 0;
};

}  // namespace sluice
