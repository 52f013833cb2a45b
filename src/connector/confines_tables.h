// SPDX-License-Identifier: Apache-2.0
// What a sink with constraints tells besides the contract of sink.h: tables whose rows get into each other's way
// although their keys differ in bytes, so that all of their changes must pass through one writer. Found by
// dynamic_cast.
#pragma once

#include <set>
#include <span>

#include "base/context.h"
#include "base/result.h"
#include "data/types.h"

namespace sluice {

class ConfinesTables {
 public:
  virtual ~ConfinesTables() = default;
  // True if the types of the key alone say so: the target takes values for equal that it prints differently. Pure.
  virtual bool confines(const TableSchema&) const { return false; }
  // Those of the tables of which the target as it is says so: a unique index that does not contain the primary key, a
  // key that is compared by other rules. One request for all of them.
  virtual Result<std::set<TableId>> confined_tables(Context& context, std::span<const TableSchemaPtr> tables) = 0;
};

}  // namespace sluice
