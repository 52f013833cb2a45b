// SPDX-License-Identifier: Apache-2.0
// Registration of the connector `sqlite`.
#pragma once

#include "connector/registry.h"

namespace sluice {

ConnectorInfo sqlite_connector();

}  // namespace sluice
