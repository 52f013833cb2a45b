// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/relation_tracker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "connectors/postgres/postgres_slot.h"
#include "connectors/postgres/relation_diff.h"

namespace sluice {
namespace {

// The one element of "{5}" or "{\"a b\"}".
std::string only_element(std::string_view array) {
  array = array.substr(1, array.size() - 2);
  if (!array.starts_with('"')) return std::string(array);
  std::string element;
  for (size_t i = 1; i + 1 < array.size(); ++i) {
    if (array[i] == '\\') ++i;
    element += array[i];
  }
  return element;
}

// Rows that were there have the value that the catalog keeps for them. A table that was rewritten has none any more; a
// default that is there now may be older or younger than the rows.
Result<AddedValue> added_value(Context& context, PostgresConnection& connection, uint32_t oid, int16_t attribute) {
  ASSIGN_OR_RETURN(const auto rows,
                   connection.query(context,
                                    "SELECT atthasmissing, attmissingval, atthasdef OR attidentity <> '' "
                                    "FROM pg_attribute WHERE attrelid = $1 AND attnum = $2 AND NOT attisdropped",
                                    {std::to_string(oid), std::to_string(attribute)}));
  if (rows.rows() == 0) return AddedValue{};
  if (rows.at(0, 0) == "t" && rows.at(0, 1).size() >= 2) {
    return AddedValue{.known = true, .text = only_element(rows.at(0, 1))};
  }
  return AddedValue{.known = rows.at(0, 2) == "f", .text = {}};
}

std::vector<std::pair<std::string, int16_t>> columns_of(const PostgresTable& table) {
  std::vector<std::pair<std::string, int16_t>> columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    columns.emplace_back(table.schema->columns[i].name, table.columns[i].attribute);
  }
  return columns;
}

SchemaChange create_of(const PostgresTable& table) {
  return {
      .kind = SchemaChangeKind::kCreateTable, .before = nullptr, .after = table.schema, .columns = {}, .new_names = {}};
}

}  // namespace

Result<> RelationTracker::open(const LogStart& start) {
  std::map<TableId, std::vector<FinishedChunk>> chunks;
  for (const auto& chunk : start.chunks) chunks[chunk.chunk.table].push_back(chunk);
  for (const auto& [id, list] : chunks) {
    ASSIGN_OR_RETURN(filters_[id], PostgresChunkFilter::make(list));
  }
  for (const auto& [id, detail] : start.tables) {
    ASSIGN_OR_RETURN(auto table, postgres_table_from_json(detail));
    const uint32_t oid = table.oid;
    // Twice if it was renamed while nobody looked: the copy made since counts.
    if (!tables_.contains(oid) || filters_.contains(id)) tables_[oid] = std::move(table);
  }
  return {};
}

Result<> RelationTracker::miss_unpublished(Context& context, PostgresConnection& connection,
                                           SchemaChangeEvent& event) const {
  std::vector<uint32_t> tracked;
  for (const auto& [oid, table] : tables_) tracked.push_back(oid);
  ASSIGN_OR_RETURN(const auto missing, find_unpublished(context, connection, options_, tracked));
  for (const uint32_t oid : missing) {
    ASSIGN_OR_RETURN(const auto today, read_postgres_table(context, connection, oid));
    if (!today || !captures(today->schema->id)) continue;
    if (!copies()) {
      return Error(ErrorCode::kPositionLost,
                   fmt::format("publication '{}' does not have table {} any more, and its changes since then are lost",
                               options_.publication_name, today->schema->id.text()),
                   "Start the job with --reset: it puts the table back and begins as scan.startup.mode says.");
    }
    RETURN_IF_ERROR(copy_again(*today,
                               fmt::format("publication '{}' does not have it any more, and its changes since "
                                           "then are lost",
                                           options_.publication_name),
                               event));
    event.changes.push_back(create_of(*today));
  }
  return {};
}

TrackedRelation* RelationTracker::find(uint32_t oid) {
  const auto found = relations_.find(oid);
  return found == relations_.end() ? nullptr : &found->second;
}

const PostgresTable* RelationTracker::named(const TableId& table) const {
  const auto found = std::ranges::find_if(tables_, [&](const auto& entry) { return entry.second.schema->id == table; });
  return found == tables_.end() ? nullptr : &found->second;
}

