// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/schema_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "connectors/mysql/charset.h"

namespace sluice::mysql {
namespace {

bool is_text(const DataType& type) {
  bool text = type.kind == TypeKind::kString && !is_internet_address(type);
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
  built.info.computed = ddl.generated || ddl.auto_increment || is_computed_default(ddl.type, ddl.default_expression);
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

Result<> put_primary_key(TableSchema& schema, const std::vector<std::string>& names) {
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

// Names of indexes are compared without case.
std::string upper(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}
bool same_index(const std::string& a, const std::string& b) { return upper(a) == upper(b); }

// The columns of a unique index if these tell rows apart by themselves; none if not.
std::vector<uint32_t> identifying_columns(const TableSchema& schema, const DdlKey& key) {
  std::vector<uint32_t> columns;
  for (const std::string& name : key.columns) {
    const std::optional<uint32_t> index = schema.find_column(name);
    if (key.other || key.prefix || !index || schema.columns[*index].type.nullable) return {};
    columns.push_back(*index);
  }
  return columns;
}

// Every index of the statement, with the name that the server gives it.
std::vector<DdlKey> named_keys(const CreateTable& create) {
  std::vector<DdlKey> keys;
  for (const DdlColumn& column : create.columns) {
    if (column.primary_key) keys.push_back({.columns = {column.name}, .primary = true});
    if (column.unique_key) keys.push_back({.columns = {column.name}});
  }
  keys.insert(keys.end(), create.keys.begin(), create.keys.end());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].primary) keys[i].name = kPrimaryIndex;
    if (!keys[i].name.empty()) continue;
    const auto is_taken = [&](const std::string& name) {
      return same_index(name, std::string(kPrimaryIndex)) ||
             std::ranges::any_of(keys, [&](const DdlKey& key) { return same_index(key.name, name); });
    };
    const std::string& first = keys[i].columns[0];
    std::string name = first;
    for (int number = 2; is_taken(name); ++number) name = fmt::format("{}_{}", first, number);
    keys[i].name = std::move(name);
  }
  return keys;
}

// The primary key, else the first unique index whose columns cannot be NULL, as mysql_server.cc takes them.
Result<> put_key(const CreateTable& create, TableSchema& schema, MysqlTable& table) {
  std::vector<DdlKey> keys = named_keys(create);
  std::ranges::stable_sort(keys, {}, [](const DdlKey& key) { return std::pair(!key.primary, upper(key.name)); });
  if (!keys.empty() && keys[0].primary) RETURN_IF_ERROR(put_primary_key(schema, keys[0].columns));
  for (const DdlKey& key : keys) {
    schema.key = identifying_columns(schema, key);
    if (schema.key.empty()) continue;
    table.key_index = key.name;
    break;
  }
  return {};
}

// The same as far as a target can tell.
bool same_definition(const Column& a, const Column& b) { return a.type == b.type; }

struct IntegerSize {
  int bits = 0;  // 0: no integer
  bool is_unsigned = false;
};

IntegerSize integer_size(const DataType& type) {
  constexpr std::pair<std::string_view, int> kBits[] = {
      {"tinyint", 8}, {"smallint", 16}, {"mediumint", 24}, {"int", 32}, {"bigint", 64}};
  if (type.kind == TypeKind::kBoolean) return {1, true};
  for (const auto& [name, bits] : kBits) {
    if (type.source_type.starts_with(name)) return {bits, type.source_type.find(" unsigned") != std::string::npos};
  }
  return {};
}

constexpr uint64_t kBytesPerCharacter = 4;

// The most bytes that the text or bytes have; 0 for another type.
uint64_t capacity(const DataType& type) {
  constexpr std::pair<std::string_view, uint64_t> kLongest[] = {
      {"tiny", 255}, {"medium", (1 << 24) - 1}, {"long", (uint64_t{1} << 32) - 1}, {"text", 65535}, {"blob", 65535}};
  if (type.kind != TypeKind::kString && type.kind != TypeKind::kBytes) return 0;
  if (type.length != 0) return uint64_t{type.length} * (type.kind == TypeKind::kString ? kBytesPerCharacter : 1);
  for (const auto& [name, bytes] : kLongest) {
    if (type.source_type.starts_with(name)) return bytes;
  }
  return 0;
}

// The labels of `from` in their order, perhaps with others between and behind them.
bool has_labels(const DataType& from, const DataType& to) {
  if (!from.labels || !to.labels) return false;
  auto next = from.labels->begin();
  for (const std::string& label : *to.labels) {
    if (next != from.labels->end() && *next == label) ++next;
  }
  return next == from.labels->end();
}

bool keeps_values(const DataType& from, const DataType& to) {
  const IntegerSize was = integer_size(from);
  const IntegerSize is = integer_size(to);
  if (was.bits != 0 && is.bits != 0) {
    return was.is_unsigned == is.is_unsigned ? was.bits <= is.bits : was.is_unsigned && was.bits < is.bits;
  }
  if (was.bits > 1 && to.kind == TypeKind::kString) {
    constexpr uint64_t kLongestNumber = 20 * kBytesPerCharacter;
    return from.source_type.find("zerofill") == std::string::npos && capacity(to) >= kLongestNumber;
  }
  if (from.kind != to.kind) return false;
  switch (from.kind) {
    case TypeKind::kString:
    case TypeKind::kBytes: {
      // CHAR loses blanks, and BINARY gets zeros, at the end.
      const bool same_end = !to.fixed_length || (from.fixed_length && from.kind == TypeKind::kString);
      if (capacity(from) != 0 && capacity(from) <= capacity(to) && same_end) return true;
      break;
    }
    case TypeKind::kEnum:
    case TypeKind::kSet: return has_labels(from, to);
    case TypeKind::kDecimal: return from.scale == to.scale && from.precision <= to.precision;
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kYear:
    case TypeKind::kJson:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: break;
  }
  return from.source_type == to.source_type;
}

}  // namespace

