// SPDX-License-Identifier: Apache-2.0
// The sink `type: file`: one event a line, in the source's order over all tables, in files that appear in a folder when
// they are whole, exactly once. Formats: `debezium`, the values of Debezium's change events; `flink`, `changelog` and
// `debezium-json` (codec/row_format.h). Schema changes and tombstones make no lines.
//
// A file holds whole transactions of the source. What an ended run has committed is in whole files.
#pragma once

#include "connector/registry.h"

namespace sluice {

ConnectorInfo file_connector();

}  // namespace sluice
