// SPDX-License-Identifier: Apache-2.0
// Reads chunks in a snapshot whose place in the log is known exactly: a replication slot exports one when it is made,
// and all readers take it over. A table's lock is given back after each chunk, so that DDL at the source waits for one
// chunk at most; what DDL did to a table meanwhile is noticed at the next.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connector/key_range_reader.h"
#include "connector/source.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_slot.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {

// The snapshot must be there until this returns, not longer. The options must outlive the readers.
Result<std::vector<std::unique_ptr<ChunkReader>>> open_postgres_chunk_readers(Context& context,
                                                                              const PostgresSourceOptions& options,
                                                                              const ExportedSnapshot& snapshot,
                                                                              int count);

// Opens the snapshot of a temporary slot whenever it is asked for one. `options` live longer.
std::unique_ptr<KeyRangeReader> make_postgres_key_range_reader(const PostgresSourceOptions& options);

}  // namespace sluice
