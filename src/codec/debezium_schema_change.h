// SPDX-License-Identifier: Apache-2.0
// The parts of Debezium's records of schema changes: what a statement did to the tables of each database. Of columns,
// character set, AUTO_INCREMENT and whether they are generated are not known here, and null.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/change_batch.h"

namespace sluice {

struct TableChange {
  std::string_view type;  // CREATE, ALTER, DROP
  TableId id;
  TableSchemaPtr table;  // null: it is gone
};
struct DatabaseChange {
  std::string database;
  std::string tables;  // their names, separated by commas
  std::vector<TableChange> changes;
};
// Empty if the statement changed no table's columns.
std::vector<DatabaseChange> changes_by_database(const SchemaChangeEvent& event);

// {"schema":..,"payload": of key and value; `name` is that of the connector's schemas.
std::string schema_change_key_start(const std::string& name);
std::string schema_change_value_start(const std::string& name, const std::string& source_schema);
// The members behind ts_ms.
void append_schema_change(const DatabaseChange& change, const std::string& ddl, std::string& out);

}  // namespace sluice
