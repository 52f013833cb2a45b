// SPDX-License-Identifier: Apache-2.0
#include "languages/job_language.h"

#include "config/yaml.h"
#include "languages/connector_file.h"
#include "languages/pipeline_yaml.h"

namespace sluice {
namespace {

// Kafka Connect's JSON, which is YAML too: {"name": .., "config": {..}}, or what is in "config" alone.
bool is_connector(const YamlNode& root) {
  return root.find("connector.class") != nullptr || (root.find("config") != nullptr && root.find("source") == nullptr);
}

}  // namespace

std::optional<JobSpec> parse_job(const JobText& job, const ConnectorExtras& extras, Problems& problems) {
  if (job.file.ends_with(".properties")) {
    return parse_connector(connector_properties(job, problems), extras, problems);
  }
  const auto root = parse_yaml(job.file, job.text, problems);
  if (!root) return std::nullopt;
  if (is_connector(*root)) return parse_connector(connector_json(job.file, *root, problems), extras, problems);
  if (extras.sink != nullptr || extras.offsets != nullptr) {
    problems.error({job.file, 1}, "", "the job file is no connector's, and has a sink and a beginning of its own",
                   "--sink and --take-over are for the files of Debezium's connectors; leave them out.");
  }
  return parse_pipeline(job.file, *root, true, problems);
}

}  // namespace sluice
