// SPDX-License-Identifier: Apache-2.0
// What happens to clones later: reset to their parent, protection, the end of
// their time; and the masks of their data.
#include <fmt/format.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"
#include "tenants/tenant_server.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kExpiryEvery{1000}, kEndPause{1000};
constexpr std::chrono::seconds kExpiryRetry{5};

Error not_now(const TenantRow& tenant, std::string_view what) {
  return sql_error(kNotAllowed, "tenant '{}' is {}, {} not allowed", tenant.name, tenant.status, what);
}

}  // namespace

// Notes what is to be done; from then on no other statement about the tenant
// begins.
Result<> TenantServer::store_reset(const ResetTenant& statement, Reset& reset, TenantRow& parent) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<> {
    ASSIGN_OR_RETURN(reset.tenant, need_tenant(t, statement.name));
    const TenantRow& tenant = reset.tenant;
    if (tenant.parent_id == 0) {
      return sql_error(kNotAllowed, "tenant '{}' is no clone and has no parent, reset tenant not allowed", tenant.name);
    }
    if (tenant.is_protected) {
      return sql_error(kNotAllowed,
                       "tenant '{0}' is protected, reset tenant not allowed; "
                       "ALTER TENANT {0} SET PROTECTED = OFF",
                       tenant.name);
    }
    RETURN_IF_ERROR(refuse_while_cloning(t, tenant.id, "reset tenant"));
    if (tenant.status != tenant_status::kNormal) return not_now(tenant, "reset tenant");
    ASSIGN_OR_RETURN(const auto found, t.tenant_by_id(tenant.parent_id));
    if (!found)
      return sql_error(kNotAllowed, "the parent of tenant '{}' is gone, reset tenant not allowed", tenant.name);
    parent = *found;
    if (parent.status != tenant_status::kNormal) return not_now(parent, "reset tenant");
    ASSIGN_OR_RETURN(const auto masks, t.texts("SELECT mask_sql FROM tenant_term WHERE tenant_id = ?1", {tenant.id}));
    reset.mask_sql = masks.empty() ? "" : masks[0];
    reset.own_snapshot = statement.snapshot.empty();
    if (!reset.own_snapshot) {
      ASSIGN_OR_RETURN(const auto snapshot, t.find_snapshot(parent.id, statement.snapshot));
      if (!snapshot || !snapshot->usable()) {
        return sql_error(kSnapshotNotExist, "snapshot '{}' of tenant '{}' not exist", statement.snapshot, parent.name);
      }
      reset.snapshot = *snapshot;
      RETURN_IF_ERROR(
          t.run("UPDATE tenant_snapshot SET status = 'CLONING', "
                "clone_ref = clone_ref + 1 WHERE id = ?1",
                {snapshot->id}));
    }
    RETURN_IF_ERROR(t.run("UPDATE tenant SET status = 'RESTORE' WHERE id = ?1", {tenant.id}));
    return t.run("INSERT INTO tenant_reset VALUES (?1, ?2, ?3)",
                 {tenant.id, reset.snapshot.id, int64_t{reset.own_snapshot}});
  });
}

Result<StatementResult> TenantServer::run(const ResetTenant& statement) {
  Reset reset;
  TenantRow parent;
  RETURN_IF_ERROR(store_reset(statement, reset, parent));
  fault_point("reset_stored");
  Result<> done = [&]() -> Result<> {
    if (reset.own_snapshot) {
      const std::string name = fmt::format("_inner_snapshot$reset_{}_{}", reset.tenant.id, wall_clock_ms());
      ASSIGN_OR_RETURN(reset.snapshot, clones_->create_snapshot(parent, name, "AUTO"));
      RETURN_IF_ERROR(catalog_->transact([&](CatalogTransaction& t) {
        return t.run("UPDATE tenant_reset SET snapshot_id = ?2 WHERE tenant_id = ?1",
                     {reset.tenant.id, reset.snapshot.id});
      }));
    }
    fault_point("reset_decided");
    RETURN_IF_ERROR(carry_out(reset));
    return open_reset(reset);
  }();
  // There is no way back: a full disk delays the end.
  Result<> ended;
  while (done || !context_.stop_requested()) {
    ended = end_reset(reset);
    if (ended) break;
    log_error("reset of tenant '{}': {}", statement.name, ended.error().describe());
    if (!context_.wait_for(kEndPause)) break;
  }
  if (context_.stop_requested() && !(done && ended)) {
    // The next server goes on with it.
    host_->kill(reset.tenant.id);
    return done ? std::move(ended).error() : std::move(done).error();
  }
  remove_rest(reset);
  Result<> archived = reset.tenant.log_mode == "ARCHIVELOG" ? archive_->begin(reset.tenant.id) : Result<>();
  RETURN_IF_ERROR(std::move(done));
  RETURN_IF_ERROR(std::move(archived));
  return describe_tenant(statement.name);
}

