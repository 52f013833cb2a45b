// SPDX-License-Identifier: Apache-2.0
// Tenants, their clones and snapshots.
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"
#include "tenants/tenant_server.h"

namespace sluice {
namespace {

constexpr const char* kUser = "admin";
// All that concerns only the tenant itself: nothing with which its user could stop, replace or write behind the back of
// the server.
constexpr const char* kPrivileges =
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE "
    "TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, BINLOG MONITOR, CREATE VIEW, SHOW VIEW, CREATE "
    "ROUTINE, "
    "ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, DELETE HISTORY, SLAVE MONITOR";

}  // namespace

Result<TenantRow> need_tenant(CatalogTransaction& transaction, const std::string& name) {
  ASSIGN_OR_RETURN(auto tenant, transaction.find_tenant(name));
  if (!tenant) return sql_error(kTenantNotExist, "unknown tenant '{}'", name);
  return std::move(*tenant);
}

Result<int64_t> TenantServer::store_tenant(CatalogTransaction& t, const CreateTenant& statement) {
  ASSIGN_OR_RETURN(const auto same, t.find_tenant(statement.name));
  ASSIGN_OR_RETURN(const auto cloned,
                   t.number("SELECT 1 FROM clone_job WHERE finished IS NULL AND clone_name = ?1", {statement.name}));
  if (same && statement.if_not_exists) return 0;
  if (same || cloned) return sql_error(kTenantExists, "tenant '{}' already exists", statement.name);
  ASSIGN_OR_RETURN(const auto pool, t.number("SELECT id FROM resource_pool WHERE name = ?1", {statement.pool}));
  if (!pool) return sql_error(kPoolNotExist, "resource pool '{}' not exist", statement.pool);
  ASSIGN_OR_RETURN(const int64_t id, t.next_id("tenant", 1001));
  RETURN_IF_ERROR(t.run(
      "UPDATE resource_pool SET tenant_id = ?2 WHERE id = ?1 AND tenant_id IS NULL AND job_id IS NULL", {*pool, id}));
  if (t.changes() != 1) {
    return sql_error(kPoolAlreadyGranted, "pool '{}' has already been granted to a tenant", statement.pool);
  }
  ASSIGN_OR_RETURN(const int64_t port, TenantHost::free_port(t));
  const std::string charset = statement.charset.empty() ? "utf8mb4" : statement.charset;
  const std::string collation = !statement.collation.empty() ? statement.collation
                                : statement.charset.empty()  ? "utf8mb4_bin"
                                                             : charset + "_bin";
  RETURN_IF_ERROR(
      t.run("INSERT INTO tenant (id, name, status, role, log_mode, port, charset, collation, comment, created, "
            "modified) VALUES (?1, ?2, 'CREATING', 'PRIMARY', 'NOARCHIVELOG', ?3, ?4, ?5, ?6, ?7, ?7)",
            {id, statement.name, port, charset, collation, statement.comment, timestamp_text(wall_clock_ms())}));
  return id;
}

Result<> TenantServer::make_tenant(const CreateTenant& statement, int64_t tenant) {
  fault_point("tenant_named");
  ASSIGN_OR_RETURN(const std::string data, host_->template_data());
  RETURN_IF_ERROR(host_->build(tenant, data));
  RETURN_IF_ERROR(host_->start(context_, tenant));
  fault_point("tenant_started");
  ASSIGN_OR_RETURN(const auto connection, host_->instance(tenant).connect(context_));
  const std::string password = random_text(32);
  RETURN_IF_ERROR(connection->execute(context_, "SET SESSION sql_log_bin = 0"));
  RETURN_IF_ERROR(connection->execute(context_, fmt::format("CREATE USER {}@'%' IDENTIFIED BY '{}'", kUser, password)));
  RETURN_IF_ERROR(
      connection->execute(context_, fmt::format("GRANT {} ON *.* TO {}@'%' WITH GRANT OPTION", kPrivileges, kUser)));
  ASSIGN_OR_RETURN(const auto port, catalog_->transact([&](CatalogTransaction& t) {
    return t.number("SELECT port FROM tenant WHERE id = ?1", {tenant});
  }));
  RETURN_IF_ERROR(write_file(host_->option_file(tenant),
                             fmt::format("# For mariadb --defaults-file; the user may change the password.\n[client]\n"
                                         "host=127.0.0.1\nport={}\nuser={}\npassword={}\n",
                                         port.value_or(0), kUser, password)));
  RETURN_IF_ERROR(sync_tree(host_->tenant_folder(tenant)));
  RETURN_IF_ERROR(host_->keep(tenant));
  return catalog_->transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.event("tenant_created", tenant, 0, statement.name));
    return t.run("UPDATE tenant SET status = 'NORMAL' WHERE id = ?1", {tenant});
  });
}

