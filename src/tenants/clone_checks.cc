// SPDX-License-Identifier: Apache-2.0
#include <sys/sysinfo.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "tenants/clone_runner.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr double kRounding = 1e-9;

Error no_room(const UnitRow& unit, const FreeResources& free) {
  return sql_error(kResourcesNotEnough,
                   "server resource not enough to hold a new unit: '{}' needs MIN_CPU {} and MEMORY_SIZE {}M, free are "
                   "{} and {}M; drop a pool, or lower the units",
                   unit.name, unit.min_cpu, unit.memory_size >> 20, free.cpu, free.memory >> 20);
}

}  // namespace

Result<FreeResources> free_resources(CatalogTransaction& transaction) {
  struct sysinfo machine{};
  ::sysinfo(&machine);
  const auto memory = static_cast<int64_t>(machine.totalram * machine.mem_unit);
  const int64_t processors = std::thread::hardware_concurrency();
  ASSIGN_OR_RETURN(
      const auto memory_used,
      transaction.number("SELECT SUM(memory_size) FROM resource_pool p JOIN unit_config u ON u.id = p.unit_id"));
  // In hundredths: a sum of doubles is not.
  ASSIGN_OR_RETURN(const auto cpu_used, transaction.number("SELECT CAST(ROUND(SUM(min_cpu) * 100) AS INTEGER) FROM "
                                                           "resource_pool p JOIN unit_config u ON u.id = p.unit_id"));
  return FreeResources{memory - memory_used.value_or(0),
                       static_cast<double>(processors) - static_cast<double>(cpu_used.value_or(0)) / 100};
}

Result<> admit_unit(CatalogTransaction& transaction, const UnitRow& unit) {
  ASSIGN_OR_RETURN(const FreeResources free, free_resources(transaction));
  if (unit.memory_size <= free.memory && unit.min_cpu <= free.cpu + kRounding) return {};
  return no_room(unit, free);
}

Result<> admit_change(CatalogTransaction& transaction, const UnitRow& unit, const FreeResources& before) {
  ASSIGN_OR_RETURN(const FreeResources after, free_resources(transaction));
  // A machine that has become too small does not forbid to lower units.
  const bool fits =
      after.memory >= std::min<int64_t>(0, before.memory) && after.cpu >= std::min(0.0, before.cpu) - kRounding;
  return fits ? Result<>() : Result<>(no_room(unit, before));
}

Result<> refuse_while_cloning(CatalogTransaction& transaction, int64_t tenant, std::string_view what) {
  ASSIGN_OR_RETURN(const auto job, transaction.number("SELECT id FROM clone_job WHERE finished IS NULL AND "
                                                      "(source_id = ?1 OR tenant_id = ?1)",
                                                      {tenant}));
  ASSIGN_OR_RETURN(const auto lock,
                   transaction.number("SELECT owner_job_id FROM snapshot_lock WHERE tenant_id = ?1", {tenant}));
  // Its parent's snapshot is needed, too.
  ASSIGN_OR_RETURN(const auto reset, transaction.number("SELECT 1 FROM tenant_reset r JOIN "
                                                        "tenant t ON t.id = r.tenant_id WHERE "
                                                        "?1 IN (t.id, t.parent_id)",
                                                        {tenant}));
  if (reset)
    return sql_error(kInProcedure, "Tenant ({}) is in reset tenant procedure, {} not allowed now", tenant, what);
  if (!job && !lock) return {};
  return sql_error(kInProcedure, "Tenant ({}) is in create snapshot or clone tenant procedure, {} not allowed now",
                   tenant, what);
}

Result<> refuse_unmasked(CatalogTransaction& transaction, const TenantRow& tenant, std::string_view what) {
  ASSIGN_OR_RETURN(const auto pending,
                   transaction.number("SELECT 1 FROM mask_pending WHERE tenant_id = ?1", {tenant.id}));
  if (!pending) return {};
  return sql_error(kNotAllowed,
                   "the mask of tenant '{0}' could not be applied when it was reset, {1} not allowed; "
                   "ALTER TENANT {0} RESET TO PARENT again, or drop it",
                   tenant.name, what);
}