void RelationTracker::tell(const PgoutputRelation& shape) {
  TrackedRelation& relation = relations_[shape.oid];
  // Told again after a reconnect, ANALYZE, CREATE INDEX and the like; only the catalog says what happened.
  relation.shape = shape;
  const auto tracked = tables_.find(shape.oid);
  relation.captured = counts(shape);
  relation.resolved = false;
  relation.gone = false;
  // Its copy may be of a time when it had another name already.
  const auto filter = filters_.find(tracked == tables_.end() ? shape.id : tracked->second.schema->id);
  relation.filter = filter == filters_.end() ? nullptr : filter->second.get();
}

void RelationTracker::forget_passed(Lsn reached) {
  std::erase_if(filters_, [&](const auto& entry) {
    if (!entry.second->passed(reached)) return false;
    for (auto& [oid, relation] : relations_) {
      if (relation.filter == entry.second.get()) relation.filter = nullptr;
    }
    return true;
  });
}

Result<> RelationTracker::copy_again(const PostgresTable& table, const std::string& reason,
                                     SchemaChangeEvent& event) const {
  const TableId& id = table.schema->id;
  if (!copies()) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("the log does not tell the rows of table {}: {}", id.text(), reason),
                 "Start a job with scan.startup.mode initial, which can copy the table again.");
  }
  log_warn("table {} must be copied again: {}", id.text(), reason);
  event.needs_copy.push_back(id);
  return {};
}

void RelationTracker::track(TrackedRelation& relation, PostgresTable table, SchemaChangeEvent& event) {
  std::string json = postgres_table_to_json(table);
  if (!relation.table || json != postgres_table_to_json(*relation.table)) {
    event.tracked.emplace_back(table.schema->id, std::move(json));
  }
  tables_[table.oid] = table;
  relation.table = std::move(table);
}

Result<> RelationTracker::resolve(Context& context, PostgresConnection& connection, TrackedRelation& relation,
                                  const std::vector<const PgoutputRelation*>& older, Lsn commit,
                                  SchemaChangeEvent& event) {
  const PgoutputRelation& shape = relation.shape;
  RelationCatalog catalog;
  ASSIGN_OR_RETURN(catalog.today, read_postgres_table(context, connection, shape.oid));
  catalog.type = [&](uint32_t type, int32_t modifier) {
    return types_.data_type(context, connection, type, modifier, true);
  };
  catalog.added = [&](int16_t attribute) { return added_value(context, connection, shape.oid, attribute); };

  if (catalog.today) settle_name(relation, catalog.today->schema->id);
  const auto tracked = tables_.find(shape.oid);
  const bool renamed = tracked != tables_.end() && tracked->second.schema->id != shape.id;
  if (renamed) {
    RETURN_IF_ERROR(follow_rename(context, connection, relation, event));
    if (!relation.captured) return {};
  }
  if (const auto known = tables_.find(shape.oid); known != tables_.end()) {
    relation.table = known->second;
    ASSIGN_OR_RETURN(RelationDiff diff, diff_relation(shape, known->second, catalog));
    if (!diff.copy_reason.empty()) RETURN_IF_ERROR(copy_again(diff.table, diff.copy_reason, event));
    for (auto& change : diff.changes) event.changes.push_back(std::move(change));
    // Read again, the transaction has changed nothing any more; what it changed is kept until another does.
    auto before = columns_of(known->second);
    diff.table.before = before == columns_of(diff.table)
                            ? known->second.before
                            : std::optional(PostgresColumnsBefore{.commit = commit, .columns = std::move(before)});
    track(relation, std::move(diff.table), event);
  } else {
    if (!renamed) RETURN_IF_ERROR(meet(relation, catalog.today, event));
    if (relation.gone) return {};
    ASSIGN_OR_RETURN(auto table, new_relation(shape, catalog));
    if (renamed) RETURN_IF_ERROR(copy_again(table, "it was renamed", event));
    event.changes.push_back(create_of(table));
    track(relation, std::move(table), event);
  }
  relation.plan = plan_for(shape, relation, commit);
  relation.resolved = true;
  for (const PgoutputRelation* earlier : older) {
    if (plan_for(*earlier, relation, commit).certain()) continue;
    RETURN_IF_ERROR(copy_again(*relation.table, "it was altered within a transaction that changes its rows", event));
    event.changes.push_back(create_of(*relation.table));
    event.tracked.emplace_back(shape.id, postgres_table_to_json(*relation.table));
    break;
  }
  return {};
}

