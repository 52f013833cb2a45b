// SPDX-License-Identifier: Apache-2.0
#include "tenants/tenant_host.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/loopback.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kStopPatience{4000};
constexpr std::chrono::seconds kMaxPause{30};

}  // namespace

TenantHost::TenantHost(Context& context, Catalog& catalog, std::string folder)
    : context_(context), catalog_(catalog), folder_(std::move(folder)), groups_(folder_) {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  SLUICE_CHECK(wake_ >= 0);
  watcher_ = std::thread([this] { watch(); });
}

TenantHost::~TenantHost() {
  starts_.request_stop();
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    wake();
    idle_.wait(lock, [&] { return !any_busy(); });
  }
  watcher_.join();
  ::close(wake_);
}

bool TenantHost::any_busy() const {
  return std::ranges::any_of(kept_, [](const auto& entry) { return entry.second.busy; });
}

void TenantHost::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

Result<int64_t> TenantHost::free_port(CatalogTransaction& transaction) {
  std::random_device random;
  const int start = static_cast<int>(random() % kServerPorts);
  for (int i = 0; i < kServerPorts; ++i) {
    const int64_t port = kFirstServerPort + (start + i) % kServerPorts;
    ASSIGN_OR_RETURN(const auto taken,
                     transaction.number("SELECT 1 FROM tenant WHERE port = ?1 UNION ALL "
                                        "SELECT 1 FROM clone_job WHERE finished IS NULL AND port = ?1",
                                        {port}));
    if (!taken && is_free_on_loopback(static_cast<int>(port))) return port;
  }
  return sql_error(kResourcesNotEnough, "no port between {} and {} is free", kFirstServerPort,
                   kFirstServerPort + kServerPorts - 1);
}

Result<std::string> TenantHost::template_data() {
  const std::lock_guard lock(template_mutex_);
  const std::string path = folder_ + "/template";
  if (!template_is_good(path)) {
    // The socket's path must be short, and what is half made must not be taken for the whole.
    const std::string partial = folder_ + "/template.part";
    if (const auto running = Instance(partial).find()) running->kill9();
    RETURN_IF_ERROR(make_template(context_, partial));
    RETURN_IF_ERROR(remove_tree(path));
    RETURN_IF_ERROR(rename_path(partial, path));
    RETURN_IF_ERROR(sync_folder(folder_));
  }
  return path + "/data";
}

Result<> TenantHost::prepare(int64_t tenant, const std::string& data) {
  const std::string path = tenant_folder(tenant) + ".part";
  RETURN_IF_ERROR(remove_tree(path));
  RETURN_IF_ERROR(make_folder(path));
  return share_tree(data, path + "/data", belongs_to_tenant);
}

Result<> TenantHost::put_in_place(int64_t tenant) {
  const std::string path = tenant_folder(tenant);
  RETURN_IF_ERROR(remove_tree(path));
  return rename_path(path + ".part", path);
}

Result<> TenantHost::build(int64_t tenant, const std::string& data) {
  RETURN_IF_ERROR(prepare(tenant, data));
  return put_in_place(tenant);
}

Result<> TenantHost::start(Context& context, int64_t tenant, bool open, Unanswered unanswered) {
  const Instance server = instance(tenant);
  struct Wanted {
    TenantRow tenant;
    UnitRow unit;
    bool mask_pending;
  };
  ASSIGN_OR_RETURN(const Wanted wanted, catalog_.transact([&](CatalogTransaction& transaction) -> Result<Wanted> {
    ASSIGN_OR_RETURN(const auto row, transaction.tenant_by_id(tenant));
    ASSIGN_OR_RETURN(const auto unit, transaction.unit_of_tenant(tenant));
    if (!row || !unit) return Error(ErrorCode::kInternal, fmt::format("tenant {} has no row or no unit", tenant));
    ASSIGN_OR_RETURN(const auto pending,
                     transaction.number("SELECT 1 FROM mask_pending WHERE tenant_id = ?1", {tenant}));
    return Wanted{*row, *unit, pending.has_value()};
  }));
  const std::string isolation = groups_.apply(tenant, wanted.unit);
  const bool read_only = wanted.tenant.role != "PRIMARY" || wanted.tenant.status == tenant_status::kRestore;
  if (server.find()) {
    if (!read_only) RETURN_IF_ERROR(server.open_for_writing(context));
  } else {
    InstanceSettings settings;
    settings.tenant = tenant;
    settings.port = open && !wanted.mask_pending ? wanted.tenant.port : 0;
    settings.memory_size = wanted.unit.memory_size;
    settings.log_disk_size = wanted.unit.log_disk_size;
    settings.charset = wanted.tenant.charset;
    settings.collation = wanted.tenant.collation;
    settings.read_only = read_only;
    settings.events = wanted.tenant.parent_id == 0;
    RETURN_IF_ERROR(server.write_settings(settings));
    RETURN_IF_ERROR(server.start(context, groups_.process_files(tenant), unanswered));
  }
  return catalog_.transact([&](CatalogTransaction& transaction) {
    return transaction.run("UPDATE tenant SET isolation = ?2 WHERE id = ?1 AND isolation <> ?2", {tenant, isolation});
  });
}

