// SPDX-License-Identifier: Apache-2.0
// What the source reads from PostgreSQL's catalogs: tables, columns, types. Pure functions over a connection.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_lsn.h"
#include "connectors/postgres/postgres_types.h"
#include "data/types.h"

namespace sluice {

enum class ReplicaIdentity : char { kDefault = 'd', kNothing = 'n', kFull = 'f', kIndex = 'i' };

// A column as the source tracks it. `attribute` (pg_attribute.attnum) never changes and is never reused, which tells a
// renamed column from a dropped and an added one.
struct PostgresSourceColumn {
  int16_t attribute = 0;
  uint32_t type = 0;      // pg_type.oid, of the domain itself where the column has one
  int32_t modifier = -1;  // atttypmod
  friend bool operator==(const PostgresSourceColumn&, const PostgresSourceColumn&) = default;
};

// What the columns were called before the transaction that commits at `commit` changed them: its rows may be older than
// that, also when it is read again after its changes were carried out.
struct PostgresColumnsBefore {
  Lsn commit;
  std::vector<std::pair<std::string, int16_t>> columns;  // name and attribute
};

// Generated columns are left out: the log does not carry them.
struct PostgresTable {
  uint32_t oid = 0;
  TableSchemaPtr schema;
  std::vector<PostgresSourceColumn> columns;  // parallel to schema->columns
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  bool partitioned = false;   // a partitioned table: holds no rows of its own
  bool is_partition = false;  // not part of the definition
  std::optional<PostgresColumnsBefore> before;
};
// One line of JSON with numbered format, for ledgers, and back. Two tables are the same if their JSON is.
std::string postgres_table_to_json(const PostgresTable& table);
Result<PostgresTable> postgres_table_from_json(std::string_view json);

// The definitions, as of now, of these tables (those that exist), or of all ordinary and partitioned tables outside the
// system schemas if `tables` is null.
Result<std::vector<PostgresTable>> read_postgres_tables(Context& context, PostgresConnection& connection,
                                                        const std::vector<TableId>* tables);
// The definition, as of now, of the table with this oid.
Result<std::optional<PostgresTable>> read_postgres_table(Context& context, PostgresConnection& connection,
                                                         uint32_t oid);

// The DataType of a column of this type; asks the catalog once per type that is not built in. The same mapping serves
// the copy and the log. Used by one thread.
class PostgresTypeCatalog {
 public:
  Result<DataType> data_type(Context& context, PostgresConnection& connection, uint32_t type, int32_t modifier,
                             bool nullable);

 private:
  Result<uint16_t> money_digits(Context& context, PostgresConnection& connection);

  std::optional<uint16_t> money_digits_;
  // Domains resolved; bare_type holds the whole text.
  struct Known {
    PostgresColumn column;
    std::shared_ptr<const std::vector<std::string>> labels;  // of an enum, or of the elements of an array
  };
  std::map<std::pair<uint32_t, int32_t>, Known> types_;  // by type and modifier
};

}  // namespace sluice
