// SPDX-License-Identifier: Apache-2.0
// What a job does with schema changes (Flink CDC's `schema.change.behavior`), and how rows fit the target afterwards.
// open_target() and apply() belong to the coordinator's thread, fit() to any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "config/job_spec.h"
#include "connector/sink.h"

namespace sluice {

// The tag of a change in Flink CDC's vocabulary: "add.column", "drop.table", ...
std::string_view schema_change_tag(SchemaChangeKind kind);

class SchemaPolicy {
 public:
  SchemaPolicy(const JobSpec& spec, Sink& sink) : spec_(spec), sink_(sink) {}

  // Makes sure that the target table exists and learns its columns. A table for a copy may lack its key until the copy
  // is finished.
  Result<> open_target(Context& context, const TableSchemaPtr& target, bool for_copy);
  // Of an opened target that waits for its first rows: the job may have made it for a table that the source has made
  // anew since.
  Result<> add_missing_columns(Context& context, const TableSchemaPtr& target);
  // kUnsupported if the behaviour wants a change that no target can make and, after a kill, find made. To be asked for
  // all changes of a statement before any is carried out.
  Result<> check(const SchemaChange& change) const;
  // Takes columns out of a drop that was carried out before a kill: the one that has the name now got it by `rename`, a
  // later change of the same statement.
  Result<> spare_renamed(Context& context, SchemaChange& drop, const SchemaChange& rename);
  // Carries a change of a target table out as the behaviour says. kConfig if the behaviour is `exception`.
  Result<> apply(Context& context, const SchemaChange& change);
  // The changes that the behaviour makes of one; no side effects.
  std::vector<SchemaChange> decide(const SchemaChange& change) const;
  // True if changes may be passed over, so that the target's real columns must be known.
  bool may_lack_columns() const;
  // Leaves out the columns that the target does not have because a change was ignored, excluded or refused.
  ChangeBatch fit(ChangeBatch batch);

 private:
  bool accepted(SchemaChangeKind kind) const;
  Result<> check_names(const SchemaChange& decided) const;
  void remember(const SchemaChange& change);
  TableSchemaPtr fitted_schema(const TableSchemaPtr& schema);

  const JobSpec& spec_;
  Sink& sink_;
  mutable std::mutex mutex_;  // guards the two maps
  std::map<TableId, std::set<std::string>> target_columns_;
  // Source shape to the shape that fits, so that writers see one schema object per shape; null: fits as it is.
  std::map<TableSchemaPtr, TableSchemaPtr> fitted_;
};

}  // namespace sluice
