// SPDX-License-Identifier: Apache-2.0
// The `mysql` connector, source and sink.
#pragma once

#include "connector/registry.h"

namespace sluice {

// `type: mysql`: source and sink for MySQL 8 and 9 and MariaDB 10.11 and later.
ConnectorInfo mysql_connector();

}  // namespace sluice
