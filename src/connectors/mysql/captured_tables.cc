// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/captured_tables.h"

#include "connectors/mysql/ddl_apply.h"

namespace sluice::mysql {

bool CapturedTables::contains(const TableId& table) const {
  if (!include.matches(table) || (exclude && exclude->matches(table))) return false;
  if (!is_schema_change_helper(table.table)) return true;
  // "_orders_gho" belongs to "orders".
  const std::string& name = table.table;
  return !include.matches({table.schema, name.substr(1, name.rfind('_') - 1)});
}

}  // namespace sluice::mysql
