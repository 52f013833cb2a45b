// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/schema_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/mysql/charset.h"

namespace sluice::mysql {
namespace {

bool is_text(const DataType& type) {
  bool text = type.kind == TypeKind::kString && type.source_type.rfind("inet", 0) != 0;
  return text || type.kind == TypeKind::kEnum || type.kind == TypeKind::kSet;
}

struct BuiltColumn {
  Column column;
  MysqlColumnInfo info;
};

Result<BuiltColumn> build_column(const DdlColumn& ddl, const CharsetChoice& table, const TypeOptions& options) {
  bool inherits = ddl.charset.empty() && ddl.collation.empty();
  BuiltColumn built;
  built.info.charset = ddl.charset.empty() ? table.charset : ddl.charset;
  built.info.collation = inherits ? table.collation : ddl.collation;
  if (ddl.binary_collation) built.info.collation = built.info.charset + "_bin";
  built.info.generated_virtual = ddl.generated_virtual;
  built.info.invisible = ddl.invisible;
  built.info.computed = ddl.generated || ddl.auto_increment || is_computed_default(ddl.default_expression);
  bool nullable = ddl.nullable.value_or(true) && !ddl.primary_key;
  ASSIGN_OR_RETURN(built.column.type, mysql_data_type(ddl.type, built.info.charset, nullable, options));
  built.column.name = ddl.name;
  built.column.comment = ddl.comment;
  built.column.default_expression = ddl.default_expression;
  if (!is_text(built.column.type)) {
    built.info.charset.clear();
    built.info.collation.clear();
  }
  return built;
}

Result<> put_key(TableSchema& schema, const std::vector<std::string>& names) {
  schema.key.clear();
  for (const std::string& name : names) {
    std::optional<uint32_t> index = schema.find_column(name);
    if (!index) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("the primary key of {} names column {}, which it has not", schema.id.text(), name));
    }
    schema.key.push_back(*index);
    schema.columns[*index].type.nullable = false;
  }
  return {};
}

// The same as far as a target can tell.
bool same_definition(const Column& a, const Column& b) { return a.type == b.type; }

}  // namespace

TableSchemaPtr with_id(const TableSchema& schema, const TableId& id) {
  auto copy = std::make_shared<TableSchema>(schema);
  copy->id = id;
  return copy;
}

Result<MysqlTable> new_table(const CreateTable& create, const CharsetChoice& charset, const TypeOptions& options) {
  MysqlTable table;
  table.charset = charset.charset;
  table.collation = charset.collation;
  TableSchema schema;
  schema.id = create.table;
  schema.comment = create.comment;
  std::vector<std::string> key;
  for (const DdlColumn& ddl : create.columns) {
    Result<BuiltColumn> built = build_column(ddl, charset, options);
    if (!built) return std::move(built).error().context(fmt::format("creating {}.{}", create.table.text(), ddl.name));
    schema.columns.push_back(std::move(built->column));
    table.columns.push_back(std::move(built->info));
    if (ddl.primary_key) key = {ddl.name};
  }
  for (const DdlKey& entry : create.keys) {
    if (entry.primary) key = entry.columns;
  }
  RETURN_IF_ERROR(put_key(schema, key));
  table.schema = std::make_shared<const TableSchema>(std::move(schema));
  return table;
}

void append_difference(const TableSchema& before, const TableSchemaPtr& after, std::vector<SchemaChange>& changes) {
  std::vector<std::string> dropped, added, altered;
  for (const Column& column : before.columns) {
    std::optional<uint32_t> index = after->find_column(column.name);
    if (!index) {
      dropped.push_back(column.name);
    } else if (!same_definition(column, after->columns[*index])) {
      altered.push_back(column.name);
    }
  }
  for (const Column& column : after->columns) {
    if (!before.find_column(column.name)) added.push_back(column.name);
  }
  bool comment = before.comment != after->comment;
  auto step = std::make_shared<const TableSchema>(before);
  auto emit = [&](SchemaChangeKind kind, std::vector<std::string> columns, TableSchema next, bool last) {
    TableSchemaPtr end = last ? after : std::make_shared<const TableSchema>(std::move(next));
    changes.push_back({kind, step, end, std::move(columns), {}});
    step = end;
  };
  auto keep_key = [&](TableSchema& next) {
    next.key.clear();
    for (uint32_t part : step->key) {
      if (std::optional<uint32_t> index = next.find_column(step->columns[part].name)) next.key.push_back(*index);
    }
  };
  if (!dropped.empty()) {
    TableSchema next = *step;
    std::erase_if(next.columns, [&](const Column& column) { return !after->find_column(column.name); });
    keep_key(next);
    emit(SchemaChangeKind::kDropColumns, dropped, std::move(next), added.empty() && altered.empty() && !comment);
  }
  if (!added.empty()) {
    TableSchema next = *after;  // already in the final order; types that change are still the old ones
    for (Column& column : next.columns) {
      if (std::optional<uint32_t> index = step->find_column(column.name)) column = step->columns[*index];
    }
    next.comment = step->comment;
    keep_key(next);
    emit(SchemaChangeKind::kAddColumns, added, std::move(next), altered.empty() && !comment);
  }
  if (!altered.empty()) {
    TableSchema next = *after;
    next.comment = step->comment;
    emit(SchemaChangeKind::kAlterColumnType, altered, std::move(next), !comment);
  }
  if (comment) emit(SchemaChangeKind::kAlterTableComment, {}, *after, true);
}

