// SPDX-License-Identifier: Apache-2.0
// How a MySQL or MariaDB server hashes rows (connector/row_hasher.h), as source and as target.
#pragma once

#include <string>
#include <vector>

#include "connector/row_hasher.h"
#include "connectors/mysql/mysql_connection.h"

namespace sluice {

std::vector<std::string> mysql_hash_forms(const MysqlConnection& connection, const TableSchema& schema);
// `from`: " FROM t WHERE ...".
Result<HashedRows> hash_mysql_rows(Context& context, MysqlConnection& connection, const TableSchema& schema,
                                   const std::string& from);

}  // namespace sluice
