// SPDX-License-Identifier: Apache-2.0
// A job's description in any of the languages there are: Flink CDC's pipeline YAML, or a Debezium connector's file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/job_spec.h"
#include "config/setting.h"

namespace sluice {

struct JobText {
  std::string file;  // names it in messages, and its language by the ending
  std::string_view text;
};

// What goes with the file of a connector; null: not given.
struct ConnectorExtras {
  // Where to, which such files do not say: YAML with the blocks sink, route, transform and pipeline, or the .properties
  // of a Kafka Connect worker. Null: into the Kafka that the connector's file names.
  const JobText* sink = nullptr;
  // What Kafka Connect keeps of where the connector stands (connect_offsets.h): the job begins there, without a copy.
  const JobText* offsets = nullptr;
};

// Adds every mistake to `problems`. Null if nothing was understood; otherwise what was, so that its connectors can be
// checked too: the job may only run if `problems` has no errors.
std::optional<JobSpec> parse_job(const JobText& job, const ConnectorExtras& extras, Problems& problems);

}  // namespace sluice