Result<> TenantHost::keep(int64_t tenant) {
  RETURN_IF_ERROR(catalog_.transact([&](CatalogTransaction& transaction) {
    return transaction.run("UPDATE tenant SET running = 1 WHERE id = ?1", {tenant});
  }));
  auto process = instance(tenant).find();
  const std::lock_guard lock(mutex_);
  kept_.try_emplace(tenant).first->second.process = std::move(process);
  wake();
  return {};
}

void TenantHost::let_go(int64_t tenant) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] {
    const auto entry = kept_.find(tenant);
    return entry == kept_.end() || !entry->second.busy;
  });
  kept_.erase(tenant);
  wake();
}

void TenantHost::kill(int64_t tenant) const {
  if (const auto process = instance(tenant).find()) process->kill9();
}

Result<> TenantHost::remove(int64_t tenant) {
  let_go(tenant);
  kill(tenant);
  groups_.remove(tenant);
  RETURN_IF_ERROR(remove_tree(tenant_folder(tenant) + ".part"));
  return remove_tree(tenant_folder(tenant));
}

Result<> TenantHost::apply_limits(Context& context, int64_t tenant) {
  ASSIGN_OR_RETURN(const auto unit, catalog_.transact([&](CatalogTransaction& transaction) {
    return transaction.unit_of_tenant(tenant);
  }));
  if (!unit) return {};
  const std::string isolation = groups_.apply(tenant, *unit);
  RETURN_IF_ERROR(catalog_.transact([&](CatalogTransaction& transaction) {
    return transaction.run("UPDATE tenant SET isolation = ?2 WHERE id = ?1", {tenant, isolation});
  }));
  ASSIGN_OR_RETURN(const auto connection, instance(tenant).connect(context));
  RETURN_IF_ERROR(
      connection->execute(context, fmt::format("SET GLOBAL rocksdb_block_cache_size = {}, max_binlog_cache_size = {}",
                                               unit->memory_size * 40 / 100, unit->log_disk_size)));
  return {};
}

void TenantHost::stop_all() {
  std::map<int64_t, Kept> kept;
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    wake();
    idle_.wait(lock, [&] { return !any_busy(); });
    kept.swap(kept_);
  }
  std::vector<std::thread> stops;
  for (auto& [tenant, entry] : kept) {
    if (!entry.process) continue;
    stops.emplace_back([this, id = tenant, &process = *entry.process] {
      Context patience;  // the server's own is stopped already
      instance(id).stop(patience, process, kStopPatience);
    });
  }
  for (std::thread& stop : stops) stop.join();
  for (const auto& [tenant, entry] : kept) groups_.remove(tenant);
  groups_.remove_all();
}

void TenantHost::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    std::vector<pollfd> waiting = {{wake_, POLLIN, 0}};
    auto pause = std::chrono::milliseconds(60'000);
    for (auto& [tenant, entry] : kept_) {
      if (entry.busy) continue;  // who starts it wakes us
      if (entry.process && entry.process->alive()) {
        waiting.push_back({entry.process->descriptor(), POLLIN, 0});
      } else if (entry.next_try <= monotonic_now()) {
        entry.busy = true;
        entry.starter = std::jthread([this, id = tenant] { restart(id); });
      } else {
        pause =
            std::min(pause, std::chrono::duration_cast<std::chrono::milliseconds>(entry.next_try - monotonic_now()) +
                                std::chrono::milliseconds(1));
      }
    }
    lock.unlock();
    ::poll(waiting.data(), waiting.size(), static_cast<int>(pause.count()));
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_, &count, sizeof count);
    lock.lock();
  }
}

// In a thread of its own: one that does not answer holds up no other.
void TenantHost::restart(int64_t tenant) {
  log_warn("the server of tenant {} has ended; starting it again", tenant);
  Result<> started = start(starts_, tenant, true, Unanswered::kLeave);
  if (started) {
    started = catalog_.transact([&](CatalogTransaction& transaction) -> Result<> {
      RETURN_IF_ERROR(transaction.run("UPDATE tenant SET restarts = restarts + 1 WHERE id = ?1", {tenant}));
      return transaction.event("tenant_restarted", tenant, 0, "");
    });
  }
  if (!started && !starts_.stop_requested()) log_error("tenant {}: {}", tenant, started.error().describe());
  auto process = instance(tenant).find();
  const std::lock_guard lock(mutex_);
  Kept& entry = kept_.at(tenant);  // nobody removes a busy one
  entry.busy = false;
  entry.failures = started ? 0 : entry.failures + 1;
  const auto pause = std::min<std::chrono::seconds>(kMaxPause, std::chrono::seconds(1 << std::min(entry.failures, 5)));
  entry.next_try = started ? MonotonicTime{} : monotonic_now() + pause;
  entry.process = std::move(process);
  idle_.notify_all();
  wake();
}

}  // namespace sluice
