// SPDX-License-Identifier: Apache-2.0
// Functions on dates and times. A timestamp with zone is shown on the session's clock; one moment is "now" for a batch.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "transform/date_pattern.h"
#include "transform/functions.h"
#include "transform/operators.h"
#include "transform/temporal.h"

namespace sluice {

namespace {

constexpr std::string_view kDatePattern = "yyyy-MM-dd";
constexpr std::string_view kTimestampPattern = "yyyy-MM-dd HH:mm:ss";
constexpr const char* kBadPattern = "a date pattern is not valid";
constexpr const char* kUnreadable = "the text does not follow its date pattern";

using Zone = std::shared_ptr<TimeZone>;

DataType temporal_type(TypeKind kind, int digits) {
  DataType type = plain_type(kind);
  type.precision = static_cast<uint16_t>(digits);
  return type;
}

// A date, time or timestamp as microseconds of a wall clock. Nothing, and the call has failed, if no clock shows it.
std::optional<int64_t> wall_clock(Call& call, size_t i, TypeKind kind, TimeZone& zone) {
  std::optional<int64_t> micros = call.integer(i);
  if (kind == TypeKind::kDate) micros = midnight(*micros);
  if (kind != TypeKind::kTime && (!micros || is_infinite(*micros))) {
    call.fail("the value is infinite, or outside the range of timestamps");
    return std::nullopt;
  }
  return kind == TypeKind::kTimestampTz ? zone.to_local(*micros) : *micros;
}

// Date patterns and zones given as arguments: a literal is checked when the job starts, others when they change.
class PatternCache {
 public:
  const DatePattern* compiled(std::string_view text) {
    if (!known_ || text != text_) {
      text_ = text;
      known_ = true;
      auto pattern = DatePattern::compile(text);
      pattern_ = pattern ? std::optional(std::move(*pattern)) : std::nullopt;
    }
    return pattern_ ? &*pattern_ : nullptr;
  }

 private:
  bool known_ = false;
  std::string text_;
  std::optional<DatePattern> pattern_;
};

class ZoneCache {
 public:
  TimeZone* found(std::string_view name) {
    if (!known_ || name != name_) {
      name_ = name;
      known_ = true;
      auto zone = TimeZone::find(name);
      zone_ = zone ? *zone : nullptr;
    }
    return zone_.get();
  }

