// SPDX-License-Identifier: Apache-2.0
#include "transform/common_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "transform/decimal.h"
#include "transform/functions.h"

namespace sluice {

namespace {

DataType common_number(const DataType& a, const DataType& b) {
  if (is_integer(a.kind) && is_integer(b.kind)) {
    const bool year = a.kind == TypeKind::kYear || b.kind == TypeKind::kYear;
    return plain_type(year ? TypeKind::kInt32 : std::max(a.kind, b.kind));
  }
  if (is_floating(a.kind) || is_floating(b.kind)) return plain_type(TypeKind::kDouble);
  if (has_any_digits(a) || has_any_digits(b)) return plain_type(TypeKind::kDecimal);
  const auto scale = [](const DataType& one) { return one.kind == TypeKind::kDecimal ? one.scale : uint16_t{0}; };
  const auto integer = [&](const DataType& one) { return decimal_digits(one) - scale(one); };
  DataType decimal = plain_type(TypeKind::kDecimal);
  decimal.scale = std::max(scale(a), scale(b));
  decimal.precision =
      static_cast<uint16_t>(std::min(std::max(integer(a), integer(b)) + decimal.scale, kMaxDecimalPrecision));
  return decimal;
}

// Parts need a type in which the JSON text of either is read as the same value.
std::optional<DataType> common_structure(const DataType& a, const DataType& b) {
  if (a.structure == nullptr || b.structure == nullptr) return std::nullopt;
  const auto& left = a.structure->parts;
  const auto& right = b.structure->parts;
  if (a.structure->form != b.structure->form || left.size() != right.size()) return std::nullopt;
  auto structure = std::make_shared<Structure>(Structure{a.structure->form, {}});
  for (size_t i = 0; i < left.size(); ++i) {
    auto part = common_type(left[i], right[i]);
    const bool zoned = left[i].kind == TypeKind::kTimestampTz || right[i].kind == TypeKind::kTimestampTz;
    if (!part || (zoned && left[i].kind != right[i].kind)) return std::nullopt;
    part->nullable = true;
    structure->parts.push_back(std::move(*part));
  }
  DataType common = plain_type(TypeKind::kJson);
  common.structure = std::move(structure);
  return common;
}

}  // namespace

std::optional<DataType> common_type(const DataType& a, const DataType& b) {
  if (a.structure != nullptr || b.structure != nullptr) return common_structure(a, b);
  DataType common = b;
  common.nullable = a.nullable;
  if (common == a) return common;
  if (is_text(a) && is_text(b)) return plain_type(TypeKind::kString);
  if (is_binary(a.kind) && is_binary(b.kind)) return plain_type(TypeKind::kBytes);
  if (is_instant(a.kind) && is_instant(b.kind)) {
    common = plain_type(std::max(a.kind, b.kind));
    common.precision = std::max(a.kind == TypeKind::kDate ? uint16_t{0} : a.precision,
                                b.kind == TypeKind::kDate ? uint16_t{0} : b.precision);
    return common;
  }
  if (a.kind == TypeKind::kTime && b.kind == TypeKind::kTime) {
    common.precision = std::max(a.precision, b.precision);
    return common;
  }
  if (is_numeric(a.kind) && is_numeric(b.kind)) return common_number(a, b);
  return std::nullopt;
}

Result<DataType> unify(ExpressionList& arguments, const Dialect& dialect) {
  std::optional<DataType> common;
  bool same = true;
  for (const auto& argument : arguments) {
    if (argument->is_interval()) return type_mistake("an interval cannot stand here");
    if (argument->is_null_literal()) continue;
    DataType type = argument->type();
    type.source_type.clear();
    if (!common) {
      common = std::move(type);
      continue;
    }
    type.nullable = common->nullable;
    if (type == *common) continue;
    same = false;
    auto wider = common_type(*common, type);
    if (!wider) return type_mistake(fmt::format("{} and {} have no common type", type_text(*common), type_text(type)));
    common = std::move(wider);
  }
  if (!common) return plain_type(TypeKind::kString);
  common->nullable = false;
  for (auto& argument : arguments) {
    if (same && !argument->is_null_literal()) continue;
    ASSIGN_OR_RETURN(argument, make_cast(std::move(argument), *common, CastMode::kCast, dialect));
  }
  return *common;
}

}  // namespace sluice
