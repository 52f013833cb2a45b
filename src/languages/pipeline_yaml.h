// SPDX-License-Identifier: Apache-2.0
// The native job file: Flink CDC's pipeline YAML (blocks source, sink, route, transform, pipeline), with pipeline keys
// of our own: transform.semantics, read-limit.rows-per-second, read-limit.bytes-per-second, channel.bytes,
// commit.interval, restart.delay-max, restart.attempts.
//
// Nested maps in source, sink and pipeline are flattened with dots; lists are joined with ',' (a comma inside an item
// becomes
// "\,"). Values of source and sink may hold references (config/secrets.h). Schema change tags are expanded: the job
// spec holds single tags only, create.table among the included ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/job_spec.h"
#include "config/option.h"
#include "config/setting.h"
#include "config/yaml.h"

namespace sluice {

// Adds every mistake to `problems`. Null if the text is no map at all; otherwise what was understood, so that its
// connectors can be checked too: the job may only run if `problems` has no errors. Connector options are not checked
// here.
std::optional<JobSpec> parse_pipeline_yaml(std::string file_name, std::string_view text, Problems& problems);

// The same of a parsed document. Without source: the file names only where to and how (sink, route, transform,
// pipeline).
std::optional<JobSpec> parse_pipeline(std::string file_name, const YamlNode& root, bool with_source,
                                      Problems& problems);

// The keys of the block `pipeline`, for help and docs.
std::vector<OptionHelp> pipeline_option_help();

}  // namespace sluice
