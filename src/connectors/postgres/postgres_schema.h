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
  bool other_unique = false;            // a unique index or an exclusion beside the primary key
  bool referenced = false;              // by a foreign key
  bool references = false;              // others, by foreign keys of its own
  bool triggers = false;                // or rules, which may look at other rows
  bool lacks_key = false;               // made for a copy that was not finished
};
Result<PostgresTarget> describe_postgres_table(Context& context, PostgresConnection& connection, const TableId& table);

std::string qualified(const TableId& table);
// The statements that make the change to a table in the state `before`.
std::vector<std::string> postgres_ddl(const SchemaChange& change);
// Makes the change as far as it is not made yet, in one transaction.
Result<> apply_postgres_change(Context& context, PostgresConnection& connection, const SchemaChange& change);

// Tables for a copy are made without their primary key, which is built when all rows are there: that costs the server
// less, and far less where readers are many or keys are text. Comments on the key's columns remember it, so that it
// goes with the table whatever happens to the job.
Result<> create_postgres_table_for_copy(Context& context, PostgresConnection& connection, const TableSchemaPtr& table);
Result<std::vector<TableId>> postgres_tables_without_key(Context& context, PostgresConnection& connection);
// Tables in which rows of different keys get into each other's way: another unique index, or a key that is not compared
// byte by byte.
Result<std::vector<TableId>> postgres_tables_to_confine(Context& context, PostgresConnection& connection);
// Builds the key if the table still lacks it. `Alone` in a transaction of its own, else in the open one.
Result<> add_postgres_key(Context& context, PostgresConnection& connection, const TableId& table, bool alone);

}  // namespace sluice
