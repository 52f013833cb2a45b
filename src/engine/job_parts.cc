// SPDX-License-Identifier: Apache-2.0
#include "engine/job_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>

namespace sluice {

Result<std::unique_ptr<JobTransform>> make_transform(const JobSpec& spec, const std::vector<SourceTable>& tables) {
  Problems problems;
  auto transform = JobTransform::create(spec, problems);
  SLUICE_CHECK(transform != nullptr);
  for (const auto& table : tables) {
    ASSIGN_OR_RETURN(const auto targets, transform->targets(table.schema));
  }
  return transform;
}

namespace {

bool has_key_of(const TableSchema& target, const TableSchema& source) {
  return std::ranges::equal(
      target.key, source.key, {}, [&](uint32_t column) -> const std::string& { return target.columns[column].name; },
      [&](uint32_t column) -> const std::string& { return source.columns[column].name; });
}

}  // namespace

Result<> open_targets(JobParts& parts, const std::vector<SourceTable>& tables, const JobState& state) {
  struct Wanted {
    TableSchemaPtr target;
    bool long_copy;
    bool may_differ;  // in columns: it was not made by this copy, and is not held to be as the ledger says
  };
  std::vector<Wanted> wanted;
  std::map<TableId, size_t> sources;
  for (const auto& table : tables) {
    const auto known = state.tables.find(table.schema->id);
    const bool planned = known != state.tables.end();
    const bool opened_before = !state.lanes.empty() && planned && known->second.copied();
    if (opened_before && !parts.policy.may_lack_columns()) continue;
    ASSIGN_OR_RETURN(const auto targets, parts.transform.targets(table.schema));
    // Where rows could share a key, that must come out at once, not at the end of the copy.
    const bool long_copy = planned && !known->second.copied() && known->second.chunks.size() > 1;
    const bool unfinished = planned && !known->second.copied();
    const bool joins = !state.lanes.empty() && unfinished && known->second.chunks.front().into_empty_table &&
                       parts.spec.routes.empty();
    const bool compare = unfinished && known->second.chunks.front().compare;
    for (const auto& target : targets) {
      wanted.push_back({target, long_copy && has_key_of(*target, *table.schema), joins || compare});
      ++sources[target->id];
    }
  }
  for (const auto& [target, long_copy, may_differ] : wanted) {
    RETURN_IF_ERROR(parts.policy.open_target(parts.context, target, long_copy && sources[target->id] == 1));
    if (may_differ) RETURN_IF_ERROR(parts.policy.add_missing_columns(parts.context, target));
  }
  return {};
}

namespace {

// What the log must be read from while snapshots at `now` are read: chunks that wait will stand there, or behind.
LogStart start_beside_copy(const Source& source, const JobState& state, const Position& now) {
  LogStart start;
  start.position = now;
  for (const Position& lane : state.lanes) {
    if (source.covers(start.position, lane)) start.position = lane;
  }
  for (const auto& [table, table_state] : state.tables) {
    start.tables.emplace_back(table, table_state.detail);
    const auto& chunks = table_state.chunks;
    if (!chunks.empty() && std::ranges::all_of(chunks, &Position::empty, &PlannedChunk::position)) {
      start.chunks.push_back({.chunk = {.table = table, .lower = {}, .upper = {}}, .position = now});
      continue;
    }
    for (const auto& chunk : chunks) {
      start.chunks.push_back({chunk.chunk, chunk.position.empty() ? now : chunk.position});
      const Position& position = start.chunks.back().position;
      if (state.lanes.empty() && source.covers(start.position, position)) start.position = position;
    }
  }
  return start;
}

}  // namespace

Result<std::vector<std::unique_ptr<ChunkReader>>> open_copy_readers(JobParts& parts, size_t count, JobState& state) {
  const auto wanted = static_cast<int>(count);
  if (parts.spool == nullptr) return parts.source.open_chunk_readers(parts.context, wanted);
  RETURN_IF_ERROR(settle_life(parts, state));
  parts.spool->pause();
  auto readers = parts.source.open_chunk_readers(parts.context, wanted);
  Result<> begun;
  if (readers) {
    const LogStart start = start_beside_copy(parts.source, state, readers->front()->position());
    begun = parts.spool->begin_copy(parts.context, start, state.life, state.lanes.empty());
  }
  parts.spool->resume();
  RETURN_IF_ERROR(std::move(begun));
  return readers;
}

Result<> settle_life(JobParts& parts, JobState& state) {
  if (!state.life.empty()) return {};
  std::random_device random;
  state.life = fmt::format("{:08x}{:08x}", random(), random());
  return parts.ledger.record_life(parts.context, state.life);
}

}  // namespace sluice
