// SPDX-License-Identifier: Apache-2.0
// Debezium's MySQL, MariaDB and PostgreSQL connectors as jobs: the files that Kafka Connect or Debezium Server take, as
// they are. Options that cannot apply are named in warnings, those that would change what arrives and are not there are
// errors (connector_options.cc).
#pragma once

#include <optional>

#include "config/job_spec.h"
#include "config/setting.h"
#include "config/yaml.h"
#include "languages/job_language.h"

namespace sluice {

// The options of one connector, by Debezium's names.
struct ConnectorFile {
  Settings settings;
  std::string other_sink;  // of Debezium Server, if that is not Kafka
};

ConnectorFile connector_json(const std::string& file, const YamlNode& root, Problems& problems);
// A connector's or a standalone worker's file, or Debezium Server's (debezium.source.*, debezium.sink.*).
ConnectorFile connector_properties(const JobText& job, Problems& problems);

std::optional<JobSpec> parse_connector(ConnectorFile file, const ConnectorExtras& extras, Problems& problems);

}  // namespace sluice
