// SPDX-License-Identifier: Apache-2.0
// How statements reach the server: Unix sockets in its data folder, one with lines of JSON for `sluice sql` and one in
// MySQL's protocol for its clients. The folder's and the sockets' permissions are the access control. A port of
// loopback is opened only where it is asked for, and has a password, new at every start, in the folder's client.cnf.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/result.h"
#include "tenants/tenant_server.h"

namespace sluice {

// Serves until the context is asked to stop; with a port, there too (0: any free one).
Result<> serve_statements(Context& context, TenantServer& server, std::optional<int64_t> port);

// Sends statements to the server of a data folder, and hands over each result when it is there. An error of a statement
// ends the rest; it has a number (sql_error.h).
Result<> send_statements(const std::string& folder, const std::string& statements,
                         const std::function<void(const StatementResult&)>& on_result);

}  // namespace sluice
