// SPDX-License-Identifier: Apache-2.0
#include "transform/schema_evolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

namespace sluice {

namespace {

constexpr int kMaxPrecision = 65;

const Column* exact_column(const TableSchema& schema, std::string_view name) {
  for (const auto& column : schema.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

// Collects the steps of a diff; `now` is the schema reached so far.
class DiffSteps {
 public:
  explicit DiffSteps(TableSchemaPtr start) : now_(std::move(start)) {}

  const TableSchema& now() const { return *now_; }
  void step(SchemaChangeKind kind, TableSchema next, std::vector<std::string> columns,
            std::vector<std::string> new_names = {}) {
    auto after = std::make_shared<const TableSchema>(std::move(next));
    changes_.push_back({kind, now_, after, std::move(columns), std::move(new_names)});
    now_ = std::move(after);
  }
  // The last step ends at exactly the final schema, also in what no step expresses (keys, comments).
  std::vector<SchemaChange> finish(const TableSchemaPtr& after) {
    if (!(*now_ == *after)) {
      if (changes_.empty()) {
        const bool comment = now_->comment != after->comment;
        step(comment ? SchemaChangeKind::kAlterTableComment : SchemaChangeKind::kAlterColumnType, *after, {});
      }
    }
    if (!changes_.empty()) changes_.back().after = after;
    return std::move(changes_);
  }

 private:
  TableSchemaPtr now_;
  std::vector<SchemaChange> changes_;
};

// Removes a column and keeps the key's indexes right.
void erase_column(TableSchema& schema, size_t index) {
  schema.columns.erase(schema.columns.begin() + static_cast<ptrdiff_t>(index));
  std::erase(schema.key, static_cast<uint32_t>(index));
  for (auto& key : schema.key) {
    if (key > index) --key;
  }
}

bool is_integer(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64;
}
bool is_number(TypeKind kind) {
  return is_integer(kind) || kind == TypeKind::kUInt64 || kind == TypeKind::kDecimal || kind == TypeKind::kFloat ||
         kind == TypeKind::kDouble;
}
bool is_binary(TypeKind kind) {
  return kind == TypeKind::kBytes || kind == TypeKind::kBit || kind == TypeKind::kGeometry;
}
bool is_point_in_time(TypeKind kind) {
  return kind == TypeKind::kDate || kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampTz;
}

int integer_digits(const DataType& type) {
  if (type.kind == TypeKind::kDecimal) return type.precision - type.scale;
  if (type.kind == TypeKind::kInt8) return 3;
  if (type.kind == TypeKind::kInt16) return 5;
  if (type.kind == TypeKind::kInt32) return 10;
  return type.kind == TypeKind::kInt64 ? 19 : 20;
}

DataType plain(TypeKind kind) {
  DataType type;
  type.kind = kind;
  return type;
}

std::optional<DataType> wider_number(const DataType& a, const DataType& b) {
  const auto either = [&](TypeKind kind) { return a.kind == kind || b.kind == kind; };
  if (is_integer(a.kind) && is_integer(b.kind)) return plain(std::max(a.kind, b.kind));
  if (either(TypeKind::kFloat) || either(TypeKind::kDouble)) {
    // A double holds no 64-bit integer or decimal exactly.
    if (either(TypeKind::kDecimal) || either(TypeKind::kUInt64) || either(TypeKind::kInt64)) return std::nullopt;
    const bool small = either(TypeKind::kInt8) || either(TypeKind::kInt16);
    return plain(either(TypeKind::kFloat) && small ? TypeKind::kFloat : TypeKind::kDouble);
  }
  DataType type = plain(TypeKind::kDecimal);
  const auto any_digits = [](const DataType& one) { return one.kind == TypeKind::kDecimal && one.precision == 0; };
  if (any_digits(a) || any_digits(b)) return type;
  const int digits = std::max(integer_digits(a), integer_digits(b));
  const int scale = std::max(a.kind == TypeKind::kDecimal ? a.scale : 0, b.kind == TypeKind::kDecimal ? b.scale : 0);
  if (digits + scale > kMaxPrecision) return std::nullopt;
  type.precision = static_cast<uint16_t>(digits + scale);
  type.scale = static_cast<uint16_t>(scale);
  return type;
}

DataType wider_text(const DataType& a, const DataType& b) {
  DataType type = plain(a.kind);
  type.length = a.length == 0 || b.length == 0 ? 0 : std::max(a.length, b.length);
  type.fixed_length = a.fixed_length && b.fixed_length && a.length == b.length;
  return type;
}

// The narrowest type for both; nothing if there is none that keeps every value.
std::optional<DataType> wider_type(const DataType& a, const DataType& b) {
  if (a.kind == b.kind && a.length == b.length && a.precision == b.precision && a.scale == b.scale &&
      a.fixed_length == b.fixed_length &&
      (a.labels == b.labels || (a.labels != nullptr && b.labels != nullptr && *a.labels == *b.labels))) {
    return a;
  }
  if (is_number(a.kind) && is_number(b.kind)) {
    if (auto number = wider_number(a, b)) return number;
    return plain(TypeKind::kString);
  }
  if (a.kind == b.kind && (a.kind == TypeKind::kString || a.kind == TypeKind::kBytes)) return wider_text(a, b);
  if (is_point_in_time(a.kind) && is_point_in_time(b.kind)) {
    DataType type = plain(std::max(a.kind, b.kind));
    type.precision = std::max(a.kind == TypeKind::kDate ? uint16_t{0} : a.precision,
                              b.kind == TypeKind::kDate ? uint16_t{0} : b.precision);
    return type;
  }
  if (a.kind == b.kind && a.kind == TypeKind::kTime) {
    DataType type = a;
    type.precision = std::max(a.precision, b.precision);
    return type;
  }
  if (is_binary(a.kind) || is_binary(b.kind)) return std::nullopt;
  return plain(TypeKind::kString);
}

Error conflict(const TableId& target, const TableId& first, const TableId& second, std::string what) {
  return Error(ErrorCode::kConfig,
               fmt::format("merging {} and {} into {}: {}", first.text(), second.text(), target.text(), what),
               "Give the tables different targets in the route block, or make them alike with a transform.");
}

std::vector<std::string> key_names(const TableSchema& schema) {
  std::vector<std::string> names;
  for (const auto index : schema.key) names.push_back(schema.columns[index].name);
  return names;
}

}  // namespace

std::vector<SchemaChange> diff_schemas(const TableSchemaPtr& before, const TableSchemaPtr& after,
                                       const ColumnRenames& renames) {
  DiffSteps steps(before);
  TableSchema next = *before;
  std::vector<std::string> old_names;
  std::vector<std::string> new_names;
  for (const auto& [old_name, new_name] : renames) {
    const auto found = std::find_if(next.columns.begin(), next.columns.end(),
                                    [&, &name = old_name](const Column& column) { return column.name == name; });
    if (found == next.columns.end() || exact_column(*after, old_name) != nullptr) continue;
    if (exact_column(*after, new_name) == nullptr || exact_column(*before, new_name) != nullptr) continue;
    found->name = new_name;
    old_names.push_back(old_name);
    new_names.push_back(new_name);
  }
  const TableSchema renamed = next;
  std::vector<std::string> dropped;
  next = *before;
  for (size_t i = next.columns.size(); i-- > 0;) {
    if (exact_column(*after, renamed.columns[i].name) != nullptr) continue;
    dropped.insert(dropped.begin(), next.columns[i].name);
    erase_column(next, i);
  }
  if (!dropped.empty()) steps.step(SchemaChangeKind::kDropColumns, next, dropped);
  if (!old_names.empty()) {
    for (auto& column : next.columns) {
      const auto found = std::find(old_names.begin(), old_names.end(), column.name);
      if (found != old_names.end()) column.name = new_names[static_cast<size_t>(found - old_names.begin())];
    }
    steps.step(SchemaChangeKind::kRenameColumn, next, old_names, new_names);
  }
  std::vector<std::string> altered;
  for (auto& column : next.columns) {
    const Column& wanted = *exact_column(*after, column.name);
    if (column == wanted) continue;
    column = wanted;
    altered.push_back(wanted.name);
  }
  if (!altered.empty()) steps.step(SchemaChangeKind::kAlterColumnType, next, altered);
  std::vector<std::string> added;
  for (const auto& column : after->columns) {
    if (exact_column(next, column.name) == nullptr) added.push_back(column.name);
  }
  if (!added.empty()) steps.step(SchemaChangeKind::kAddColumns, *after, added);
  return steps.finish(after);
}

Result<TableSchema> merge_schemas(const TableSchema& current, const TableId& current_source,
                                  const TableSchema& addition, const TableId& addition_source) {
  TableSchema merged = current;
  if (key_names(current) != key_names(addition)) {
    return conflict(current.id, current_source, addition_source,
                    fmt::format("their primary keys differ ({} and {})", fmt::join(key_names(current), ", "),
                                fmt::join(key_names(addition), ", ")));
  }
  for (auto& column : merged.columns) {
    const Column* other = exact_column(addition, column.name);
    if (other == nullptr) {
      column.type.nullable = true;
      continue;
    }
    auto type = wider_type(column.type, other->type);
    if (!type) {
      return conflict(current.id, current_source, addition_source,
                      fmt::format("column {} is {} in one and {} in the other", column.name, type_text(column.type),
                                  type_text(other->type)));
    }
    type->nullable = column.type.nullable || other->type.nullable;
    column.type = *type;
  }
  for (const auto& column : addition.columns) {
    if (exact_column(current, column.name) != nullptr) continue;
    merged.columns.push_back(column);
    merged.columns.back().type.nullable = true;
  }
  return merged;
}

}  // namespace sluice