Result<StatementResult> TenantServer::describe_tenant(const std::string& name) {
  ASSIGN_OR_RETURN(const auto tenant, catalog_->transact([&](CatalogTransaction& t) { return need_tenant(t, name); }));
  StatementResult result;
  result.rows.columns = {"TENANT_ID", "TENANT_NAME", "TENANT_ROLE", "HOST", "PORT", "SOCKET", "USER", "OPTION_FILE"};
  result.rows.rows = {{fmt::format("{}", tenant.id), tenant.name, tenant.role, "127.0.0.1",
                       fmt::format("{}", tenant.port), host_->instance(tenant.id).socket(), kUser,
                       host_->option_file(tenant.id)}};
  ASSIGN_OR_RETURN(const auto isolation, catalog_->transact([&](CatalogTransaction& t) {
    return t.texts("SELECT isolation FROM tenant WHERE id = ?1", {tenant.id});
  }));
  if (isolation == std::vector<std::string>{"none"}) {
    result.notes.emplace_back(
        "ISOLATION is 'none': control groups cannot be written here, so the unit's CPU and IOPS are not enforced and "
        "its "
        "memory only by the server's settings");
  }
  return result;
}

Result<StatementResult> TenantServer::run(const CreateTenant& statement) {
  ASSIGN_OR_RETURN(const int64_t tenant,
                   catalog_->transact([&](CatalogTransaction& t) { return store_tenant(t, statement); }));
  if (tenant == 0) return StatementResult{.notes = {"the tenant exists"}};
  if (Result<> made = make_tenant(statement, tenant); !made) {
    // When the server stops, the next one removes it.
    if (context_.stop_requested()) {
      host_->kill(tenant);
    } else {
      RETURN_IF_ERROR(finish_drop(tenant));
    }
    return std::move(made).error();
  }
  return describe_tenant(statement.name);
}

Result<> TenantServer::end_clone_jobs(int64_t tenant) {
  ASSIGN_OR_RETURN(const auto jobs,
                   catalog_->transact([&](CatalogTransaction& t) { return t.unfinished_clone_jobs(); }));
  for (const CloneJobRow& job : jobs) {
    if (job.source_id != tenant && job.tenant_id != tenant) continue;
    // One that cannot be canceled any more ends by itself.
    static_cast<void>(clones_->cancel(job.clone_name).has_value());
    RETURN_IF_ERROR(clones_->wait(job.id));
  }
  return {};
}

Result<StatementResult> TenantServer::run(const DropTenant& statement) {
  ASSIGN_OR_RETURN(const auto found,
                   catalog_->transact([&](CatalogTransaction& t) { return t.find_tenant(statement.name); }));
  if (!found && statement.if_exists) return StatementResult{.notes = {"there is no such tenant"}};
  if (!found) return sql_error(kTenantNotExist, "unknown tenant '{}'", statement.name);
  RETURN_IF_ERROR(drop(*found, statement.force ? DropReason::kForce : DropReason::kStatement));
  return StatementResult{};
}

Result<> TenantServer::drop(const TenantRow& tenant, DropReason reason) {
  const Error is_protected = sql_error(kNotAllowed,
                                       "tenant '{0}' is protected, drop tenant not allowed; ALTER "
                                       "TENANT {0} SET PROTECTED = OFF",
                                       tenant.name);
  if (tenant.is_protected) return is_protected;
  if (reason != DropReason::kStatement) RETURN_IF_ERROR(end_clone_jobs(tenant.id));
  ASSIGN_OR_RETURN(const bool marked, catalog_->transact([&](CatalogTransaction& t) -> Result<bool> {
    ASSIGN_OR_RETURN(const auto now, t.tenant_by_id(tenant.id));
    if (!now) return false;  // the clone job that made it was canceled
    if (reason == DropReason::kExpired) {
      if (!now->has_expired(wall_clock_ms())) return false;
      RETURN_IF_ERROR(t.event("ttl_expired", now->id, 0, now->name));
    }
    RETURN_IF_ERROR(refuse_while_cloning(t, now->id, "drop tenant"));
    if (now->is_protected) return is_protected;
    if (now->status == tenant_status::kCreating) {
      return sql_error(kNotAllowed, "tenant '{}' is being created, drop tenant now not allowed", now->name);
    }
    RETURN_IF_ERROR(t.run("UPDATE tenant SET status = 'DROPPING' WHERE id = ?1", {now->id}));
    return true;
  }));
  fault_point("tenant_dropping");
  return marked ? finish_drop(tenant.id) : Result<>();
}