Result<> TenantServer::carry_out(const Reset& reset) {
  const int64_t id = reset.tenant.id;
  const Instance instance = host_->instance(id);
  RETURN_IF_ERROR(host_->prepare(id, host_->snapshot_folder(reset.snapshot.id) + "/data"));
  // What was archived belongs to data that are gone; what comes is another
  // round.
  if (Result<> ended = archive_->end(id); !ended) log_warn("archive of tenant {}: {}", id, ended.error().describe());
  Result<> noted = catalog_->transact([&](CatalogTransaction& t) -> Result<> {
    // Until the mask is applied nobody may log in, however often the server starts.
    if (!reset.mask_sql.empty()) RETURN_IF_ERROR(t.run("INSERT OR IGNORE INTO mask_pending VALUES (?1)", {id}));
    return t.run(
        "UPDATE archive_round SET status = 'STOP' WHERE tenant_id = "
        "?1 AND status = 'DOING'",
        {id});
  });
  RETURN_IF_ERROR(std::move(noted));
  host_->let_go(id);
  host_->kill(id);
  fault_point("reset_killed");
  RETURN_IF_ERROR(host_->put_in_place(id));
  RETURN_IF_ERROR(write_clone_option_file(*host_, reset.tenant.parent_id, id, reset.tenant.port));
  RETURN_IF_ERROR(sync_tree(host_->tenant_folder(id)));
  RETURN_IF_ERROR(sync_folder(host_->folder() + "/tenants"));
  fault_point("reset_placed");
  RETURN_IF_ERROR(host_->start(context_, id));  // it can only be read
  RETURN_IF_ERROR(check_restored(context_, instance, reset.snapshot.gtid));
  if (reset.tenant.role == "PRIMARY") RETURN_IF_ERROR(leave_source(context_, instance));
  if (!reset.mask_sql.empty()) RETURN_IF_ERROR(mask_clone(context_, *host_, id, reset.mask_sql));
  fault_point("reset_started");
  // The data are in their place: a full disk only delays that note, and with it the opening.
  for (;;) {
    noted = catalog_->transact([&](CatalogTransaction& t) -> Result<> {
      RETURN_IF_ERROR(t.run("DELETE FROM mask_pending WHERE tenant_id = ?1", {id}));
      RETURN_IF_ERROR(t.run("INSERT INTO reset_placed VALUES (?1)", {id}));
      RETURN_IF_ERROR(t.event("tenant_reset", id, 0, reset.snapshot.gtid));
      return t.run("UPDATE tenant SET gtid = ?2, modified = ?3 WHERE id = ?1",
                   {id, reset.snapshot.gtid, timestamp_text(wall_clock_ms())});
    });
    if (noted) return noted;
    log_error("reset of tenant '{}': {}", reset.tenant.name, noted.error().describe());
    if (!context_.wait_for(kEndPause)) return noted;
  }
}

Result<> TenantServer::open_reset(const Reset& reset) {
  Result<> opened = host_->start(context_, reset.tenant.id);
  if (opened && reset.tenant.role == "PRIMARY") {
    opened = host_->instance(reset.tenant.id).open_for_writing(context_);
  }
  fault_point("reset_opened");
  if (!opened) host_->kill(reset.tenant.id);  // started again, it is open
  return opened;
}

// Done or not: the tenant is there again, and its parent's snapshot free. May be repeated.
Result<> TenantServer::end_reset(const Reset& reset) {
  const int64_t id = reset.tenant.id;
  Result<> stored = catalog_->transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.run("DELETE FROM tenant_reset WHERE tenant_id = ?1", {id}));
    if (t.changes() == 0) return {};
    RETURN_IF_ERROR(t.run("DELETE FROM reset_placed WHERE tenant_id = ?1", {id}));
    RETURN_IF_ERROR(
        t.run(reset.own_snapshot ? "UPDATE tenant_snapshot SET status = 'DELETING' WHERE id = ?1" : kGiveBackSnapshot,
              {reset.snapshot.id}));
    return t.run("UPDATE tenant SET status = 'NORMAL' WHERE id = ?1", {id});
  });
  RETURN_IF_ERROR(std::move(stored));
  // One that did not start is started again and again; the user sees why, and
  // can reset it once more or drop it.
  return host_->keep(id);
}

// What cannot be removed now goes when the server starts again.
void TenantServer::remove_rest(const Reset& reset) {
  Result<> removed = remove_tree(host_->tenant_folder(reset.tenant.id) + ".part");
  if (removed && reset.own_snapshot && reset.snapshot.id != 0) {
    removed = remove_tree(host_->snapshot_folder(reset.snapshot.id));
    if (removed) {
      removed = catalog_->transact([&](CatalogTransaction& t) {
        return t.run("DELETE FROM tenant_snapshot WHERE id = ?1", {reset.snapshot.id});
      });
    }
  }
  if (!removed) log_warn("after the reset of tenant '{}': {}", reset.tenant.name, removed.error().describe());
}

