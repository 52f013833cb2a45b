// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/row_plan.h"

#include <fmt/format.h>

#include "connectors/mysql/decimal_binary.h"
#include "connectors/mysql/row_values.h"

namespace sluice::mysql {
namespace {

constexpr std::string_view kSchemaAdvice =
    "The table was changed while the log did not record it, or the schema belongs to another position. Start the job "
    "anew with a snapshot, or set binlog_row_metadata = FULL on the source.";

Error differs(const TableMap& map, std::string what) {
  return Error(ErrorCode::kUnsupported,
               fmt::format("decoding rows of {}.{}: schema differs: {}", map.database, map.table, what),
               std::string(kSchemaAdvice));
}

bool is_unsigned_type(const DataType& type) { return type.source_type.find(" unsigned") != std::string::npos; }

// A value of fixed size.
bool fixed(ColumnPlan& plan, ValueForm form, size_t size) {
  plan.form = form;
  plan.size = static_cast<uint32_t>(size);
  return true;
}
bool sized(ColumnPlan& plan, ValueForm form, size_t length_size) {
  plan.form = form;
  plan.length_size = static_cast<uint8_t>(length_size);
  plan.plain = form == ValueForm::kBytes;
  return length_size >= 1 && length_size <= 4;
}

struct IntegerForm {
  BinlogType type;
  std::string_view name;  // in source types; "int" also stands for "integer"
  uint8_t size;
  ValueForm signed_form;
  ValueForm unsigned_form;
};
constexpr IntegerForm kIntegers[] = {
    {BinlogType::kTiny, "tinyint", 1, ValueForm::kInt8, ValueForm::kUint8},
    {BinlogType::kShort, "smallint", 2, ValueForm::kInt16, ValueForm::kUint16},
    {BinlogType::kInt24, "mediumint", 3, ValueForm::kInt24, ValueForm::kUint24},
    {BinlogType::kLong, "int", 4, ValueForm::kInt32, ValueForm::kUint32},
    {BinlogType::kLongLong, "bigint", 8, ValueForm::kInt64, ValueForm::kInt64},
};

bool plan_integer(BinlogType physical, const DataType& type, ColumnPlan& plan) {
  for (const IntegerForm& entry : kIntegers) {
    if (entry.type != physical) continue;
    if (type.source_type.rfind(entry.name, 0) != 0) return false;
    if (type.kind == TypeKind::kBoolean) return physical == BinlogType::kTiny && fixed(plan, ValueForm::kTruth, 1);
    return fixed(plan, is_unsigned_type(type) ? entry.unsigned_form : entry.signed_form, entry.size);
  }
  return false;
}

bool plan_number(BinlogType physical, uint16_t metadata, const DataType& type, ColumnPlan& plan) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (physical == BinlogType::kBit) return metadata == 1 && fixed(plan, ValueForm::kTruth, 1);
      return plan_integer(physical, type, plan);
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64: return plan_integer(physical, type, plan);
    case TypeKind::kFloat: return physical == BinlogType::kFloat && fixed(plan, ValueForm::kFloat, 4);
    // FLOAT(25) and more is a DOUBLE.
    case TypeKind::kDouble: return physical == BinlogType::kDouble && fixed(plan, ValueForm::kDouble, 8);
    case TypeKind::kDecimal:
      return physical == BinlogType::kNewDecimal && metadata >> 8 == type.precision && (metadata & 255) == type.scale &&
             fixed(plan, ValueForm::kDecimal, decimal_size(type.precision, type.scale)) && plan.size > 0;
    case TypeKind::kBit: {
      uint32_t bits = (metadata >> 8) * 8u + (metadata & 255);
      return physical == BinlogType::kBit && bits == type.length && fixed(plan, ValueForm::kBit, (bits + 7) / 8);
    }
    case TypeKind::kYear: return physical == BinlogType::kYear && fixed(plan, ValueForm::kYear, 1);
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: break;
  }
  return false;
}

