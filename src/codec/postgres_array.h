// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's arrays as the server prints them: "{1,NULL,\"a b\"}", with the type's name ("integer[]").
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

// The type of the elements; nothing if Debezium has no form for arrays of it.
std::optional<DataType> postgres_element_type(const DataType& array);
// Calls `take` for each element, with nothing for NULL. False if the text is no array of one dimension.
bool for_each_array_element(std::string_view text, const std::function<Result<>(std::optional<std::string_view>)>& take,
                            Result<>& result);
// Appends an element; false if the text is none of its type.
bool append_array_element(ColumnVector& values, const DataType& type, std::string_view text);

}  // namespace sluice
