// SPDX-License-Identifier: Apache-2.0
// The default of a column in its Connect schema: of the type and in the form of the column's values.
#pragma once

#include <string>
#include <string_view>

#include "codec/debezium_field.h"

namespace sluice {

// As JSON; empty if the column has none, or one that is not a constant. `zero` stands for the server's clock in columns
// that must not be NULL.
std::string event_default(const Column& column, const EventField& field, const DebeziumOptions& options,
                          std::string_view zero);

}  // namespace sluice
