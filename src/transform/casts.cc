// SPDX-License-Identifier: Apache-2.0
#include "transform/casts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "data/value_text.h"
#include "transform/decimal.h"
#include "transform/structured_values.h"
#include "transform/temporal.h"
#include "transform/utf8.h"

namespace sluice {

namespace {

// How one conversion meets values that do not fit.
struct Policy {
  bool null_on_failure;  // TRY_CAST
  bool flink;

  // The value cannot be read at all.
  void unreadable(Call& call, const char* why) const {
    if (null_on_failure || flink) return call.out.append_null();
    call.fail(why);
  }
  void bad_time(Call& call, const char* why) const {
    if (null_on_failure) return call.out.append_null();
    call.fail(why);
  }
};

constexpr const char* kFarDate = "the date is outside the range of timestamps";

struct IntegerRange {
  int64_t min;
  int64_t max;
};
IntegerRange range_of(TypeKind kind) {
  if (kind == TypeKind::kInt8) return {INT8_MIN, INT8_MAX};
  if (kind == TypeKind::kInt16) return {INT16_MIN, INT16_MAX};
  if (kind == TypeKind::kInt32) return {INT32_MIN, INT32_MAX};
  if (kind == TypeKind::kYear) return {0, 9999};
  return {INT64_MIN, INT64_MAX};
}

// As Java narrows: the low bits.
int64_t wrap(TypeKind kind, int64_t value) {
  if (kind == TypeKind::kInt8) return static_cast<int8_t>(value);
  if (kind == TypeKind::kInt16) return static_cast<int16_t>(value);
  if (kind == TypeKind::kInt32) return static_cast<int32_t>(value);
  return value;
}

void put_integer(Call& call, TypeKind kind, const Policy& policy, int64_t value) {
  const auto range = range_of(kind);
  if (value >= range.min && value <= range.max) return call.out.append_int(value);
  if (policy.null_on_failure) return call.out.append_null();
  if (policy.flink) return call.out.append_int(wrap(kind, value));
  call.fail("the number does not fit the integer type");
}

// Doubles cut towards zero; beyond the range of 64 bits they are cut to its ends as Java does, if wrapping is wanted.
void put_double_as_integer(Call& call, TypeKind kind, const Policy& policy, double value) {
  constexpr double kLimit = 9223372036854775808.0;
  if (std::isnan(value) || value >= kLimit || value < -kLimit) {
    if (policy.null_on_failure) return call.out.append_null();
    if (!policy.flink) return call.fail("the number does not fit the integer type");
    const int64_t cut = std::isnan(value) ? 0 : value > 0 ? INT64_MAX : INT64_MIN;
    return call.out.append_int(wrap(kind, cut));
  }
  put_integer(call, kind, policy, static_cast<int64_t>(value));
}

void put_decimal_as_integer(Call& call, TypeKind kind, const Policy& policy, std::string_view text) {
  if (const auto value = decimal_to_int64(text)) return put_integer(call, kind, policy, *value);
  if (policy.flink) return put_double_as_integer(call, kind, policy, decimal_to_double(text));
  if (policy.null_on_failure) return call.out.append_null();
  call.fail("the number does not fit the integer type");
}

void put_uint64(Call& call, const Policy& policy, std::string_view decimal) {
  if (const auto value = decimal_to_uint64(decimal)) return call.out.append_int(static_cast<int64_t>(*value));
  policy.unreadable(call, "the number does not fit an unsigned 64-bit integer");
}

void put_decimal(Call& call, DecimalShape shape, const Policy& policy, std::string_view text) {
  // What is without declared digits takes every value; NaN is one of every decimal type, as in PostgreSQL.
  if (shape.precision == 0 || text == "NaN") return call.out.append_bytes(text);
  call.scratch.clear();
  switch (decimal_rescale(text, shape, DecimalRounding::kHalfUp, call.scratch)) {
    case DecimalStatus::kOk: return call.out.append_bytes(call.scratch);
    case DecimalStatus::kNotFinite: return policy.unreadable(call, "Infinity does not fit the decimal type");
    case DecimalStatus::kOverflow:
    case DecimalStatus::kDivisionByZero: break;
  }
  policy.unreadable(call, "the number has more digits than the decimal type");
}

void put_double(Call& call, TypeKind kind, double value) {
  call.out.append_double(kind == TypeKind::kFloat ? static_cast<double>(static_cast<float>(value)) : value);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

std::optional<double> parse_double(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  text = trimmed(text);
  std::string lower;
  for (const char c : text.substr(0, 6)) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const auto* word : {"true", "t", "yes", "y", "1"}) {
    if (lower == word) return true;
  }
  for (const auto* word : {"false", "f", "no", "n", "0"}) {
    if (lower == word) return false;
  }
  return std::nullopt;
}

std::string_view int_text(int64_t value, bool is_unsigned, std::string& scratch) {
  scratch.clear();
  if (is_unsigned) {
    fmt::format_to(std::back_inserter(scratch), "{}", static_cast<uint64_t>(value));
  } else {
    fmt::format_to(std::back_inserter(scratch), "{}", value);
  }
  return scratch;
}

ExpressionList one(ExpressionPtr value) {
  ExpressionList list;
  list.push_back(std::move(value));
  return list;
}

// One cast: from `value` to `target`. Each method makes the expression for a family of targets; null: no conversion.
class CastMaker {
 public:
  CastMaker(ExpressionPtr value, DataType target, CastMode mode, const Dialect& dialect)
      : value_(std::move(value)),
        from_(value_->type()),
        target_(std::move(target)),
        policy_{mode == CastMode::kTry, dialect.flink},
        zone_(dialect.zone) {}

