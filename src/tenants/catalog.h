// SPDX-License-Identifier: Apache-2.0
// What the server knows: units, pools, tenants, snapshots and clone jobs, in one SQLite file, with the views that users
// read. An id is stored before the thing it names is made, so that whoever repeats a step finds it.
//
// transact() may be called from any thread; one transaction at a time, and everything durable when it returns.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "state/sqlite_database.h"
#include "tenants/statement.h"

namespace sluice {

// As stored, so that a person who opens the file can read them.
namespace tenant_status {
inline constexpr std::string_view kCreating = "CREATING", kNormal = "NORMAL", kRestore = "RESTORE",
                                  kDropping = "DROPPING";
}
namespace snapshot_status {
inline constexpr std::string_view kCreating = "CREATING", kDecided = "DECIDED", kNormal = "NORMAL",
                                  kCloning = "CLONING", kDeleting = "DELETING";
}

struct UnitRow {
  int64_t id = 0;
  std::string name;
  double max_cpu = 0, min_cpu = 0;
  int64_t memory_size = 0, log_disk_size = 0, max_iops = 0, min_iops = 0, iops_weight = 0;
};
struct TenantRow {
  int64_t id = 0;
  std::string name, status, role, log_mode;
  int64_t port = 0;
  std::string charset, collation;
  int64_t parent_id = 0;   // 0: it is no clone
  int64_t expires_ms = 0;  // wall clock; 0: never
  bool is_protected = false;
  std::string mask;  // the name of what was applied to it
  // Whether it is to be dropped because its TTL is over.
  bool has_expired(int64_t now_ms) const {
    return expires_ms != 0 && expires_ms <= now_ms && !is_protected && status == tenant_status::kNormal;
  }
};
struct SnapshotRow {
  int64_t id = 0;
  std::string name;
  int64_t tenant_id = 0;
  std::string status, gtid;
  int64_t scn = 0;  // of its position
  // Whether clones can begin at it.
  bool usable() const { return status == snapshot_status::kNormal || status == snapshot_status::kCloning; }
};
struct CloneJobRow {
  int64_t id = 0;
  std::string status, type;
  int64_t source_id = 0, tenant_id = 0, snapshot_id = 0, pool_id = 0, port = 0;
  std::string source_name, clone_name, snapshot_name, pool_name, unit_name, gtid;
  bool primary = false, canceling = false, finished = false;
  int64_t ret_code = 0;
  std::string message;
  // What is replayed of the source's archive behind the snapshot; round 0: nothing.
  int64_t replay_round = 0, replay_scn = 0;
  std::string replay_gtid;
  // What the clone will be given; the mask's statements are those of the time
  // when the job began.
  int64_t ttl_ms = 0;
  bool is_protected = false;
  std::string mask, mask_sql;
};

using SqlValue = std::variant<int64_t, double, std::string>;

// Inside of Catalog::transact.
class CatalogTransaction {
 public:
  explicit CatalogTransaction(SqliteDatabase& database) : database_(database) {}

  Result<> run(std::string_view sql, std::vector<SqlValue> values = {});
  // Rows changed by the last run().
  int64_t changes() const { return database_.changes(); }
  // The first value of the first row.
  Result<std::optional<int64_t>> number(std::string_view sql, std::vector<SqlValue> values = {});
  Result<std::vector<std::string>> texts(std::string_view sql, std::vector<SqlValue> values = {});
  // The first cells as texts, NULL as an empty one.
  Result<std::vector<std::vector<std::string>>> rows(int columns, std::string_view sql,
                                                     std::vector<SqlValue> values = {});
  // A number never given out before.
  Result<int64_t> next_id(std::string_view kind, int64_t first);

  Result<std::optional<UnitRow>> find_unit(std::string_view name);
  Result<std::optional<UnitRow>> unit_of_tenant(int64_t tenant);
  Result<std::optional<TenantRow>> find_tenant(std::string_view name);
  Result<std::optional<TenantRow>> tenant_by_id(int64_t id);
  Result<std::vector<TenantRow>> tenants();
  Result<std::optional<SnapshotRow>> find_snapshot(int64_t tenant, std::string_view name);
  // Those of users and of the archive, oldest first; not those that a clone job makes for itself.
  Result<std::vector<SnapshotRow>> snapshots(int64_t tenant);
  Result<std::optional<CloneJobRow>> clone_job(int64_t id);
  Result<std::vector<CloneJobRow>> unfinished_clone_jobs();
  // Things to say afterwards: `what` of tenant or job.
  Result<> event(std::string_view kind, int64_t tenant, int64_t job, std::string detail);

 private:
  Result<SqliteStatement> prepare(std::string_view sql, const std::vector<SqlValue>& values);
  Result<std::optional<UnitRow>> one_unit(std::string_view condition, SqlValue value);
  Result<std::vector<SnapshotRow>> some_snapshots(std::string_view condition, std::vector<SqlValue> values);
  Result<std::vector<TenantRow>> some_tenants(std::string_view condition, std::vector<SqlValue> values);
  Result<std::vector<CloneJobRow>> some_clone_jobs(std::string_view condition, std::vector<SqlValue> values);
  SqliteDatabase& database_;
};

class Catalog {
 public:
  // Creates the file, readable by its owner only, if there is none. The context must outlive the catalog.
  static Result<std::unique_ptr<Catalog>> open(Context& context, const std::string& file);

  // Runs `work`, which returns a Result, in a transaction; what it changed is kept if it returns no error.
  template <typename Work>
  auto transact(Work&& work) -> decltype(work(std::declval<CatalogTransaction&>())) {
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::begin(*database_));
    CatalogTransaction inner(*database_);
    auto result = work(inner);
    if (result) RETURN_IF_ERROR(transaction.commit());
    return result;
  }
  const std::string& file() const { return file_; }

 private:
  Catalog() = default;
  std::string file_;
  std::mutex mutex_;
  std::unique_ptr<SqliteDatabase> database_;  // guarded by mutex_
};

// "2026-01-02 03:04:05.678000", UTC.
std::string timestamp_text(int64_t wall_clock_ms);

// The result of a SELECT over the views: nothing else can be read, and nothing written.
struct ViewRows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};
Result<ViewRows> read_views(const std::string& catalog_file, const std::string& sql);

// The catalog's tables and views; may be executed again and again.
extern const char* const kCatalogSchema;

}  // namespace sluice
