// SPDX-License-Identifier: Apache-2.0
#include "verify/ranges.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sluice {
namespace {

bool is_integer(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64;
}

std::optional<int64_t> number_of(const std::string& bound) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(bound.data(), bound.data() + bound.size(), number);
  if (error != std::errc() || end != bound.data() + bound.size()) return std::nullopt;
  return number;
}

bool has_numbers(const SnapshotChunk& chunk) {
  return (!chunk.lower || number_of(*chunk.lower)) && (!chunk.upper || number_of(*chunk.upper));
}

}  // namespace

bool Range::holds(const ChangeBatch& batch, size_t row) const {
  if (!rows.lower && !rows.upper) return true;
  const int64_t key = batch.columns[batch.schema->key[0]].int_at(row);
  return (!rows.lower || key >= number_of(*rows.lower)) && (!rows.upper || key < number_of(*rows.upper));
}

std::set<TableId> Range::source_tables() const {
  std::set<TableId> tables;
  for (const auto& [schema, chunk] : sources) tables.insert(schema->id);
  return tables;
}

std::vector<Range> ranges_of(const TableSchemaPtr& target, const std::vector<ChunkedTable>& sources) {
  Range whole{.target = target, .rows = {.table = target->id}, .sources = {}};
  std::vector<Range> ranges;
  for (const auto& [schema, chunks] : sources) {
    const bool alike = sources.size() == 1 && chunks.front().by_key && std::ranges::all_of(chunks, has_numbers) &&
                       !schema->key.empty() && !target->key.empty() &&
                       schema->columns[schema->key[0]] == target->columns[target->key[0]] &&
                       is_integer(schema->columns[schema->key[0]].type.kind);
    for (const auto& chunk : chunks) {
      if (alike) {
        Range range{.target = target, .rows = chunk, .sources = {{schema, chunk}}};
        range.rows.table = target->id;
        ranges.push_back(std::move(range));
      } else {
        whole.sources.emplace_back(schema, chunk);
      }
    }
  }
  if (!whole.sources.empty()) ranges.push_back(std::move(whole));
  return ranges;
}

Result<std::vector<Range>> Sides::ranges_of(const TableSchemaPtr& target, const std::vector<TableSchemaPtr>& sources) {
  std::vector<ChunkedTable> chunked;
  for (const auto& schema : sources) {
    ASSIGN_OR_RETURN(auto chunks, source.split(context, schema));
    chunked.emplace_back(schema, std::move(chunks));
  }
  return sluice::ranges_of(target, chunked);
}

Result<std::unique_ptr<ChunkReader>> Sides::fresh_reader(bool placed) {
  return source.open_comparing_reader(context, placed);
}

Result<> Sides::read_source(ChunkReader& reader, const Range& range, const EachBatch& each, const EachBegun& begun) {
  for (const auto& [schema, chunk] : range.sources) {
    RETURN_IF_ERROR(reader.begin(context, chunk, schema));
    if (begun) begun(chunk);
    for (bool more = true; more;) {
      ChangeBatch batch(schema);
      ASSIGN_OR_RETURN(more, reader.next(context, batch));
      if (limiter != nullptr && !limiter->acquire(context, batch.rows(), batch.byte_size())) {
        return Error(ErrorCode::kStopped, "stopped while verifying");
      }
      std::vector<ChangeBatch> out;
      RETURN_IF_ERROR(transform.apply(std::move(batch), out));
      for (const auto& rows : out) {
        if (rows.schema->id == range.target->id) RETURN_IF_ERROR(each(rows));
      }
    }
  }
  return {};
}

Result<> Sides::read_target(TableReader& reader, const Range& range, const EachBatch& each) {
  RETURN_IF_ERROR(reader.begin(context, range.rows, range.target));
  for (bool more = true; more;) {
    ChangeBatch batch(range.target);
    ASSIGN_OR_RETURN(more, reader.next(context, batch));
    RETURN_IF_ERROR(each(batch));
  }
  return {};
}

}  // namespace sluice
