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

std::optional<JobSpec> parse_job(const JobText& job, const JobText* sink, Problems& problems) {
  if (job.file.ends_with(".properties")) {
    return parse_connector(connector_properties(job, problems), sink, problems);
  }
  const auto root = parse_yaml(job.file, job.text, problems);
  if (!root) return std::nullopt;
  if (is_connector(*root)) return parse_connector(connector_json(job.file, *root, problems), sink, problems);
  if (sink != nullptr) {
    problems.error({job.file, 1}, "", "a sink is given for a job file that has one of its own",
                   "--sink is for the files of Debezium's connectors; leave it out.");
  }
  return parse_pipeline(job.file, *root, true, problems);
}

}  // namespace sluice
