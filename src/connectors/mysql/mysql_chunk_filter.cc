// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_chunk_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connector/known_changes.h"
#include "connectors/mysql/mysql_chunks.h"
#include "data/value_text.h"

namespace sluice::mysql {
namespace {

// Keys asked about in one query.
constexpr size_t kKeysPerQuery = 500;

// Bounds of integer columns; cut arithmetically they may lie outside the column's own range.
__int128 integer_bound(const std::string& text) {
  const bool negative = text.starts_with('-');
  uint64_t magnitude = 0;
  std::from_chars(text.data() + (negative ? 1 : 0), text.data() + text.size(), magnitude);
  return negative ? -static_cast<__int128>(magnitude) : static_cast<__int128>(magnitude);
}

}  // namespace

Result<std::unique_ptr<ChunkFilter>> ChunkFilter::make(const std::vector<FinishedChunk>& chunks) {
  auto filter = std::make_unique<ChunkFilter>();
  std::vector<std::string> texts;
  for (const auto& chunk : chunks) {
    auto found = std::ranges::find(texts, chunk.position.text);
    if (found == texts.end()) {
      ASSIGN_OR_RETURN(auto position, BinlogPosition::parse(chunk.position));
      filter->positions_.push_back(std::move(position));
      texts.push_back(chunk.position.text);
      found = texts.end() - 1;
    }
    filter->chunks_.push_back({chunk.chunk, static_cast<size_t>(found - texts.begin())});
  }
  std::ranges::sort(filter->chunks_, {}, [](const Chunk& chunk) { return chunk.range.index; });
  return filter;
}

ChunkFilter::Known ChunkFilter::known(const Transaction& transaction) {
  const auto covering =
      std::ranges::count_if(positions_, [&](const BinlogPosition& position) { return covers(position, transaction); });
  if (covering == 0) return Known::kNone;
  return static_cast<size_t>(covering) == positions_.size() ? Known::kAll : Known::kSome;
}

bool ChunkFilter::passed(const BinlogPosition& reached) const {
  return std::ranges::all_of(positions_, [&](const BinlogPosition& position) { return covers(reached, position); });
}

Result<std::vector<size_t>> ChunkFilter::chunks_of(Context& context, MysqlConnection& connection, uint32_t column,
                                                   const std::string& collation, const ChangeBatch& batch) const {
  const Column& key = batch.schema->columns[column];
  const ColumnVector& values = batch.columns[column];
  // The last chunk whose lower bound is not greater than the key, by binary search for all keys at once.
  std::vector<size_t> low(batch.rows(), 0);
  std::vector<size_t> high(batch.rows(), chunks_.size() - 1);
  if (is_integer(key.type.kind)) {
    for (size_t row = 0; row < batch.rows(); ++row) {
      if (!values.has_value(row)) continue;
      const auto value = key.type.kind == TypeKind::kUInt64
                             ? static_cast<__int128>(static_cast<uint64_t>(values.int_at(row)))
                             : static_cast<__int128>(values.int_at(row));
      while (low[row] < high[row]) {
        const size_t middle = (low[row] + high[row] + 1) / 2;
        if (value >= integer_bound(*chunks_[middle].range.lower)) {
          low[row] = middle;
        } else {
          high[row] = middle - 1;
        }
      }
    }
    return low;
  }
  const std::string collate = collation.empty() ? "" : fmt::format(" COLLATE {}", collation);
  const std::string charset = collation.substr(0, collation.find('_'));
  for (bool searching = true; searching;) {
    searching = false;
    for (size_t first = 0; first < batch.rows(); first += kKeysPerQuery) {
      std::string sql = "SELECT 0";
      std::vector<size_t> asked;
      for (size_t row = first; row < std::min(batch.rows(), first + kKeysPerQuery); ++row) {
        if (low[row] >= high[row] || !values.has_value(row)) continue;
        const size_t middle = (low[row] + high[row] + 1) / 2;
        std::string text;
        append_value_text(values, key.type, row, text);
        std::string literal = key_literal(connection, key, text);
        std::string bound = key_literal(connection, key, *chunks_[middle].range.lower);
        if (!charset.empty()) {
          literal = fmt::format("CONVERT({} USING {})", literal, charset);
          bound = fmt::format("CONVERT({} USING {})", bound, charset);
        }
        sql += fmt::format(", {}{} >= {}", literal, collate, bound);
        asked.push_back(row);
      }
      if (asked.empty()) continue;
      searching = true;
      ASSIGN_OR_RETURN(const auto answer, connection.query(context, sql));
      for (size_t i = 0; i < asked.size(); ++i) {
        const size_t row = asked[i];
        const size_t middle = (low[row] + high[row] + 1) / 2;
        if (answer[0][i + 1] == "1") {
          low[row] = middle;
        } else {
          high[row] = middle - 1;
        }
      }
    }
  }
  return low;
}

Result<> ChunkFilter::drop_known_rows(Context& context, MysqlConnection& connection, const Transaction& transaction,
                                      uint32_t column, const std::string& collation, ChangeBatch& batch) {
  std::vector<bool> covered;
  for (const auto& position : positions_) covered.push_back(covers(position, transaction));
  ASSIGN_OR_RETURN(auto chunks, chunks_of(context, connection, column, collation, batch));
  const auto told = [&](size_t row) { return batch.columns[column].presence(row) != Presence::kAbsent; };
  for (size_t row = 0; row < batch.rows(); ++row) {
    if (told(row)) continue;
    // A partial after image leaves out the key when it has not changed.
    if (batch.kinds[row] != RowKind::kUpdateAfter || !told(row - 1)) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("a change of table {} does not tell the old value of column '{}', by which its copy was "
                               "cut",
                               batch.schema->id.text(), batch.schema->columns[column].name),
                   "Set binlog_row_image = FULL, or cut it by its key (scan.incremental.snapshot.chunk.key-column), "
                   "and start the job with --reset.");
    }
    chunks[row] = chunks[row - 1];
  }
  std::vector<bool> known;
  for (const size_t chunk : chunks) known.push_back(covered[chunks_[chunk].position]);
  return drop_known_changes(batch, known);
}

}  // namespace sluice::mysql
