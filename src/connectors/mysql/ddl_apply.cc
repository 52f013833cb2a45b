// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/ddl_apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "connectors/mysql/charset.h"
#include "connectors/mysql/schema_edit.h"

namespace sluice::mysql {

bool is_schema_change_helper(std::string_view table) {
  if (table.empty() || table[0] != '_') return false;
  constexpr std::string_view kSuffixes[] = {"_gho", "_ghc", "_del", "_new", "_old"};
  return std::any_of(std::begin(kSuffixes), std::end(kSuffixes), [table](std::string_view suffix) {
    return table.size() > suffix.size() + 1 && table.ends_with(suffix);
  });
}

bool is_computed_default(std::string_view column_type, const std::optional<std::string>& expression) {
  if (!expression) return false;
  if (column_type.starts_with("timestamp")) return true;
  // MariaDB prints literals quoted and MySQL bare; what looks like a call is taken for one.
  const std::string& text = *expression;
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') return false;
  constexpr std::string_view kNow = "CURRENT_TIMESTAMP";
  const bool is_now = text.size() == kNow.size() &&
                      std::ranges::equal(text, kNow, [](char a, char b) { return (a & ~0x20) == (b & ~0x20); });
  return is_now || text.find('(') != std::string::npos;
}

namespace {

bool generates_column_anew(const AlterAction& action) {
  const auto* change = std::get_if<ChangeColumn>(&action);
  return change != nullptr && change->column.generated;
}

// True if the action gives rows that are there values which only the server knows.
bool computes_values(const AlterAction& action) {
  if (generates_column_anew(action)) return true;
  const auto* add = std::get_if<AddColumn>(&action);
  return add != nullptr && (add->column.generated || add->column.auto_increment ||
                            is_computed_default(add->column.type, add->column.default_expression));
}

// True if a column gets the name that another one had when the statement began.
bool passes_names_on(const AlterTable& alter, const TableSchema& before) {
  std::set<uint32_t> renamed;
  for (const AlterAction& action : alter.actions) {
    const ColumnRename names = rename_of(action);
    const auto from = before.find_column(names.old_name);
    if (!from || names.old_name == names.new_name) continue;
    renamed.insert(*from);
    const auto taken_from = before.find_column(names.new_name);
    if (taken_from && *taken_from != *from) return true;
  }
  return std::ranges::any_of(alter.actions, [&](const AlterAction& action) {
    const auto* add = std::get_if<AddColumn>(&action);
    const auto other = add != nullptr ? before.find_column(add->column.name) : std::nullopt;
    return other && renamed.contains(*other);
  });
}

// True if rows of `before`, changed as the difference tells, are the rows of `after`, into which an online schema
// change has copied them. A column that went while another came may have been renamed.
bool rows_follow_from_difference(const MysqlTable& before, const MysqlTable& after) {
  if (after.other_values) return false;
  const auto& old_columns = before.schema->columns;
  const auto& columns = after.schema->columns;
  const bool dropped = std::ranges::any_of(
      old_columns, [&](const Column& column) { return !after.schema->find_column(column.name).has_value(); });
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto old = before.schema->find_column(columns[i].name);
    if (!old && (dropped || after.columns[i].computed)) return false;
  }
  return true;
}

}  // namespace

const MysqlTable* SchemaCatalog::find(const TableId& id) const {
  auto found = tables_.find(id);
  return found == tables_.end() ? nullptr : &found->second;
}

CharsetChoice SchemaCatalog::database_charset(const std::string& name) const {
  auto found = databases_.find(name);
  return found == databases_.end() ? server_ : found->second;
}

// Applies one statement to copies of the tables it touches and puts them into the catalog at the end.
class DdlApplier {
 public:
  explicit DdlApplier(SchemaCatalog& catalog) : catalog_(catalog) {}

  Result<> operator()(const CreateTable& create) {
    if (create.temporary) return {};
    const MysqlTable* existing = find(create.table);
    if (existing != nullptr && !create.or_replace) return {};
    if (existing != nullptr) drop(create.table);
    MysqlTable table;
    if (create.like) {
      const MysqlTable* model = find(*create.like);
      if (model != nullptr) table = *model;
      if (table.schema) table.schema = with_id(*table.schema, create.table);
    } else if (!create.columns_unknown) {
      ASSIGN_OR_RETURN(table, new_table(create, default_charset(create), catalog_.options_));
    }
    if (table.schema) {
      effect_.changes.push_back({SchemaChangeKind::kCreateTable, nullptr, table.schema, {}, {}});
    } else {
      effect_.unknown.push_back(create.table);
    }
    put(create.table, std::move(table));
    return {};
  }

