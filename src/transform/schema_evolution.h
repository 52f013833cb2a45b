// SPDX-License-Identifier: Apache-2.0
// What happens to a target's schema when source schemas change or several source tables share one target. Pure
// functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "data/change_batch.h"
#include "data/types.h"

namespace sluice {

// Old and new name of a renamed column.
using ColumnRenames = std::vector<std::pair<std::string, std::string>>;

// The changes that lead from one schema of a table to the next, in the order drop, rename, alter, add; each with the
// schema before and after it, so that the last one's `after` is `after`. Empty if the schemas are equal.
std::vector<SchemaChange> diff_schemas(const TableSchemaPtr& before, const TableSchemaPtr& after,
                                       const ColumnRenames& renames);

// The narrowest schema that holds the rows of both: columns united by name, those of `current` first, types widened,
// a column that one side lacks made nullable. Id, key and comment are those of `current`. A pair of types without a
// common one, and different keys, are kConfig naming both tables (`current_source` is what the target was made from).
Result<TableSchema> merge_schemas(const TableSchema& current, const TableId& current_source,
                                  const TableSchema& addition, const TableId& addition_source);

}  // namespace sluice
