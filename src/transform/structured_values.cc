// SPDX-License-Identifier: Apache-2.0
#include "transform/structured_values.h"

#include <fmt/format.h>

#include <utility>

#include "data/json_value.h"
#include "data/value_text.h"
#include "transform/common_type.h"
#include "transform/json_text.h"
#include "transform/utf8.h"

namespace sluice {

namespace {

DataType part_type(DataType type) {
  if (is_text(type) && type.kind != TypeKind::kString) type = plain_type(TypeKind::kString);
  if (type.kind == TypeKind::kYear) type = plain_type(TypeKind::kInt32);
  if (type.kind == TypeKind::kBit || type.kind == TypeKind::kGeometry) type = plain_type(TypeKind::kBytes);
  type.source_type.clear();
  type.nullable = true;
  return type;
}

// What a JSON token stands for as text: a string without quotes, everything else as it is.
void append_content(std::string_view json, std::string& out) {
  if (json.starts_with('"')) {
    append_unquoted_json(json, out);
  } else {
    out += json;
  }
}

// As Java's toString() of the lists and maps that Flink CDC computes with.
void append_printed(std::string_view json, const DataType& type, std::string& out) {
  if (type.structure == nullptr) return append_content(json, out);
  const Structure& structure = *type.structure;
  if (structure.form == StructureForm::kVariant || json == "null") {
    out += json;
    return;
  }
  const bool map = structure.form == StructureForm::kMap;
  out += map ? '{' : '[';
  JsonParts parts(json);
  for (size_t i = 0; parts.next(); ++i) {
    if (i > 0) out += ", ";
    if (map) {
      append_unquoted_json(parts.name(), out);
      out += '=';
    }
    append_printed(parts.value(), structure.parts[map ? 1 : structure.form == StructureForm::kRow ? i : 0], out);
  }
  out += map ? '}' : ']';
}

ExpressionList one(ExpressionPtr value) {
  ExpressionList list;
  list.push_back(std::move(value));
  return list;
}

}  // namespace

DataType structured_type(StructureForm form, std::vector<DataType> parts) {
  auto structure = std::make_shared<Structure>(Structure{form, {}});
  for (auto& part : parts) structure->parts.push_back(part_type(std::move(part)));
  DataType type = plain_type(TypeKind::kJson);
  type.structure = std::move(structure);
  return type;
}

bool has_form(const DataType& type, StructureForm form) {
  return type.structure != nullptr && type.structure->form == form;
}

bool append_part_text(const ColumnVector& values, const DataType& type, size_t row, std::string& out) {
  if (!values.has_value(row)) {
    out += "null";
  } else if (type.structure != nullptr) {
    out += values.bytes_at(row);
  } else {
    if (is_text(type) && !utf8_valid(values.bytes_at(row))) return false;
    append_json_value(values, type, row, out);
  }
  return true;
}

bool append_part(std::string_view json, const DataType& type, std::string& scratch, ColumnVector& out) {
  if (json == "null") {
    out.append_null();
    return true;
  }
  if (type.structure != nullptr) {
    out.append_bytes(json);
    return true;
  }
  scratch.clear();
  append_content(json, scratch);
  if (!is_binary(type.kind)) return append_parsed(out, type, scratch).has_value();
  std::string bytes;
  if (!decode_base64(scratch, bytes)) return false;
  out.append_bytes(bytes);
  return true;
}

Result<ExpressionPtr> cast_structured(ExpressionPtr value, const DataType& target, CastMode mode,
                                      const Dialect& dialect) {
  const DataType from = value->type();
  if (target.structure != nullptr) {
    auto common = common_type(from, target);
    if (common) common->nullable = target.nullable;
    if (common != target) {
      return Error(ErrorCode::kConfig, fmt::format("{} cannot be converted to {}", type_text(from), type_text(target)));
    }
    return make_strict(target, one(std::move(value)), [](Call& call) { call.out.append_bytes(call.text(0)); });
  }
  if (has_form(from, StructureForm::kVariant)) {
    auto content = make_partial(plain_type(TypeKind::kString), one(std::move(value)), [](Call& call) {
      if (call.text(0) == "null") return call.out.append_null();
      call.scratch.clear();
      append_content(call.text(0), call.scratch);
      call.out.append_bytes(call.scratch);
    });
    return make_cast(std::move(content), target, mode, dialect);
  }
  if (target.kind != TypeKind::kString) {
    return Error(ErrorCode::kConfig, fmt::format("{} cannot be converted to {}", type_text(from), type_text(target)),
                 "Take its parts with a subscript, or CAST it AS STRING.");
  }
  auto text =
      make_strict(plain_type(TypeKind::kString), one(std::move(value)), [from, java = dialect.flink](Call& call) {
        if (!java) return call.out.append_bytes(call.text(0));
        call.scratch.clear();
        append_printed(call.text(0), from, call.scratch);
        call.out.append_bytes(call.scratch);
      });
  return make_cast(std::move(text), target, mode, dialect);
}

}  // namespace sluice
