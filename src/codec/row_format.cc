// SPDX-License-Identifier: Apache-2.0
#include "codec/row_format.h"

#include "codec/debezium_json.h"
#include "codec/java_text.h"

namespace sluice {
namespace {

void append_row(const ChangeBatch& batch, size_t row, JavaForm form, std::string& out) {
  out += '[';
  if (row != RowChange::kNoRow) {
    for (size_t i = 0; i < batch.columns.size(); ++i) {
      if (i > 0) out += ", ";
      append_java_value(batch.columns[i], batch.schema->columns[i].type, row, form, out);
    }
  }
  out += ']';
}

// DataChangeEvent{tableId=db.t, before=[1, a], after=[1, b], op=UPDATE, meta=()}
class FlinkFormat final : public RowFormat {
 public:
  void begin(const ChangeBatch& batch) override {
    start_ = "DataChangeEvent{tableId=" + batch.schema->id.text() + ", before=";
  }
  void append(const ChangeBatch& batch, const RowChange& change, std::string& out) override {
    out += start_;
    append_row(batch, change.before, JavaForm::kEvent, out);
    out += ", after=";
    append_row(batch, change.after, JavaForm::kEvent, out);
    switch (change.operation) {
      case RowOperation::kRead:
      case RowOperation::kInsert: out += ", op=INSERT, meta=()}\n"; return;
      case RowOperation::kUpdate: out += ", op=UPDATE, meta=()}\n"; return;
      case RowOperation::kDelete: out += ", op=DELETE, meta=()}\n"; return;
    }
  }

 private:
  std::string start_;
};

// +I[5, David, 29], or -U[2, David, 38] and +U[2, David, 55]
class ChangelogFormat final : public RowFormat {
 public:
  void begin(const ChangeBatch&) override {}
  void append(const ChangeBatch& batch, const RowChange& change, std::string& out) override {
    const bool update = change.operation == RowOperation::kUpdate;
    if (change.before != RowChange::kNoRow) append_line(update ? "-U" : "-D", batch, change.before, out);
    if (change.after != RowChange::kNoRow) append_line(update ? "+U" : "+I", batch, change.after, out);
  }

 private:
  static void append_line(std::string_view kind, const ChangeBatch& batch, size_t row, std::string& out) {
    out += kind;
    append_row(batch, row, JavaForm::kRow, out);
    out += '\n';
  }
};

std::string doubled(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) quoted.append(c == quote ? 2 : 1, c);
  return quoted + quote;
}

std::string column_text(const Column& column) {
  std::string text = doubled(column.name, '`') + ' ' + type_text(column.type);
  if (!column.comment.empty()) text += ' ' + doubled(column.comment, '\'');
  if (column.default_expression) text += ' ' + doubled(*column.default_expression, '\'');
  return text;
}

std::string schema_text(const TableSchema& schema) {
  std::string text = "columns={";
  for (size_t i = 0; i < schema.columns.size(); ++i)
    text.append(i > 0 ? "," : "").append(column_text(schema.columns[i]));
  text += "}, primaryKeys=";
  for (size_t i = 0; i < schema.key.size(); ++i)
    text.append(i > 0 ? ";" : "").append(schema.columns[schema.key[i]].name);
  if (!schema.comment.empty()) text += ", comment=" + schema.comment;
  return text + ", options=()";
}

// Where the new column stands: behind the one before it, unless it is the first or nothing follows that was there
// before.
std::string added_column_text(const SchemaChange& change, const std::string& name) {
  const TableSchema& after = *change.after;
  const auto index = after.find_column(name);
  if (!index) return name;
  bool last = true;
  for (size_t i = *index + 1; i < after.columns.size(); ++i) {
    last = last && change.before && !change.before->find_column(after.columns[i].name);
  }
  std::string text = "ColumnWithPosition{column=" + column_text(after.columns[*index]) + ", position=";
  if (last) return text + "LAST, existedColumnName=null}";
  if (*index == 0) return text + "FIRST, existedColumnName=null}";
  return text + "AFTER, existedColumnName=" + after.columns[*index - 1].name + '}';
}

std::string type_mapping(const std::vector<std::string>& columns, const TableSchemaPtr& schema) {
  std::string text;
  for (const std::string& name : columns) {
    const auto index = schema ? schema->find_column(name) : std::nullopt;
    if (index) text.append(text.empty() ? "" : ", ").append(name + '=' + type_text(schema->columns[*index].type));
  }
  return '{' + text + '}';
}

}  // namespace

RowChange take_change(const ChangeBatch& batch, size_t& row) {
  const size_t at = row++;
  switch (batch.kinds[at]) {
    case RowKind::kRead: return {RowOperation::kRead, RowChange::kNoRow, at};
    case RowKind::kInsert: return {RowOperation::kInsert, RowChange::kNoRow, at};
    case RowKind::kDelete: return {RowOperation::kDelete, at, RowChange::kNoRow};
    case RowKind::kUpdateAfter: return {RowOperation::kUpdate, RowChange::kNoRow, at};
    case RowKind::kUpdateBefore: break;
  }
  if (row < batch.rows() && batch.kinds[row] == RowKind::kUpdateAfter) return {RowOperation::kUpdate, at, row++};
  return {RowOperation::kDelete, at, RowChange::kNoRow};
}

std::unique_ptr<RowFormat> make_row_format(const std::string& name) {
  if (name == "changelog") return std::make_unique<ChangelogFormat>();
  if (name == "debezium-json") return make_debezium_json_format();
  return std::make_unique<FlinkFormat>();
}

std::string schema_event_text(const SchemaChange& change) {
  const std::string table = "{tableId=" + change.table().text();
  std::string list;
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable:
      return "CreateTableEvent" + table + ", schema=" + schema_text(*change.after) + '}';
    case SchemaChangeKind::kAddColumns:
      for (const auto& name : change.columns)
        list.append(list.empty() ? "" : ", ").append(added_column_text(change, name));
      return "AddColumnEvent" + table + ", addedColumns=[" + list + "]}";
    case SchemaChangeKind::kAlterColumnType:
      return "AlterColumnTypeEvent" + table + ", typeMapping=" + type_mapping(change.columns, change.after) +
             ", oldTypeMapping=" + type_mapping(change.columns, change.before) + ", comments={}}";
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size() && i < change.new_names.size(); ++i) {
        list.append(i > 0 ? ", " : "").append(change.columns[i] + '=' + change.new_names[i]);
      }
      return "RenameColumnEvent" + table + ", nameMapping={" + list + "}}";
    case SchemaChangeKind::kDropColumns:
      for (const auto& name : change.columns) list.append(list.empty() ? "" : ", ").append(name);
      return "DropColumnEvent" + table + ", droppedColumnNames=[" + list + "]}";
    case SchemaChangeKind::kTruncateTable: return "TruncateTableEvent" + table + '}';
    case SchemaChangeKind::kDropTable: return "DropTableEvent" + table + '}';
    case SchemaChangeKind::kAlterTableComment:
      return "AlterTableCommentEvent" + table + ", tableComment=" + (change.after ? change.after->comment : "") + '}';
  }
  return {};
}

}  // namespace sluice
