// SPDX-License-Identifier: Apache-2.0
// The archive's threads, rounds and quota.
#include "tenants/log_archive.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "tenants/archive_follower.h"
#include "tenants/file_tree.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kSampleEvery{100}, kKeepEvery{1000};
constexpr int64_t kBaseRetryMs = 60'000;
constexpr int64_t kBasesInQuota = 4;
constexpr std::string_view kBasePrefix = "archive$";
constexpr int64_t kNanoseconds = 1'000'000;

}  // namespace

LogArchive::LogArchive(Context& context, Catalog& catalog, TenantHost& host, MakeSnapshot make_snapshot)
    : context_(&context), catalog_(catalog), host_(host), make_snapshot_(std::move(make_snapshot)) {}

LogArchive::~LogArchive() { stop(); }

void LogArchive::stop() {
  context_.request_stop();
  for (std::thread* thread : {&sampler_, &keeper_}) {
    if (thread->joinable()) thread->join();
  }
}

std::string LogArchive::folder(int64_t tenant, int64_t round) const {
  return fmt::format("{}/archive/{}/{}", host_.folder(), tenant, round);
}

std::shared_ptr<ArchiveFollower> LogArchive::follower(int64_t tenant) {
  const std::lock_guard lock(mutex_);
  const auto found = followers_.find(tenant);
  return found == followers_.end() ? nullptr : found->second;
}

Result<> LogArchive::follow(int64_t tenant, int64_t round) {
  RETURN_IF_ERROR(make_folder(fmt::format("{}/archive/{}", host_.folder(), tenant)));
  RETURN_IF_ERROR(make_folder(folder(tenant, round)));
  auto follower =
      std::make_shared<ArchiveFollower>(catalog_, round, host_.instance(tenant).data(), folder(tenant, round));
  RETURN_IF_ERROR(follower->open());
  const std::lock_guard lock(mutex_);
  followers_.try_emplace(tenant, std::move(follower));  // if two begin at once, the first stays
  return {};
}

Result<> LogArchive::resume() {
  // What a statement had begun when this server's predecessor was killed is made consistent in the favor of what the
  // tenant's row says, since the statement had not returned.
  ASSIGN_OR_RETURN(const auto tenants, catalog_.transact([](CatalogTransaction& t) -> Result<std::vector<TenantRow>> {
    RETURN_IF_ERROR(
        t.run("UPDATE archive_round SET status = 'STOP' WHERE status = 'DOING' AND tenant_id NOT IN "
              "(SELECT id FROM tenant WHERE log_mode = 'ARCHIVELOG')"));
    return t.tenants();
  }));
  for (const TenantRow& tenant : tenants) {
    if (tenant.log_mode != "ARCHIVELOG" || tenant.status != tenant_status::kNormal) continue;
    if (Result<> begun = begin(tenant.id); !begun) log_error("tenant '{}': {}", tenant.name, begun.error().describe());
  }
  sampler_ = std::thread([this] { sample(); });
  keeper_ = std::thread([this] { keep(); });
  return {};
}

Result<> LogArchive::begin(int64_t tenant) {
  if (follower(tenant)) return {};
  ASSIGN_OR_RETURN(const int64_t round, catalog_.transact([&](CatalogTransaction& t) -> Result<int64_t> {
    ASSIGN_OR_RETURN(const auto under_way,
                     t.number("SELECT MAX(id) FROM archive_round WHERE tenant_id = ?1 AND status = 'DOING'", {tenant}));
    if (under_way) return *under_way;
    ASSIGN_OR_RETURN(const int64_t id, t.next_id("archive_round", 1));
    const int64_t now = wall_clock_ms() * kNanoseconds;
    RETURN_IF_ERROR(
        t.run("INSERT INTO archive_round (id, tenant_id, status, start_scn, checkpoint_scn) VALUES (?1, ?2, "
              "'DOING', ?3, ?3)",
              {id, tenant, now}));
    return id;
  }));
  RETURN_IF_ERROR(follow(tenant, round));
  return look(tenant);
}

Result<> LogArchive::look(int64_t tenant) {
  const auto following = follower(tenant);
  if (!following) return {};
  ASSIGN_OR_RETURN(const std::optional<std::string> gap, following->look());
  if (!gap) return {};
  log_warn("tenant {}: {}; the archive goes on in a new round, and clones as of a time before it are made from the old",
           tenant, *gap);
  {
    const std::lock_guard lock(mutex_);
    followers_.erase(tenant);
  }
  RETURN_IF_ERROR(following->end());
  Result<> stored = catalog_.transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.event("archive_interrupted", tenant, 0, *gap));
    return t.run(
        "UPDATE archive_round SET status = 'INTERRUPTED', comment = ?2 WHERE tenant_id = ?1 AND status = 'DOING'",
        {tenant, *gap});
  });
  RETURN_IF_ERROR(std::move(stored));
  return begin(tenant);
}