bool keeps_values(const SchemaChange& change) {
  if (change.kind != SchemaChangeKind::kAlterColumnType) return true;
  return std::ranges::all_of(change.columns, [&](const std::string& name) {
    const auto from = change.before->find_column(name);
    const auto to = change.after->find_column(name);
    return from && to && keeps_values(change.before->columns[*from].type, change.after->columns[*to].type);
  });
}

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
  for (const DdlColumn& ddl : create.columns) {
    Result<BuiltColumn> built = build_column(ddl, charset, options);
    if (!built) return std::move(built).error().context(fmt::format("creating {}.{}", create.table.text(), ddl.name));
    schema.columns.push_back(std::move(built->column));
    table.columns.push_back(std::move(built->info));
  }
  RETURN_IF_ERROR(put_key(create, schema, table));
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
    : has_key_(!table.schema->key.empty()),
      schema_(*table.schema),
      table_(table),
      database_charset_(std::move(database_charset)),
      options_(options) {}

// The schema has changed: a change of its own, or one more column of the change before.
void SchemaEdit::record(SchemaChangeKind kind, std::string column) {
  auto after = std::make_shared<const TableSchema>(schema_);
  bool joins = !changes_.empty() && changes_.back().kind == kind &&
               (kind == SchemaChangeKind::kAddColumns || kind == SchemaChangeKind::kDropColumns);
  if (!joins) changes_.push_back({kind, table_.schema, nullptr, {}, {}});
  SchemaChange& change = changes_.back();
  if (!column.empty()) change.columns.push_back(std::move(column));
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

// What a statement adds, or changes about the columns that stay.
struct ActionVisitor {
  SchemaEdit& edit;

  Result<> operator()(const AddColumn& action) { return edit.add(action); }
  Result<> operator()(const ChangeColumn& action) { return edit.change(action); }
  Result<> operator()(const AddKey& action) {
    if (action.key.primary) return edit.set_primary_key(action.key.columns);
    edit.add_index(action.key);
    return {};
  }
  Result<> operator()(const RenameIndex& action) {
    if (same_index(edit.table_.key_index, action.old_name)) edit.table_.key_index = action.new_name;
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
  template <typename Other>
  Result<> operator()(const Other&) {
    return {};
  }
};

Result<> SchemaEdit::apply(const std::vector<AlterAction>& actions) {
  for (const AlterAction& action : actions) {
    if (const auto* column = std::get_if<DropColumn>(&action)) drop(column->name);
    if (std::holds_alternative<DropPrimaryKey>(action)) drop_index(std::string(kPrimaryIndex));
    if (const auto* index = std::get_if<DropIndex>(&action)) drop_index(index->name);
    const auto* set = std::get_if<SetColumnDefault>(&action);
    const auto column = set != nullptr ? schema_.find_column(set->name) : std::nullopt;
    if (column) schema_.columns[*column].default_expression = set->default_expression;
  }
  rename(actions);
  for (const AlterAction& action : actions) RETURN_IF_ERROR(std::visit(ActionVisitor{*this}, action));
  return {};
}

Result<> SchemaEdit::add(const AddColumn& add) {
  if (schema_.find_column(add.column.name)) return {};
  ASSIGN_OR_RETURN(BuiltColumn built, build_column(add.column, {table_.charset, table_.collation}, options_));
  schema_.columns.push_back(std::move(built.column));
  table_.columns.push_back(std::move(built.info));
  move(static_cast<uint32_t>(schema_.columns.size() - 1), add.place);
  if (add.column.primary_key) RETURN_IF_ERROR(set_primary_key({add.column.name}));
  record(SchemaChangeKind::kAddColumns, add.column.name);
  return {};
}

Result<> SchemaEdit::change(const ChangeColumn& change) {
  std::optional<uint32_t> index = schema_.find_column(change.column.name);
  if (!index) {
    if (change.if_exists) return {};
    return Error(ErrorCode::kSchemaChanged, fmt::format("it has no column {}", change.old_name));
  }
  ASSIGN_OR_RETURN(BuiltColumn built, build_column(change.column, {table_.charset, table_.collation}, options_));
  if (schema_.is_key(*index) && built.column.type.nullable) {
    const bool primary = table_.key_index.empty() || table_.key_index == kPrimaryIndex;
    if (primary) built.column.type.nullable = false;
    if (!primary) drop_index(table_.key_index);
  }
  const std::string name = built.column.name = schema_.columns[*index].name;
  bool same = same_definition(schema_.columns[*index], built.column);
  schema_.columns[*index] = std::move(built.column);
  table_.columns[*index] = std::move(built.info);
  if (change.column.primary_key) RETURN_IF_ERROR(set_primary_key({change.column.name}));
  if (change.place) move(*index, *change.place);
  if (!same) record(SchemaChangeKind::kAlterColumnType, name);
  return {};
}

ColumnRename rename_of(const AlterAction& action) {
  if (const auto* rename = std::get_if<RenameColumn>(&action)) return {rename->old_name, rename->new_name};
  if (const auto* change = std::get_if<ChangeColumn>(&action)) return {change->old_name, change->column.name};
  return {};
}

// All at once: columns may exchange their names.
void SchemaEdit::rename(const std::vector<AlterAction>& actions) {
  std::map<uint32_t, std::string> new_names;
  for (const AlterAction& action : actions) {
    ColumnRename names = rename_of(action);
    if (names.old_name == names.new_name) continue;  // with other capitals perhaps, which do not matter
    const std::optional<uint32_t> index = schema_.find_column(names.old_name);
    if (index && schema_.columns[*index].name != names.new_name) new_names[*index] = std::move(names.new_name);
  }
  // A name that a column has and keeps: the statement was carried out before.
  std::erase_if(new_names, [&](const auto& entry) {
    const std::optional<uint32_t> other = schema_.find_column(entry.second);
    return other && *other != entry.first && !new_names.contains(*other);
  });
  if (new_names.empty()) return;
  changes_.push_back({SchemaChangeKind::kRenameColumn, table_.schema, nullptr, {}, {}});
  for (auto& [index, name] : new_names) {
    changes_.back().columns.push_back(std::exchange(schema_.columns[index].name, name));
    changes_.back().new_names.push_back(std::move(name));
  }
  changes_.back().after = table_.schema = std::make_shared<const TableSchema>(schema_);
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

void SchemaEdit::drop_index(const std::string& name) {
  const bool unknown = table_.key_index.empty() && name == kPrimaryIndex;
  if (!unknown && !same_index(table_.key_index, name)) return;
  schema_.key.clear();
  table_.key_index.clear();
}

// An index in the place of the one that the statement drops.
void SchemaEdit::add_index(const DdlKey& key) {
  if (!has_key_ || !schema_.key.empty()) return;
  schema_.key = identifying_columns(schema_, key);
  if (!schema_.key.empty()) table_.key_index = key.name.empty() ? key.columns[0] : key.name;
}

Result<> SchemaEdit::set_primary_key(const std::vector<std::string>& columns) {
  table_.key_index = kPrimaryIndex;
  return put_primary_key(schema_, columns);
}

}  // namespace sluice::mysql
