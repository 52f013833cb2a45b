// SPDX-License-Identifier: Apache-2.0
#include "engine/schema_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "connector/relational_writing.h"

namespace sluice {
namespace {

SchemaChange with_after(const SchemaChange& change, SchemaChangeKind kind, TableSchema after,
                        std::vector<std::string> columns) {
  return {.kind = kind,
          .before = change.before,
          .after = std::make_shared<const TableSchema>(std::move(after)),
          .columns = std::move(columns),
          .new_names = {}};
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out.push_back(c);
    out.push_back(c);
  }
  return out + "'";
}

// The columns `names` of `from`, nullable, behind all columns of `to`.
TableSchema with_nullable_at_end(const TableSchema& to, const TableSchema& from,
                                 const std::vector<std::string>& names) {
  TableSchema result = to;
  std::erase_if(result.columns,
                [&](const Column& column) { return std::ranges::find(names, column.name) != names.end(); });
  for (const auto& name : names) {
    if (const auto index = from.find_column(name)) {
      Column& added = result.columns.emplace_back(from.columns[*index]);
      // What the source filled into rows that were there, before the column forgets that it had to.
      if (const auto filled = value_of_added_column(added)) added.default_expression = quoted(*filled);
      added.type.nullable = true;
    }
  }
  // Key indexes refer to positions: find them again by name.
  result.key.clear();
  for (const uint32_t key : to.key) {
    if (const auto index = result.find_column(to.columns[key].name)) result.key.push_back(*index);
  }
  return result;
}

// `names` made nullable where they are not; nothing if all are.
std::vector<SchemaChange> relax(const SchemaChange& change, const std::vector<std::string>& names) {
  TableSchema after = *change.before;
  std::vector<std::string> relaxed;
  for (const auto& name : names) {
    const auto index = after.find_column(name);
    if (!index || after.columns[*index].type.nullable || after.is_key(*index)) continue;
    after.columns[*index].type.nullable = true;
    relaxed.push_back(name);
  }
  if (relaxed.empty()) return {};
  return {with_after(change, SchemaChangeKind::kAlterColumnType, std::move(after), std::move(relaxed))};
}

std::vector<SchemaChange> lenient(const SchemaChange& change) {
  switch (change.kind) {
    case SchemaChangeKind::kAddColumns:
      return {with_after(change, change.kind, with_nullable_at_end(*change.after, *change.after, change.columns),
                         change.columns)};
    case SchemaChangeKind::kRenameColumn: {
      auto changes = relax(change, change.columns);
      TableSchema after = with_nullable_at_end(*change.before, *change.after, change.new_names);
      changes.push_back(with_after(change, SchemaChangeKind::kAddColumns, std::move(after), change.new_names));
      return changes;
    }
    case SchemaChangeKind::kDropColumns: return relax(change, change.columns);
    case SchemaChangeKind::kCreateTable:
    case SchemaChangeKind::kAlterColumnType:
    case SchemaChangeKind::kTruncateTable:
    case SchemaChangeKind::kDropTable:
    case SchemaChangeKind::kAlterTableComment: return {change};
  }
  return {};
}

bool tag_in(std::string_view tag, const std::vector<std::string>& patterns) {
  const auto dot = tag.find('.');
  const std::string_view verb = tag.substr(0, dot);
  const std::string_view object = tag.substr(tag.rfind('.') + 1);
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    if (pattern == "all" || pattern == tag || pattern == verb) return true;
    if (pattern == "column") return tag.find(".column") != std::string_view::npos;
    if (pattern == "table") return object == "table" || tag == "alter.table.comment";
    return false;
  });
}

}  // namespace

std::string_view schema_change_tag(SchemaChangeKind kind) {
  switch (kind) {
    case SchemaChangeKind::kCreateTable: return "create.table";
    case SchemaChangeKind::kAddColumns: return "add.column";
    case SchemaChangeKind::kAlterColumnType: return "alter.column.type";
    case SchemaChangeKind::kRenameColumn: return "rename.column";
    case SchemaChangeKind::kDropColumns: return "drop.column";
    case SchemaChangeKind::kTruncateTable: return "truncate.table";
    case SchemaChangeKind::kDropTable: return "drop.table";
    case SchemaChangeKind::kAlterTableComment: return "alter.table.comment";
  }
  return "";
}

