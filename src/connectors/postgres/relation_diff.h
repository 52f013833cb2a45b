// SPDX-License-Identifier: Apache-2.0
// What became of a table between two shapes in the log. The log does not carry ALTER TABLE: it tells names and types
// only, so columns are matched with the help of the catalog, by attribute number. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/pgoutput_message.h"
#include "connectors/postgres/postgres_catalog.h"
#include "data/change_batch.h"

namespace sluice {

// What rows that were there got in a column that was added.
struct AddedValue {
  bool known = false;
  std::optional<std::string> text;  // null: NULL
};

// The catalog, as of now, which may be later than the shape in the log.
struct RelationCatalog {
  std::optional<PostgresTable> today;  // nothing: the table is gone
  std::function<Result<DataType>(uint32_t type, int32_t modifier)> type;
  std::function<Result<AddedValue>(int16_t attribute)> added;
};

struct RelationDiff {
  PostgresTable table;                // to be tracked from here on
  std::vector<SchemaChange> changes;  // from the tracked shape to the new one, in an order that can be carried out
  // Why the changes do not tell the rows that are there, so that the table must be copied; empty if they do.
  std::string copy_reason;
};

// `tracked` is the same table (by oid) as it was before.
Result<RelationDiff> diff_relation(const PgoutputRelation& shape, const PostgresTable& tracked,
                                   const RelationCatalog& catalog);

// A table that is met for the first time, or has taken the place of another.
Result<PostgresTable> new_relation(const PgoutputRelation& shape, const RelationCatalog& catalog);

// True if names, types and order of columns and the table's name are the tracked ones.
bool same_shape(const PgoutputRelation& shape, const PostgresTable& tracked);

}  // namespace sluice
