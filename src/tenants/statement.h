// SPDX-License-Identifier: Apache-2.0
// The statements of the tenant language, as values, and their parser. Names are kept as written; they have been checked
// to be fit for paths and SQL: letters, digits and underscores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace sluice {

struct UnitOptions {
  std::optional<double> max_cpu, min_cpu;
  std::optional<int64_t> memory_size, log_disk_size, max_iops, min_iops, iops_weight;
};
struct CreateUnit {
  std::string name;
  bool if_not_exists = false;
  UnitOptions options;
};
struct AlterUnit {
  std::string name;
  UnitOptions options;
};
struct DropUnit {
  std::string name;
  bool if_exists = false;
};
struct CreatePool {
  std::string name;
  bool if_not_exists = false;
  std::string unit;
};
struct AlterPool {
  std::string name;
  std::string unit;
};
struct DropPool {
  std::string name;
  bool if_exists = false;
};
struct CreateTenant {
  std::string name;
  bool if_not_exists = false;
  std::string pool;
  std::string charset, collation, comment;
};
struct DropTenant {
  std::string name;
  bool if_exists = false;
  bool force = false;
};
struct CloneTenant {
  std::string name, source;
  bool if_not_exists = false;
  std::string snapshot;  // empty: the state of now
  std::string pool, unit;
  bool primary = false;
  bool async = false;
  std::optional<int64_t> as_of_ms;  // a time in the past
  std::string as_of_gtid;           // a position in the past
  std::optional<int64_t> ttl_ms;    // dropped so long after it was made
  bool is_protected = false;
  std::string mask;  // applied before anybody can log in
  // Filled in where the archive was asked for it: the replay behind the snapshot; round 0: none.
  int64_t replay_round = 0, replay_scn = 0;
  std::string replay_gtid;
};
struct ResetTenant {
  std::string name;
  std::string snapshot;  // of the parent; empty: the state of now
};
struct SetTtl {
  std::string name;
  std::optional<int64_t> ttl_ms;  // from now on; none: it stays
};
struct SetProtected {
  std::string name;
  bool on = true;
};
struct CreateMask {
  std::string name;
  bool if_not_exists = false;
  std::string sql;  // statements of MariaDB
};
struct DropMask {
  std::string name;
  bool if_exists = false;
};
struct CreateSnapshot {
  std::string name;  // empty: one is made up
  std::string tenant;
};
struct DropSnapshot {
  std::string name, tenant;
};
struct CancelClone {
  std::string name;
};
struct ActivateStandby {
  std::string tenant;
};
struct SetLogMode {
  bool archive = true;
  std::vector<std::string> tenants;  // empty: all
};
// SELECT, WITH and VALUES over the views, and what SHOW stands for.
struct ReadViews {
  std::string sql;
};

struct Statement {
  std::variant<CreateUnit, AlterUnit, DropUnit, CreatePool, AlterPool, DropPool, CreateTenant, DropTenant, CloneTenant,
               CreateSnapshot, DropSnapshot, CancelClone, ActivateStandby, SetLogMode, ReadViews, ResetTenant, SetTtl,
               SetProtected, CreateMask, DropMask>
      what;
  bool vertical = false;  // ended by \G
};

// Statements separated by ';' or '\G'; mistakes with line and column.
Result<std::vector<Statement>> parse_statements(std::string_view text);

constexpr size_t kMaxNameBytes = 63;

}  // namespace sluice