  Result<> operator()(const AlterTable& alter) {
    const MysqlTable* found = find(alter.table);
    if (found == nullptr || !found->schema) {
      if (!alter.if_exists || found != nullptr) effect_.unknown.push_back(alter.table);
      // The rename must still be followed: the name may be one that is wanted.
      for (const AlterAction& action : alter.actions) {
        if (const auto* rename = std::get_if<RenameTo>(&action)) return rename_all({{alter.table, rename->table}});
      }
      return {};
    }
    SchemaEdit edit(*found, catalog_.database_charset(alter.table.schema), catalog_.options_);
    std::optional<TableId> new_name;
    const bool passes_on = passes_names_on(alter, *found->schema);
    for (const AlterAction& action : alter.actions) {
      if (const auto* rename = std::get_if<RenameTo>(&action)) new_name = rename->table;
      if (std::holds_alternative<TruncatePartition>(action)) effect_.rows_changed.push_back(alter.table);
    }
    RETURN_IF_ERROR(edit.apply(alter.actions).context(fmt::format("altering {}", alter.table.text())));
    const size_t changes_before = effect_.changes.size();
    MysqlTable result = edit.finish(effect_.changes);
    const bool keeps = keep_values(changes_before);
    if (passes_on || !keeps || std::ranges::any_of(alter.actions, computes_values)) {
      effect_.needs_copy.push_back(alter.table);
    }
    const bool other_values = passes_on || std::ranges::any_of(alter.actions, generates_column_anew);
    if (other_values && is_schema_change_helper(alter.table.table)) result.other_values = true;
    if (!(result == *found)) put(alter.table, std::move(result));
    if (new_name) return rename_all({{alter.table, *new_name}});
    return {};
  }

  Result<> operator()(const DropTable& statement) {
    if (statement.temporary) return {};
    for (const TableId& table : statement.tables) drop(table);
    return {};
  }

  Result<> operator()(const TruncateTable& truncate) {
    const MysqlTable* table = find(truncate.table);
    if (table == nullptr || !table->schema) {
      effect_.unknown.push_back(truncate.table);
    } else {
      effect_.changes.push_back({SchemaChangeKind::kTruncateTable, table->schema, table->schema, {}, {}});
    }
    return {};
  }

  Result<> operator()(const RenameTable& rename) { return rename_all(rename.pairs); }

  Result<> operator()(const CreateDatabase& create) {
    CharsetChoice choice{create.charset, create.collation};
    databases_[create.name] = choice.charset.empty() ? catalog_.server_ : choice;
    return {};
  }

  Result<> operator()(const AlterDatabase& alter) {
    if (!alter.charset.empty()) databases_[alter.name] = {alter.charset, alter.collation};
    return {};
  }

  Result<> operator()(const DropDatabase& statement) {
    std::vector<TableId> tables;
    for (const auto& [id, table] : catalog_.tables_) {
      if (id.schema == statement.name) tables.push_back(id);
    }
    for (const TableId& id : tables) drop(id);
    return {};
  }

  Result<> operator()(const TransactionControl&) { return {}; }
  Result<> operator()(const HarmlessStatement&) { return {}; }
  Result<> operator()(const RowStatement&) { return {}; }

  DdlEffect commit() {
    for (auto& [id, table] : pending_) {
      effect_.touched.push_back(id);
      if (table) {
        catalog_.tables_[id] = std::move(*table);
      } else {
        catalog_.tables_.erase(id);
      }
    }
    for (auto& [name, choice] : databases_) catalog_.databases_[name] = std::move(choice);
    return std::move(effect_);
  }

 private:
  const MysqlTable* find(const TableId& id) const {
    auto changed = pending_.find(id);
    if (changed != pending_.end()) return changed->second ? &*changed->second : nullptr;
    return catalog_.find(id);
  }
  void put(const TableId& id, MysqlTable table) { pending_[id] = std::move(table); }

  // True if all changes from the one with this number on do.
  bool keep_values(size_t first) const {
    return std::ranges::all_of(std::span(effect_.changes).subspan(first),
                               [](const auto& change) { return keeps_values(change); });
  }

  void drop(const TableId& id) {
    const MysqlTable* table = find(id);
    if (table == nullptr) return;
    if (table->schema) effect_.changes.push_back({SchemaChangeKind::kDropTable, table->schema, nullptr, {}, {}});
    pending_[id] = std::nullopt;
  }

  CharsetChoice default_charset(const CreateTable& create) const {
    CharsetChoice inherited = catalog_.database_charset(create.table.schema);
    if (create.charset.empty() && create.collation.empty()) return inherited;
    return {create.charset.empty() ? inherited.charset : create.charset, create.collation};
  }