bool SchemaPolicy::accepted(SchemaChangeKind kind) const {
  const std::string_view tag = schema_change_tag(kind);
  const auto& sink = spec_.sink;
  if (tag_in(tag, sink.exclude_schema_changes)) return false;
  const bool lenient_default =
      spec_.pipeline.schema_behavior == SchemaBehavior::kLenient && !spec_.pipeline.exclude_given;
  if (lenient_default && (kind == SchemaChangeKind::kDropTable || kind == SchemaChangeKind::kTruncateTable))
    return false;
  if (kind == SchemaChangeKind::kCreateTable || sink.include_schema_changes.empty()) return true;
  return tag_in(tag, sink.include_schema_changes);
}

std::vector<SchemaChange> SchemaPolicy::decide(const SchemaChange& change) const {
  std::vector<SchemaChange> decided;
  switch (spec_.pipeline.schema_behavior) {
    case SchemaBehavior::kIgnore:
      if (change.kind == SchemaChangeKind::kCreateTable) decided = {change};
      break;
    case SchemaBehavior::kLenient: decided = lenient(change); break;
    case SchemaBehavior::kException:
    case SchemaBehavior::kEvolve:
    case SchemaBehavior::kTryEvolve: decided = {change}; break;
  }
  std::erase_if(decided, [&](const SchemaChange& each) { return !accepted(each.kind); });
  return decided;
}

void SchemaPolicy::remember(const SchemaChange& change) {
  std::lock_guard lock(mutex_);
  fitted_.clear();
  auto& columns = target_columns_[change.table()];
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable:
    case SchemaChangeKind::kAddColumns:
      for (const auto& column : change.after->columns) columns.insert(column.name);
      break;
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size(); ++i) {
        columns.erase(change.columns[i]);
        columns.insert(change.new_names[i]);
      }
      break;
    case SchemaChangeKind::kDropColumns:
      for (const auto& name : change.columns) columns.erase(name);
      break;
    case SchemaChangeKind::kDropTable: target_columns_.erase(change.table()); break;
    case SchemaChangeKind::kAlterColumnType:
    case SchemaChangeKind::kTruncateTable:
    case SchemaChangeKind::kAlterTableComment: break;
  }
}

Result<> SchemaPolicy::open_target(Context& context, const TableSchemaPtr& target, bool for_copy) {
  if (target_columns_.contains(target->id)) return {};
  ASSIGN_OR_RETURN(auto existing, sink_.find_table(context, target->id));
  const SchemaChange create{
      .kind = SchemaChangeKind::kCreateTable, .before = nullptr, .after = target, .columns = {}, .new_names = {}};
  if (!existing) {
    RETURN_IF_ERROR(for_copy ? sink_.create_for_copy(context, target) : sink_.apply(context, create));
    remember(create);
    return {};
  }
  std::lock_guard lock(mutex_);
  auto& columns = target_columns_[target->id];
  for (const auto& column : existing->columns) columns.insert(column.name);
  return {};
}

Result<> SchemaPolicy::add_missing_columns(Context& context, const TableSchemaPtr& target) {
  SchemaChange add{
      .kind = SchemaChangeKind::kAddColumns, .before = target, .after = target, .columns = {}, .new_names = {}};
  {
    std::lock_guard lock(mutex_);
    for (const auto& column : target->columns) {
      if (!target_columns_[target->id].contains(column.name)) add.columns.push_back(column.name);
    }
  }
  return add.columns.empty() ? Result<>() : apply(context, add);
}

// Columns that exchange names, or pass them on, are renamed by a source at once. A target would do it in steps, which a
// repetition could not tell from the beginning or the end.
Result<> SchemaPolicy::check_names(const SchemaChange& decided) const {
  if (decided.kind != SchemaChangeKind::kRenameColumn || !sink_.can_be_read()) return {};
  for (size_t i = 0; i < decided.columns.size(); ++i) {
    const auto taken = decided.before->find_column(decided.new_names[i]);
    if (!taken || taken == decided.before->find_column(decided.columns[i])) continue;
    return Error(ErrorCode::kUnsupported,
                 fmt::format("columns of table {} have exchanged names or passed them on: '{}' is now '{}'",
                             decided.table().text(), decided.columns[i], decided.new_names[i]),
                 "Rename the columns of the target table as the statement did, and start the job with "
                 "schema.change.behavior 'ignore' until it is past the statement.");
  }
  return {};
}