SchemaEdit::SchemaEdit(const MysqlTable& table, CharsetChoice database_charset, const TypeOptions& options)
    : schema_(*table.schema), table_(table), database_charset_(std::move(database_charset)), options_(options) {}

// The schema has changed: a change of its own, or one more column of the change before.
void SchemaEdit::record(SchemaChangeKind kind, std::string column, std::string new_name) {
  auto after = std::make_shared<const TableSchema>(schema_);
  bool joins = !changes_.empty() && changes_.back().kind == kind &&
               (kind == SchemaChangeKind::kAddColumns || kind == SchemaChangeKind::kDropColumns);
  if (!joins) changes_.push_back({kind, table_.schema, nullptr, {}, {}});
  SchemaChange& change = changes_.back();
  if (!column.empty()) change.columns.push_back(std::move(column));
  if (!new_name.empty()) change.new_names.push_back(std::move(new_name));
  change.after = after;
  table_.schema = after;
}

MysqlTable SchemaEdit::finish(std::vector<SchemaChange>& changes) {
  // What no change tells of (order, key, defaults) belongs to the last one.
  if (!(*table_.schema == schema_)) table_.schema = std::make_shared<const TableSchema>(std::move(schema_));
  if (!changes_.empty()) changes_.back().after = table_.schema;
  for (SchemaChange& change : changes_) changes.push_back(std::move(change));
  return std::move(table_);
}

struct ActionVisitor {
  SchemaEdit& edit;

  Result<> operator()(const AddColumn& action) { return edit.add(action); }
  Result<> operator()(const ChangeColumn& action) { return edit.change(action); }
  Result<> operator()(const RenameColumn& action) {
    edit.rename(action.old_name, action.new_name);
    return {};
  }
  Result<> operator()(const DropColumn& action) {
    edit.drop(action.name);
    return {};
  }
  Result<> operator()(const SetColumnDefault& action) {
    if (auto index = edit.schema_.find_column(action.name)) {
      edit.schema_.columns[*index].default_expression = action.default_expression;
    }
    return {};
  }
  Result<> operator()(const AddKey& action) {
    return action.key.primary ? edit.set_key(action.key.columns) : Result<>();
  }
  Result<> operator()(const DropPrimaryKey&) {
    edit.schema_.key.clear();
    return {};
  }
  Result<> operator()(const ConvertCharset& action) { return edit.convert(action); }
  Result<> operator()(const SetTableCharset& action) {
    if (!action.charset.empty()) edit.table_.charset = action.charset;
    edit.table_.collation = action.collation;
    return {};
  }
  Result<> operator()(const SetTableComment& action) {
    if (edit.schema_.comment == action.comment) return {};
    edit.schema_.comment = action.comment;
    edit.record(SchemaChangeKind::kAlterTableComment, {});
    return {};
  }
  Result<> operator()(const RenameTo&) { return {}; }
  Result<> operator()(const TruncatePartition&) { return {}; }
};

Result<> SchemaEdit::apply(const AlterAction& action) { return std::visit(ActionVisitor{*this}, action); }

