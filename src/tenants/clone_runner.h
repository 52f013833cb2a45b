// SPDX-License-Identifier: Apache-2.0
// Clone jobs: each is a row of the catalog and a thread that takes it from state to state. A state may be done again
// after a kill at any line: the ids of what it makes were stored before. A job that fails or is canceled removes all it
// has made.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "tenants/catalog.h"
#include "tenants/log_archive.h"
#include "tenants/tenant_host.h"

namespace sluice {

class CloneRunner {
 public:
  // All must outlive it.
  CloneRunner(Context& context, Catalog& catalog, TenantHost& host, LogArchive& archive);
  ~CloneRunner();
  CloneRunner(const CloneRunner&) = delete;
  CloneRunner& operator=(const CloneRunner&) = delete;

  // Checks, stores the job and starts it; returns its id.
  Result<int64_t> begin(const CloneTenant& clone);
  // Waits until the job has ended, well or not.
  Result<CloneJobRow> wait(int64_t job);
  // Asks the job of this clone to end; `wait` says when it has.
  Result<int64_t> cancel(const std::string& clone_name);
  // Takes up the jobs that an earlier process left.
  Result<> resume();
  // Stops the threads; the jobs stay where they are.
  void stop();

  // A snapshot to clone from; of the type MANUAL (a user's) or AUTO.
  Result<SnapshotRow> create_snapshot(const TenantRow& source, const std::string& name, const std::string& type);

 private:
  struct Running {
    explicit Running(const Context* parent) : context(parent) {}
    Context context;
    std::atomic<bool> canceling{false};
    std::thread thread;
    bool ended = false;
  };
  class Job;
  void launch(int64_t job);
  Result<> take_lock(Context& context, int64_t source, int64_t owner);

  Context& context_;
  Catalog& catalog_;
  TenantHost& host_;
  LogArchive& archive_;
  std::mutex mutex_;
  std::condition_variable changed_;                      // a job has ended, or a lock was given up
  std::map<int64_t, std::unique_ptr<Running>> running_;  // guarded by mutex_
};

// Checks of a new clone, in the transaction that stores its job; returns the job's id.
Result<int64_t> store_clone_job(CatalogTransaction& transaction, const CloneTenant& clone);
// What the units of all pools leave of the machine; less than nothing if they take more than there is.
struct FreeResources {
  int64_t memory = 0;
  double cpu = 0;
};
Result<FreeResources> free_resources(CatalogTransaction& transaction);
// 4733 if there is no room for one more unit.
Result<> admit_unit(CatalogTransaction& transaction, const UnitRow& unit);
// 4733 if what was free before the unit was put in place of another one, or was altered, was not enough for that.
Result<> admit_change(CatalogTransaction& transaction, const UnitRow& unit, const FreeResources& before);
// Of a user's snapshot ?1 that a clone job or a reset had taken.
inline constexpr std::string_view kGiveBackSnapshot =
    "UPDATE tenant_snapshot SET clone_ref = max(clone_ref - 1, 0), status = CASE WHEN clone_ref > 1 THEN 'CLONING' "
    "ELSE "
    "'NORMAL' END WHERE id = ?1";
// 4770 if a clone of, or into, the tenant is under way.
Result<> refuse_while_cloning(CatalogTransaction& transaction, int64_t tenant, std::string_view what);
// 4179 if the tenant has the data of its parent and not yet its mask.
Result<> refuse_unmasked(CatalogTransaction& transaction, const TenantRow& tenant, std::string_view what);
// The rest of a clone's start, once its server runs on a snapshot's data: that
// it has recovered to the position, and nothing of statements that the snapshot
// cut off.
Result<> check_restored(Context& context, const Instance& instance, const std::string& gtid);
// Runs the statements of a mask in a clone that is not open yet, removes the
// logs in which the data stand as they were, and ends its server.
Result<> mask_clone(Context& context, TenantHost& host, int64_t tenant, const std::string& sql);
// The clone's, with its port: users and passwords are those of the source.
Result<> write_clone_option_file(const TenantHost& host, int64_t source, int64_t clone, int64_t port);
// Before a clone or standby is opened: it follows nobody any more, and what was prepared by its source is rolled back.
Result<> leave_source(Context& context, const Instance& instance);

}  // namespace sluice
