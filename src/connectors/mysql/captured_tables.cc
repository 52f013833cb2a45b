// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/captured_tables.h"

#include "base/log.h"
#include "connectors/mysql/ddl_apply.h"

namespace sluice::mysql {

bool CapturedTables::contains(const TableId& table) const {
  if (!include.matches(table) || (exclude && exclude->matches(table))) return false;
  if (!is_schema_change_helper(table.table)) return true;
  // "_orders_gho" belongs to "orders".
  const std::string& name = table.table;
  return !include.matches({table.schema, name.substr(1, name.rfind('_') - 1)});
}

void warn_of_old_rows(const CapturedTables& captured, const std::vector<TableId>& tables, std::string_view statement) {
  for (const TableId& table : tables) {
    if (!captured.contains(table) || is_schema_change_helper(table.table)) continue;
    log_warn(
        "rows of table {} in the target do not follow this statement, whose outcome the log does not tell, and the job "
        "only follows the log: {}; run sluice verify --repair",
        table.text(), statement);
  }
}

}  // namespace sluice::mysql