bool plan_temporal(BinlogType physical, uint16_t metadata, const DataType& type, ColumnPlan& plan) {
  uint32_t digits = type.precision;
  if (digits > 6) return false;
  bool same_digits = metadata == digits;
  if (physical == BinlogType::kDate || physical == BinlogType::kNewDate) {
    return type.kind == TypeKind::kDate && fixed(plan, ValueForm::kDate, 3);
  }
  if (type.kind == TypeKind::kTime) {
    if (physical == BinlogType::kTimeOld) return fixed(plan, ValueForm::kTimeOld, old_time_size(digits));
    return physical == BinlogType::kTime2 && same_digits && fixed(plan, ValueForm::kTime2, 3 + fraction_size(digits));
  }
  if (type.kind == TypeKind::kTimestamp) {
    if (physical == BinlogType::kDatetimeOld) return fixed(plan, ValueForm::kDatetimeOld, old_datetime_size(digits));
    return physical == BinlogType::kDatetime2 && same_digits &&
           fixed(plan, ValueForm::kDatetime2, 5 + fraction_size(digits));
  }
  if (type.kind != TypeKind::kTimestampTz) return false;
  if (physical == BinlogType::kTimestampOld) return fixed(plan, ValueForm::kTimestampOld, old_timestamp_size(digits));
  return physical == BinlogType::kTimestamp2 && same_digits &&
         fixed(plan, ValueForm::kTimestamp2, 4 + fraction_size(digits));
}

bool is_blob(BinlogType type) {
  return type == BinlogType::kBlob || type == BinlogType::kTinyBlob || type == BinlogType::kMediumBlob ||
         type == BinlogType::kLongBlob;
}

// Text and bytes: CHAR, VARCHAR, BLOB and what is stored like them.
bool plan_text(BinlogType physical, uint16_t metadata, const DataType& type, ColumnPlan& plan) {
  ValueForm form = type.kind == TypeKind::kBytes ? ValueForm::kBytes : ValueForm::kText;
  size_t length_size = metadata > 255 ? 2 : 1;
  if (physical == BinlogType::kString) {
    if (type.kind == TypeKind::kUuid) return metadata == 16 && sized(plan, ValueForm::kUuid, 1);
    if (type.source_type == "inet4") return metadata == 4 && sized(plan, ValueForm::kInet4, 1);
    if (type.source_type == "inet6") return metadata == 16 && sized(plan, ValueForm::kInet6, 1);
    if (type.kind == TypeKind::kBytes) form = ValueForm::kPadded;
    return type.fixed_length && sized(plan, form, length_size);
  }
  if (type.kind == TypeKind::kUuid) return false;
  if (physical == BinlogType::kVarchar || physical == BinlogType::kVarString) {
    return !type.fixed_length && type.length > 0 && sized(plan, form, length_size);
  }
  if (is_blob(physical)) return type.length == 0 && sized(plan, form, metadata);
  if (physical == BinlogType::kVector) return type.kind == TypeKind::kBytes && sized(plan, form, metadata);
  if (physical == BinlogType::kMariadbVarcharCompressed) return sized(plan, ValueForm::kCompressed, length_size);
  return physical == BinlogType::kMariadbBlobCompressed && sized(plan, ValueForm::kCompressed, metadata);
}

bool plan_form(BinlogType physical, uint16_t metadata, const DataType& type, ColumnPlan& plan) {
  switch (type.kind) {
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return plan_temporal(physical, metadata, type, plan);
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kUuid: return plan_text(physical, metadata, type, plan);
    case TypeKind::kEnum:
      return physical == BinlogType::kEnum && metadata >= 1 && metadata <= 2 && fixed(plan, ValueForm::kEnum, metadata);
    case TypeKind::kSet:
      return physical == BinlogType::kSet && metadata >= 1 && metadata <= 8 && fixed(plan, ValueForm::kSet, metadata);
    case TypeKind::kJson: return physical == BinlogType::kJson && sized(plan, ValueForm::kJson, metadata);
    case TypeKind::kGeometry: return physical == BinlogType::kGeometry && sized(plan, ValueForm::kBytes, metadata);
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDecimal:
    case TypeKind::kYear:
    case TypeKind::kBit: return plan_number(physical, metadata, type, plan);
  }
  return false;
}

