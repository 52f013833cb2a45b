// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/relation_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "connectors/postgres/postgres_types.h"
#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int16_t kUnmatched = 0;  // attribute numbers begin at 1

bool same_column(const PgoutputColumn& column, const PostgresTable& table, size_t index) {
  const auto& info = table.columns[index];
  return column.name == table.schema->columns[index].name && column.type == info.type &&
         column.modifier == info.modifier;
}

bool same_columns(const PgoutputRelation& shape, const PostgresTable& table) {
  if (shape.columns.size() != table.columns.size()) return false;
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    if (!same_column(shape.columns[i], table, i)) return false;
  }
  return true;
}

std::optional<size_t> index_of(const PostgresTable& table, std::string_view name) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.schema->columns[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> index_of(const PostgresTable& table, int16_t attribute) {
  const auto found = std::ranges::find(table.columns, attribute, &PostgresSourceColumn::attribute);
  if (found == table.columns.end()) return std::nullopt;
  return static_cast<size_t>(found - table.columns.begin());
}

// The attribute number of each column of the shape, as far as it can be said.
struct Match {
  std::vector<int16_t> attributes;
  bool certain = true;
};

Match match_by_names(const PgoutputRelation& shape, const PostgresTable& tracked,
                     const std::optional<PostgresTable>& today) {
  Match match;
  for (const auto& column : shape.columns) {
    const auto then = index_of(tracked, column.name);
    const auto now = today ? index_of(*today, column.name) : std::nullopt;
    if (then) {
      match.attributes.push_back(tracked.columns[*then].attribute);
      // The name went to another column: before or after this shape?
      if (now && today->columns[*now].attribute != match.attributes.back()) match.certain = false;
    } else if (now) {
      match.attributes.push_back(today->columns[*now].attribute);
    } else {
      match.attributes.push_back(kUnmatched);
      match.certain = false;
    }
  }
  if (std::ranges::adjacent_find(match.attributes, std::greater_equal<>()) != match.attributes.end()) {
    match.certain = false;
  }
  // A column that the shape lacks although the table still has it was renamed since.
  for (const auto& column : tracked.columns) {
    if (std::ranges::find(match.attributes, column.attribute) != match.attributes.end()) continue;
    if (today && index_of(*today, column.attribute)) match.certain = false;
  }
  return match;
}

Match match_columns(const PgoutputRelation& shape, const PostgresTable& tracked,
                    const std::optional<PostgresTable>& today) {
  if (!today || !same_columns(shape, *today)) return match_by_names(shape, tracked, today);
  Match match;
  for (const auto& column : today->columns) match.attributes.push_back(column.attribute);
  // One column was dropped and one like it added, but perhaps later than this.
  if (same_columns(shape, tracked) && tracked.columns != today->columns) match.certain = false;
  return match;
}

// True if every value of `from` is the same value of `to` in any database, so that ALTER there does what it did here.
bool widens(const DataType& from, const DataType& to) {
  const auto integer_size = [](TypeKind kind) {
    return kind == TypeKind::kInt16 ? 2 : kind == TypeKind::kInt32 ? 4 : kind == TypeKind::kInt64 ? 8 : 0;
  };
  if (integer_size(from.kind) != 0) return integer_size(to.kind) >= integer_size(from.kind);
  if (from.kind != to.kind) return false;
  switch (from.kind) {
    case TypeKind::kString:
      return !from.fixed_length && !to.fixed_length &&
             (to.length == 0 || (from.length != 0 && to.length >= from.length)) &&
             (from.source_type == to.source_type || from.source_type.starts_with("character varying"));
    case TypeKind::kDecimal:
      return from.precision != 0 && to.precision != 0 && from.scale == to.scale && to.precision >= from.precision;
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return to.precision >= from.precision;
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kBytes:
    case TypeKind::kDate:
    case TypeKind::kYear:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: return from.source_type == to.source_type;
  }
  return false;
}

// A literal as relational_writing.h reads it.
Result<std::string> literal(const DataType& type, std::string_view text) {
  ColumnVector value(type.kind);
  std::string canonical;
  RETURN_IF_ERROR(append_postgres_text(value, type, text, canonical));
  canonical.clear();
  append_value_text(value, type, 0, canonical);
  std::string out = "'";
  for (const char c : canonical) {
    if (c == '\'' || c == '\\') out.push_back(c);
    out.push_back(c);
  }
  return out + "'";
}

std::set<int16_t> key_attributes(const PostgresTable& table) {
  std::set<int16_t> attributes;
  for (const uint32_t index : table.schema->key) attributes.insert(table.columns[index].attribute);
  return attributes;
}

// The log flags the other columns of a primary key that has a generated one, which is no key for us.
bool is_not_whole_key(const RelationCatalog& catalog) { return catalog.today && catalog.today->schema->key.empty(); }

// The schema with its columns replaced; the key refers to the same attributes as `key` says, in its order.
class Shaper {
 public:
  explicit Shaper(const PostgresTable& tracked) : schema_(*tracked.schema), infos_(tracked.columns) {
    for (const uint32_t index : schema_.key) key_.push_back(infos_[index].attribute);
  }

  TableSchemaPtr current() {
    if (!built_) {
      schema_.key.clear();
      for (const int16_t attribute : key_) {
        if (const auto at = find(attribute)) schema_.key.push_back(static_cast<uint32_t>(*at));
      }
      built_ = std::make_shared<const TableSchema>(schema_);
    }
    return built_;
  }
  const std::vector<PostgresSourceColumn>& infos() const { return infos_; }
  const Column& column(int16_t attribute) const { return schema_.columns[*find(attribute)]; }
  std::optional<size_t> find(int16_t attribute) const {
    const auto found = std::ranges::find(infos_, attribute, &PostgresSourceColumn::attribute);
    if (found == infos_.end()) return std::nullopt;
    return static_cast<size_t>(found - infos_.begin());
  }

  void drop(int16_t attribute) {
    const auto at = static_cast<ptrdiff_t>(*find(attribute));
    schema_.columns.erase(schema_.columns.begin() + at);
    infos_.erase(infos_.begin() + at);
    built_.reset();
  }
  void add(Column column, PostgresSourceColumn info) {
    schema_.columns.push_back(std::move(column));
    infos_.push_back(info);
    built_.reset();
  }
  Column& change(int16_t attribute) {
    built_.reset();
    return schema_.columns[*find(attribute)];
  }
  void retype(int16_t attribute, const PgoutputColumn& column, DataType type) {
    change(attribute).type = std::move(type);
    auto& info = infos_[*find(attribute)];
    info.type = column.type;
    info.modifier = column.modifier;
  }
  void set_key(std::vector<int16_t> key) {
    key_ = std::move(key);
    built_.reset();
  }

 private:
  TableSchema schema_;
  std::vector<PostgresSourceColumn> infos_;
  std::vector<int16_t> key_;
  TableSchemaPtr built_;
};

class Differ {
 public:
  Differ(const PgoutputRelation& shape, const PostgresTable& tracked, const RelationCatalog& catalog)
      : shape_(shape), tracked_(tracked), catalog_(catalog), shaper_(tracked) {}

  Result<RelationDiff> run() {
    const Match match = match_columns(shape_, tracked_, catalog_.today);
    if (!match.certain) {
      ASSIGN_OR_RETURN(auto table, new_relation(shape_, catalog_));
      return as_copy(std::move(table), "its columns cannot be matched with the earlier ones");
    }
    attributes_ = match.attributes;
    drop_columns();
    rename_columns();
    RETURN_IF_ERROR(retype_columns());
    RETURN_IF_ERROR(add_columns());
    follow_key();
    if (!diff_.copy_reason.empty()) {
      ASSIGN_OR_RETURN(auto table, new_relation(shape_, catalog_));
      return as_copy(std::move(table), diff_.copy_reason);
    }
    diff_.table = tracked_;
    diff_.table.schema = diff_.changes.empty() ? tracked_.schema : shaper_.current();
    diff_.table.columns = shaper_.infos();
    diff_.table.identity = static_cast<ReplicaIdentity>(shape_.identity);
    return std::move(diff_);
  }

 private:
  static RelationDiff as_copy(PostgresTable table, std::string reason) {
    RelationDiff diff{.table = std::move(table), .changes = {}, .copy_reason = std::move(reason)};
    diff.changes.push_back({.kind = SchemaChangeKind::kCreateTable,
                            .before = nullptr,
                            .after = diff.table.schema,
                            .columns = {},
                            .new_names = {}});
    return diff;
  }

  void record(SchemaChangeKind kind, TableSchemaPtr before, std::vector<std::string> columns,
              std::vector<std::string> new_names = {}) {
    diff_.changes.push_back({.kind = kind,
                             .before = std::move(before),
                             .after = shaper_.current(),
                             .columns = std::move(columns),
                             .new_names = std::move(new_names)});
  }

  void drop_columns() {
    const TableSchemaPtr before = shaper_.current();
    std::vector<std::string> names;
    for (const auto& info : tracked_.columns) {
      if (std::ranges::find(attributes_, info.attribute) != attributes_.end()) continue;
      names.push_back(shaper_.column(info.attribute).name);
      shaper_.drop(info.attribute);
    }
    if (!names.empty()) record(SchemaChangeKind::kDropColumns, before, std::move(names));
  }

  void rename_columns() {
    const TableSchemaPtr before = shaper_.current();
    std::vector<std::string> names;
    std::vector<std::string> new_names;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      const auto at = shaper_.find(attributes_[i]);
      if (!at || shaper_.column(attributes_[i]).name == shape_.columns[i].name) continue;
      names.push_back(shaper_.column(attributes_[i]).name);
      new_names.push_back(shape_.columns[i].name);
      if (before->find_column(new_names.back())) diff_.copy_reason = "columns have exchanged names";
      shaper_.change(attributes_[i]).name = shape_.columns[i].name;
    }
    if (!names.empty()) record(SchemaChangeKind::kRenameColumn, before, std::move(names), std::move(new_names));
  }

  Result<DataType> type_of(size_t i, bool nullable) const {
    const PgoutputColumn& column = shape_.columns[i];
    ASSIGN_OR_RETURN(DataType type, catalog_.type(column.type, column.modifier));
    type.nullable = nullable;
    return type;
  }

  // A column that lost its NOT NULL may hold nulls from here on. One that got it may have got it later than this.
  bool nullable(int16_t attribute, bool before) const {
    const auto now = catalog_.today ? index_of(*catalog_.today, attribute) : std::nullopt;
    return before || (now && catalog_.today->schema->columns[*now].type.nullable);
  }

  Result<> retype_columns() {
    const TableSchemaPtr before = shaper_.current();
    std::vector<std::string> names;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      const auto at = shaper_.find(attributes_[i]);
      if (!at) continue;
      const PostgresSourceColumn info = shaper_.infos()[*at];
      const DataType old = shaper_.column(attributes_[i]).type;
      const bool same = info.type == shape_.columns[i].type && info.modifier == shape_.columns[i].modifier;
      const bool null = nullable(attributes_[i], old.nullable);
      if (same && null == old.nullable) continue;
      DataType type = old;
      type.nullable = null;
      if (!same) {
        ASSIGN_OR_RETURN(type, type_of(i, null));
        if (!widens(old, type)) {
          diff_.copy_reason = fmt::format("the type of column '{}' was changed from {} to {}", shape_.columns[i].name,
                                          old.source_type, type.source_type);
        }
      }
      names.push_back(shape_.columns[i].name);
      shaper_.retype(attributes_[i], shape_.columns[i], std::move(type));
    }
    if (!names.empty()) record(SchemaChangeKind::kAlterColumnType, before, std::move(names));
    return {};
  }

  Result<> add_columns() {
    const TableSchemaPtr before = shaper_.current();
    std::vector<std::string> names;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      if (shaper_.find(attributes_[i])) continue;
      const PgoutputColumn& column = shape_.columns[i];
      ASSIGN_OR_RETURN(const AddedValue value, catalog_.added(attributes_[i]));
      Column added{.name = column.name, .type = {}, .comment = {}, .default_expression = {}};
      ASSIGN_OR_RETURN(added.type, type_of(i, true));
      // These have no literal that every target reads.
      const bool has_literal = added.type.kind != TypeKind::kBytes && added.type.kind != TypeKind::kBit &&
                               added.type.kind != TypeKind::kGeometry;
      if (!value.known || (value.text && !has_literal)) {
        diff_.copy_reason = fmt::format("column '{}' was added with values that the log does not tell", column.name);
      } else if (value.text) {
        ASSIGN_OR_RETURN(added.default_expression, literal(added.type, *value.text));
      }
      names.push_back(column.name);
      shaper_.add(std::move(added), {.attribute = attributes_[i], .type = column.type, .modifier = column.modifier});
    }
    if (!names.empty()) record(SchemaChangeKind::kAddColumns, before, std::move(names));
    return {};
  }

  void follow_key() {
    const std::set<int16_t> before = key_attributes(tracked_);
    std::set<int16_t> now;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      if (shape_.columns[i].identity) now.insert(attributes_[i]);
    }
    // By default the identity is the primary key as of the log; else only the catalog knows, as of now.
    const bool known = shape_.identity == 'd' && !now.empty() && !is_not_whole_key(catalog_);
    if (!known) {
      if (!catalog_.today) return;
      now = key_attributes(*catalog_.today);
    }
    if (now != before) diff_.copy_reason = "its primary key was changed";
  }

  const PgoutputRelation& shape_;
  const PostgresTable& tracked_;
  const RelationCatalog& catalog_;
  Shaper shaper_;
  std::vector<int16_t> attributes_;
  RelationDiff diff_;
};

}  // namespace

