// SPDX-License-Identifier: Apache-2.0
#include "data/types.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string with_length(std::string_view name, uint32_t length) {
  return length == 0 ? std::string(name) : fmt::format("{}({})", name, length);
}

std::string text_of(const DataType& type);

std::string text_of(const Structure& structure) {
  if (structure.form == StructureForm::kVariant) return "VARIANT";
  std::string parts;
  for (size_t i = 0; i < structure.parts.size(); ++i) {
    if (i > 0) parts += ", ";
    if (structure.form == StructureForm::kRow) parts += fmt::format("f{} ", i);
    parts += text_of(structure.parts[i]);
  }
  const bool array = structure.form == StructureForm::kArray;
  return fmt::format("{}<{}>", array ? "ARRAY" : structure.form == StructureForm::kMap ? "MAP" : "ROW", parts);
}

std::string text_of(const DataType& type) {
  if (type.structure != nullptr) return text_of(*type.structure);
  switch (type.kind) {
    case TypeKind::kBoolean: return "BOOLEAN";
    case TypeKind::kInt8: return "TINYINT";
    case TypeKind::kInt16: return "SMALLINT";
    case TypeKind::kInt32: return "INT";
    case TypeKind::kInt64: return "BIGINT";
    case TypeKind::kUInt64: return "DECIMAL(20, 0)";
    case TypeKind::kFloat: return "FLOAT";
    case TypeKind::kDouble: return "DOUBLE";
    case TypeKind::kDecimal: return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeKind::kString:
      return type.length == 0 ? "STRING" : with_length(type.fixed_length ? "CHAR" : "VARCHAR", type.length);
    case TypeKind::kBytes:
      return type.length == 0 ? "BYTES" : with_length(type.fixed_length ? "BINARY" : "VARBINARY", type.length);
    case TypeKind::kDate: return "DATE";
    case TypeKind::kTime: return fmt::format("TIME({})", type.precision);
    case TypeKind::kTimestamp: return fmt::format("TIMESTAMP({})", type.precision);
    case TypeKind::kTimestampTz: return fmt::format("TIMESTAMP_LTZ({})", type.precision);
    case TypeKind::kYear: return "INT";
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kUuid: return "STRING";
    case TypeKind::kBit: return with_length("BINARY", (type.length + 7) / 8);
    case TypeKind::kGeometry: return "BYTES";
  }
  return "STRING";
}

}  // namespace

Storage storage_of(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kYear: return Storage::kInt64;
    case TypeKind::kFloat:
    case TypeKind::kDouble: return Storage::kDouble;
    case TypeKind::kDecimal:
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: return Storage::kBytes;
  }
  return Storage::kBytes;
}

bool operator==(const DataType& a, const DataType& b) {
  const bool labels_equal = a.labels == b.labels || (a.labels && b.labels && *a.labels == *b.labels);
  const bool structures_equal =
      a.structure == b.structure || (a.structure && b.structure && *a.structure == *b.structure);
  return labels_equal && structures_equal && a.kind == b.kind && a.nullable == b.nullable && a.length == b.length &&
         a.precision == b.precision && a.scale == b.scale && a.fixed_length == b.fixed_length &&
         a.source_type == b.source_type;
}

std::string type_text(const DataType& type) { return text_of(type) + (type.nullable ? "" : " NOT NULL"); }

std::optional<uint32_t> TableSchema::find_column(std::string_view name) const {
  for (uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  for (uint32_t i = 0; i < columns.size(); ++i) {
    if (equal_without_case(columns[i].name, name)) return i;
  }
  return std::nullopt;
}

bool TableSchema::is_key(uint32_t column) const { return std::ranges::find(key, column) != key.end(); }

}  // namespace sluice