Result<> TenantServer::recover_resets() {
  ASSIGN_OR_RETURN(const auto rows, catalog_->transact([](CatalogTransaction& t) {
    return t.rows(6,
                  "SELECT r.tenant_id, r.own_snapshot, s.id, s.gtid, "
                  "COALESCE(e.mask_sql, ''), EXISTS (SELECT 1 FROM reset_placed p WHERE p.tenant_id = r.tenant_id) "
                  "FROM tenant_reset r LEFT JOIN tenant_snapshot s ON s.id = r.snapshot_id LEFT "
                  "JOIN tenant_term e ON e.tenant_id = r.tenant_id");
  }));
  for (const auto& row : rows) {
    Reset reset{.own_snapshot = row[1] == "1", .placed = row[5] == "1", .mask_sql = row[4]};
    reset.snapshot.id = row[2].empty() ? 0 : std::stoll(row[2]);
    reset.snapshot.gtid = row[3];
    ASSIGN_OR_RETURN(const auto tenant,
                     catalog_->transact([&](CatalogTransaction& t) { return t.tenant_by_id(std::stoll(row[0])); }));
    if (!tenant) continue;
    reset.tenant = *tenant;
    Result<> done = reset.placed ? Result<>() : carry_out(reset);
    if (done) done = open_reset(reset);
    if (!done && context_.stop_requested()) {
      host_->kill(reset.tenant.id);
      return done;
    }
    if (!done) log_error("reset of tenant '{}': {}", tenant->name, done.error().describe());
    // The archive begins with those of all tenants.
    RETURN_IF_ERROR(end_reset(reset));
    remove_rest(reset);
  }
  return {};
}

Result<StatementResult> TenantServer::run(const SetTtl& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    ASSIGN_OR_RETURN(const TenantRow tenant, need_tenant(t, statement.name));
    const int64_t expires = statement.ttl_ms ? wall_clock_ms() + *statement.ttl_ms : 0;
    RETURN_IF_ERROR(
        t.run("INSERT INTO tenant_term (tenant_id, expires_ms) "
              "VALUES (?1, ?2) ON CONFLICT (tenant_id) DO "
              "UPDATE SET expires_ms = ?2",
              {tenant.id, expires}));
    return StatementResult{};
  });
}

Result<StatementResult> TenantServer::run(const SetProtected& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    ASSIGN_OR_RETURN(const TenantRow tenant, need_tenant(t, statement.name));
    RETURN_IF_ERROR(
        t.run("INSERT INTO tenant_term (tenant_id, is_protected) "
              "VALUES (?1, ?2) ON CONFLICT (tenant_id) DO "
              "UPDATE SET is_protected = ?2",
              {tenant.id, int64_t{statement.on}}));
    return StatementResult{};
  });
}

Result<StatementResult> TenantServer::run(const CreateMask& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    // A ';' at the end would be a second one.
    std::string sql = statement.sql;
    while (!sql.empty() && (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back())) != 0)) {
      sql.pop_back();
    }
    if (sql.empty()) return sql_error(kIncorrectArguments, "Incorrect arguments to MASK: there is no statement");
    RETURN_IF_ERROR(t.run("INSERT OR IGNORE INTO mask VALUES (?1, ?2, ?3)",
                          {statement.name, sql, timestamp_text(wall_clock_ms())}));
    if (t.changes() == 1) return StatementResult{};
    if (statement.if_not_exists) return StatementResult{.notes = {"the mask exists"}};
    return sql_error(kIncorrectArguments, "Incorrect arguments to MASK: mask '{}' exists", statement.name);
  });
}

Result<StatementResult> TenantServer::run(const DropMask& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    RETURN_IF_ERROR(t.run("DELETE FROM mask WHERE name = ?1", {statement.name}));
    if (t.changes() == 1) return StatementResult{};
    if (statement.if_exists) return StatementResult{.notes = {"there is no such mask"}};
    return sql_error(kIncorrectArguments, "Incorrect arguments to MASK: there is no mask '{}'", statement.name);
  });
}

void TenantServer::watch_expiry() {
  std::map<int64_t, MonotonicTime> next_try;  // of those that could not be dropped
  while (expiry_context_.wait_for(kExpiryEvery)) drop_expired(next_try);
}

void TenantServer::drop_expired(std::map<int64_t, MonotonicTime>& next_try) {
  const auto tenants = catalog_->transact([](CatalogTransaction& t) { return t.tenants(); });
  if (!tenants) return;
  for (const TenantRow& listed : *tenants) {
    if (!listed.has_expired(wall_clock_ms())) continue;
    if (const auto later = next_try.find(listed.id); later != next_try.end() && later->second > monotonic_now())
      continue;
    // The drops before this one took their time.
    const auto tenant = catalog_->transact([&](CatalogTransaction& t) { return t.tenant_by_id(listed.id); });
    if (!tenant || !*tenant || !(*tenant)->has_expired(wall_clock_ms())) continue;
    const Result<> dropped = drop(**tenant, DropReason::kExpired);
    next_try.erase(listed.id);
    if (dropped || context_.stop_requested()) continue;
    log_error("tenant '{}' has come to the end of its TTL and cannot be dropped: {}", listed.name,
              dropped.error().describe());
    next_try[listed.id] = monotonic_now() + kExpiryRetry;
  }
}

}  // namespace sluice