Result<int64_t> store_clone_job(CatalogTransaction& transaction, const CloneTenant& clone) {
  ASSIGN_OR_RETURN(const auto source, transaction.find_tenant(clone.source));
  if (!source) return sql_error(kTenantNotExist, "unknown tenant '{}'", clone.source);
  ASSIGN_OR_RETURN(const auto same, transaction.find_tenant(clone.name));
  if (same || clone.name == clone.source) return sql_error(kTenantExists, "tenant '{}' already exists", clone.name);
  ASSIGN_OR_RETURN(
      const auto named,
      transaction.number("SELECT 1 FROM clone_job WHERE finished IS NULL AND clone_name = ?1", {clone.name}));
  if (named)
    return sql_error(kNotAllowed, "clone tenant name exists in a running clone job, clone tenant now not allowed");
  if (source->status != tenant_status::kNormal) {
    return sql_error(kNotAllowed, "source tenant status is not valid, clone tenant not allowed");
  }
  RETURN_IF_ERROR(refuse_unmasked(transaction, *source, "clone tenant"));
  if (source->log_mode != "ARCHIVELOG") {
    return sql_error(
        kNotAllowed,
        "log archive is not ready, create tenant snapshot not allowed; ALTER SYSTEM ARCHIVELOG TENANT = {}",
        clone.source);
  }
  ASSIGN_OR_RETURN(
      const auto pool,
      transaction.number("SELECT 1 FROM resource_pool WHERE name = ?1 UNION ALL SELECT 1 FROM clone_job WHERE "
                         "finished IS NULL AND pool_name = ?1",
                         {clone.pool}));
  if (pool) return sql_error(kPoolExists, "resource pool '{}' exist", clone.pool);
  ASSIGN_OR_RETURN(const auto unit, transaction.find_unit(clone.unit));
  if (!unit) return sql_error(kUnitNotExist, "resource unit '{}' not exist", clone.unit);
  RETURN_IF_ERROR(admit_unit(transaction, *unit));
  int64_t snapshot_id = 0;
  if (!clone.snapshot.empty()) {
    ASSIGN_OR_RETURN(const auto snapshot, transaction.find_snapshot(source->id, clone.snapshot));
    if (!snapshot)
      return sql_error(kSnapshotNotExist, "snapshot '{}' of tenant '{}' not exist", clone.snapshot, clone.source);
    if (snapshot->status != snapshot_status::kNormal && snapshot->status != snapshot_status::kCloning) {
      return sql_error(kNotAllowed, "tenant snapshot is {}, clone tenant not allowed", snapshot->status);
    }
    snapshot_id = snapshot->id;
  }
  std::string mask_sql;
  if (!clone.mask.empty()) {
    ASSIGN_OR_RETURN(const auto mask, transaction.texts("SELECT sql FROM mask WHERE name = ?1", {clone.mask}));
    if (mask.empty())
      return sql_error(kIncorrectArguments, "Incorrect arguments to MASK: there is no mask '{}'", clone.mask);
    mask_sql = mask[0];
  }
  ASSIGN_OR_RETURN(const int64_t id, transaction.next_id("clone_job", 1));
  const std::string now = timestamp_text(wall_clock_ms());
  RETURN_IF_ERROR(
      transaction.run("INSERT INTO clone_job (id, status, type, source_id, source_name, clone_name, snapshot_id, "
                      "snapshot_name, pool_name, "
                      "unit_name, is_primary, step_started, started) VALUES (?1, 'CLONE_SYS_LOCK', ?2, ?3, ?4, ?5, ?6, "
                      "?7, ?8, ?9, ?10, "
                      "?11, ?11)",
                      {id, std::string(clone.snapshot.empty() ? "FORK" : "RESTORE"), source->id, source->name,
                       clone.name, snapshot_id, clone.snapshot, clone.pool, clone.unit, int64_t{clone.primary}, now}));
  if (clone.replay_round != 0) {
    RETURN_IF_ERROR(transaction.run("INSERT INTO clone_replay VALUES (?1, ?2, ?3, ?4)",
                                    {id, clone.replay_round, clone.replay_gtid, clone.replay_scn}));
  }
  RETURN_IF_ERROR(transaction.run("INSERT INTO clone_term VALUES (?1, ?2, ?3, ?4, ?5)",
                                  {id, clone.ttl_ms.value_or(0), int64_t{clone.is_protected}, clone.mask, mask_sql}));
  RETURN_IF_ERROR(transaction.event("clone_started", source->id, id, clone.name));
  return id;
}

}  // namespace sluice