  // Moves the tables first and then says what became of each name, so that a swap is a change of schema and not a drop.
  Result<> rename_all(const std::vector<std::pair<TableId, TableId>>& pairs) {
    std::vector<TableId> names;
    std::map<TableId, std::optional<MysqlTable>> before;
    std::map<TableId, TableId> origin;  // of the table that has the name now
    auto remember = [&](const TableId& id) {
      if (before.count(id) != 0) return;
      const MysqlTable* table = find(id);
      before[id] = table != nullptr ? std::optional<MysqlTable>(*table) : std::nullopt;
      names.push_back(id);
      origin[id] = id;
    };
    for (const auto& [from, to] : pairs) {
      remember(from);
      remember(to);
      const MysqlTable* table = find(from);
      if (table == nullptr && find(to) != nullptr) continue;  // renamed already
      MysqlTable moved;
      if (table != nullptr) moved = *table;
      if (moved.schema) moved.schema = with_id(*moved.schema, to);
      if (table == nullptr) effect_.unknown.push_back(from);
      put(to, std::move(moved));
      pending_[from] = std::nullopt;
      origin[to] = origin[from];
    }
    for (const TableId& name : names) tell_renamed(name, before[name], origin[name]);
    return {};
  }

  void tell_renamed(const TableId& name, const std::optional<MysqlTable>& before, const TableId& origin) {
    const MysqlTable* after = find(name);
    bool was_known = before && before->schema;
    if (after == nullptr) {
      if (was_known) effect_.changes.push_back({SchemaChangeKind::kDropTable, before->schema, nullptr, {}, {}});
      return;
    }
    if (origin == name) return;
    if (!after->schema) {
      if (was_known) effect_.changes.push_back({SchemaChangeKind::kDropTable, before->schema, nullptr, {}, {}});
      effect_.unknown.push_back(name);
      return;
    }
    const size_t changes_before = effect_.changes.size();
    if (was_known) {
      append_difference(*before->schema, after->schema, effect_.changes);
    } else {
      effect_.changes.push_back({SchemaChangeKind::kCreateTable, nullptr, after->schema, {}, {}});
    }
    const bool same_rows = was_known && is_schema_change_helper(origin.table) &&
                           rows_follow_from_difference(*before, *after) && keep_values(changes_before);
    if (!same_rows) effect_.needs_copy.push_back(name);
    if (!is_schema_change_helper(name.table)) pending_[name]->other_values = false;
  }

  SchemaCatalog& catalog_;
  std::map<TableId, std::optional<MysqlTable>> pending_;
  std::map<std::string, CharsetChoice> databases_;
  DdlEffect effect_;
};

std::vector<std::string> key_names(const TableSchema& schema) {
  std::vector<std::string> names;
  for (const uint32_t part : schema.key) names.push_back(schema.columns[part].name);
  return names;
}

Result<> check_key_stays(const DdlStatement& statement, const MysqlTable& before, const MysqlTable* now) {
  if (now == nullptr || !now->schema) return {};
  std::map<std::string, std::string> renamed;
  if (const auto* alter = std::get_if<AlterTable>(&statement)) {
    for (const AlterAction& action : alter->actions) {
      ColumnRename names = rename_of(action);
      const auto column = before.schema->find_column(names.old_name);
      if (!column || names.old_name == names.new_name) continue;
      renamed.insert_or_assign(before.schema->columns[*column].name, std::move(names.new_name));
    }
  }
  std::vector<std::string> wanted = key_names(*before.schema);
  for (std::string& name : wanted) {
    if (const auto found = renamed.find(name); found != renamed.end()) name = found->second;
  }
  if (wanted == key_names(*now->schema)) return {};
  const std::string table = before.schema->id.text();
  const bool by_index = !before.key_index.empty() && before.key_index != kPrimaryIndex;
  return Error(ErrorCode::kUnsupported,
               by_index ? fmt::format("unique index {}, which tells the rows of table {} apart, was dropped or changed",
                                      before.key_index, table)
                        : fmt::format("the primary key of table {} was changed", table),
               "Drop the target table and start the job with --reset.");
}

std::vector<TableId> tables_of(const DdlStatement& statement) {
  if (const auto* create = std::get_if<CreateTable>(&statement)) return {create->table};
  if (const auto* alter = std::get_if<AlterTable>(&statement)) {
    std::vector<TableId> tables = {alter->table};
    for (const auto& action : alter->actions) {
      if (const auto* rename = std::get_if<RenameTo>(&action)) tables.push_back(rename->table);
    }
    return tables;
  }
  if (const auto* drop = std::get_if<DropTable>(&statement)) return drop->tables;
  if (const auto* truncate = std::get_if<TruncateTable>(&statement)) return {truncate->table};
  std::vector<TableId> tables;
  if (const auto* rename = std::get_if<RenameTable>(&statement)) {
    for (const auto& [from, to] : rename->pairs) {
      tables.push_back(from);
      tables.push_back(to);
    }
  }
  return tables;
}

Result<DdlEffect> SchemaCatalog::apply(const DdlStatement& statement) {
  DdlApplier applier(*this);
  RETURN_IF_ERROR(std::visit(applier, statement));
  return applier.commit();
}

}  // namespace sluice::mysql
