// SPDX-License-Identifier: Apache-2.0
// From a time or a GTID to a place in the archive, and from places to log files.
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "tenants/file_tree.h"
#include "tenants/log_archive.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr int64_t kNanoseconds = 1'000'000;
// With a longer time between two notes nobody was looking, and the log's own times, which are whole seconds, must do.
constexpr int64_t kUnwatchedMs = 1000;

using Files = std::vector<ArchivedFile>;

// The files of one round, with what is in them.
class Round {
 public:
  // One that is over knows nothing of the time behind its last note.
  Round(std::string folder, Files files, bool over = true)
      : folder_(std::move(folder)), files_(std::move(files)), over_(over) {}

  const Files& files() const { return files_; }
  std::string path(size_t file) const { return folder_ + "/" + files_[file].name; }
  Result<BinlogFile> read(size_t file) const {
    BinlogFile content;
    RETURN_IF_ERROR(read_binlog_on(path(file), content));
    return content;
  }
  // The last file that begins with nothing behind the state.
  std::optional<size_t> file_of(const GtidState& state) const {
    for (size_t i = files_.size(); i-- > 0;) {
      if (state.covers(files_[i].first)) return i;
    }
    return std::nullopt;
  }

  struct Place {
    size_t file = 0;
    uint64_t offset = 0;
  };
  Result<Place> place_of(const GtidState& state) const {
    const auto file = file_of(state);
    if (file) {
      ASSIGN_OR_RETURN(const BinlogFile content, read(*file));
      if (content.before == state) return Place{*file, content.head_end};
      GtidState running = content.before;
      for (const BinlogGroup& group : content.groups) {
        running.domains[group.domain] = {group.server, group.number};
        if (running == state) return Place{*file, group.end};
      }
    }
    return sql_error(kIncorrectArguments, "Incorrect arguments to AS OF: the archive has no position '{}'",
                     state.text());
  }

  // The state when the log stood at the time; nothing if that was before the round's first note.
  Result<std::optional<LogSample>> at_time(int64_t wall_clock_ms) const {
    std::optional<LogSample> next;  // the first that is later
    for (size_t i = files_.size(); i-- > 0;) {
      ASSIGN_OR_RETURN(const auto samples, read_samples(path(i)));
      const auto later = std::ranges::upper_bound(samples, wall_clock_ms, {}, &LogSample::wall_clock_ms);
      if (later != samples.end()) next = *later;
      if (later == samples.begin()) continue;
      LogSample found = *(later - 1);
      if (!next && over_ && wall_clock_ms > found.wall_clock_ms + kUnwatchedMs) {
        return sql_error(
            kIncorrectArguments,
            "Incorrect arguments to AS OF: the archive was interrupted after {} (UTC), and what the tenant "
            "held at the time asked for is not known",
            timestamp_text(found.wall_clock_ms));
      }
      if (!next || next->wall_clock_ms - found.wall_clock_ms <= kUnwatchedMs) return std::optional(found);
      RETURN_IF_ERROR(go_on(wall_clock_ms, next->state, found));
      return std::optional(found);
    }
    return std::optional<LogSample>();
  }

  // The state just behind the last of these transactions; nothing if it is not here.
  Result<std::optional<LogSample>> at_gtid(const GtidState& wanted) const {
    const auto reached = [&](const GtidState& state) {
      return std::ranges::all_of(wanted.domains, [&](const auto& entry) {
        const auto found = state.domains.find(entry.first);
        return found != state.domains.end() && found->second == entry.second;
      });
    };
    if (!files_.empty() && reached(files_[0].first)) return std::optional(LogSample{0, files_[0].first});
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i].closed && !files_[i].last.covers(wanted)) continue;
      ASSIGN_OR_RETURN(const BinlogFile content, read(i));
      GtidState running = content.before;
      for (const BinlogGroup& group : content.groups) {
        if (!group.complete) break;
        running.domains[group.domain] = {group.server, group.number};
        if (reached(running)) return std::optional(LogSample{int64_t{group.seconds} * 1000, running});
      }
      return std::optional<LogSample>();
    }
    return std::optional<LogSample>();
  }

 private:
  // Takes what the log's own times say to have been committed by then, up to the next note.
  Result<> go_on(int64_t wall_clock_ms, const GtidState& end, LogSample& found) const {
    ASSIGN_OR_RETURN(const Place begin, place_of(found.state));
    for (size_t i = begin.file; i < files_.size(); ++i) {
      ASSIGN_OR_RETURN(const BinlogFile content, read(i));
      for (const BinlogGroup& group : content.groups) {
        if (i == begin.file && group.end <= begin.offset) continue;
        const int64_t last_ms = int64_t{group.seconds} * 1000 + 999;
        if (last_ms > wall_clock_ms || found.state == end) return {};
        found.state.domains[group.domain] = {group.server, group.number};
        found.wall_clock_ms = std::max(found.wall_clock_ms, last_ms);
      }
    }
    return {};
  }

  const std::string folder_;
  const Files files_;
  const bool over_;
};