// The converter of a text column; the log's own word on the character set comes first.
Result<> plan_charset(const TableMap& map, size_t index, const Column& column, const MysqlColumnInfo& info,
                      ColumnPlan& plan) {
  bool text =
      column.type.kind == TypeKind::kString && (plan.form == ValueForm::kText || plan.form == ValueForm::kCompressed);
  if (!text) return {};
  std::string_view charset;
  if (!map.collations.empty()) charset = charset_of_collation(map.collations[index]);
  if (charset.empty()) charset = info.charset;
  if (charset == "binary")
    return differs(map, fmt::format("column {} is binary in the log and text in the schema", column.name));
  ASSIGN_OR_RETURN(plan.converter,
                   CharsetConverter::make(charset, fmt::format("{}.{}.{}", map.database, map.table, column.name)));
  if (plan.converter->form() == CharsetForm::kUtf8) {
    plan.converter.reset();
    plan.plain = plan.form == ValueForm::kText;
  }
  return {};
}

Result<uint32_t> find_target(const TableMap& map, size_t index, const TableSchema& schema) {
  if (map.names.empty()) return static_cast<uint32_t>(index);
  std::optional<uint32_t> found = schema.find_column(map.names[index]);
  if (!found) return differs(map, fmt::format("the log has a column {} and the schema has not", map.names[index]));
  return *found;
}

// True if the columns from this one on are hashes that MariaDB keeps for itself.
bool only_hidden_from(const TableMap& map, size_t first) {
  if (first == map.columns()) return true;
  if (map.names.empty() && map.columns() - first > map.hidden) return false;
  for (size_t i = first; i < map.columns(); ++i) {
    if (map.types[i] != BinlogType::kLongLong) return false;
    if (!map.names.empty() && !map.names[i].starts_with("DB_ROW_HASH_")) return false;
  }
  return true;
}

}  // namespace

Result<std::vector<ColumnPlan>> plan_columns(const TableMap& map, const TableSchema& schema,
                                             std::span<const MysqlColumnInfo> columns) {
  const size_t shown = schema.columns.size();
  if (map.columns() < shown || columns.size() != shown || !only_hidden_from(map, shown)) {
    return differs(map, fmt::format("the log has {} columns and the schema has {}", map.columns(), shown));
  }
  std::vector<ColumnPlan> plans(map.columns());
  std::vector<bool> taken(map.columns());
  for (size_t i = shown; i < map.columns(); ++i) {
    fixed(plans[i], ValueForm::kInt64, 8);
    plans[i].hidden = true;
  }
  for (size_t i = 0; i < shown; ++i) {
    ColumnPlan& plan = plans[i];
    ASSIGN_OR_RETURN(plan.target, find_target(map, i, schema));
    const Column& column = schema.columns[plan.target];
    plan.type = &column.type;
    if (taken[plan.target]) return differs(map, fmt::format("the log has column {} twice", column.name));
    taken[plan.target] = true;
    if (!plan_form(map.types[i], map.metadata[i], column.type, plan)) {
      return differs(map, fmt::format("column {} is {} ({}) in the log and {} in the schema", column.name,
                                      binlog_type_name(map.types[i]), map.metadata[i], column.type.source_type));
    }
    bool integer = plan.form <= ValueForm::kUint32;
    if (integer && !map.is_unsigned.empty() && map.is_unsigned[i] != is_unsigned_type(column.type)) {
      return differs(map, fmt::format("column {} is {} in the log and {} in the schema", column.name,
                                      map.is_unsigned[i] ? "unsigned" : "signed", column.type.source_type));
    }
    RETURN_IF_ERROR(plan_charset(map, i, column, columns[plan.target], plan));
  }
  return plans;
}

}  // namespace sluice::mysql
