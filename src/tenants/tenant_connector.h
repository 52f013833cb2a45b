// SPDX-License-Identifier: Apache-2.0
// `type: tenant`: a tenant of `sluice server` as source and sink of jobs by its name. It is the connector `mysql`, told
// by the server's catalog and the tenant's client.cnf where to connect and as whom.
#pragma once

#include "connector/registry.h"

namespace sluice {

ConnectorInfo tenant_connector();

}  // namespace sluice
