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

// Files that go with a Debezium connector's (languages/job_language.h); empty if not given.
struct ConnectorPaths {
  std::string sink;
  std::string offsets;
};

// Adds every mistake of the files to `problems`, warnings too; null if there is an error.
std::optional<LoadedJob> load_job(const std::string& path, const ConnectorPaths& more,
                                  const ConnectorRegistry& registry, Problems& problems);

// The same of a job file from text; `path` names it in messages.
std::optional<LoadedJob> load_job_text(const std::string& path, std::string_view text,
                                       const ConnectorRegistry& registry, Problems& problems);

}  // namespace sluice