  ExpressionPtr make() {
    if (target_.structure != nullptr) return nullptr;
    switch (target_.kind) {
      case TypeKind::kBoolean: return to_boolean();
      case TypeKind::kInt8:
      case TypeKind::kInt16:
      case TypeKind::kInt32:
      case TypeKind::kInt64:
      case TypeKind::kYear: return to_integer();
      case TypeKind::kUInt64: return to_uint64();
      case TypeKind::kFloat:
      case TypeKind::kDouble: return to_double();
      case TypeKind::kDecimal: return to_decimal();
      case TypeKind::kString: return to_string();
      case TypeKind::kBytes: return to_bytes();
      case TypeKind::kDate: return to_date();
      case TypeKind::kTime: return to_time();
      case TypeKind::kTimestamp: return to_timestamp();
      case TypeKind::kTimestampTz: return to_timestamp_tz();
      case TypeKind::kJson:
      case TypeKind::kEnum:
      case TypeKind::kSet:
      case TypeKind::kBit:
      case TypeKind::kUuid:
      case TypeKind::kGeometry: break;
    }
    return nullptr;
  }

 private:
  template <typename Function>
  ExpressionPtr total(Function function) {
    return make_strict(target_, one(std::move(value_)), std::move(function));
  }
  template <typename Function>
  ExpressionPtr partial(Function function) {
    return make_partial(target_, one(std::move(value_)), std::move(function));
  }
  // Partial only where this mode can yield NULL.
  template <typename Function>
  ExpressionPtr checked(Function function) {
    return policy_.null_on_failure || policy_.flink ? partial(std::move(function)) : total(std::move(function));
  }
  // Times that cannot be converted fail in the flink dialect too.
  template <typename Function>
  ExpressionPtr checked_time(Function function) {
    return policy_.null_on_failure ? partial(std::move(function)) : total(std::move(function));
  }

