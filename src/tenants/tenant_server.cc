// SPDX-License-Identifier: Apache-2.0
// The server's start and end.
#include "tenants/tenant_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <set>
#include <thread>

#include "base/log.h"
#include "tenants/file_tree.h"

namespace sluice {
namespace {

constexpr size_t kStartersAtOnce = 4;

// "1004" and "1004.part" as 1004; 0 for anything else.
int64_t number_of(const std::string& name) {
  int64_t number = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
  const std::string_view rest(end, name.data() + name.size());
  return problem == std::errc() && (rest.empty() || rest == ".part") ? number : 0;
}

}  // namespace

Result<std::unique_ptr<TenantServer>> TenantServer::open(Context& context, const std::string& folder) {
  std::unique_ptr<TenantServer> server(new TenantServer(context, folder));
  // Servers' settings and statements name files in it without quotes; a socket's path may have 107 bytes.
  constexpr size_t kMaxFolder = 70;
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '.';
  };
  if (folder.size() > kMaxFolder || !std::ranges::all_of(folder, fits)) {
    return Error(
        ErrorCode::kConfig,
        fmt::format("the data folder's path '{}' is longer than {} bytes or has unusual signs", folder, kMaxFolder),
        "Choose a path of letters, digits, '/', '_', '-' and '.'; sockets below it must fit in 107 bytes.");
  }
  RETURN_IF_ERROR(make_folder(folder));
  RETURN_IF_ERROR(server->lock_folder());
  for (const char* inner : {"/tenants", "/snapshots", "/archive"}) RETURN_IF_ERROR(make_folder(folder + inner));
  ASSIGN_OR_RETURN(server->catalog_, Catalog::open(context, folder + "/catalog.db"));
  server->host_ = std::make_unique<TenantHost>(context, *server->catalog_, folder);
  server->archive_ = std::make_unique<LogArchive>(
      context, *server->catalog_, *server->host_,
      [clones = &server->clones_](const TenantRow& tenant, const std::string& name) -> Result<> {
        const auto made = (*clones)->create_snapshot(tenant, name, "AUTO");
        return made ? Result<>() : Result<>(made.error());
      });
  server->clones_ = std::make_unique<CloneRunner>(context, *server->catalog_, *server->host_, *server->archive_);
  if (Result<> recovered = server->recover(); !recovered) {
    if (context.stop_requested()) server->stop();
    return std::move(recovered).error();
  }
  server->expiry_ = std::thread([raw = server.get()] { raw->watch_expiry(); });
  return server;
}

TenantServer::~TenantServer() {
  expiry_context_.request_stop();
  if (expiry_.joinable()) expiry_.join();
  if (archive_) archive_->stop();  // its threads use what ends before it
  if (lock_ >= 0) ::close(lock_);
}

Result<> TenantServer::lock_folder() {
  const std::string path = folder_ + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) return Error(ErrorCode::kState, "cannot open " + path);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return Error(ErrorCode::kState, fmt::format("another server has {}", folder_),
                 "One server has a data folder at a time.");
  }
  return {};
}

Result<> TenantServer::recover() {
  ASSIGN_OR_RETURN(const auto tenants, catalog_->transact([](CatalogTransaction& t) -> Result<std::vector<TenantRow>> {
    RETURN_IF_ERROR(t.run("UPDATE tenant SET running = 0"));
    RETURN_IF_ERROR(t.run("DELETE FROM snapshot_lock WHERE owner_job_id < 0"));
    RETURN_IF_ERROR(
        t.run("UPDATE tenant SET status = 'NORMAL' WHERE id IN "
              "(SELECT tenant_id FROM tenant_reset WHERE "
              "snapshot_id = 0)"));
    RETURN_IF_ERROR(t.run("DELETE FROM tenant_reset WHERE snapshot_id = 0"));
    RETURN_IF_ERROR(
        t.run("DELETE FROM tenant_snapshot WHERE substr(name, "
              "1, 21) = '_inner_snapshot$reset' AND id NOT IN "
              "(SELECT snapshot_id FROM tenant_reset)"));
    // Snapshots that nobody will finish.
    RETURN_IF_ERROR(
        t.run("DELETE FROM tenant_snapshot WHERE status NOT IN ('NORMAL', 'CLONING') AND NOT EXISTS (SELECT 1 "
              "FROM clone_job WHERE finished IS NULL AND snapshot_id = tenant_snapshot.id)"));
    return t.tenants();
  }));
  std::vector<TenantRow> normal;
  for (const TenantRow& tenant : tenants) {
    if (tenant.status == tenant_status::kNormal) normal.push_back(tenant);
    if (tenant.status == tenant_status::kCreating || tenant.status == tenant_status::kDropping) {
      RETURN_IF_ERROR(finish_drop(tenant.id));
    }
  }
  RETURN_IF_ERROR(remove_leftovers());
  start_tenants(normal);
  RETURN_IF_ERROR(recover_resets());
  RETURN_IF_ERROR(archive_->resume());
  return clones_->resume();
}

// Folders without a row.
Result<> TenantServer::remove_leftovers() {
  for (const auto& [kind, table] :
       {std::pair("tenants", "tenant"), std::pair("snapshots", "tenant_snapshot"), std::pair("archive", "tenant")}) {
    ASSIGN_OR_RETURN(const auto ids, catalog_->transact([&, name = table](CatalogTransaction& t) {
      return t.texts(fmt::format("SELECT id FROM {}", name));
    }));
    std::set<int64_t> known;
    for (const std::string& id : ids) known.insert(std::stoll(id));
    ASSIGN_OR_RETURN(const auto names, names_in(folder_ + "/" + kind));
    for (const std::string& name : names) {
      const int64_t number = number_of(name);
      if (number == 0 || known.contains(number)) continue;
      const std::string path = fmt::format("{}/{}/{}", folder_, kind, name);
      if (const auto process = Instance(path).find()) process->kill9();
      log_info("removing {}, which belongs to nothing", path);
      RETURN_IF_ERROR(remove_tree(path));
    }
  }
  return {};
}

void TenantServer::start_tenants(const std::vector<TenantRow>& tenants) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < tenants.size(); i = next++) {
      const TenantRow& tenant = tenants[i];
      Result<> started = host_->start(context_, tenant.id, true, Unanswered::kLeave);
      if (!started) log_error("tenant '{}': {}; trying again", tenant.name, started.error().describe());
      if (Result<> kept = host_->keep(tenant.id); !kept)
        log_error("tenant '{}': {}", tenant.name, kept.error().describe());
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < std::min(kStartersAtOnce, tenants.size()); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

void TenantServer::stop() {
  expiry_context_.request_stop();
  if (expiry_.joinable()) expiry_.join();
  archive_->stop();
  clones_->stop();
  host_->stop_all();
}

}  // namespace sluice
