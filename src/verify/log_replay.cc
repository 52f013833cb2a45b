// SPDX-License-Identifier: Apache-2.0
#include "verify/log_replay.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "engine/partitioner.h"

namespace sluice {
namespace {

// A log that has not come to where the target stands by then never will.
constexpr std::chrono::seconds kLongestSilence{30};

bool is_image(RowKind kind) { return kind != RowKind::kUpdateBefore && kind != RowKind::kDelete; }

bool is_complete(const ChangeBatch& batch, size_t row) {
  return std::ranges::none_of(batch.columns,
                              [&](const ColumnVector& column) { return column.presence(row) == Presence::kAbsent; });
}

bool carries_key(const ChangeBatch& batch, size_t row) {
  return std::ranges::none_of(
      batch.schema->key, [&](uint32_t column) { return batch.columns[column].presence(row) == Presence::kAbsent; });
}

bool same_shape(const TableSchema& one, const TableSchema& other) {
  return one.key == other.key && std::ranges::equal(one.columns, other.columns, [](const Column& a, const Column& b) {
           return a.name == b.name && a.type.kind == b.type.kind && a.type.scale == b.type.scale;
         });
}

class LogReplay {
 public:
  LogReplay(Sides& sides, const SnapshotPositions& snapshot, const JobState& target, std::span<Suspect> suspects)
      : sides_(sides),
        snapshot_(snapshot),
        target_(target),
        suspects_(suspects),
        partitioner_(Partitioner::of(sides.sink, target)),
        overlays_(suspects.size()) {
    for (const auto& [table, positions] : snapshot) {
      for (const auto& position : positions) {
        if (first_.empty() || covers(first_, position)) first_ = position;
        if (last_.empty() || covers(position, last_)) last_ = position;
      }
    }
  }

  bool possible() const;
  Result<bool> run(const std::vector<SourceTable>& tables);
  // Makes what the log told part of the suspects.
  void apply();

 private:
  // What the log tells about a suspect's rows.
  struct Overlay {
    KeyedRows rows;                                  // count 0: not there
    std::unordered_set<Digest, DigestHash> decided;  // keys whose first change behind the target was seen
    std::unordered_set<Digest, DigestHash> pending;
    std::unordered_set<Digest, DigestHash> untold;
  };

  bool covers(const Position& reached, const Position& other) const { return sides_.source.covers(reached, other); }
  LogStart start(const std::vector<SourceTable>& tables) const;
  bool reached_all(const Position& position) const;
  bool touches(const SchemaChangeEvent& event) const;
  Result<bool> take(StreamElement& element);
  Result<bool> take_rows(ChangeBatch batch);
  bool take_row(size_t suspect, const ChangeBatch& rows, size_t row, const Digest& key, const TableId& table);
  bool take_counted(size_t suspect, bool image, const Digest& key, bool in_source, bool in_target);
  // True if `position` has the row's transaction. `place` is where that is remembered: the lane's number, or beyond.
  bool has(size_t place, const Position& position, const ChangeBatch& rows, size_t row);

