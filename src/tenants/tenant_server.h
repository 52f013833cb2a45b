// SPDX-License-Identifier: Apache-2.0
// All tenants of one data folder: carries statements out, and brings back at its start what was there before. One
// server has the folder at a time. execute() may be called from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "tenants/catalog.h"
#include "tenants/clone_runner.h"
#include "tenants/log_archive.h"
#include "tenants/statement.h"
#include "tenants/tenant_host.h"

namespace sluice {

// 5160 if there is none of this name.
Result<TenantRow> need_tenant(CatalogTransaction& transaction, const std::string& name);

struct StatementResult {
  ViewRows rows;                   // no columns: the statement has no result
  std::vector<std::string> notes;  // for people
  bool vertical = false;
};

class TenantServer {
 public:
  // `folder` is absolute, and is made if it is not there. The context must outlive the server.
  static Result<std::unique_ptr<TenantServer>> open(Context& context, const std::string& folder);
  ~TenantServer();
  TenantServer(const TenantServer&) = delete;
  TenantServer& operator=(const TenantServer&) = delete;

  Result<StatementResult> execute(const Statement& statement);
  // Stops jobs, which go on at the next start, and the tenants' servers.
  void stop();
  const std::string& folder() const { return folder_; }

 private:
  TenantServer(Context& context, std::string folder) : context_(context), folder_(std::move(folder)) {}
  Result<> lock_folder();
  Result<> recover();
  Result<> remove_leftovers();
  void start_tenants(const std::vector<TenantRow>& tenants);

  Result<StatementResult> run(const CreateUnit& statement);
  Result<StatementResult> run(const AlterUnit& statement);
  Result<StatementResult> run(const DropUnit& statement);
  Result<StatementResult> run(const CreatePool& statement);
  Result<StatementResult> run(const AlterPool& statement);
  Result<StatementResult> run(const DropPool& statement);
  Result<StatementResult> run(const CreateTenant& statement);
  Result<StatementResult> run(const DropTenant& statement);
  Result<StatementResult> run(const CloneTenant& statement);
  Result<StatementResult> run(const CreateSnapshot& statement);
  Result<StatementResult> run(const DropSnapshot& statement);
  Result<StatementResult> run(const CancelClone& statement);
  Result<StatementResult> run(const ActivateStandby& statement);
  Result<StatementResult> run(const SetLogMode& statement);
  Result<StatementResult> run(const ReadViews& statement);
  Result<StatementResult> run(const ResetTenant& statement);
  Result<StatementResult> run(const SetTtl& statement);
  Result<StatementResult> run(const SetProtected& statement);
  Result<StatementResult> run(const CreateMask& statement);
  Result<StatementResult> run(const DropMask& statement);

  Result<int64_t> store_tenant(CatalogTransaction& transaction, const CreateTenant& statement);
  Result<> make_tenant(const CreateTenant& statement, int64_t tenant);
  Result<StatementResult> describe_tenant(const std::string& name);
  // One whose TTL is over is dropped if it still is.
  enum class DropReason { kStatement, kForce, kExpired };
  Result<> drop(const TenantRow& tenant, DropReason reason);
  Result<> end_clone_jobs(int64_t tenant);
  Result<> finish_drop(int64_t tenant);
  Result<StatementResult> apply_limits(const std::vector<int64_t>& tenants);

  struct Reset {
    TenantRow tenant;
    SnapshotRow snapshot;
    bool own_snapshot = false;  // made for it, and dropped with it
    bool placed = false;        // carried out
    std::string mask_sql;
  };
  Result<> store_reset(const ResetTenant& statement, Reset& reset, TenantRow& parent);
  // Puts the snapshot's data in the place of the tenant's. May be repeated until it has returned without an error: then
  // they may be written to.
  Result<> carry_out(const Reset& reset);
  Result<> open_reset(const Reset& reset);
  Result<> end_reset(const Reset& reset);
  void remove_rest(const Reset& reset);
  Result<> recover_resets();
  void drop_expired(std::map<int64_t, MonotonicTime>& next_try);
  void watch_expiry();

  Context& context_;
  const std::string folder_;
  int lock_ = -1;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<TenantHost> host_;
  std::unique_ptr<LogArchive> archive_;
  std::unique_ptr<CloneRunner> clones_;
  Context expiry_context_{&context_};
  std::thread expiry_;
};

}  // namespace sluice
