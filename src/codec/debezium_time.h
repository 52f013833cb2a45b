// SPDX-License-Identifier: Apache-2.0
// Dates, times and intervals as text in Debezium's events.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// "2018-06-20Z"
void append_iso_date(int64_t days, std::string& out);
// "17:51:04.777Z", as many digits as it takes.
void append_iso_time(int64_t micros, std::string& out);
// "2018-06-20T13:37:03.123Z" with exactly `digits` of the fraction, or as many as it takes if negative; "infinity".
void append_iso_timestamp(int64_t micros, int digits, std::string& out);

// PostgreSQL's own texts; false if they cannot be read. "12:34:56.789+02" becomes "10:34:56.789000Z".
bool append_zoned_time(std::string_view text, std::string& out);
// "1 year 2 mons -3 days 04:05:06.78"
struct IntervalParts {
  int64_t months = 0;
  int64_t days = 0;
  int64_t micros = 0;
};
bool parse_interval(std::string_view text, IntervalParts& out);
// A year is 365.25 days.
int64_t interval_micros(const IntervalParts& interval);
// "P1Y2M-3DT4H5M6.78S"
void append_interval(const IntervalParts& interval, std::string& out);

}  // namespace sluice
