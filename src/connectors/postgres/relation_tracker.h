// SPDX-License-Identifier: Apache-2.0
// The tables that the log speaks of, by oid: the shape told last, the definition tracked, and how rows of the one
// become rows of the other. A shape is compared with the tracked definition when rows that count first use it: one that
// belongs to the time before a table was copied says nothing. One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "connector/source.h"
#include "connectors/postgres/pgoutput_message.h"
#include "connectors/postgres/postgres_catalog.h"
#include "connectors/postgres/postgres_chunk_filter.h"
#include "connectors/postgres/postgres_source_options.h"
#include "connectors/postgres/row_plan.h"

namespace sluice {

struct TrackedRelation {
  PgoutputRelation shape;  // told last; when resolved, with the name that its rows belong to
  bool captured = false;
  bool gone = false;      // dropped before anything was known of it: its rows are left out
  bool resolved = false;  // `plan` turns rows of `shape` into rows of `table`
  std::optional<PostgresTable> table;
  PostgresRowPlan plan;
  PostgresChunkFilter* filter = nullptr;  // null: the copy contains none of what comes
};

// Captured tables that are not tracked, of a job that can copy them: the log ends in front of their rows, or these are
// left out, because the copy that the job is making will have them.
enum class UnknownTables : uint8_t { kAreCopiedNow, kAreCopiedLater };

class RelationTracker {
 public:
  RelationTracker(const PostgresSourceOptions& options, const PostgresCapturedTables& captured,
                  UnknownTables unknown = UnknownTables::kAreCopiedNow)
      : options_(options), captured_(captured), unknown_(unknown) {}

  Result<> open(const LogStart& start);

  // Tables whose changes the publication has not told for a while must be copied; says so in `event`.
  Result<> miss_unpublished(Context& context, PostgresConnection& connection, SchemaChangeEvent& event) const;

  // The job can copy a table again.
  bool copies() const { return options_.startup_mode == "initial"; }
  bool captures(const TableId& table) const { return captured_.contains(table); }
  // True if rows of this shape may be ones that the job wants: of a captured name, or of a table that it follows.
  bool counts(const PgoutputRelation& shape) const { return captures(shape.id) || tables_.contains(shape.oid); }
  // Null if the log has not told its shape.
  TrackedRelation* find(uint32_t oid);
  // The log told a shape.
  void tell(const PgoutputRelation& shape);
  // Compares the shape with the tracked definition; what changed goes into `event`. `older` are earlier shapes that
  // rows of the same transaction have, which commits at `commit`.
  Result<> resolve(Context& context, PostgresConnection& connection, TrackedRelation& relation,
                   const std::vector<const PgoutputRelation*>& older, Lsn commit, SchemaChangeEvent& event);
  // The plan for rows of an earlier shape in the transaction that commits there.
  static PostgresRowPlan plan_for(const PgoutputRelation& shape, const TrackedRelation& relation, Lsn commit);
  // TRUNCATE of a table that is resolved; `some_known`: parts of it were copied later than this.
  Result<> truncate(TrackedRelation& relation, bool some_known, SchemaChangeEvent& event);
  // Forgets the filters of tables whose copies are passed.
  void forget_passed(Lsn reached);

 private:
  void settle_name(TrackedRelation& relation, const TableId& today) const;
  Result<> meet(TrackedRelation& relation, const std::optional<PostgresTable>& today, SchemaChangeEvent& event);
  Result<> follow_rename(Context& context, PostgresConnection& connection, TrackedRelation& relation,
                         SchemaChangeEvent& event);
  Result<> copy_again(const PostgresTable& table, const std::string& reason, SchemaChangeEvent& event) const;
  void track(TrackedRelation& relation, PostgresTable table, SchemaChangeEvent& event);
  const PostgresTable* named(const TableId& table) const;

  const PostgresSourceOptions& options_;
  const PostgresCapturedTables& captured_;
  const UnknownTables unknown_;
  PostgresTypeCatalog types_;
  std::unordered_map<uint32_t, TrackedRelation> relations_;
  std::map<uint32_t, PostgresTable> tables_;  // tracked
  std::set<TableId> left_;                    // names of tables that have another one now
  std::map<TableId, std::unique_ptr<PostgresChunkFilter>> filters_;
};

}  // namespace sluice
