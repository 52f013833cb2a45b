// SPDX-License-Identifier: Apache-2.0
// Resource units and pools.
#include <fmt/format.h>

#include <limits>

#include "base/clock.h"
#include "tenants/sql_error.h"
#include "tenants/tenant_server.h"

namespace sluice {
namespace {

constexpr double kLeastCpu = 0.01;  // the least that control groups enforce
constexpr int64_t kLeastMemory = int64_t{128} << 20, kLeastLogDisk = int64_t{64} << 20, kLeastIops = 16;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

template <typename T>
Result<> at_least(std::string_view option, T value, T least) {
  if (value >= least) return {};
  return sql_error(kValueTooSmall, "invalid {} value, min value is {}", option, least);
}

// Options over what was there, or over the defaults.
Result<UnitRow> with_options(const UnitOptions& options, std::optional<UnitRow> old) {
  UnitRow unit = old.value_or(UnitRow{});
  unit.max_cpu = options.max_cpu.value_or(unit.max_cpu);
  unit.min_cpu = options.min_cpu.value_or(old ? unit.min_cpu : unit.max_cpu);
  unit.memory_size = options.memory_size.value_or(unit.memory_size);
  RETURN_IF_ERROR(at_least("MAX_CPU", unit.max_cpu, kLeastCpu));
  RETURN_IF_ERROR(at_least("MIN_CPU", unit.min_cpu, kLeastCpu));
  RETURN_IF_ERROR(at_least("MEMORY_SIZE", unit.memory_size, kLeastMemory));
  if (unit.memory_size > kNoLimit / 4) return sql_error(kIncorrectArguments, "Incorrect arguments to MEMORY_SIZE");
  unit.log_disk_size = options.log_disk_size.value_or(old ? unit.log_disk_size : 3 * unit.memory_size);
  if (!old || options.max_iops || options.min_iops) {
    const auto max_iops = options.max_iops ? options.max_iops : old ? std::optional(unit.max_iops) : options.min_iops;
    const auto min_iops = options.min_iops ? options.min_iops : old ? std::optional(unit.min_iops) : options.max_iops;
    unit.max_iops = max_iops.value_or(kNoLimit);
    unit.min_iops = min_iops.value_or(kNoLimit);
  }
  const bool iops = options.max_iops || options.min_iops;
  unit.iops_weight = options.iops_weight.value_or(old    ? unit.iops_weight
                                                  : iops ? 0
                                                         : static_cast<int64_t>(unit.min_cpu));
  RETURN_IF_ERROR(at_least("LOG_DISK_SIZE", unit.log_disk_size, kLeastLogDisk));
  RETURN_IF_ERROR(at_least("MIN_IOPS", unit.min_iops, kLeastIops));
  RETURN_IF_ERROR(at_least("MAX_IOPS", unit.max_iops, unit.min_iops));
  if (unit.min_cpu > unit.max_cpu)
    return sql_error(kIncorrectArguments, "Incorrect arguments to MIN_CPU: it exceeds MAX_CPU");
  return unit;
}

std::vector<SqlValue> values_of(const UnitRow& unit) {
  return {unit.id,          unit.name,
          unit.max_cpu,     unit.min_cpu,
          unit.memory_size, unit.log_disk_size,
          unit.max_iops,    unit.min_iops,
          unit.iops_weight, timestamp_text(wall_clock_ms())};
}

Result<std::vector<int64_t>> tenants_with(CatalogTransaction& t, std::string_view condition, int64_t id) {
  ASSIGN_OR_RETURN(
      const auto texts,
      t.texts(fmt::format("SELECT tenant_id FROM resource_pool WHERE tenant_id IS NOT NULL AND {} = ?1", condition),
              {id}));
  std::vector<int64_t> tenants;
  for (const std::string& text : texts) tenants.push_back(std::stoll(text));
  for (const int64_t tenant : tenants) RETURN_IF_ERROR(refuse_while_cloning(t, tenant, "modify resource unit or pool"));
  return tenants;
}

}  // namespace

Result<StatementResult> TenantServer::run(const CreateUnit& statement) {
  ASSIGN_OR_RETURN(UnitRow unit, with_options(statement.options, std::nullopt));
  unit.name = statement.name;
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    ASSIGN_OR_RETURN(const auto same, t.find_unit(unit.name));
    if (same && statement.if_not_exists) return StatementResult{.notes = {"the resource unit exists"}};
    if (same) return sql_error(kUnitExists, "resource unit '{}' already exist", unit.name);
    ASSIGN_OR_RETURN(unit.id, t.next_id("unit", 1001));
    RETURN_IF_ERROR(
        t.run("INSERT INTO unit_config VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)", values_of(unit)));
    return StatementResult{};
  });
}

