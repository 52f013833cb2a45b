// SPDX-License-Identifier: Apache-2.0
// Registration of the connector `postgres`.
#pragma once

#include "connector/registry.h"

namespace sluice {

ConnectorInfo postgres_connector();

}  // namespace sluice