Result<> TenantServer::finish_drop(int64_t tenant) {
  RETURN_IF_ERROR(archive_->forget(tenant));
  RETURN_IF_ERROR(host_->remove(tenant));
  ASSIGN_OR_RETURN(const auto snapshots, catalog_->transact([&](CatalogTransaction& t) {
    return t.texts("SELECT id FROM tenant_snapshot WHERE tenant_id = ?1", {tenant});
  }));
  for (const std::string& snapshot : snapshots)
    RETURN_IF_ERROR(remove_tree(host_->snapshot_folder(std::stoll(snapshot))));
  return catalog_->transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.run("DELETE FROM tenant_snapshot WHERE tenant_id = ?1", {tenant}));
    // The pool that a clone job made goes with the clone, a user's pool stays.
    RETURN_IF_ERROR(t.run("DELETE FROM resource_pool WHERE tenant_id = ?1 AND job_id IS NOT NULL", {tenant}));
    RETURN_IF_ERROR(t.run("UPDATE resource_pool SET tenant_id = NULL WHERE tenant_id = ?1", {tenant}));
    RETURN_IF_ERROR(t.run("DELETE FROM tenant_term WHERE tenant_id = ?1", {tenant}));
    RETURN_IF_ERROR(t.run("DELETE FROM mask_pending WHERE tenant_id = ?1", {tenant}));
    RETURN_IF_ERROR(t.event("tenant_dropped", tenant, 0, ""));
    return t.run("DELETE FROM tenant WHERE id = ?1", {tenant});
  });
}

Result<StatementResult> TenantServer::run(const CloneTenant& statement) {
  if (statement.if_not_exists) {
    ASSIGN_OR_RETURN(const auto same,
                     catalog_->transact([&](CatalogTransaction& t) { return t.find_tenant(statement.name); }));
    if (same) return StatementResult{.notes = {"the tenant exists"}};
  }
  CloneTenant clone = statement;
  if (clone.as_of_ms || !clone.as_of_gtid.empty()) {
    ASSIGN_OR_RETURN(const TenantRow source,
                     catalog_->transact([&](CatalogTransaction& t) { return need_tenant(t, clone.source); }));
    ASSIGN_OR_RETURN(const ArchivedPlace place, archive_->find(source, {clone.as_of_ms, clone.as_of_gtid}));
    clone.snapshot = place.snapshot;
    clone.replay_round = place.round;
    clone.replay_gtid = place.state.text();
    clone.replay_scn = place.scn;
  }
  ASSIGN_OR_RETURN(const int64_t id, clones_->begin(clone));
  if (statement.async) return StatementResult{.rows = {{"CLONE_JOB_ID"}, {{fmt::format("{}", id)}}}};
  ASSIGN_OR_RETURN(const CloneJobRow job, clones_->wait(id));
  if (job.ret_code != 0) return sql_error(kCloneFailed, "{}", job.message);
  return describe_tenant(statement.name);
}

Result<StatementResult> TenantServer::run(const CreateSnapshot& statement) {
  ASSIGN_OR_RETURN(const TenantRow tenant, catalog_->transact([&](CatalogTransaction& t) -> Result<TenantRow> {
    ASSIGN_OR_RETURN(TenantRow row, need_tenant(t, statement.tenant));
    if (row.status == tenant_status::kNormal && row.log_mode == "ARCHIVELOG") return row;
    if (row.status == tenant_status::kNormal) {
      return sql_error(kNotAllowed, "log archive is not ready, create tenant snapshot not allowed");
    }
    return sql_error(kNotAllowed, "source tenant status is not valid, create tenant snapshot not allowed");
  }));
  const std::string name = statement.name.empty() ? fmt::format("snapshot${}", wall_clock_ms()) : statement.name;
  ASSIGN_OR_RETURN(const SnapshotRow snapshot, clones_->create_snapshot(tenant, name, "MANUAL"));
  return StatementResult{.rows = {{"SNAPSHOT_ID", "SNAPSHOT_NAME", "GTID"},
                                  {{fmt::format("{}", snapshot.id), snapshot.name, snapshot.gtid}}}};
}

