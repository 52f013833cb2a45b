// SPDX-License-Identifier: Apache-2.0
// The servers of all tenants: their folders, ports and groups; starts them, keeps those that should run running, and
// finds again those that an earlier process of ours started. Any thread, one call for a tenant at a time.
#pragma once

#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "tenants/catalog.h"
#include "tenants/control_groups.h"
#include "tenants/instance.h"

namespace sluice {

class TenantHost {
 public:
  // The context and the catalog must outlive it.
  TenantHost(Context& context, Catalog& catalog, std::string folder);
  ~TenantHost();
  TenantHost(const TenantHost&) = delete;
  TenantHost& operator=(const TenantHost&) = delete;

  const std::string& folder() const { return folder_; }
  std::string tenant_folder(int64_t tenant) const { return fmt::format("{}/tenants/{}", folder_, tenant); }
  std::string snapshot_folder(int64_t snapshot) const { return fmt::format("{}/snapshots/{}", folder_, snapshot); }
  std::string option_file(int64_t tenant) const { return tenant_folder(tenant) + "/client.cnf"; }
  Instance instance(int64_t tenant) const { return Instance(tenant_folder(tenant)); }

  // A port on loopback that no tenant has and nobody listens on.
  static Result<int64_t> free_port(CatalogTransaction& transaction);

  // The data that new tenants begin with; made at the first call.
  Result<std::string> template_data();
  // Makes the tenant's folder from the data of a template or a snapshot: beside
  // what there is, then in its place.
  Result<> prepare(int64_t tenant, const std::string& data);
  Result<> put_in_place(int64_t tenant);
  Result<> build(int64_t tenant, const std::string& data);
  // Starts the tenant's server with what the catalog says of it, in its groups.
  // If it runs already, that one stays, and takes writes if the tenant may be written to. One that is not open listens
  // on its socket only, which no user can reach.
  Result<> start(Context& context, int64_t tenant, bool open = true, Unanswered unanswered = Unanswered::kKill);
  // From now on it is started again whenever it ends.
  Result<> keep(int64_t tenant);
  // No longer; returns when no start is under way.
  void let_go(int64_t tenant);
  // Ends the server, if there is one, at once.
  void kill(int64_t tenant) const;
  // The same, and removes what there is of the tenant on disk and in the kernel. May be repeated.
  Result<> remove(int64_t tenant);
  // Limits that have changed, for a tenant that runs.
  Result<> apply_limits(Context& context, int64_t tenant);
  // Stops all servers in an orderly way.
  void stop_all();

 private:
  struct Kept {
    std::optional<DetachedProcess> process;
    bool busy = false;  // the starter is at work
    int failures = 0;
    MonotonicTime next_try{};
    std::jthread starter;
  };
  void watch();
  void restart(int64_t tenant);
  bool any_busy() const;
  void wake() const;

  Context& context_;
  Catalog& catalog_;
  const std::string folder_;
  const ControlGroups groups_;
  Context starts_{&context_};  // of the starters
  std::mutex template_mutex_;
  std::mutex mutex_;
  std::condition_variable idle_;  // no entry is busy
  std::map<int64_t, Kept> kept_;  // guarded by mutex_
  bool ending_ = false;           // guarded by mutex_
  int wake_ = -1;                 // eventfd
  std::thread watcher_;
};

}  // namespace sluice
