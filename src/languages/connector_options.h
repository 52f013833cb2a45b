// SPDX-License-Identifier: Apache-2.0
// What becomes of each option of Debezium's MySQL, MariaDB and PostgreSQL connectors, declared once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice {

enum class ConnectorKind : uint8_t { kMysql = 1, kMariadb = 2, kPostgres = 4 };

enum class Fate : uint8_t {
  kSource,    // an option of our source, called `note`
  kEvents,    // an option of the sink kafka, with the same name
  kPipeline,  // an option of the pipeline block, with the same name
  kHandled,   // connector_file.cc reads it
  kNoEffect,  // without meaning here, because of `note`: a warning
  kRefused,   // would change what arrives, and is not there: an error with `note`
};

struct ConnectorOption {
  std::string_view name;  // "x.*": all that begin with "x."
  uint8_t kinds;          // bits of ConnectorKind that have it
  Fate fate;
  std::string_view note{};      // a name, or what follows "because"
  std::string_view harmless{};  // the value that needs no warning and no refusal: mostly the default
};

// Null if no connector of the kind has it.
const ConnectorOption* find_connector_option(std::string_view name, ConnectorKind kind);
// All names, for suggestions.
std::vector<std::string_view> connector_option_names(ConnectorKind kind);

}  // namespace sluice