Result<StatementResult> TenantServer::run(const DropSnapshot& statement) {
  ASSIGN_OR_RETURN(const int64_t snapshot, catalog_->transact([&](CatalogTransaction& t) -> Result<int64_t> {
    ASSIGN_OR_RETURN(const TenantRow tenant, need_tenant(t, statement.tenant));
    ASSIGN_OR_RETURN(const auto row, t.find_snapshot(tenant.id, statement.name));
    if (!row)
      return sql_error(kSnapshotNotExist, "snapshot '{}' of tenant '{}' not exist", statement.name, statement.tenant);
    // A job that is stored but has not begun counts as well.
    ASSIGN_OR_RETURN(const auto used,
                     t.number("SELECT 1 FROM clone_job WHERE finished IS NULL AND snapshot_id = ?1", {row->id}));
    if (used || row->status != snapshot_status::kNormal) {
      return sql_error(kNotAllowed,
                       "there may be other operation on the same tenant snapshot, drop tenant snapshot not allowed");
    }
    RETURN_IF_ERROR(t.run("UPDATE tenant_snapshot SET status = 'DELETING' WHERE id = ?1", {row->id}));
    return row->id;
  }));
  RETURN_IF_ERROR(remove_tree(host_->snapshot_folder(snapshot)));
  RETURN_IF_ERROR(catalog_->transact(
      [&](CatalogTransaction& t) { return t.run("DELETE FROM tenant_snapshot WHERE id = ?1", {snapshot}); }));
  return StatementResult{};
}

Result<StatementResult> TenantServer::run(const CancelClone& statement) {
  ASSIGN_OR_RETURN(const int64_t job, clones_->cancel(statement.name));
  RETURN_IF_ERROR(clones_->wait(job));
  return StatementResult{};
}

Result<StatementResult> TenantServer::run(const ActivateStandby& statement) {
  ASSIGN_OR_RETURN(const TenantRow tenant, catalog_->transact([&](CatalogTransaction& t) -> Result<TenantRow> {
    ASSIGN_OR_RETURN(TenantRow row, need_tenant(t, statement.tenant));
    RETURN_IF_ERROR(refuse_while_cloning(t, row.id, "activate standby"));
    if (row.role == "STANDBY" && row.status == tenant_status::kNormal) return row;
    return sql_error(kNotAllowed, "tenant '{}' is {} and {}, activate standby not allowed", row.name, row.role,
                     row.status);
  }));
  RETURN_IF_ERROR(leave_source(context_, host_->instance(tenant.id)));
  RETURN_IF_ERROR(catalog_->transact([&](CatalogTransaction& t) {
    return t.run("UPDATE tenant SET role = 'PRIMARY', modified = ?2 WHERE id = ?1",
                 {tenant.id, timestamp_text(wall_clock_ms())});
  }));
  fault_point("standby_activated");
  // Only now is it opened: a repetition would roll back what its users prepare.
  if (Result<> opened = host_->start(context_, tenant.id); !opened) {
    log_error("tenant '{}': {}; its server is started again", tenant.name, opened.error().describe());
    host_->kill(tenant.id);
  }
  return StatementResult{};
}

Result<StatementResult> TenantServer::run(const SetLogMode& statement) {
  ASSIGN_OR_RETURN(const auto tenants, catalog_->transact([&](CatalogTransaction& t) -> Result<std::vector<TenantRow>> {
    std::vector<std::string> names = statement.tenants;
    if (names.empty()) {
      ASSIGN_OR_RETURN(names, t.texts("SELECT name FROM tenant WHERE status = 'NORMAL'"));
    }
    std::vector<TenantRow> rows;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(TenantRow tenant, need_tenant(t, name));
      if (tenant.status != tenant_status::kNormal) {
        return sql_error(kNotAllowed, "tenant '{}' is {}, archivelog not allowed", name, tenant.status);
      }
      if (!statement.archive) RETURN_IF_ERROR(refuse_while_cloning(t, tenant.id, "noarchivelog"));
      rows.push_back(std::move(tenant));
    }
    return rows;
  }));
  StatementResult result;
  for (const TenantRow& tenant : tenants) {
    RETURN_IF_ERROR(statement.archive ? archive_->begin(tenant.id) : archive_->end(tenant.id));
    RETURN_IF_ERROR(catalog_->transact([&](CatalogTransaction& t) {
      return t.run("UPDATE tenant SET log_mode = ?2 WHERE id = ?1",
                   {tenant.id, std::string(statement.archive ? "ARCHIVELOG" : "NOARCHIVELOG")});
    }));
    if (!statement.archive) continue;
    if (Result<> base = archive_->make_base(tenant.id); !base) {
      result.notes.push_back(fmt::format("clones of '{}' AS OF the past need a snapshot, and there is none yet: {}",
                                         tenant.name, sql_error_message(base.error())));
    }
  }
  return result;
}

Result<StatementResult> TenantServer::run(const ReadViews& statement) {
  ASSIGN_OR_RETURN(ViewRows rows, read_views(catalog_->file(), statement.sql));
  return StatementResult{.rows = std::move(rows)};
}

Result<StatementResult> TenantServer::execute(const Statement& statement) {
  ASSIGN_OR_RETURN(StatementResult result, std::visit([this](const auto& what) { return run(what); }, statement.what));
  result.vertical = statement.vertical;
  return result;
}

}  // namespace sluice