Result<> SchemaPolicy::spare_renamed(Context& context, SchemaChange& drop, const SchemaChange& rename) {
  const bool concerns = drop.kind == SchemaChangeKind::kDropColumns && rename.kind == SchemaChangeKind::kRenameColumn &&
                        drop.table() == rename.table() && sink_.can_be_read();
  for (size_t i = 0; concerns && i < rename.columns.size(); ++i) {
    const auto dropped = std::ranges::find(drop.columns, rename.new_names[i]);
    if (dropped == drop.columns.end()) continue;
    ASSIGN_OR_RETURN(const auto target, sink_.find_table(context, drop.table()));
    if (target && !target->find_column(rename.columns[i])) drop.columns.erase(dropped);
  }
  return {};
}

Result<> SchemaPolicy::check(const SchemaChange& change) const {
  if (spec_.pipeline.schema_behavior != SchemaBehavior::kEvolve) return {};
  for (const auto& each : decide(change)) RETURN_IF_ERROR(check_names(each));
  return {};
}

Result<> SchemaPolicy::apply(Context& context, const SchemaChange& change) {
  if (spec_.pipeline.schema_behavior == SchemaBehavior::kException && change.kind != SchemaChangeKind::kCreateTable) {
    return Error(ErrorCode::kTarget,
                 fmt::format("the source changed table {} ({}) and schema.change.behavior is 'exception'",
                             change.table().text(), schema_change_tag(change.kind)),
                 "Change the target table by hand and the behaviour to 'ignore', or let the job do it with 'evolve'.");
  }
  const auto decided = decide(change);
  if (decided.empty()) {
    log_info("{} of {} is not carried out in the target (schema.change.behavior, include/exclude.schema.changes)",
             schema_change_tag(change.kind), change.table().text());
  }
  for (const auto& each : decided) {
    auto applied = check_names(each);
    if (applied) applied = sink_.apply(context, each);
    if (!applied) {
      const bool tolerated =
          spec_.pipeline.schema_behavior == SchemaBehavior::kTryEvolve && !applied.error().retryable();
      if (!tolerated) return std::move(applied).error();
      log_warn("{} of {} failed and is passed over (try_evolve): {}", schema_change_tag(each.kind), each.table().text(),
               applied.error().message());
      continue;
    }
    log_info("applied {} to {}", schema_change_tag(each.kind), each.table().text());
    remember(each);
  }
  return {};
}

// Under the other behaviours a column that the target lacks is a mistake that the target's error names.
bool SchemaPolicy::may_lack_columns() const {
  const auto behavior = spec_.pipeline.schema_behavior;
  return behavior == SchemaBehavior::kIgnore || behavior == SchemaBehavior::kTryEvolve ||
         !spec_.sink.exclude_schema_changes.empty() || !spec_.sink.include_schema_changes.empty();
}

TableSchemaPtr SchemaPolicy::fitted_schema(const TableSchemaPtr& schema) {
  const auto known = target_columns_.find(schema->id);
  if (known == target_columns_.end()) return nullptr;
  auto fitted = std::make_shared<TableSchema>(*schema);
  std::erase_if(fitted->columns, [&](const Column& column) { return !known->second.contains(column.name); });
  if (fitted->columns.size() == schema->columns.size()) return nullptr;
  fitted->key.clear();
  for (const uint32_t key : schema->key) {
    if (const auto index = fitted->find_column(schema->columns[key].name)) fitted->key.push_back(*index);
  }
  return fitted;
}

ChangeBatch SchemaPolicy::fit(ChangeBatch batch) {
  if (!may_lack_columns()) return batch;
  TableSchemaPtr fitted;
  {
    std::lock_guard lock(mutex_);
    const auto cached = fitted_.find(batch.schema);
    if (cached == fitted_.end()) {
      fitted = fitted_.emplace(batch.schema, fitted_schema(batch.schema)).first->second;
    } else {
      fitted = cached->second;
    }
  }
  if (!fitted) return batch;
  std::vector<ColumnVector> columns;
  size_t next = 0;
  for (size_t i = 0; i < batch.columns.size() && next < fitted->columns.size(); ++i) {
    if (batch.schema->columns[i].name != fitted->columns[next].name) continue;
    columns.push_back(std::move(batch.columns[i]));
    ++next;
  }
  batch.schema = std::move(fitted);
  batch.columns = std::move(columns);
  return batch;
}

}  // namespace sluice
