// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as a source: consistent copy of tables, then a logical replication slot (plugin pgoutput).
#pragma once

#include <memory>
#include <vector>

#include "config/option.h"
#include "connector/source.h"

namespace sluice {

std::unique_ptr<Source> make_postgres_source(const Settings& settings, Problems& problems);
std::vector<OptionHelp> postgres_source_options();

}  // namespace sluice
