// SPDX-License-Identifier: Apache-2.0
// Tables of a PostgreSQL target: reading their shape from the catalog, and making schema changes. Source database
// shop becomes PostgreSQL's schema "shop", made if it is missing; without one the search path decides.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_types.h"
#include "data/change_batch.h"

namespace sluice {

struct PostgresTarget {
  std::vector<PostgresColumn> columns;  // empty: the table does not exist
  bool other_unique = false;            // a unique index beside the primary key
  bool referenced = false;              // by a foreign key
};
Result<PostgresTarget> describe_postgres_table(Context& context, PostgresConnection& connection, const TableId& table);

std::string qualified(const TableId& table);
// The statements that make the change to a table in the state `before`.
std::vector<std::string> postgres_ddl(const SchemaChange& change);
// Makes the change as far as it is not made yet, in one transaction.
Result<> apply_postgres_change(Context& context, PostgresConnection& connection, const SchemaChange& change);

}  // namespace sluice
