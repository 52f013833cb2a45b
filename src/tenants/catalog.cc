// SPDX-License-Identifier: Apache-2.0
#include "tenants/catalog.h"

#include <fmt/format.h>

#include <ctime>

#include "base/clock.h"

namespace sluice {
namespace {

constexpr std::string_view kUnitColumns =
    "SELECT id, name, max_cpu, min_cpu, memory_size, log_disk_size, max_iops, min_iops, iops_weight FROM unit_config ";
constexpr std::string_view kTenantColumns =
    "SELECT id, name, status, role, log_mode, port, charset, collation, "
    "parent_id, e.expires_ms, e.is_protected, e.mask "
    "FROM tenant LEFT JOIN tenant_term e ON e.tenant_id = id ";
constexpr std::string_view kSnapshotColumns = "SELECT id, name, tenant_id, status, gtid, scn FROM tenant_snapshot ";
constexpr std::string_view kCloneJobColumns =
    "SELECT id, status, type, source_id, tenant_id, snapshot_id, pool_id, port, source_name, clone_name, "
    "snapshot_name, "
    "pool_name, unit_name, clone_job.gtid, is_primary, canceling, finished IS NOT NULL, ret_code, message, r.round_id, "
    "r.scn, "
    "r.gtid, e.ttl_ms, e.is_protected, e.mask, e.mask_sql FROM clone_job LEFT "
    "JOIN clone_replay r ON r.job_id = id "
    "LEFT JOIN clone_term e ON e.job_id = id ";

std::string joined(std::string_view columns, std::string_view condition) {
  return std::string(columns).append(condition);
}

}  // namespace

std::string timestamp_text(int64_t wall_clock_ms) {
  const time_t seconds = wall_clock_ms / 1000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}000", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, wall_clock_ms % 1000);
}

Result<std::unique_ptr<Catalog>> Catalog::open(Context& context, const std::string& file) {
  std::unique_ptr<Catalog> catalog(new Catalog());
  catalog->file_ = file;
  ASSIGN_OR_RETURN(catalog->database_, SqliteDatabase::open(context, file, ErrorCode::kState));
  RETURN_IF_ERROR(
      catalog->transact([&](CatalogTransaction&) -> Result<> { return catalog->database_->execute(kCatalogSchema); }));
  return catalog;
}

Result<SqliteStatement> CatalogTransaction::prepare(std::string_view sql, const std::vector<SqlValue>& values) {
  ASSIGN_OR_RETURN(SqliteStatement statement, database_.prepare(sql));
  int parameter = 0;
  for (const SqlValue& value : values) {
    ++parameter;
    if (const auto* number = std::get_if<int64_t>(&value)) statement.bind_int(parameter, *number);
    if (const auto* real = std::get_if<double>(&value)) statement.bind_double(parameter, *real);
    if (const auto* text = std::get_if<std::string>(&value)) statement.bind_text(parameter, *text);
  }
  return statement;
}

Result<> CatalogTransaction::run(std::string_view sql, std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement statement, prepare(sql, values));
  return statement.run();
}

Result<std::optional<int64_t>> CatalogTransaction::number(std::string_view sql, std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement statement, prepare(sql, values));
  ASSIGN_OR_RETURN(const bool found, statement.step());
  if (!found || statement.is_null(0)) return std::optional<int64_t>();
  return std::optional(statement.int_at(0));
}

Result<std::vector<std::string>> CatalogTransaction::texts(std::string_view sql, std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement statement, prepare(sql, values));
  std::vector<std::string> result;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, statement.step());
    if (!found) return result;
    result.emplace_back(statement.text_at(0));
  }
}

Result<std::vector<std::vector<std::string>>> CatalogTransaction::rows(int columns, std::string_view sql,
                                                                       std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement statement, prepare(sql, values));
  std::vector<std::vector<std::string>> result;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, statement.step());
    if (!found) return result;
    auto& row = result.emplace_back();
    for (int i = 0; i < columns; ++i) row.emplace_back(statement.text_at(i));
  }
}

Result<int64_t> CatalogTransaction::next_id(std::string_view kind, int64_t first) {
  RETURN_IF_ERROR(run("INSERT INTO counter VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET value = value + 1",
                      {std::string(kind), first}));
  ASSIGN_OR_RETURN(const auto id, number("SELECT value FROM counter WHERE kind = ?1", {std::string(kind)}));
  return id.value_or(first);
}

Result<std::optional<UnitRow>> CatalogTransaction::one_unit(std::string_view condition, SqlValue value) {
  const std::vector<SqlValue> values = {std::move(value)};
  ASSIGN_OR_RETURN(SqliteStatement row, prepare(joined(kUnitColumns, condition), values));
  ASSIGN_OR_RETURN(const bool found, row.step());
  if (!found) return std::optional<UnitRow>();
  return std::optional(UnitRow{row.int_at(0), std::string(row.text_at(1)), row.double_at(2), row.double_at(3),
                               row.int_at(4), row.int_at(5), row.int_at(6), row.int_at(7), row.int_at(8)});
}

Result<std::optional<UnitRow>> CatalogTransaction::find_unit(std::string_view name) {
  return one_unit("WHERE name = ?1", std::string(name));
}

