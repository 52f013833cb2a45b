// SPDX-License-Identifier: Apache-2.0
// Cuts tables into ranges of their first key column (or a configured one), so that they are copied in parallel and a
// killed copy loses one chunk. The server compares keys, always: bounds are literals in its own order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connector/source.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_source_options.h"

namespace sluice::mysql {

// The column to cut by; nothing for a table without key and without a configured column: it is one chunk.
// kConfig if a configured column does not exist.
Result<std::optional<uint32_t>> chunk_column(const TableSchema& schema, const MysqlSourceOptions& options);

Result<std::vector<SnapshotChunk>> split_table(Context& context, MysqlConnection& connection, const TableSchema& schema,
                                               const MysqlSourceOptions& options);

// Integer columns: their bounds can be computed and compared here, all others only by the server.
bool is_integer(TypeKind kind);

// "`id` >= 10 AND `id` < 20"; empty for a whole table.
std::string chunk_condition(const MysqlConnection& connection, const TableSchema& schema, uint32_t column,
                            const SnapshotChunk& chunk);
// How the value of a column is fetched for use as a bound; `name` is quoted.
std::string bound_expression(const Column& column, const std::string& name);
// A bound or value of the column as a literal. Binary columns have their values in hex.
std::string key_literal(const MysqlConnection& connection, const Column& column, std::string_view value);

}  // namespace sluice::mysql