  ExpressionPtr to_boolean() {
    if (from_.kind == TypeKind::kBoolean) return std::move(value_);
    if (is_integer(from_.kind) || from_.kind == TypeKind::kUInt64) {
      return total([](Call& call) { call.out.append_int(call.integer(0) != 0 ? 1 : 0); });
    }
    if (is_floating(from_.kind)) return total([](Call& call) { call.out.append_int(call.number(0) != 0 ? 1 : 0); });
    if (from_.kind == TypeKind::kDecimal) {
      return total([](Call& call) { call.out.append_int(decimal_is_zero(call.text(0)) ? 0 : 1); });
    }
    if (!is_text(from_)) return nullptr;
    return checked([policy = policy_](Call& call) {
      const auto value = parse_boolean(call.text(0));
      if (value) return call.out.append_int(*value ? 1 : 0);
      if (policy.null_on_failure) return call.out.append_null();
      if (policy.flink) return call.out.append_int(0);
      call.fail("the text is not a boolean");
    });
  }

  ExpressionPtr to_integer() {
    const TypeKind kind = target_.kind;
    const Policy policy = policy_;
    if (from_.kind == TypeKind::kBoolean) return total([](Call& call) { call.out.append_int(call.integer(0)); });
    if (is_integer(from_.kind)) {
      const auto from = range_of(from_.kind);
      const auto to = range_of(kind);
      if (to.min <= from.min && from.max <= to.max)
        return total([](Call& call) { call.out.append_int(call.integer(0)); });
      return checked([kind, policy](Call& call) { put_integer(call, kind, policy, call.integer(0)); });
    }
    if (from_.kind == TypeKind::kUInt64) {
      return checked([kind, policy](Call& call) {
        if (call.integer(0) >= 0) return put_integer(call, kind, policy, call.integer(0));
        put_decimal_as_integer(call, kind, policy, int_text(call.integer(0), true, call.scratch));
      });
    }
    if (is_floating(from_.kind)) {
      return checked([kind, policy](Call& call) { put_double_as_integer(call, kind, policy, call.number(0)); });
    }
    if (from_.kind == TypeKind::kDecimal) {
      return checked([kind, policy](Call& call) { put_decimal_as_integer(call, kind, policy, call.text(0)); });
    }
    if (!is_text(from_)) return nullptr;
    return checked([kind, policy](Call& call) {
      const auto decimal = decimal_from_text(call.text(0));
      if (!decimal) return policy.unreadable(call, "the text is not a number");
      put_decimal_as_integer(call, kind, policy, *decimal);
    });
  }

  ExpressionPtr to_uint64() {
    const Policy policy = policy_;
    if (from_.kind == TypeKind::kUInt64) return std::move(value_);
    if (from_.kind == TypeKind::kBoolean || is_integer(from_.kind)) {
      return checked([policy](Call& call) {
        if (call.integer(0) >= 0) return call.out.append_int(call.integer(0));
        policy.unreadable(call, "a negative number does not fit an unsigned integer");
      });
    }
    if (from_.kind == TypeKind::kDecimal) {
      return checked([policy](Call& call) { put_uint64(call, policy, call.text(0)); });
    }
    return nullptr;
  }

  ExpressionPtr to_double() {
    const TypeKind kind = target_.kind;
    if (is_integer(from_.kind) || from_.kind == TypeKind::kBoolean) {
      return total([kind](Call& call) { put_double(call, kind, static_cast<double>(call.integer(0))); });
    }
    if (from_.kind == TypeKind::kUInt64) {
      return total(
          [kind](Call& call) { put_double(call, kind, static_cast<double>(static_cast<uint64_t>(call.integer(0)))); });
    }
    if (is_floating(from_.kind)) return total([kind](Call& call) { put_double(call, kind, call.number(0)); });
    if (from_.kind == TypeKind::kDecimal) {
      return total([kind](Call& call) { put_double(call, kind, decimal_to_double(call.text(0))); });
    }
    if (!is_text(from_)) return nullptr;
    return checked([kind, policy = policy_](Call& call) {
      const auto value = parse_double(call.text(0));
      if (!value) return policy.unreadable(call, "the text is not a number");
      put_double(call, kind, *value);
    });
  }