Result<std::optional<UnitRow>> CatalogTransaction::unit_of_tenant(int64_t tenant) {
  return one_unit("WHERE id = (SELECT unit_id FROM resource_pool WHERE tenant_id = ?1)", tenant);
}

Result<std::vector<TenantRow>> CatalogTransaction::some_tenants(std::string_view condition,
                                                                std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement row, prepare(joined(kTenantColumns, condition), values));
  std::vector<TenantRow> result;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, row.step());
    if (!found) return result;
    result.push_back({row.int_at(0), std::string(row.text_at(1)), std::string(row.text_at(2)),
                      std::string(row.text_at(3)), std::string(row.text_at(4)), row.int_at(5),
                      std::string(row.text_at(6)), std::string(row.text_at(7)), row.int_at(8), row.int_at(9),
                      row.int_at(10) != 0, std::string(row.text_at(11))});
  }
}

Result<std::vector<TenantRow>> CatalogTransaction::tenants() { return some_tenants("ORDER BY id", {}); }

Result<std::optional<TenantRow>> CatalogTransaction::find_tenant(std::string_view name) {
  ASSIGN_OR_RETURN(auto rows, some_tenants("WHERE name = ?1", {std::string(name)}));
  return rows.empty() ? std::optional<TenantRow>() : std::optional(std::move(rows[0]));
}

Result<std::optional<TenantRow>> CatalogTransaction::tenant_by_id(int64_t id) {
  ASSIGN_OR_RETURN(auto rows, some_tenants("WHERE id = ?1", {id}));
  return rows.empty() ? std::optional<TenantRow>() : std::optional(std::move(rows[0]));
}

Result<std::vector<SnapshotRow>> CatalogTransaction::some_snapshots(std::string_view condition,
                                                                    std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement row, prepare(joined(kSnapshotColumns, condition), values));
  std::vector<SnapshotRow> result;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, row.step());
    if (!found) return result;
    result.push_back({row.int_at(0), std::string(row.text_at(1)), row.int_at(2), std::string(row.text_at(3)),
                      std::string(row.text_at(4)), row.int_at(5)});
  }
}

Result<std::optional<SnapshotRow>> CatalogTransaction::find_snapshot(int64_t tenant, std::string_view name) {
  ASSIGN_OR_RETURN(auto rows, some_snapshots("WHERE tenant_id = ?1 AND name = ?2", {tenant, std::string(name)}));
  return rows.empty() ? std::optional<SnapshotRow>() : std::optional(std::move(rows[0]));
}

Result<std::vector<SnapshotRow>> CatalogTransaction::snapshots(int64_t tenant) {
  return some_snapshots(
      "WHERE tenant_id = ?1 AND status IN ('NORMAL', 'CLONING') AND substr(name, 1, 15) <> '_inner_snapshot' ORDER BY "
      "scn",
      {tenant});
}

Result<std::vector<CloneJobRow>> CatalogTransaction::some_clone_jobs(std::string_view condition,
                                                                     std::vector<SqlValue> values) {
  ASSIGN_OR_RETURN(SqliteStatement row, prepare(joined(kCloneJobColumns, condition), values));
  std::vector<CloneJobRow> result;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, row.step());
    if (!found) return result;
    CloneJobRow job{.id = row.int_at(0), .status = std::string(row.text_at(1)), .type = std::string(row.text_at(2))};
    int column = 3;
    for (int64_t* number : {&job.source_id, &job.tenant_id, &job.snapshot_id, &job.pool_id, &job.port}) {
      *number = row.int_at(column++);
    }
    for (std::string* text :
         {&job.source_name, &job.clone_name, &job.snapshot_name, &job.pool_name, &job.unit_name, &job.gtid}) {
      *text = row.text_at(column++);
    }
    for (bool* flag : {&job.primary, &job.canceling, &job.finished}) *flag = row.int_at(column++) != 0;
    job.ret_code = row.int_at(column++);
    job.message = row.text_at(column++);
    job.replay_round = row.int_at(column++);
    job.replay_scn = row.int_at(column++);
    job.replay_gtid = row.text_at(column++);
    job.ttl_ms = row.int_at(column++);
    job.is_protected = row.int_at(column++) != 0;
    job.mask = row.text_at(column++);
    job.mask_sql = row.text_at(column);
    result.push_back(std::move(job));
  }
}

Result<std::optional<CloneJobRow>> CatalogTransaction::clone_job(int64_t id) {
  ASSIGN_OR_RETURN(auto rows, some_clone_jobs("WHERE id = ?1", {id}));
  return rows.empty() ? std::optional<CloneJobRow>() : std::optional(std::move(rows[0]));
}

Result<std::vector<CloneJobRow>> CatalogTransaction::unfinished_clone_jobs() {
  return some_clone_jobs("WHERE finished IS NULL ORDER BY id", {});
}

Result<> CatalogTransaction::event(std::string_view kind, int64_t tenant, int64_t job, std::string detail) {
  return run("INSERT INTO event_log (at, kind, tenant_id, job_id, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
             {timestamp_text(wall_clock_ms()), std::string(kind), tenant, job, std::move(detail)});
}

}  // namespace sluice
