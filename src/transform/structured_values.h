// SPDX-License-Identifier: Apache-2.0
// Arrays, maps, rows and variants: JSON text (see json_text.h) under a DataType that knows the parts. An array is a
// JSON array, a map an object of its keys' texts in the order they were put, a row an object with members f0, f1, ...;
// a variant is any document. Parts are written as data/json_value.h says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transform/casts.h"
#include "transform/expression.h"

namespace sluice {

constexpr size_t kMaxStructuredSize = 64 << 20;

// The parts as they are kept: nullable, and without what JSON does not show.
DataType structured_type(StructureForm form, std::vector<DataType> parts);
bool has_form(const DataType& type, StructureForm form);

// Appends a value as a part, NULL as null. False: the text is not UTF-8, so JSON cannot hold it.
bool append_part_text(const ColumnVector& values, const DataType& type, size_t row, std::string& out);
// Appends a part of an array, map or row as the value of the part's type; false if it cannot be read. Uses `scratch`
// for text under construction.
bool append_part(std::string_view json, const DataType& type, std::string& scratch, ColumnVector& out);

// To text: JSON, in the flink dialect as Java prints lists and maps. A variant also to any scalar type: by what it
// holds, JSON's null being NULL.
Result<ExpressionPtr> cast_structured(ExpressionPtr value, const DataType& target, CastMode mode,
                                      const Dialect& dialect);

}  // namespace sluice
