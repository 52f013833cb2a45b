// SPDX-License-Identifier: Apache-2.0
// The one type that holds the values of several: of the branches of CASE, the arguments of COALESCE, the elements of an
// array.
#pragma once

#include <optional>

#include "transform/casts.h"
#include "transform/expression.h"

namespace sluice {

// Nothing if there is none.
std::optional<DataType> common_type(const DataType& a, const DataType& b);

// Converts all to their common type and returns it, not null; STRING if all are the literal NULL.
Result<DataType> unify(ExpressionList& arguments, const Dialect& dialect);

}  // namespace sluice