Result<> SchemaEdit::add(const AddColumn& add) {
  if (schema_.find_column(add.column.name)) return {};
  ASSIGN_OR_RETURN(BuiltColumn built, build_column(add.column, {table_.charset, table_.collation}, options_));
  schema_.columns.push_back(std::move(built.column));
  table_.columns.push_back(std::move(built.info));
  move(static_cast<uint32_t>(schema_.columns.size() - 1), add.place);
  if (add.column.primary_key) RETURN_IF_ERROR(set_key({add.column.name}));
  record(SchemaChangeKind::kAddColumns, add.column.name);
  return {};
}

Result<> SchemaEdit::change(const ChangeColumn& change) {
  std::optional<uint32_t> found = schema_.find_column(change.old_name);
  if (found && change.old_name != change.column.name) rename(change.old_name, change.column.name);
  std::optional<uint32_t> index = schema_.find_column(change.column.name);
  if (!index) {
    if (change.if_exists) return {};
    return Error(ErrorCode::kSchemaChanged, fmt::format("it has no column {}", change.old_name));
  }
  ASSIGN_OR_RETURN(BuiltColumn built, build_column(change.column, {table_.charset, table_.collation}, options_));
  if (schema_.is_key(*index)) built.column.type.nullable = false;
  built.column.name = schema_.columns[*index].name;
  bool same = same_definition(schema_.columns[*index], built.column);
  schema_.columns[*index] = std::move(built.column);
  table_.columns[*index] = std::move(built.info);
  if (change.column.primary_key) RETURN_IF_ERROR(set_key({change.column.name}));
  if (change.place) move(*index, *change.place);
  if (!same) record(SchemaChangeKind::kAlterColumnType, change.column.name);
  return {};
}

void SchemaEdit::rename(const std::string& old_name, const std::string& new_name) {
  std::optional<uint32_t> index = schema_.find_column(old_name);
  if (!index || schema_.columns[*index].name == new_name) return;
  std::string exact = schema_.columns[*index].name;
  schema_.columns[*index].name = new_name;
  record(SchemaChangeKind::kRenameColumn, exact, new_name);
}

void SchemaEdit::drop(const std::string& name) {
  std::optional<uint32_t> index = schema_.find_column(name);
  if (!index) return;
  std::string exact = schema_.columns[*index].name;
  schema_.columns.erase(schema_.columns.begin() + *index);
  table_.columns.erase(table_.columns.begin() + *index);
  std::erase(schema_.key, *index);
  for (uint32_t& part : schema_.key) part -= part > *index ? 1 : 0;
  record(SchemaChangeKind::kDropColumns, exact);
}

void SchemaEdit::move(uint32_t from, const ColumnPlace& place) {
  if (!place.first && place.after.empty()) return;
  std::vector<std::string> key;
  for (uint32_t part : schema_.key) key.push_back(schema_.columns[part].name);
  Column column = std::move(schema_.columns[from]);
  MysqlColumnInfo info = std::move(table_.columns[from]);
  schema_.columns.erase(schema_.columns.begin() + from);
  table_.columns.erase(table_.columns.begin() + from);
  uint32_t to = 0;
  if (!place.first) {
    std::optional<uint32_t> behind = schema_.find_column(place.after);
    to = behind ? *behind + 1 : static_cast<uint32_t>(schema_.columns.size());
  }
  schema_.columns.insert(schema_.columns.begin() + to, std::move(column));
  table_.columns.insert(table_.columns.begin() + to, std::move(info));
  for (size_t i = 0; i < key.size(); ++i) schema_.key[i] = *schema_.find_column(key[i]);
}

Result<> SchemaEdit::convert(const ConvertCharset& convert) {
  bool by_default = convert.charset.empty() && convert.collation.empty();
  table_.charset = !convert.charset.empty() ? convert.charset : by_default ? database_charset_.charset : table_.charset;
  table_.collation = by_default ? database_charset_.collation : convert.collation;
  for (size_t i = 0; i < schema_.columns.size(); ++i) {
    DataType& type = schema_.columns[i].type;
    if (!is_text(type)) continue;
    table_.columns[i].charset = table_.charset;
    table_.columns[i].collation = table_.collation;
    if (table_.charset != "binary" || type.kind != TypeKind::kString) continue;
    ASSIGN_OR_RETURN(type, mysql_data_type(type.source_type, "binary", type.nullable, options_));
    table_.columns[i].charset.clear();
    table_.columns[i].collation.clear();
    record(SchemaChangeKind::kAlterColumnType, schema_.columns[i].name);
  }
  return {};
}

Result<> SchemaEdit::set_key(const std::vector<std::string>& columns) { return put_key(schema_, columns); }

}  // namespace sluice::mysql