Result<GtidState> parse_gtid(const std::string& text) {
  GtidState state = GtidState::parse(text);
  const auto parts = static_cast<size_t>(std::count(text.begin(), text.end(), ',')) + 1;
  if (state.domains.size() == parts && state.text().size() == text.size()) return state;
  return sql_error(
      kIncorrectArguments,
      "Incorrect arguments to AS OF GTID: '{}' is not DOMAIN-SERVER-NUMBER, or several separated by commas", text);
}

// The newest snapshot that is before the state and in the round, whose first file is given.
const SnapshotRow* base_of(const std::vector<SnapshotRow>& snapshots, const GtidState& state,
                           const ArchivedFile& first) {
  const SnapshotRow* base = nullptr;
  for (const SnapshotRow& snapshot : snapshots) {
    const GtidState position = GtidState::parse(snapshot.gtid);
    if (!snapshot.usable() || !first.is_of_its_round(snapshot)) continue;
    if (state.covers(position) && position.covers(first.first)) base = &snapshot;
  }
  return base;
}

}  // namespace

Result<ArchivedPlace> LogArchive::find(const TenantRow& tenant, const AsOf& as_of) {
  // Everything that was committed by now is in the archive then.
  RETURN_IF_ERROR(look(tenant.id));
  const auto following = follower(tenant.id);
  if (!following) {
    return sql_error(
        kNotAllowed,
        "log archive is not ready, create tenant snapshot not allowed; ALTER SYSTEM ARCHIVELOG TENANT = {}",
        tenant.name);
  }
  const int64_t now = wall_clock_ms();
  GtidState wanted;
  if (!as_of.wall_clock_ms) {
    ASSIGN_OR_RETURN(wanted, parse_gtid(as_of.gtid));
  }
  ASSIGN_OR_RETURN(const auto held, holdings(tenant.id));
  if (!held) return sql_error(kNotAllowed, "source tenant status is not valid, clone tenant not allowed");
  std::optional<LogSample> newer;  // what a newer round has, without a snapshot before it
  for (int64_t id = following->round(); id > 0 && (!as_of.wall_clock_ms || *as_of.wall_clock_ms <= now);) {
    Files files;
    int64_t earlier = 0;
    for (const ArchivedFile& file : held->files) {
      if (file.round == id) files.push_back(file);
      if (file.round < id) earlier = file.round;
    }
    const Round round(folder(tenant.id, id), std::move(files), id != following->round());
    ASSIGN_OR_RETURN(const auto found,
                     as_of.wall_clock_ms ? round.at_time(*as_of.wall_clock_ms) : round.at_gtid(wanted));
    if (found) {
      // The same GTID of another history is another transaction.
      if (newer && *newer != *found) break;
      const SnapshotRow* base = base_of(held->snapshots, found->state, round.files()[0]);
      if (base) return ArchivedPlace{id, base->name, found->state, found->wall_clock_ms * kNanoseconds};
      if (as_of.wall_clock_ms) break;
      newer = found;
    }
    id = earlier;
  }
  int64_t oldest = 0;
  for (const SnapshotRow& snapshot : held->snapshots) {
    if (snapshot.usable() && (oldest == 0 || snapshot.scn < oldest)) oldest = snapshot.scn;
  }
  return sql_error(
      kIncorrectArguments,
      "Incorrect arguments to AS OF: clones of tenant '{}' can be made from {} (UTC) to now, and its log has no "
      "such position outside of that",
      tenant.name, oldest == 0 ? "its first snapshot" : timestamp_text(oldest / kNanoseconds));
}

Result<ArchivedLog> LogArchive::log_between(int64_t tenant, int64_t round, const GtidState& from, const GtidState& to) {
  ASSIGN_OR_RETURN(Files files, catalog_.transact([&](CatalogTransaction& t) { return archived_files(t, tenant); }));
  std::erase_if(files, [&](const ArchivedFile& file) { return file.round != round; });
  const Round archived(folder(tenant, round), std::move(files));
  ASSIGN_OR_RETURN(const Round::Place begin, archived.place_of(from));
  ASSIGN_OR_RETURN(const Round::Place end, archived.place_of(to));
  ArchivedLog log{.begin = begin.offset, .end = end.offset};
  for (size_t i = begin.file; i <= end.file; ++i) log.files.push_back(archived.path(i));
  return log;
}

}  // namespace sluice
