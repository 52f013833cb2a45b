// SPDX-License-Identifier: Apache-2.0
// While the log overlaps the copy: which changes a copied table already has. Chunks of one table may have been read at
// different positions (readers of MariaDB, resumed copies), so a change is judged by the chunk that its key belongs to,
// and the server says which one that is where its order is not that of integers. Used by the log reader's thread.
#pragma once

#include <memory>
#include <vector>

#include "connector/source.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_position.h"
#include "connectors/mysql/mysql_source_options.h"
#include "connectors/mysql/mysql_types.h"

namespace sluice::mysql {

class ChunkFilter {
 public:
  // `chunks` are all of one table, any order.
  static Result<std::unique_ptr<ChunkFilter>> make(const std::vector<FinishedChunk>& chunks);

  enum class Known : uint8_t { kNone, kSome, kAll };
  // How much of a transaction the copied rows contain.
  Known known(const Transaction& transaction);
  // True once nothing behind `reached` can be in the copy.
  bool passed(const BinlogPosition& reached) const;

  // For a transaction of which kSome is known: drops from `batch` the rows that are. `column` is the chunk column,
  // whose values in the batch must be present.
  Result<> drop_known_rows(Context& context, MysqlConnection& connection, const Transaction& transaction,
                           uint32_t column, const std::string& collation, ChangeBatch& batch);

 private:
  struct Chunk {
    SnapshotChunk range;
    size_t position;  // index into positions_
  };
  Result<std::vector<size_t>> chunks_of(Context& context, MysqlConnection& connection, uint32_t column,
                                        const std::string& collation, const ChangeBatch& batch) const;

  std::vector<Chunk> chunks_;              // ordered by index, hence by range
  std::vector<BinlogPosition> positions_;  // distinct
};

}  // namespace sluice::mysql