Result<> LogArchive::end(int64_t tenant) {
  const auto following = follower(tenant);
  if (!following) return {};
  RETURN_IF_ERROR(look(tenant));
  {
    const std::lock_guard lock(mutex_);
    followers_.erase(tenant);
  }
  RETURN_IF_ERROR(following->end());
  return catalog_.transact([&](CatalogTransaction& t) {
    return t.run("UPDATE archive_round SET status = 'STOP' WHERE tenant_id = ?1 AND status = 'DOING'", {tenant});
  });
}

Result<> LogArchive::forget(int64_t tenant) {
  std::shared_ptr<ArchiveFollower> following;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = followers_.find(tenant); found != followers_.end()) {
      following = found->second;
      followers_.erase(found);
    }
  }
  if (following) static_cast<void>(following->end().has_value());
  RETURN_IF_ERROR(remove_tree(fmt::format("{}/archive/{}", host_.folder(), tenant)));
  return catalog_.transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.run(
        "DELETE FROM archive_file WHERE round_id IN (SELECT id FROM archive_round WHERE tenant_id = ?1)", {tenant}));
    return t.run("DELETE FROM archive_round WHERE tenant_id = ?1", {tenant});
  });
}

std::vector<int64_t> LogArchive::followed() {
  std::vector<int64_t> tenants;
  const std::lock_guard lock(mutex_);
  for (const auto& [tenant, following] : followers_) tenants.push_back(tenant);
  return tenants;
}

void LogArchive::sample() {
  std::map<int64_t, std::string> troubles;
  do {
    for (const int64_t tenant : followed()) {
      Result<> looked = look(tenant);
      std::string trouble = looked ? "" : looked.error().describe();
      if (trouble == troubles[tenant] || context_.stop_requested()) continue;
      if (!trouble.empty()) log_error("archive of tenant {}: {}", tenant, trouble);
      Result<> shown = catalog_.transact([&](CatalogTransaction& t) {
        return t.run("UPDATE archive_round SET comment = ?2 WHERE tenant_id = ?1 AND status = 'DOING'",
                     {tenant, trouble});
      });
      if (shown) troubles[tenant] = std::move(trouble);
    }
  } while (context_.wait_for(kSampleEvery));
}

void LogArchive::keep() {
  std::map<int64_t, std::string> troubles;
  do {
    for (const int64_t tenant : followed()) {
      Result<> kept = make_base(tenant);
      if (kept) kept = keep_within_quota(tenant);
      std::string trouble = kept || context_.stop_requested() ? "" : kept.error().describe();
      if (trouble != troubles[tenant] && !trouble.empty()) log_warn("archive of tenant {}: {}", tenant, trouble);
      troubles[tenant] = std::move(trouble);
    }
  } while (context_.wait_for(kKeepEvery));
}

Result<std::optional<LogArchive::Holdings>> LogArchive::holdings(int64_t tenant) {
  return catalog_.transact([&](CatalogTransaction& t) -> Result<std::optional<Holdings>> {
    ASSIGN_OR_RETURN(auto row, t.tenant_by_id(tenant));
    ASSIGN_OR_RETURN(const auto unit, t.unit_of_tenant(tenant));
    if (!row || !unit || row->status != tenant_status::kNormal) return std::optional<Holdings>();
    Holdings result{.tenant = std::move(*row), .quota = unit->log_disk_size};
    ASSIGN_OR_RETURN(result.files, archived_files(t, tenant));
    ASSIGN_OR_RETURN(result.snapshots, t.snapshots(tenant));
    for (const ArchivedFile& file : result.files) result.bytes += file.bytes;
    return std::optional(std::move(result));
  });
}

const SnapshotRow* LogArchive::Holdings::base(int64_t round) const {
  const auto first = std::ranges::find(files, round, &ArchivedFile::round);
  const SnapshotRow* base = nullptr;
  for (const SnapshotRow& snapshot : snapshots) {
    if (first == files.end() || !snapshot.usable() || !first->is_of_its_round(snapshot)) continue;
    if (GtidState::parse(snapshot.gtid).covers(first->first)) base = &snapshot;
  }
  return base;
}

// Clones begin at a snapshot: there is one at the start of a round, and then one for each part of the quota.
Result<> LogArchive::make_base(int64_t tenant) {
  const auto following = follower(tenant);
  if (!following) return {};
  const std::lock_guard one_at_a_time(following->base_mutex);  // whoever comes second finds it made
  ASSIGN_OR_RETURN(const auto held, holdings(tenant));
  if (!held || wall_clock_ms() < following->next_base_ms) return {};
  const int64_t round = following->round();
  const SnapshotRow* base = held->base(round);
  bool any = false;
  int64_t behind = 0;
  for (const ArchivedFile& file : held->files) {
    if (file.round != round) continue;
    any = true;
    const bool before = base != nullptr && GtidState::parse(base->gtid).covers(file.last);
    if (file.closed && !before) behind += file.bytes;
  }
  if (!any || (base != nullptr && behind <= held->quota / kBasesInQuota)) return {};
  following->next_base_ms = wall_clock_ms() + kBaseRetryMs;  // if it fails
  RETURN_IF_ERROR(make_snapshot_(held->tenant, fmt::format("{}{}", kBasePrefix, wall_clock_ms())));
  // If the log was reset meanwhile, or the clock set back, it is no base of this round.
  ASSIGN_OR_RETURN(const auto now_held, holdings(tenant));
  const SnapshotRow* made = now_held ? now_held->base(round) : nullptr;
  if (made != nullptr && (base == nullptr || made->id != base->id)) following->next_base_ms = 0;
  return {};
}