bool same_shape(const PgoutputRelation& shape, const PostgresTable& tracked) {
  return shape.id == tracked.schema->id && same_columns(shape, tracked);
}

Result<RelationDiff> diff_relation(const PgoutputRelation& shape, const PostgresTable& tracked,
                                   const RelationCatalog& catalog) {
  return Differ(shape, tracked, catalog).run();
}

Result<PostgresTable> new_relation(const PgoutputRelation& shape, const RelationCatalog& catalog) {
  const auto& today = catalog.today;
  if (today && same_shape(shape, *today)) return *today;
  PostgresTable table;
  table.oid = shape.oid;
  table.identity = static_cast<ReplicaIdentity>(shape.identity);
  auto schema = std::make_shared<TableSchema>();
  schema->id = shape.id;
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    const PgoutputColumn& column = shape.columns[i];
    const auto now = today ? index_of(*today, column.name) : std::nullopt;
    ASSIGN_OR_RETURN(DataType type, catalog.type(column.type, column.modifier));
    type.nullable = !now || today->schema->columns[*now].type.nullable;
    schema->columns.push_back({.name = column.name, .type = std::move(type), .comment = {}, .default_expression = {}});
    table.columns.push_back({.attribute = now ? today->columns[*now].attribute : kUnmatched,
                             .type = column.type,
                             .modifier = column.modifier});
    if (column.identity && shape.identity == 'd' && !is_not_whole_key(catalog))
      schema->key.push_back(static_cast<uint32_t>(i));
  }
  table.schema = std::move(schema);
  return table;
}

}  // namespace sluice
