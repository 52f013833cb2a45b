// SPDX-License-Identifier: Apache-2.0
// `sluice connectors [NAME] [--markdown]`: what exists, and every option of a connector, from the options' own tables.
#pragma once

#include <optional>
#include <string>

#include "cli/command_line.h"
#include "connector/registry.h"

namespace sluice {

std::string connectors_table(const ConnectorRegistry& registry);
// Null if there is no connector of this name; "pipeline" is the block of a job file.
std::optional<std::string> connector_text(const ConnectorRegistry& registry, const std::string& name);
std::optional<std::string> connector_markdown(const ConnectorRegistry& registry, const std::string& name);

// Prints on standard output; 2 for an unknown name.
int connectors_command(const Command& command, const ConnectorRegistry& registry);

}  // namespace sluice
