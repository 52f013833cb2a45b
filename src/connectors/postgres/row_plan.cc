// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/row_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "connector/relational_writing.h"
#include "connectors/postgres/postgres_types.h"
#include "data/value_text.h"

namespace sluice {

namespace {

template <typename List, typename Value, typename Member>
std::optional<size_t> index_of(const List& list, const Value& value, Member member) {
  const auto found = std::ranges::find(list, value, member);
  if (found == list.end()) return std::nullopt;
  return static_cast<size_t>(found - list.begin());
}

}  // namespace

// A shape that is neither that of before nor that of after leaves a doubt: a name may be of the one or of the other.
void PostgresRowPlan::match(const PgoutputRelation& shape, const PostgresTable& table,
                            const PostgresColumnsBefore* before) {
  constexpr auto kName = &std::pair<std::string, int16_t>::first;
  const bool is_last = std::ranges::equal(shape.columns, schema_->columns, {}, &PgoutputColumn::name, &Column::name);
  const bool is_first =
      before != nullptr && std::ranges::equal(shape.columns, before->columns, {}, &PgoutputColumn::name, kName);
  // A column was dropped, and one of its name stands in its place: nothing tells the two shapes apart.
  certain_ = !is_first || !is_last;
  sources_.resize(schema_->columns.size());
  size_t left = 0;  // columns of the shape that may be columns of the table under another name
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    const PgoutputColumn& column = shape.columns[i];
    std::optional<size_t> target = index_of(schema_->columns, column.name, &Column::name);
    if (before != nullptr && !is_last) {
      const auto known = std::ranges::find(before->columns, column.name, kName);
      if (known != before->columns.end()) {
        const auto was = index_of(table.columns, known->second, &PostgresSourceColumn::attribute);
        if (!is_first && target && target != was) certain_ = false;
        if (is_first || !target) target = was;
        if (!target) continue;  // it was dropped
      }
    }
    if (target && sources_[*target].column < 0) {
      sources_[*target] = {.column = static_cast<int>(i), .identity = column.identity, .fill = {}};
    } else {
      ++left;
    }
  }
  bool lacks = false;
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].column >= 0) continue;
    sources_[i].fill = value_of_added_column(schema_->columns[i]);
    lacks = true;
  }
  if (left > 0 && lacks) certain_ = false;
}

PostgresRowPlan::PostgresRowPlan(const PgoutputRelation& shape, const PostgresTable& table,
                                 const PostgresColumnsBefore* before)
    : schema_(table.schema), width_(shape.columns.size()) {
  match(shape, table, before);
  // Rows are found by key, or by all of their values.
  has_old_key_ = true;
  for (size_t i = 0; i < sources_.size(); ++i) {
    const bool needed = schema_->key.empty() ? sources_[i].column >= 0 : schema_->is_key(static_cast<uint32_t>(i));
    if (needed && !sources_[i].identity) has_old_key_ = false;
  }
}

Error PostgresRowPlan::no_old_key() const {
  const std::string table = PostgresConnection::qualified(schema_->id.schema, schema_->id.table);
  return Error(
      ErrorCode::kUnsupported,
      fmt::format("an UPDATE or DELETE of table {} does not tell which row it means: the replica identity is not {}",
                  schema_->id.text(), schema_->key.empty() ? "the full row" : "the primary key"),
      fmt::format("ALTER TABLE {} REPLICA IDENTITY {}; and start the job with --reset, because changes already in the "
                  "log stay as they are.",
                  table, schema_->key.empty() ? "FULL" : "DEFAULT"));
}

Result<> PostgresRowPlan::append(const PgoutputMessage& message, const RowsOrigin& origin, ChangeBatch& out) {
  if (message.kind == PgoutputKind::kInsert) {
    return append_row(RowKind::kInsert, message.new_row, nullptr, false, origin, out);
  }
  if (!has_old_key_) return no_old_key();
  const bool full = message.old_kind == 'O';
  if (message.kind == PgoutputKind::kDelete) {
    return append_row(RowKind::kDelete, message.old_row, nullptr, !full, origin, out);
  }
  // Without an old row the identity has not changed.
  const auto& before = message.old_kind == 0 ? message.new_row : message.old_row;
  RETURN_IF_ERROR(append_row(RowKind::kUpdateBefore, before, nullptr, !full, origin, out));
  const auto* old_row = message.old_kind == 0 ? nullptr : &message.old_row;
  return append_row(RowKind::kUpdateAfter, message.new_row, old_row, false, origin, out);
}

Result<> PostgresRowPlan::append_row(RowKind kind, const std::vector<PgoutputField>& row,
                                     const std::vector<PgoutputField>* old_row, bool only_identity,
                                     const RowsOrigin& origin, ChangeBatch& out) {
  if (row.size() != width_ || (old_row != nullptr && old_row->size() != width_)) {
    return Error(ErrorCode::kCorrupt, fmt::format("a row of table {} has {} columns, its shape has {}",
                                                  schema_->id.text(), row.size(), width_));
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    if (only_identity && !source.identity) {
      out.columns[i].append_absent();
      continue;
    }
    if (source.column < 0) {
      if (source.fill) {
        RETURN_IF_ERROR(append_parsed(out.columns[i], schema_->columns[i].type, *source.fill));
      } else {
        out.columns[i].append_null();
      }
      continue;
    }
    const auto at = static_cast<size_t>(source.column);
    const PgoutputField* field = &row[at];
    // What did not change and lies out of line is told with the old row, if that has it.
    if (field->kind == PgoutputValue::kUnchanged && old_row != nullptr && (*old_row)[at].kind == PgoutputValue::kText) {
      field = &(*old_row)[at];
    }
    RETURN_IF_ERROR(append_field(source, *field, i, out));
  }
  out.kinds.push_back(kind);
  out.origins.push_back({.transaction = origin.transaction,
                         .event = origin.event,
                         .row = 0,
                         .sequence = origin.first_sequence,
                         .place = origin.place});
  return {};
}

Result<> PostgresRowPlan::append_field(const Source& source, const PgoutputField& field, size_t column,
                                       ChangeBatch& out) {
  ColumnVector& values = out.columns[column];
  const Column& definition = schema_->columns[column];
  switch (field.kind) {
    case PgoutputValue::kNull: values.append_null(); return {};
    case PgoutputValue::kUnchanged:
      if (source.identity && schema_->is_key(static_cast<uint32_t>(column))) return no_old_key();
      values.append_absent();
      return {};
    case PgoutputValue::kText: break;
  }
  auto appended = append_postgres_text(values, definition.type, field.text, scratch_);
  if (appended) return {};
  return std::move(appended).error().context(
      fmt::format("column '{}' of table {}", definition.name, schema_->id.text()));
}

}  // namespace sluice
