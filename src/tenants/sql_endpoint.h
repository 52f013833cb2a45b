// SPDX-License-Identifier: Apache-2.0
// How statements reach the server: a Unix socket in its data folder. The folder's and the socket's permissions are the
// access control, so that there is no password to keep and no port to guard. A request is a line of JSON, an answer a
// line for each statement and one that ends it.
#pragma once

#include <functional>
#include <string>

#include "base/context.h"
#include "base/result.h"
#include "tenants/tenant_server.h"

namespace sluice {

// Serves until the context is asked to stop.
Result<> serve_statements(Context& context, TenantServer& server);

// Sends statements to the server of a data folder, and hands over each result when it is there. An error of a statement
// ends the rest; it has a number (sql_error.h).
Result<> send_statements(const std::string& folder, const std::string& statements,
                         const std::function<void(const StatementResult&)>& on_result);

}  // namespace sluice
