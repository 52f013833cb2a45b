// SPDX-License-Identifier: Apache-2.0
#include "verify/settler.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"

namespace sluice {
namespace {

// Between two looks at how far the target is; how long it may stand still before it is taken for stopped; and how long
// it may take altogether.
constexpr std::chrono::milliseconds kTargetPause{20};
constexpr std::chrono::seconds kTargetPatience{2};
constexpr std::chrono::seconds kLongestTargetWait{30};

EachBatch collect(const Suspect& suspect, KeyedRows& rows) {
  return [&suspect, &rows](const ChangeBatch& batch) -> Result<> {
    for (size_t row = 0; row < batch.rows(); ++row) {
      const Digest key = key_digest(batch, row);
      if (!suspect.buckets.test(bucket_of(key))) continue;
      KeyedRow& entry = rows[key];
      entry.row = row_digest(batch, row);
      ++entry.count;
    }
    return {};
  };
}

Differences differences_of(const Suspect& suspect) {
  Differences differences;
  for (const auto& [key, row] : suspect.source) {
    const auto other = suspect.target.find(key);
    if (other == suspect.target.end()) {
      differences[key].source = row;
    } else if (other->second != row) {
      differences[key] = {row, other->second};
    }
  }
  for (const auto& [key, row] : suspect.target) {
    if (!suspect.source.contains(key)) differences[key].target = row;
  }
  return differences;
}

Error stopped() { return Error(ErrorCode::kStopped, "stopped while verifying"); }

}  // namespace

uint64_t Settler::Comparison::waiting() const {
  uint64_t sum = 0;
  for (const uint64_t keys : unsettled) sum += keys;
  return sum;
}

Result<SnapshotPositions> Settler::read_source(std::vector<Suspect>& suspects) {
  SnapshotPositions positions;
  source_.reset();
  ASSIGN_OR_RETURN(source_, sides_.fresh_reader(place_known_));
  for (auto& suspect : suspects) {
    suspect.clear();
    RETURN_IF_ERROR(
        sides_.read_source(*source_, *suspect.range, collect(suspect, suspect.source), [&](const SnapshotChunk& chunk) {
          auto& known = positions[chunk.table];
          if (std::ranges::find(known, source_->position()) == known.end()) known.push_back(source_->position());
        }));
  }
  place_known_ = !source_->position().empty();
  return positions;
}

// Of a state that has everything the source's snapshot has, if the job gets there.
Result<JobState> Settler::open_target_snapshot(const SnapshotPositions& source) {
  ASSIGN_OR_RETURN(target_, sides_.sink.open_table_reader(sides_.context));
  const bool placed = sides_.source.log_can_be_read_again() && place_known_;
  std::vector<Position> lanes;
  const MonotonicTime began = monotonic_now();
  MonotonicTime moved = began;
  for (;;) {
    ASSIGN_OR_RETURN(const auto entries, target_->begin_snapshot(sides_.context, job_));
    ASSIGN_OR_RETURN(JobState state, parse_job_state(entries));
    if (!placed || state.lanes.empty() || has_caught_up(sides_.source, source, state)) return state;
    const MonotonicTime now = monotonic_now();
    if (state.lanes != lanes) {
      if (!lanes.empty()) log_debug("waiting for the target, which stands at {}", state.lanes[0].text);
      lanes = state.lanes;
      moved = now;
    }
    if (now - moved > kTargetPatience || now - began > kLongestTargetWait) return state;
    if (!sides_.context.wait_for(kTargetPause)) return stopped();
  }
}

Result<Settler::Comparison> Settler::compare(std::vector<Suspect>& suspects) {
  ASSIGN_OR_RETURN(const SnapshotPositions positions, read_source(suspects));
  ASSIGN_OR_RETURN(const JobState state, open_target_snapshot(positions));
  for (auto& suspect : suspects) {
    RETURN_IF_ERROR(sides_.read_target(*target_, *suspect.range, collect(suspect, suspect.target)));
  }
  Comparison result;
  result.lanes = state.lanes;
  result.behind = place_known_ && !state.lanes.empty() && !has_caught_up(sides_.source, positions, state);
  result.copying = std::ranges::any_of(positions, [&](const auto& entry) {
    const auto known = state.tables.find(entry.first);
    return known != state.tables.end() && !known->second.copied();
  });
  ASSIGN_OR_RETURN(result.exact, replay_log(sides_, tables_, positions, state, suspects));
  for (auto& suspect : suspects) {
    Differences differences = differences_of(suspect);
    uint64_t unsettled = 0;
    for (const Digest& key : suspect.untold) {
      differences.erase(key);
      suspect.pending.insert(key);
    }
    for (const Digest& key : suspect.pending) {
      // Repaired rows are ahead of what the ledger says.
      if (options_.rows_may_be_ahead) differences.erase(key);
      if (!differences.contains(key)) ++unsettled;
    }
    result.differences.push_back(std::move(differences));
    result.unsettled.push_back(unsettled);
  }
  return result;
}

// The last comparison; of its differences only those that are certain: what has not arrived yet differs, too.
Result<Settler::Comparison> Settler::settled(std::vector<Suspect>& suspects) {
  Comparison before;
  for (int round = 1;; ++round) {
    ASSIGN_OR_RETURN(Comparison now, compare(suspects));
    if (now.exact && (now.waiting() == 0 || now.lanes == before.lanes)) return now;  // complete, or nobody is at work
    const bool last = round == options_.rounds || now.copying;
    const bool any = std::ranges::any_of(now.differences, [](const auto& each) { return !each.empty(); });
    if (now.exact ? last : last || !any) {
      for (size_t i = 0; !now.exact && i < suspects.size(); ++i) {
        now.unsettled[i] += std::erase_if(now.differences[i], [&](const auto& entry) {
          if (round == 1 || now.copying || now.behind) return true;
          const auto same = before.differences[i].find(entry.first);
          return same == before.differences[i].end() || same->second != entry.second;
        });
      }
      return now;
    }
    before = std::move(now);
    if (!sides_.context.wait_for(options_.pause)) return stopped();
  }
}

Result<> Settler::name(const Suspect& suspect, const Differences& differences, TableVerdict& verdict) {
  const size_t most = suspect.keyless() ? 1 : options_.named_differences;
  Differences wanted;
  for (const auto& entry : differences) {
    if (verdict.named.size() + wanted.size() >= most) break;
    wanted.insert(entry);
  }
  if (wanted.empty()) return {};
  ASSIGN_OR_RETURN(auto named, name_differences(sides_, *source_, *target_, *suspect.range, wanted));
  std::ranges::move(named, std::back_inserter(verdict.named));
  return {};
}

Result<> Settler::settle(std::vector<Suspect>& suspects, std::vector<TableVerdict>& verdicts) {
  if (suspects.empty()) return {};
  ASSIGN_OR_RETURN(const Comparison result, settled(suspects));
  log_debug("{} ranges compared {}", suspects.size(), result.exact ? "at a position" : "by rounds");
  for (size_t i = 0; i < suspects.size(); ++i) {
    TableVerdict& verdict = verdicts[suspects[i].table];
    verdict.unsettled += result.unsettled[i];
    verdict.copying = verdict.copying || result.copying;
    for (const auto& [key, difference] : result.differences[i]) {
      if (difference.target.count == 0) {
        ++verdict.missing;
      } else if (difference.source.count == 0) {
        ++verdict.surplus;
      } else {
        ++verdict.different;
      }
    }
    RETURN_IF_ERROR(name(suspects[i], result.differences[i], verdict));
  }
  source_.reset();
  target_.reset();  // its transaction would hold locks while rows are written
  for (size_t i = 0; repair_ != nullptr && i < suspects.size(); ++i) {
    if (!result.differences[i].empty()) RETURN_IF_ERROR(correct(suspects[i], result.differences[i]));
  }
  return {};
}

// From the moment the job is ours nobody else writes the target. The source is asked only then: rows may have changed,
// come or gone since they were compared. What it commits later the job will carry, whenever it runs again.
Result<> Settler::correct(const Suspect& suspect, const Differences& differences) {
  if (suspect.keyless()) {
    log_warn("table {} has no key: its rows cannot be repaired one by one; run the job with --reset",
             suspect.range->target->id.text());
    return {};
  }
  RETURN_IF_ERROR(repair_->take_over());
  ASSIGN_OR_RETURN(const auto source, sides_.fresh_reader());
  ASSIGN_OR_RETURN(const auto target, sides_.sink.open_table_reader(sides_.context));
  std::unordered_set<Digest, DigestHash> present;
  RETURN_IF_ERROR(sides_.read_source(*source, *suspect.range, [&](const ChangeBatch& batch) -> Result<> {
    for (size_t row = 0; row < batch.rows(); ++row) {
      const Digest key = key_digest(batch, row);
      if (differences.contains(key)) present.insert(key);
    }
    return {};
  }));
  const auto write = [&](const ChangeBatch& batch, RowKind kind) -> Result<> {
    ChangeBatch rows(batch.schema);
    for (size_t row = 0; row < batch.rows(); ++row) {
      const Digest key = key_digest(batch, row);
      if (!differences.contains(key) || present.contains(key) != (kind == RowKind::kInsert)) continue;
      rows.append_row_from(batch, row);
      rows.kinds.back() = kind;
    }
    return rows.rows() == 0 ? Result<>() : repair_->write(rows);
  };
  RETURN_IF_ERROR(sides_.read_target(*target, *suspect.range,
                                     [&](const ChangeBatch& batch) { return write(batch, RowKind::kDelete); }));
  return sides_.read_source(*source, *suspect.range,
                            [&](const ChangeBatch& batch) { return write(batch, RowKind::kInsert); });
}

}  // namespace sluice