 private:
  bool known_ = false;
  std::string name_;
  Zone zone_;
};

// Appends the default if the optional pattern is missing; refuses a wrong literal.
Result<std::shared_ptr<PatternCache>> make_pattern(ExpressionList& arguments, size_t index, std::string_view fallback) {
  if (arguments.size() <= index) arguments.push_back(make_text_constant(fallback));
  const auto* literal = arguments[index]->constant();
  if (literal != nullptr && literal->has_value(0)) RETURN_IF_ERROR(DatePattern::compile(literal->bytes_at(0)));
  return std::make_shared<PatternCache>();
}

Result<> check_zone(const ExpressionList& arguments, size_t index) {
  const auto* literal = arguments[index]->constant();
  if (literal != nullptr && literal->has_value(0)) RETURN_IF_ERROR(TimeZone::find(literal->bytes_at(0)));
  return {};
}

enum class Now : uint8_t { kInstant, kLocal, kDate, kTime };

template <Now kWhat>
Result<ExpressionPtr> now(const Dialect& dialect, ExpressionList arguments) {
  const TypeKind kind = kWhat == Now::kInstant ? TypeKind::kTimestampTz
                        : kWhat == Now::kLocal ? TypeKind::kTimestamp
                        : kWhat == Now::kDate  ? TypeKind::kDate
                                               : TypeKind::kTime;
  const int digits = kWhat == Now::kInstant || kWhat == Now::kLocal ? 3 : 0;
  return make_volatile(temporal_type(kind, digits), std::move(arguments), [zone = dialect.zone](Call& call) {
    const int64_t local = zone->to_local(call.frame.now);
    if constexpr (kWhat == Now::kInstant) call.out.append_int(cut_fraction(call.frame.now, 3));
    if constexpr (kWhat == Now::kLocal) call.out.append_int(cut_fraction(local, 3));
    if constexpr (kWhat == Now::kDate) call.out.append_int(floor_div(local, kMicrosPerDay));
    if constexpr (kWhat == Now::kTime) call.out.append_int(cut_fraction(floor_mod(local, kMicrosPerDay), 0));
  });
}

Result<ExpressionPtr> extract_unit(const Dialect& dialect, ExpressionList time, TimeUnit unit) {
  const TypeKind kind = time[0]->type().kind;
  if (kind == TypeKind::kTime && (unit >= TimeUnit::kDay)) return type_mistake("a time of day has no such field");
  return make_strict(plain_type(TypeKind::kInt64), std::move(time), [unit, kind, zone = dialect.zone](Call& call) {
    if (const auto micros = wall_clock(call, 0, kind, *zone))
      call.out.append_int(extract_from_timestamp(unit, *micros));
  });
}

template <TimeUnit kUnit>
Result<ExpressionPtr> field(const Dialect& dialect, ExpressionList arguments) {
  return extract_unit(dialect, std::move(arguments), kUnit);
}

// The unit that the parser (or a literal) gives as the first argument; removes it.
Result<TimeUnit> take_unit(ExpressionList& arguments) {
  const auto* literal = arguments[0]->constant();
  const auto unit = literal != nullptr && literal->has_value(0) ? time_unit(literal->bytes_at(0)) : std::nullopt;
  if (!unit) return type_mistake("the first argument is no unit of time");
  arguments.erase(arguments.begin());
  return *unit;
}

Result<ExpressionPtr> extract(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(const TimeUnit unit, take_unit(arguments));
  return extract_unit(dialect, std::move(arguments), unit);
}

Result<ExpressionPtr> timestamp_add(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(const TimeUnit unit, take_unit(arguments));
  const auto length = unit_length(unit);
  if (!length) return type_mistake("the first argument is no duration");
  auto time = std::move(arguments[1]);
  arguments.pop_back();
  if (time->type().kind == TypeKind::kDate && !length->in_months && length->amount % kMicrosPerDay != 0) {
    ASSIGN_OR_RETURN(time,
                     make_cast(std::move(time), temporal_type(TypeKind::kTimestamp, 3), CastMode::kCast, dialect));
  }
  auto amount = make_strict(plain_type(TypeKind::kInt64), std::move(arguments), [factor = length->amount](Call& call) {
    int64_t product = 0;
    if (__builtin_mul_overflow(call.integer(0), factor, &product)) return call.fail("the duration is too long");
    call.out.append_int(product);
  });
  return make_time_shift(std::move(time), std::move(amount), length->in_months, 1);
}

Result<ExpressionPtr> timestamp_diff(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(const TimeUnit unit, take_unit(arguments));
  if (!unit_length(unit)) return type_mistake("the first argument is no duration");
  const TypeKind from = arguments[0]->type().kind;
  const TypeKind to = arguments[1]->type().kind;
  return make_strict(plain_type(TypeKind::kInt32), std::move(arguments),
                     [unit, from, to, zone = dialect.zone](Call& call) {
                       const auto begin = wall_clock(call, 0, from, *zone);
                       const auto end = wall_clock(call, 1, to, *zone);
                       if (!begin || !end) return;
                       const int64_t count = count_units(unit, *begin, *end);
                       if (count != static_cast<int32_t>(count)) return call.fail("the difference does not fit an INT");
                       call.out.append_int(count);
                     });
}

Result<ExpressionPtr> date_format(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto pattern, make_pattern(arguments, 1, kTimestampPattern));
  const TypeKind kind = arguments[0]->type().kind;
  return make_strict(plain_type(TypeKind::kString), std::move(arguments),
                     [pattern, kind, zone = dialect.zone](Call& call) {
                       const auto* compiled = pattern->compiled(call.text(1));
                       if (compiled == nullptr) return call.fail(kBadPattern);
                       const auto micros = wall_clock(call, 0, kind, *zone);
                       if (!micros) return;
                       call.scratch.clear();
                       compiled->format(*micros, call.scratch);
                       call.out.append_bytes(call.scratch);
                     });
}

Result<ExpressionPtr> date_format_tz(const Dialect&, ExpressionList arguments) {
  if (arguments.size() == 2) arguments.insert(arguments.begin() + 1, make_text_constant(kTimestampPattern));
  ASSIGN_OR_RETURN(auto pattern, make_pattern(arguments, 1, kTimestampPattern));
  RETURN_IF_ERROR(check_zone(arguments, 2));
  const TypeKind kind = arguments[0]->type().kind;
  auto zones = std::make_shared<ZoneCache>();
  return make_strict(plain_type(TypeKind::kString), std::move(arguments), [pattern, zones, kind](Call& call) {
    const auto* compiled = pattern->compiled(call.text(1));
    TimeZone* zone = zones->found(call.text(2));
    if (compiled == nullptr) return call.fail(kBadPattern);
    if (zone == nullptr) return call.fail("there is no such time zone");
    const auto micros = wall_clock(call, 0, kind, *zone);
    if (!micros) return;
    call.scratch.clear();
    compiled->format(*micros, call.scratch);
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> to_date(const Dialect& dialect, ExpressionList arguments) {
  const TypeKind kind = arguments[0]->type().kind;
  const DataType type = plain_type(TypeKind::kDate);
  if (is_instant(kind) && arguments.size() == 1) {
    const bool utc = dialect.flink;  // where Flink CDC takes the date of UTC, we take the session's otherwise
    return make_strict(type, std::move(arguments), [kind, utc, zone = dialect.zone](Call& call) {
      const int64_t time = call.integer(0);
      if (kind == TypeKind::kDate) return call.out.append_int(time);
      call.out.append_int(day_of(utc || kind == TypeKind::kTimestamp ? time : zone->to_local(time)));
    });
  }
  if (!is_text(arguments[0]->type())) return type_mistake("the argument must be text or a timestamp");
  ASSIGN_OR_RETURN(auto pattern, make_pattern(arguments, 1, kDatePattern));
  return make_partial(type, std::move(arguments), [pattern](Call& call) {
    const auto* compiled = pattern->compiled(call.text(1));
    const auto micros = compiled != nullptr ? compiled->parse(call.text(0)) : std::nullopt;
    if (!micros) return call.out.append_null();
    call.out.append_int(floor_div(*micros, kMicrosPerDay));
  });
}

// Text to a wall clock; without a pattern any ISO form is read, with one exactly that.
std::optional<int64_t> read_timestamp(Call& call, PatternCache* pattern) {
  if (pattern == nullptr) {
    const auto parsed = parse_iso_timestamp(call.text(0));
    if (!parsed) return std::nullopt;
    return parsed->micros - parsed->offset.value_or(0);
  }
  const auto* compiled = pattern->compiled(call.text(1));
  return compiled != nullptr ? compiled->parse(call.text(0)) : std::nullopt;
}

// The pattern given as argument 1; null if there is none.
Result<std::shared_ptr<PatternCache>> optional_pattern(ExpressionList& arguments) {
  if (arguments.size() < 2) return std::shared_ptr<PatternCache>();
  return make_pattern(arguments, 1, kTimestampPattern);
}

Result<ExpressionPtr> to_timestamp(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto pattern, optional_pattern(arguments));
  return make_strict(temporal_type(TypeKind::kTimestamp, 3), std::move(arguments), [pattern](Call& call) {
    const auto micros = read_timestamp(call, pattern.get());
    if (!micros) return call.fail(kUnreadable);
    call.out.append_int(cut_fraction(*micros, 3));
  });
}

Result<ExpressionPtr> to_timestamp_ltz(const Dialect&, ExpressionList arguments) {
  const DataType type = temporal_type(TypeKind::kTimestampTz, 3);
  const DataType& first = arguments[0]->type();
  if (is_integer(first.kind)) {
    int64_t factor = 1000;
    if (arguments.size() > 1) {
      const auto* literal = arguments[1]->constant();
      if (literal == nullptr || !is_integer(arguments[1]->type().kind) || !literal->has_value(0) ||
          (literal->int_at(0) != 0 && literal->int_at(0) != 3)) {
        return type_mistake("the precision is 0 for seconds or 3 for milliseconds");
      }
      factor = literal->int_at(0) == 0 ? kMicrosPerSecond : 1000;
      arguments.resize(1);
    }
    return make_strict(type, std::move(arguments), [factor](Call& call) {
      int64_t micros = 0;
      if (__builtin_mul_overflow(call.integer(0), factor, &micros))
        return call.fail("the epoch is outside the range of timestamps");
      call.out.append_int(micros);
    });
  }
  for (const auto& argument : arguments) {
    if (!is_text(argument->type())) return type_mistake("the arguments must be an integer, or texts");
  }
  ASSIGN_OR_RETURN(auto pattern, optional_pattern(arguments));
  const bool with_zone = arguments.size() > 2;
  if (with_zone) RETURN_IF_ERROR(check_zone(arguments, 2));
  auto zones = std::make_shared<ZoneCache>();
  return make_strict(type, std::move(arguments), [pattern, zones, with_zone](Call& call) {
    const auto micros = read_timestamp(call, pattern.get());
    if (!micros) return call.fail(kUnreadable);
    if (!with_zone) return call.out.append_int(*micros);  // UTC
    TimeZone* zone = zones->found(call.text(2));
    if (zone == nullptr) return call.fail("there is no such time zone");
    call.out.append_int(zone->to_utc(*micros));
  });
}

Result<ExpressionPtr> from_unixtime(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto pattern, make_pattern(arguments, 1, kTimestampPattern));
  return make_strict(plain_type(TypeKind::kString), std::move(arguments), [pattern, zone = dialect.zone](Call& call) {
    const auto* compiled = pattern->compiled(call.text(1));
    int64_t micros = 0;
    if (compiled == nullptr) return call.fail(kBadPattern);
    if (__builtin_mul_overflow(call.integer(0), kMicrosPerSecond, &micros)) {
      return call.fail("the epoch is outside the range of timestamps");
    }
    call.scratch.clear();
    compiled->format(zone->to_local(micros), call.scratch);
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> unix_timestamp(const Dialect& dialect, ExpressionList arguments) {
  const DataType type = plain_type(TypeKind::kInt64);
  if (arguments.empty()) {
    return make_volatile(type, {},
                         [](Call& call) { call.out.append_int(floor_div(call.frame.now, kMicrosPerSecond)); });
  }
  ASSIGN_OR_RETURN(auto pattern, make_pattern(arguments, 1, kTimestampPattern));
  return make_partial(type, std::move(arguments), [pattern, zone = dialect.zone, flink = dialect.flink](Call& call) {
    const auto* compiled = pattern->compiled(call.text(1));
    const auto micros = compiled != nullptr ? compiled->parse(call.text(0)) : std::nullopt;
    if (micros) return call.out.append_int(floor_div(zone->to_utc(*micros), kMicrosPerSecond));
    if (!flink) return call.out.append_null();
    call.out.append_int(std::numeric_limits<int64_t>::min());
  });
}

Result<ExpressionPtr> date_add(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(arguments[0],
                   make_cast(std::move(arguments[0]), plain_type(TypeKind::kDate), CastMode::kTry, dialect));
  const auto pattern = DatePattern::compile(kDatePattern);
  return make_partial(plain_type(TypeKind::kString), std::move(arguments), [pattern = pattern.value()](Call& call) {
    int64_t days = 0;
    int64_t micros = 0;
    if (__builtin_add_overflow(call.integer(0), call.integer(1), &days) ||
        __builtin_mul_overflow(days, kMicrosPerDay, &micros)) {
      return call.fail("the result is outside the range of dates");
    }
    call.scratch.clear();
    pattern.format(micros, call.scratch);
    call.out.append_bytes(call.scratch);
  });
}

constexpr FunctionInfo kFunctions[] = {
    {"CURRENT_TIMESTAMP", "", now<Now::kInstant>},
    {"NOW", "", now<Now::kInstant>},
    {"LOCALTIMESTAMP", "", now<Now::kLocal>},
    {"CURRENT_DATE", "", now<Now::kDate>},
    {"CURRENT_TIME", "", now<Now::kTime>},
    {"LOCALTIME", "", now<Now::kTime>},
    {"EXTRACT", "st", extract},
    {"YEAR", "t", field<TimeUnit::kYear>},
    {"QUARTER", "t", field<TimeUnit::kQuarter>},
    {"MONTH", "t", field<TimeUnit::kMonth>},
    {"WEEK", "t", field<TimeUnit::kWeek>},
    {"DAYOFYEAR", "t", field<TimeUnit::kDayOfYear>},
    {"DAYOFMONTH", "t", field<TimeUnit::kDay>},
    {"DAYOFWEEK", "t", field<TimeUnit::kDayOfWeek>},
    {"HOUR", "t", field<TimeUnit::kHour>},
    {"MINUTE", "t", field<TimeUnit::kMinute>},
    {"SECOND", "t", field<TimeUnit::kSecond>},
    {"TIMESTAMPADD", "sit", timestamp_add},
    {"TIMESTAMPDIFF", "stt", timestamp_diff},
    {"TIMESTAMP_DIFF", "stt", timestamp_diff},
    {"DATE_FORMAT", "t[s", date_format},
    {"DATE_FORMAT_TZ", "ts[s", date_format_tz},
    {"TO_DATE", "?[s", to_date},
    {"TO_TIMESTAMP", "s[s", to_timestamp},
    {"TO_TIMESTAMP_LTZ", "?[?s", to_timestamp_ltz},
    {"FROM_UNIXTIME", "i[s", from_unixtime},
    {"UNIX_TIMESTAMP", "[ss", unix_timestamp},
    {"DATE_ADD", "?i", date_add},
};

}  // namespace

std::span<const FunctionInfo> temporal_functions() { return kFunctions; }

}  // namespace sluice
