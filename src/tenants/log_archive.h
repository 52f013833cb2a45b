// SPDX-License-Identifier: Apache-2.0
// The archive of tenants' binary logs: every log file of a tenant has a second name (a hard link) in the archive from
// the moment it is seen, so that nothing is copied and nothing is lost when the tenant purges, dies or this process is
// killed. Ten times a second the end of each log is noted with the time, which is how a point in time becomes a
// position.
//
// A round is a part of a tenant's history without a gap. Files go, oldest first, when the archive exceeds the unit's
// LOG_DISK_SIZE, but not while a snapshot needs them; snapshots that the archive itself made go with them. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tenants/archive_follower.h"
#include "tenants/catalog.h"
#include "tenants/tenant_host.h"

namespace sluice {

// A position asked for: one of the two.
struct AsOf {
  std::optional<int64_t> wall_clock_ms;
  std::string gtid;
};
// Where a clone gets to by replaying a round's log behind a snapshot.
struct ArchivedPlace {
  int64_t round = 0;
  std::string snapshot;  // the nearest before it
  GtidState state;
  int64_t scn = 0;
};
// The log files to be read for that: from the offset in the first to the offset in the last.
struct ArchivedLog {
  std::vector<std::string> files;
  uint64_t begin = 0, end = 0;
};

class LogArchive {
 public:
  // Makes a snapshot of a tenant from which clones can begin.
  using MakeSnapshot = std::function<Result<>(const TenantRow& tenant, const std::string& name)>;
  // All must outlive it.
  LogArchive(Context& context, Catalog& catalog, TenantHost& host, MakeSnapshot make_snapshot);
  ~LogArchive();
  LogArchive(const LogArchive&) = delete;
  LogArchive& operator=(const LogArchive&) = delete;

  // Goes on with the rounds that an earlier process began, from now on in threads of its own.
  Result<> resume();
  void stop();

  // A new round, if none is under way. What there is of the tenant's log is in it when this returns.
  Result<> begin(int64_t tenant);
  // A snapshot for clones to begin at, if one is due.
  Result<> make_base(int64_t tenant);
  Result<> end(int64_t tenant);
  // The tenant is gone, and so is what was archived of it.
  Result<> forget(int64_t tenant);

  // 1210 with the range if the archive does not hold it, or no snapshot is before it.
  Result<ArchivedPlace> find(const TenantRow& tenant, const AsOf& as_of);
  Result<ArchivedLog> log_between(int64_t tenant, int64_t round, const GtidState& from, const GtidState& to);

 private:
  struct Holdings {
    TenantRow tenant;
    int64_t quota = 0, bytes = 0;
    std::vector<ArchivedFile> files;     // of all rounds, oldest first
    std::vector<SnapshotRow> snapshots;  // oldest first
    // The newest from which the round can be replayed.
    const SnapshotRow* base(int64_t round) const;
  };
  std::shared_ptr<ArchiveFollower> follower(int64_t tenant);
  std::vector<int64_t> followed();
  Result<> follow(int64_t tenant, int64_t round);
  // Archives what there is now.
  Result<> look(int64_t tenant);
  void sample();
  void keep();
  Result<std::optional<Holdings>> holdings(int64_t tenant);
  Result<> keep_within_quota(int64_t tenant);
  Result<> alarm(const Holdings& held);
  Result<bool> drop_base(const SnapshotRow& base);
  Result<> purge(int64_t tenant, const ArchivedFile& file, const ArchivedFile& next);
  std::string folder(int64_t tenant, int64_t round) const;

  Context context_;
  Catalog& catalog_;
  TenantHost& host_;
  const MakeSnapshot make_snapshot_;
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<ArchiveFollower>> followers_;  // by tenant; guarded by mutex_
  std::thread sampler_, keeper_;
};

}  // namespace sluice
