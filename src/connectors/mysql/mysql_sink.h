// SPDX-License-Identifier: Apache-2.0
// The sink half of the connector `mysql`, for MySQL 8/9 and MariaDB 10.6 or newer: exactly once, rows and ledger share
// a transaction. Source table shop.orders goes to database "shop", made if missing; the ledger is in the option's
// `database`.
//
// Tables it creates are utf8mb4 in a collation that compares bytes (utf8mb4_nopad_bin, utf8mb4_0900_bin), so that keys
// which differ at the source never collide.
#pragma once

#include <memory>
#include <vector>

#include "connector/registry.h"
#include "connector/sink.h"

namespace sluice {

std::unique_ptr<Sink> make_mysql_sink(const Settings& settings, Problems& problems);
std::vector<OptionHelp> mysql_sink_options();

}  // namespace sluice
