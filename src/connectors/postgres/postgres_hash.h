// SPDX-License-Identifier: Apache-2.0
// How a PostgreSQL server hashes rows (connector/row_hasher.h), as source and as target.
#pragma once

#include <string>
#include <vector>

#include "connector/row_hasher.h"
#include "connectors/postgres/postgres_connection.h"

namespace sluice {

Result<std::vector<std::string>> postgres_hash_forms(Context& context, PostgresConnection& connection,
                                                     const TableSchema& schema);
// `from`: " FROM t WHERE ...", with these parameters.
Result<HashedRows> hash_postgres_rows(Context& context, PostgresConnection& connection, const TableSchema& schema,
                                      const std::string& from, const PostgresParameters& parameters);

}  // namespace sluice