Result<> LogArchive::keep_within_quota(int64_t tenant) {
  for (;;) {
    ASSIGN_OR_RETURN(const auto held, holdings(tenant));
    if (!held || held->bytes <= held->quota || held->files.empty()) return {};
    const ArchivedFile& oldest = held->files[0];
    const auto following = follower(tenant);
    if (!oldest.closed && following && following->round() == oldest.round) return {};
    const auto is_own = [](const SnapshotRow& snapshot) {
      return snapshot.name.starts_with(kBasePrefix) && snapshot.status == snapshot_status::kNormal;
    };
    // One whose round is gone.
    const auto useless = std::ranges::find_if(held->snapshots, [&](const SnapshotRow& snapshot) {
      return is_own(snapshot) && std::ranges::none_of(held->files, [&](const ArchivedFile& file) {
               return file.is_of_its_round(snapshot);
             });
    });
    if (useless != held->snapshots.end()) {
      ASSIGN_OR_RETURN(const bool dropped, drop_base(*useless));
      if (!dropped) return {};
      continue;
    }
    // The oldest snapshot from which that file is needed.
    const auto needed_by = std::ranges::find_if(held->snapshots, [&](const SnapshotRow& snapshot) {
      return oldest.is_of_its_round(snapshot) && !GtidState::parse(snapshot.gtid).covers(oldest.last);
    });
    if (needed_by == held->snapshots.end()) {
      RETURN_IF_ERROR(purge(tenant, oldest, held->files.size() > 1 ? held->files[1] : oldest));
      continue;
    }
    const bool last = &*needed_by == &held->snapshots.back();
    if (!is_own(*needed_by) || last) return alarm(*held);
    ASSIGN_OR_RETURN(const bool dropped, drop_base(*needed_by));
    if (!dropped) return {};
  }
}

Result<> LogArchive::alarm(const Holdings& held) {
  const auto following = follower(held.tenant.id);
  if (!following || following->alarmed.exchange(true)) return {};
  const std::string text = fmt::format("the archive has {} MB of LOG_DISK_SIZE {} MB, and snapshots need all of it",
                                       held.bytes >> 20, held.quota >> 20);
  log_warn("tenant '{}': {}; drop snapshots, or enlarge the unit", held.tenant.name, text);
  return catalog_.transact(
      [&](CatalogTransaction& t) { return t.event("archive_over_quota", held.tenant.id, 0, text); });
}

Result<bool> LogArchive::drop_base(const SnapshotRow& base) {
  ASSIGN_OR_RETURN(const bool marked, catalog_.transact([&](CatalogTransaction& t) -> Result<bool> {
    RETURN_IF_ERROR(
        t.run("UPDATE tenant_snapshot SET status = 'DELETING' WHERE id = ?1 AND status = 'NORMAL' AND NOT "
              "EXISTS (SELECT 1 FROM clone_job WHERE finished IS NULL AND snapshot_id = ?1)",
              {base.id}));
    return t.changes() == 1;
  }));
  if (!marked) return false;
  RETURN_IF_ERROR(remove_tree(host_.snapshot_folder(base.id)));
  RETURN_IF_ERROR(catalog_.transact(
      [&](CatalogTransaction& t) { return t.run("DELETE FROM tenant_snapshot WHERE id = ?1", {base.id}); }));
  return true;
}

// First at the tenant, then here: what is gone here would be taken for a new file if it were there still.
Result<> LogArchive::purge(int64_t tenant, const ArchivedFile& file, const ArchivedFile& next) {
  if (next.round == file.round && follower(tenant) && follower(tenant)->round() == file.round) {
    ASSIGN_OR_RETURN(const auto connection, host_.instance(tenant).connect(context_));
    RETURN_IF_ERROR(connection->execute(context_, fmt::format("PURGE BINARY LOGS TO '{}'", next.name)));
  }
  fault_point("archive_purging");
  const std::string path = folder(tenant, file.round) + "/" + file.name;
  for (const std::string& name : {path, path + ".times"}) RETURN_IF_ERROR(remove_tree(name));
  return catalog_.transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.event("archive_purged", tenant, 0, file.name));
    return t.run("DELETE FROM archive_file WHERE round_id = ?1 AND number = ?2", {file.round, file.number});
  });
}

}  // namespace sluice
