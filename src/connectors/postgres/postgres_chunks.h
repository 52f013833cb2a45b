// SPDX-License-Identifier: Apache-2.0
// Cuts tables into ranges, so that they are copied in parallel and a killed copy loses one chunk: of the first key
// column (or a configured one) where its order is plain, else of the rows' places in the table (ctid). The latter hold
// within one snapshot only, because rows move.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connector/source.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {

Result<std::vector<SnapshotChunk>> split_postgres_table(Context& context, PostgresConnection& connection,
                                                        const TableSchema& schema,
                                                        const PostgresSourceOptions& options);

// The column that the table is cut by; nothing if it is cut by places.
Result<std::optional<uint32_t>> postgres_chunk_column(const TableSchema& schema, const PostgresSourceOptions& options);

// True if the bounds are places in the table.
bool is_place_chunk(const SnapshotChunk& chunk);
// " WHERE "id" >= '10' AND "id" < '20'"; empty for a whole table.
Result<std::string> postgres_chunk_condition(const SnapshotChunk& chunk, const TableSchema& schema,
                                             const PostgresSourceOptions& options);

}  // namespace sluice
