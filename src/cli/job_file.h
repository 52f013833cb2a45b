// SPDX-License-Identifier: Apache-2.0
// A job file made ready: read, parsed, its connectors and transforms built. Nothing is connected.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/job_spec.h"
#include "config/setting.h"
#include "connector/registry.h"
#include "transform/job_transform.h"

namespace sluice {

struct LoadedJob {
  JobSpec spec;
  std::unique_ptr<Source> source;
  std::unique_ptr<Sink> sink;
  std::unique_ptr<JobTransform> transform;
};

// Adds every mistake of the file to `problems`, warnings too; null if there is an error. `sink_path`: for a Debezium
// connector's file, the one that says where to; empty if none is given.
std::optional<LoadedJob> load_job(const std::string& path, const std::string& sink_path,
                                  const ConnectorRegistry& registry, Problems& problems);

// The same of a job file from text; `path` names it in messages.
std::optional<LoadedJob> load_job_text(const std::string& path, std::string_view text,
                                       const ConnectorRegistry& registry, Problems& problems);

}  // namespace sluice