PostgresRowPlan RelationTracker::plan_for(const PgoutputRelation& shape, const TrackedRelation& relation, Lsn commit) {
  const auto& before = relation.table->before;
  return {shape, *relation.table, before && before->commit == commit ? &*before : nullptr};
}

// The log tells the name of then. One that the table has lost again, or had before it was tracked, says nothing; and
// a table that must be copied is found under its name of today only.
void RelationTracker::settle_name(TrackedRelation& relation, const TableId& today) const {
  const auto tracked = tables_.find(relation.shape.oid);
  const bool settled = tracked == tables_.end() ? copies() && captures(today) : tracked->second.schema->id == today;
  if (settled) relation.shape.id = today;
}

// A captured table that was not tracked.
Result<> RelationTracker::meet(TrackedRelation& relation, const std::optional<PostgresTable>& today,
                               SchemaChangeEvent& event) {
  const TableId& id = relation.shape.id;
  if (!today) {
    log_warn("changes of table {} are left out: it was not there when the job began and is gone now", id.text());
    relation.gone = true;
    return {};
  }
  if (copies() && today->schema->id != id) {
    log_warn("changes of table {} are left out: it is {} now, which is not captured", id.text(),
             today->schema->id.text());
    relation.gone = true;
    return {};
  }
  if (const PostgresTable* const replaced = named(id)) {
    tables_.erase(replaced->oid);
    return copy_again(*today, "another table has taken its name", event);
  }
  if (today->partitioned && !options_.partition_root) {
    return Error(ErrorCode::kConfig,
                 fmt::format("the publication sends the rows of the partitioned table {} under its name", id.text()),
                 "Set publish.via.partition.root: true, or ALTER PUBLICATION to publish_via_partition_root = false.");
  }
  if (today->is_partition && options_.partition_root) {
    return Error(ErrorCode::kConfig,
                 fmt::format("the publication sends the rows of partition {} under its name", id.text()),
                 "Set publish.via.partition.root: false, or ALTER PUBLICATION to publish_via_partition_root = true.");
  }
  if (copies() && unknown_ == UnknownTables::kAreCopiedLater && !left_.contains(id)) {
    log_info("table {} has appeared during the copy, which goes on with it later", id.text());
    relation.gone = true;
    return {};
  }
  // A job that can copy plans the table when it starts again.
  if (copies()) return Error(ErrorCode::kSchemaChanged, fmt::format("table {} has appeared", id.text()));
  return {};
}

Result<> RelationTracker::follow_rename(Context& context, PostgresConnection& connection, TrackedRelation& relation,
                                        SchemaChangeEvent& event) {
  const PostgresTable before = tables_[relation.shape.oid];
  const TableId old_id = before.schema->id;
  tables_.erase(relation.shape.oid);
  left_.insert(old_id);
  relation.captured = captured_.contains(relation.shape.id);
  log_info("table {} was renamed to {}", old_id.text(), relation.shape.id.text());
  const std::vector<TableId> names = {old_id};
  ASSIGN_OR_RETURN(const auto successors, read_postgres_tables(context, connection, &names));
  if (!successors.empty() && copies()) {
    event.changes.push_back(create_of(successors[0]));
    event.tracked.emplace_back(old_id, "");
    return copy_again(successors[0], "another table has taken its name", event);
  }
  event.changes.push_back({.kind = SchemaChangeKind::kDropTable,
                           .before = before.schema,
                           .after = nullptr,
                           .columns = {},
                           .new_names = {}});
  event.tracked.emplace_back(old_id, "");
  return {};
}

Result<> RelationTracker::truncate(TrackedRelation& relation, bool some_known, SchemaChangeEvent& event) {
  const PostgresTable& table = *relation.table;
  if (some_known) {
    RETURN_IF_ERROR(copy_again(table, "it was emptied while it was copied", event));
    event.tracked.emplace_back(table.schema->id, postgres_table_to_json(table));
    event.changes.push_back(create_of(table));
    return {};
  }
  event.changes.push_back({.kind = SchemaChangeKind::kTruncateTable,
                           .before = table.schema,
                           .after = table.schema,
                           .columns = {},
                           .new_names = {}});
  return {};
}

}  // namespace sluice