  ExpressionPtr to_decimal() {
    const DecimalShape shape{target_.precision, target_.scale};
    const Policy policy = policy_;
    if (is_integer(from_.kind) || from_.kind == TypeKind::kUInt64 || from_.kind == TypeKind::kBoolean) {
      const bool is_unsigned = from_.kind == TypeKind::kUInt64;
      const auto function = [shape, policy, is_unsigned](Call& call) {
        std::string digits;
        put_decimal(call, shape, policy, int_text(call.integer(0), is_unsigned, digits));
      };
      const bool fits = has_any_digits(target_) || decimal_digits(from_) <= shape.precision - shape.scale;
      return fits ? total(function) : checked(function);
    }
    if (from_.kind == TypeKind::kDecimal) {
      const bool any = has_any_digits(from_);
      const bool as_it_is = !any && from_.scale == target_.scale && from_.precision <= target_.precision;
      if (as_it_is || has_any_digits(target_)) return relabelled();
      const auto function = [shape, policy](Call& call) { put_decimal(call, shape, policy, call.text(0)); };
      const bool fits =
          !any && from_.scale <= target_.scale && from_.precision - from_.scale <= shape.precision - shape.scale;
      return fits ? total(function) : checked(function);
    }
    if (is_floating(from_.kind)) {
      const bool single = from_.kind == TypeKind::kFloat;
      return checked([shape, policy, single](Call& call) {
        const double number = call.number(0);
        const std::string text = single ? fmt::format("{}", static_cast<float>(number)) : fmt::format("{}", number);
        const auto decimal = decimal_from_text(text);
        if (!decimal) return policy.unreadable(call, "the number does not fit the decimal type");
        put_decimal(call, shape, policy, *decimal);
      });
    }
    if (!is_text(from_)) return nullptr;
    return checked([shape, policy](Call& call) {
      const auto decimal = decimal_from_text(call.text(0));
      if (!decimal) return policy.unreadable(call, "the text is not a number");
      put_decimal(call, shape, policy, *decimal);
    });
  }

  // The same stored values under another type.
  ExpressionPtr relabelled() {
    return total([](Call& call) { call.out.append_bytes(call.text(0)); });
  }

  ExpressionPtr to_string() {
    const uint32_t length = target_.length;
    if (is_text(from_)) {
      const bool fits = length == 0 || (from_.kind == TypeKind::kString && from_.length != 0 && from_.length <= length);
      if (fits && from_.kind == TypeKind::kString) {
        if (from_.length == length && from_.fixed_length == target_.fixed_length) return std::move(value_);
      }
      if (fits) return relabelled();
      return total([length](Call& call) { call.out.append_bytes(utf8_prefix(call.text(0), length)); });
    }
    if (is_binary(from_.kind)) {
      return total([length](Call& call) {
        if (!utf8_valid(call.text(0))) return call.fail("the bytes are not UTF-8 text");
        call.out.append_bytes(length == 0 ? call.text(0) : utf8_prefix(call.text(0), length));
      });
    }
    const bool local = from_.kind == TypeKind::kTimestampTz;
    return total([length, local, type = from_, zone = zone_, shown = ColumnVector(from_.kind)](Call& call) mutable {
      call.scratch.clear();
      if (local) {
        shown.clear();
        shown.append_int(zone->to_local(call.integer(0)));
        append_value_text(shown, type, 0, call.scratch);
      } else {
        append_value_text(*call.columns[0], type, call.row, call.scratch);
      }
      call.out.append_bytes(length == 0 ? std::string_view(call.scratch) : utf8_prefix(call.scratch, length));
    });
  }

  ExpressionPtr to_bytes() {
    if (!is_text(from_) && !is_binary(from_.kind)) return nullptr;
    const uint32_t length = target_.length;
    const bool fixed = target_.fixed_length;
    return total([length, fixed](Call& call) {
      const auto text = call.text(0);
      call.scratch = length == 0 ? text : text.substr(0, length);
      if (fixed && length != 0) call.scratch.resize(length, '\0');
      call.out.append_bytes(call.scratch);
    });
  }

