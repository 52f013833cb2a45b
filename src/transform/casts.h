// SPDX-License-Identifier: Apache-2.0
// Conversions between types: CAST, TRY_CAST, and those that operators and functions ask for.
#pragma once

#include <memory>
#include <string_view>

#include "transform/expression.h"
#include "transform/time_zone.h"

namespace sluice {

// How expressions behave where SQL and Flink CDC differ.
struct Dialect {
  bool flink = false;
  std::shared_ptr<TimeZone> zone;  // the session's
};

// What a value that cannot be converted does.
enum class CastMode : uint8_t {
  kCast,  // fails the job; in the flink dialect numbers wrap around and unreadable ones become NULL
  kTry,   // becomes NULL
};

// kConfig if there is no conversion between the types.
Result<ExpressionPtr> make_cast(ExpressionPtr value, const DataType& target, CastMode mode, const Dialect& dialect);

// The type that "DECIMAL(10, 2)" or "TIMESTAMP_LTZ(3)" names; nullable.
Result<DataType> named_type(std::string_view name, const std::vector<int>& arguments);

// The families of types within which values are alike.
bool is_text(const DataType& type);        // string, json, enum, set, uuid; nothing structured
bool is_binary(TypeKind kind);             // bytes, bit, geometry
bool is_integer(TypeKind kind);            // signed integers and years, not uint64
bool is_floating(TypeKind kind);           //
bool is_numeric(TypeKind kind);            // integers, uint64, decimal, floating
bool is_instant(TypeKind kind);            // date, timestamp, timestamp with zone
int decimal_digits(const DataType& type);  // of an integer type: as many as its largest value has
// A decimal without declared digits, in which no value is rounded: PostgreSQL's bare numeric.
bool has_any_digits(const DataType& type);

// The constant that plain notation (decimal_from_text) stands for: if `whole`, INT or BIGINT where it fits; else a
// decimal of its digits, without declared digits if they are more than a decimal can have.
ExpressionPtr make_number_constant(std::string_view plain, bool whole);

}  // namespace sluice