  Sides& sides_;
  const SnapshotPositions& snapshot_;
  const JobState& target_;
  std::span<Suspect> suspects_;
  const Partitioner partitioner_;
  std::vector<Overlay> overlays_;
  Position first_;
  Position last_;
  bool ended_ = false;
  std::vector<std::vector<std::optional<bool>>> known_;  // place, then transaction of the batch at hand
};

bool LogReplay::possible() const {
  if (!sides_.source.log_can_be_read_again() || target_.lanes.empty()) return false;
  return std::ranges::all_of(snapshot_, [&](const auto& entry) {
    if (std::ranges::any_of(entry.second, &Position::empty)) return false;
    const auto known = target_.tables.find(entry.first);
    return known != target_.tables.end() && std::ranges::all_of(known->second.chunks, [&](const PlannedChunk& chunk) {
             return !chunk.position.empty() && std::ranges::all_of(target_.lanes, [&](const Position& lane) {
               return covers(lane, chunk.position);
             });
           });
  });
}

LogStart LogReplay::start(const std::vector<SourceTable>& tables) const {
  LogStart start;
  start.second_reader = true;
  start.position = first_;
  bool behind = false;
  for (const auto& lane : target_.lanes) {
    if (covers(lane, start.position)) continue;
    start.position = lane;
    behind = true;
  }
  // The tables' shapes where the log begins: the ledger knows them where the lanes stand.
  if (behind) {
    for (const auto& [table, state] : target_.tables) start.tables.emplace_back(table, state.detail);
  } else {
    for (const auto& table : tables) start.tables.emplace_back(table.schema->id, table.detail);
  }
  return start;
}

bool LogReplay::reached_all(const Position& position) const {
  return covers(position, last_) &&
         std::ranges::all_of(target_.lanes, [&](const Position& lane) { return covers(position, lane); });
}

bool LogReplay::touches(const SchemaChangeEvent& event) const {
  const auto concerns = [&](const TableId& table) { return snapshot_.contains(table); };
  return std::ranges::any_of(event.needs_copy, concerns) ||
         std::ranges::any_of(event.changes, [&](const SchemaChange& change) { return concerns(change.table()); });
}

bool LogReplay::has(size_t place, const Position& position, const ChangeBatch& rows, size_t row) {
  auto& known = known_[place][rows.origins[row].transaction];
  if (!known) known = sides_.source.covers(position, (*rows.transactions)[rows.origins[row].transaction]);
  return *known;
}

// Rows that may repeat.
bool LogReplay::take_counted(size_t suspect, bool image, const Digest& key, bool in_source, bool in_target) {
  if (in_source == in_target) return true;
  Overlay& overlay = overlays_[suspect];
  if (in_source) overlay.pending.insert(key);
  const auto [found, is_new] = overlay.rows.try_emplace(key, KeyedRow{.row = key, .count = 0});
  uint64_t& count = found->second.count;
  if (is_new) {
    const auto seen = suspects_[suspect].source.find(key);
    if (seen != suspects_[suspect].source.end()) count = seen->second.count;
  }
  const bool add = image == in_target;
  if (!add && count == 0) return false;
  count = add ? count + 1 : count - 1;
  return true;
}

// False if the row's image does not tell.
bool LogReplay::take_row(size_t suspect, const ChangeBatch& rows, size_t row, const Digest& key, const TableId& table) {
  const bool image = is_image(rows.kinds[row]);
  const size_t lane = partitioner_.lane_of(rows, row);
  const bool in_target = has(lane, target_.lanes[lane], rows, row);
  if (suspects_[suspect].keyless()) {
    const auto& positions = snapshot_.at(table);
    return positions.size() == 1 && is_complete(rows, row) &&
           take_counted(suspect, image, key, has(target_.lanes.size() + 1, positions[0], rows, row), in_target);
  }
  Overlay& overlay = overlays_[suspect];
  if (!in_target) {
    // Behind both sides: says nothing about either.
    if (!has(target_.lanes.size(), last_, rows, row)) return true;
    if (!overlay.decided.insert(key).second) return true;
    overlay.pending.insert(key);
  }
  // The target has the image behind the change, or the one before it.
  const bool there = image == in_target;
  if (there && !is_complete(rows, row)) {
    overlay.untold.insert(key);
    return true;
  }
  overlay.untold.erase(key);
  overlay.rows[key] = there ? KeyedRow{.row = row_digest(rows, row), .count = 1} : KeyedRow{};
  return true;
}

void LogReplay::apply() {
  for (size_t i = 0; i < suspects_.size(); ++i) {
    for (const auto& [key, row] : overlays_[i].rows) {
      if (row.count == 0) {
        suspects_[i].source.erase(key);
      } else {
        suspects_[i].source[key] = row;
      }
    }
    suspects_[i].pending = std::move(overlays_[i].pending);
    suspects_[i].untold = std::move(overlays_[i].untold);
  }
}

Result<bool> LogReplay::take_rows(ChangeBatch batch) {
  const TableId table = batch.schema->id;
  if (!snapshot_.contains(table)) return true;
  std::vector<ChangeBatch> out;
  RETURN_IF_ERROR(sides_.transform.apply(std::move(batch), out));
  for (const auto& rows : out) {
    if (rows.rows() == 0) continue;
    if (rows.origins.empty()) return false;
    known_.assign(target_.lanes.size() + 2, std::vector<std::optional<bool>>(rows.transactions->size()));
    for (size_t i = 0; i < suspects_.size(); ++i) {
      const Suspect& suspect = suspects_[i];
      if (suspect.range->target->id != rows.schema->id) continue;
      if (!same_shape(*suspect.range->target, *rows.schema)) return false;
      for (size_t row = 0; row < rows.rows(); ++row) {
        if (!carries_key(rows, row)) return false;
        const Digest key = key_digest(rows, row);
        if (suspect.holds(rows, row, key) && !take_row(i, rows, row, key, table)) return false;
      }
    }
  }
  return true;
}

Result<bool> LogReplay::take(StreamElement& element) {
  if (auto* batch = std::get_if<ChangeBatch>(&element)) return take_rows(std::move(*batch));
  if (const auto* change = std::get_if<SchemaChangeEvent>(&element)) return !touches(*change);
  ended_ = reached_all(std::get<GroupEnd>(element).position);
  return true;
}

Result<bool> LogReplay::run(const std::vector<SourceTable>& tables) {
  ASSIGN_OR_RETURN(const auto reader, sides_.source.open_log_reader(sides_.context, start(tables)));
  MonotonicTime heard = monotonic_now();
  while (!ended_) {
    if (sides_.context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while verifying");
    std::vector<StreamElement> elements;
    RETURN_IF_ERROR(reader->poll(sides_.context, elements));
    if (!elements.empty()) heard = monotonic_now();
    if (monotonic_now() - heard > kLongestSilence) return false;
    for (auto& element : elements) {
      ASSIGN_OR_RETURN(const bool told, take(element));
      if (!told) return false;
      if (ended_) break;
    }
  }
  return true;
}

}  // namespace

Result<bool> replay_log(Sides& sides, const std::vector<SourceTable>& tables, const SnapshotPositions& snapshot,
                        const JobState& target, std::span<Suspect> suspects) {
  LogReplay replay(sides, snapshot, target, suspects);
  if (!replay.possible()) return false;
  auto replayed = replay.run(tables);
  if (replayed && *replayed) replay.apply();
  if (replayed || replayed.error().code() == ErrorCode::kStopped) return replayed;
  log_warn("the log between source and target cannot be used: {}", replayed.error().message());
  return false;
}

bool has_caught_up(const Source& source, const SnapshotPositions& snapshot, const JobState& target) {
  return !target.lanes.empty() && std::ranges::all_of(snapshot, [&](const auto& entry) {
    return std::ranges::all_of(entry.second, [&](const Position& position) {
      return std::ranges::all_of(target.lanes, [&](const Position& lane) { return source.covers(lane, position); });
    });
  });
}

}  // namespace sluice