  ExpressionPtr to_date() {
    if (from_.kind == TypeKind::kDate) return std::move(value_);
    if (from_.kind == TypeKind::kTimestamp) {
      return total([](Call& call) { call.out.append_int(day_of(call.integer(0))); });
    }
    if (from_.kind == TypeKind::kTimestampTz) {
      return total([zone = zone_](Call& call) { call.out.append_int(day_of(zone->to_local(call.integer(0)))); });
    }
    if (!is_text(from_)) return nullptr;
    return checked([policy = policy_](Call& call) {
      const auto parsed = parse_iso_timestamp(call.text(0));
      if (!parsed) return policy.bad_time(call, "the text is not a date");
      call.out.append_int(floor_div(parsed->micros, kMicrosPerDay));
    });
  }

  ExpressionPtr to_time() {
    const int digits = target_.precision;
    if (from_.kind == TypeKind::kTime) {
      return total([digits](Call& call) { call.out.append_int(cut_fraction(call.integer(0), digits)); });
    }
    if (from_.kind == TypeKind::kTimestamp || from_.kind == TypeKind::kTimestampTz) {
      const bool local = from_.kind == TypeKind::kTimestampTz;
      return checked_time([policy = policy_, digits, local, zone = zone_](Call& call) {
        if (is_infinite(call.integer(0))) return policy.bad_time(call, "infinity has no time of day");
        const int64_t micros = local ? zone->to_local(call.integer(0)) : call.integer(0);
        call.out.append_int(cut_fraction(floor_mod(micros, kMicrosPerDay), digits));
      });
    }
    if (!is_text(from_)) return nullptr;
    return checked([policy = policy_, digits](Call& call) {
      const auto parsed = parse_iso_time(call.text(0));
      if (!parsed) return policy.bad_time(call, "the text is not a time");
      call.out.append_int(cut_fraction(*parsed, digits));
    });
  }

  ExpressionPtr to_timestamp() {
    const int digits = target_.precision;
    if (from_.kind == TypeKind::kDate) {
      return checked_time([policy = policy_](Call& call) {
        const auto micros = midnight(call.integer(0));
        if (!micros) return policy.bad_time(call, kFarDate);
        call.out.append_int(*micros);
      });
    }
    if (from_.kind == TypeKind::kTimestamp) {
      return total([digits](Call& call) { call.out.append_int(cut_fraction(call.integer(0), digits)); });
    }
    if (from_.kind == TypeKind::kTimestampTz) {
      return total([digits, zone = zone_](Call& call) {
        call.out.append_int(cut_fraction(zone->to_local(call.integer(0)), digits));
      });
    }
    if (!is_text(from_)) return nullptr;
    return checked([policy = policy_, digits, zone = zone_](Call& call) {
      const auto parsed = parse_iso_timestamp(call.text(0));
      if (!parsed) return policy.bad_time(call, "the text is not a timestamp");
      const int64_t micros = parsed->offset ? zone->to_local(parsed->micros - *parsed->offset) : parsed->micros;
      call.out.append_int(cut_fraction(micros, digits));
    });
  }

  ExpressionPtr to_timestamp_tz() {
    const int digits = target_.precision;
    if (from_.kind == TypeKind::kDate) {
      return checked_time([policy = policy_, zone = zone_](Call& call) {
        const auto micros = midnight(call.integer(0));
        if (!micros) return policy.bad_time(call, kFarDate);
        call.out.append_int(zone->to_utc(*micros));
      });
    }
    if (from_.kind == TypeKind::kTimestamp) {
      return total([digits, zone = zone_](Call& call) {
        call.out.append_int(cut_fraction(zone->to_utc(call.integer(0)), digits));
      });
    }
    if (from_.kind == TypeKind::kTimestampTz) {
      return total([digits](Call& call) { call.out.append_int(cut_fraction(call.integer(0), digits)); });
    }
    if (!is_text(from_)) return nullptr;
    return checked([policy = policy_, digits, zone = zone_](Call& call) {
      const auto parsed = parse_iso_timestamp(call.text(0));
      if (!parsed) return policy.bad_time(call, "the text is not a timestamp");
      const int64_t utc = parsed->offset ? parsed->micros - *parsed->offset : zone->to_utc(parsed->micros);
      call.out.append_int(cut_fraction(utc, digits));
    });
  }

