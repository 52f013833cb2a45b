// SPDX-License-Identifier: Apache-2.0
// The sink `type: values` prints one event a line, to standard output or to a file. Formats: `flink`, as Flink CDC
// prints its events (with schema changes); `changelog`, as Flink SQL prints rows; `debezium-json`
// (codec/debezium_json.h). Values are printed as codec/java_text.h says.
//
// It keeps no ledger: after a crash the engine repeats what was not committed (at-least-once). Changes are printed
// when their group is committed, in the source's order over all tables. Rows of a snapshot are printed earlier when
// many wait. With several lanes each prints in order, but lanes interleave.
#pragma once

#include <memory>
#include <string>

#include "connector/registry.h"
#include "connectors/values/line_output.h"

namespace sluice {

struct ValuesOptions {
  bool print_enabled = true;
  std::string format;
  std::string path;  // empty: standard output
  bool error_on_schema_change = false;

  static std::span<const Option<ValuesOptions>> options();
};

ConnectorInfo values_connector();

// A writer of a values sink; `output` null prints nothing.
std::unique_ptr<SinkWriter> make_values_writer(const ValuesOptions& options, std::shared_ptr<LineOutput> output);

}  // namespace sluice
