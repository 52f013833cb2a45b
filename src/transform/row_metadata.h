// SPDX-License-Identifier: Apache-2.0
// Names that stand for facts about a row rather than for a column: __schema_name__, __table_name__, __namespace_name__,
// __data_event_type__, op_ts.
#pragma once

#include <string_view>

#include "data/types.h"
#include "transform/expression.h"

namespace sluice {

// Null if the name is none of them.
ExpressionPtr make_row_metadata(std::string_view name, const TableId& table);
// True for the names that no column may take: those with underscores.
bool is_reserved_metadata(std::string_view name);

}  // namespace sluice