  ExpressionPtr value_;
  DataType from_;
  DataType target_;
  Policy policy_;
  std::shared_ptr<TimeZone> zone_;
};

// Names of types without arguments of their own.
struct SimpleType {
  std::string_view name;
  TypeKind kind;
};
constexpr SimpleType kSimpleTypes[] = {
    {"BOOLEAN", TypeKind::kBoolean}, {"TINYINT", TypeKind::kInt8},
    {"SMALLINT", TypeKind::kInt16},  {"INT", TypeKind::kInt32},
    {"INTEGER", TypeKind::kInt32},   {"BIGINT", TypeKind::kInt64},
    {"FLOAT", TypeKind::kFloat},     {"REAL", TypeKind::kFloat},
    {"DOUBLE", TypeKind::kDouble},   {"DOUBLE PRECISION", TypeKind::kDouble},
    {"STRING", TypeKind::kString},   {"BYTES", TypeKind::kBytes},
    {"DATE", TypeKind::kDate},
};

Error type_error(std::string message) {
  return Error(ErrorCode::kConfig, std::move(message),
               "Types are BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p, s), CHAR(n), VARCHAR(n), "
               "STRING, BINARY(n), VARBINARY(n), BYTES, DATE, TIME(p), TIMESTAMP(p), TIMESTAMP_LTZ(p).");
}

}  // namespace

Result<ExpressionPtr> make_cast(ExpressionPtr value, const DataType& target, CastMode mode, const Dialect& dialect) {
  if (value->is_null_literal()) return make_null(target);
  const DataType from = value->type();
  if (!value->is_interval()) {
    DataType type = target;
    type.nullable = from.nullable;
    if (type == from) return value;
    if (from.structure != nullptr) return cast_structured(std::move(value), type, mode, dialect);
    if (auto cast = CastMaker(std::move(value), std::move(type), mode, dialect).make()) return cast;
  }
  return Error(ErrorCode::kConfig, fmt::format("{} cannot be converted to {}", type_text(from), type_text(target)),
               "Convert in two steps, for example by way of STRING.");
}

Result<DataType> named_type(std::string_view name, const std::vector<int>& arguments) {
  const auto argument = [&](size_t i, int otherwise) { return i < arguments.size() ? arguments[i] : otherwise; };
  const auto limited = [&](size_t most) { return arguments.size() <= most; };
  for (const auto& simple : kSimpleTypes) {
    if (name != simple.name) continue;
    if (!limited(0)) return type_error(fmt::format("type {} takes no arguments", name));
    DataType type = plain_type(simple.kind);
    type.nullable = true;
    return type;
  }
  DataType type;
  if (name == "DECIMAL" || name == "DEC" || name == "NUMERIC") {
    type.kind = TypeKind::kDecimal;
    type.precision = static_cast<uint16_t>(argument(0, 10));
    type.scale = static_cast<uint16_t>(argument(1, 0));
    if (!limited(2) || type.precision < 1 || type.precision > kMaxDecimalPrecision || type.scale > type.precision) {
      return type_error(
          fmt::format("a DECIMAL has 1 to {} digits, at most so many of them behind the point", kMaxDecimalPrecision));
    }
    return type;
  }
  if (name == "CHAR" || name == "VARCHAR" || name == "BINARY" || name == "VARBINARY") {
    const bool fixed = name == "CHAR" || name == "BINARY";
    type.kind = name.ends_with("CHAR") ? TypeKind::kString : TypeKind::kBytes;
    const int length = argument(0, fixed ? 1 : 0);
    if (!limited(1) || length < 0 || (length == 0 && !arguments.empty())) {
      return type_error(fmt::format("a {} is at least 1 long", name));
    }
    type.length = length == std::numeric_limits<int>::max() ? 0 : static_cast<uint32_t>(length);
    type.fixed_length = fixed;
    return type;
  }
  if (name == "TIME" || name == "TIMESTAMP" || name == "TIMESTAMP_LTZ" || name == "TIMESTAMP WITHOUT TIME ZONE" ||
      name == "TIMESTAMP WITH LOCAL TIME ZONE" || name == "TIMESTAMP_TZ" || name == "TIMESTAMP WITH TIME ZONE") {
    type.kind = name == "TIME" ? TypeKind::kTime : TypeKind::kTimestampTz;
    if (name == "TIMESTAMP" || name == "TIMESTAMP WITHOUT TIME ZONE") type.kind = TypeKind::kTimestamp;
    const int digits = argument(0, name == "TIME" ? 0 : 6);
    if (!limited(1) || digits > 9) return type_error(fmt::format("a {} has at most 9 fractional digits", name));
    type.precision = static_cast<uint16_t>(std::min(digits, 6));
    return type;
  }
  return type_error(fmt::format("there is no type {}", name));
}

bool is_text(const DataType& type) {
  const TypeKind kind = type.kind;
  if (type.structure != nullptr) return false;
  return kind == TypeKind::kString || kind == TypeKind::kJson || kind == TypeKind::kEnum || kind == TypeKind::kSet ||
         kind == TypeKind::kUuid;
}
bool is_binary(TypeKind kind) {
  return kind == TypeKind::kBytes || kind == TypeKind::kBit || kind == TypeKind::kGeometry;
}
bool is_integer(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64 ||
         kind == TypeKind::kYear;
}
bool is_floating(TypeKind kind) { return kind == TypeKind::kFloat || kind == TypeKind::kDouble; }
bool is_numeric(TypeKind kind) {
  return is_integer(kind) || is_floating(kind) || kind == TypeKind::kUInt64 || kind == TypeKind::kDecimal;
}
bool is_instant(TypeKind kind) {
  return kind == TypeKind::kDate || kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampTz;
}

int decimal_digits(const DataType& type) {
  if (type.kind == TypeKind::kBoolean) return 1;
  if (type.kind == TypeKind::kInt8) return 3;
  if (type.kind == TypeKind::kYear) return 4;
  if (type.kind == TypeKind::kInt16) return 5;
  if (type.kind == TypeKind::kInt32) return 10;
  if (type.kind == TypeKind::kInt64) return 19;
  return type.kind == TypeKind::kDecimal ? type.precision : 20;
}
bool has_any_digits(const DataType& type) { return type.kind == TypeKind::kDecimal && type.precision == 0; }

ExpressionPtr make_number_constant(std::string_view plain, bool whole) {
  if (const auto value = decimal_to_int64(plain); whole && value) {
    return make_int_constant(*value == static_cast<int32_t>(*value) ? TypeKind::kInt32 : TypeKind::kInt64, *value);
  }
  DataType type = plain_type(TypeKind::kDecimal);
  const auto point = plain.find('.');
  const auto digits = plain.size() - (plain.starts_with('-') ? 1 : 0) - (point == std::string_view::npos ? 0 : 1);
  if (digits <= kMaxDecimalPrecision) {
    type.scale = static_cast<uint16_t>(point == std::string_view::npos ? 0 : plain.size() - point - 1);
    type.precision = static_cast<uint16_t>(digits);
  }
  return make_constant(type, [&](ColumnVector& out) { out.append_bytes(plain); });
}

}  // namespace sluice