Result<StatementResult> TenantServer::run(const AlterUnit& statement) {
  ASSIGN_OR_RETURN(const auto tenants, catalog_->transact([&](CatalogTransaction& t) -> Result<std::vector<int64_t>> {
    ASSIGN_OR_RETURN(const auto old, t.find_unit(statement.name));
    if (!old) return sql_error(kUnitNotExist, "resource unit '{}' not exist", statement.name);
    ASSIGN_OR_RETURN(const UnitRow unit, with_options(statement.options, old));
    ASSIGN_OR_RETURN(const FreeResources before, free_resources(t));
    RETURN_IF_ERROR(
        t.run("UPDATE unit_config SET max_cpu = ?3, min_cpu = ?4, memory_size = ?5, log_disk_size = ?6, "
              "max_iops = ?7, min_iops = ?8, iops_weight = ?9, modified = ?10 WHERE id = ?1 AND name = ?2",
              values_of(unit)));
    RETURN_IF_ERROR(admit_change(t, unit, before));
    return tenants_with(t, "unit_id", unit.id);
  }));
  return apply_limits(tenants);
}

Result<StatementResult> TenantServer::apply_limits(const std::vector<int64_t>& tenants) {
  StatementResult result;
  for (const int64_t tenant : tenants) {
    if (Result<> applied = host_->apply_limits(context_, tenant); !applied) {
      result.notes.push_back(
          fmt::format("tenant {} gets the new limits when it starts: {}", tenant, applied.error().message()));
    }
  }
  return result;
}

Result<StatementResult> TenantServer::run(const DropUnit& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    ASSIGN_OR_RETURN(const auto unit, t.find_unit(statement.name));
    if (!unit && statement.if_exists) return StatementResult{.notes = {"there is no such resource unit"}};
    if (!unit) return sql_error(kUnitNotExist, "resource unit '{}' not exist", statement.name);
    ASSIGN_OR_RETURN(const auto used,
                     t.number("SELECT 1 FROM resource_pool WHERE unit_id = ?1 UNION ALL SELECT 1 FROM clone_job WHERE "
                              "finished IS NULL AND unit_name = ?2",
                              {unit->id, unit->name}));
    if (used) return sql_error(kUnitIsReferenced, "unit '{}' is referenced by some resource pool", statement.name);
    RETURN_IF_ERROR(t.run("DELETE FROM unit_config WHERE id = ?1", {unit->id}));
    return StatementResult{};
  });
}

Result<StatementResult> TenantServer::run(const CreatePool& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    ASSIGN_OR_RETURN(const auto same, t.number("SELECT 1 FROM resource_pool WHERE name = ?1 UNION ALL SELECT 1 FROM "
                                               "clone_job WHERE finished IS NULL AND pool_name = ?1",
                                               {statement.name}));
    if (same && statement.if_not_exists) return StatementResult{.notes = {"the resource pool exists"}};
    if (same) return sql_error(kPoolExists, "resource pool '{}' exist", statement.name);
    ASSIGN_OR_RETURN(const auto unit, t.find_unit(statement.unit));
    if (!unit) return sql_error(kUnitNotExist, "resource unit '{}' not exist", statement.unit);
    RETURN_IF_ERROR(admit_unit(t, *unit));
    ASSIGN_OR_RETURN(const int64_t id, t.next_id("resource_pool", 1));
    RETURN_IF_ERROR(t.run("INSERT INTO resource_pool VALUES (?1, ?2, ?3, NULL, NULL, ?4, ?4)",
                          {id, statement.name, unit->id, timestamp_text(wall_clock_ms())}));
    return StatementResult{};
  });
}

Result<StatementResult> TenantServer::run(const AlterPool& statement) {
  ASSIGN_OR_RETURN(const auto tenants, catalog_->transact([&](CatalogTransaction& t) -> Result<std::vector<int64_t>> {
    ASSIGN_OR_RETURN(const auto pool, t.number("SELECT id FROM resource_pool WHERE name = ?1", {statement.name}));
    if (!pool) return sql_error(kPoolNotExist, "resource pool '{}' not exist", statement.name);
    ASSIGN_OR_RETURN(const auto unit, t.find_unit(statement.unit));
    if (!unit) return sql_error(kUnitNotExist, "resource unit '{}' not exist", statement.unit);
    ASSIGN_OR_RETURN(const FreeResources before, free_resources(t));
    RETURN_IF_ERROR(t.run("UPDATE resource_pool SET unit_id = ?2, modified = ?3 WHERE id = ?1",
                          {*pool, unit->id, timestamp_text(wall_clock_ms())}));
    RETURN_IF_ERROR(admit_change(t, *unit, before));
    return tenants_with(t, "id", *pool);
  }));
  return apply_limits(tenants);
}

Result<StatementResult> TenantServer::run(const DropPool& statement) {
  return catalog_->transact([&](CatalogTransaction& t) -> Result<StatementResult> {
    ASSIGN_OR_RETURN(const auto pool, t.number("SELECT id FROM resource_pool WHERE name = ?1", {statement.name}));
    if (!pool && statement.if_exists) return StatementResult{.notes = {"there is no such resource pool"}};
    if (!pool) return sql_error(kPoolNotExist, "resource pool '{}' not exist", statement.name);
    RETURN_IF_ERROR(
        t.run("DELETE FROM resource_pool WHERE id = ?1 AND tenant_id IS NULL AND COALESCE(job_id, -1) = -1", {*pool}));
    if (t.changes() == 1) return StatementResult{};
    return sql_error(kPoolAlreadyGranted, "pool '{}' has already been granted to a tenant; drop the tenant first",
                     statement.name);
  });
}

}  // namespace sluice
