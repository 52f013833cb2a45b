// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "connector/relational_writing.h"
#include "connectors/postgres/postgres_ledger.h"
#include "connectors/postgres/postgres_schema.h"

namespace sluice {
namespace {

using IfMissing = PostgresConnection::IfMissing;
using Sent = PostgresConnection::Sent;

constexpr size_t kMaxPlans = 4096;
// More rows than this go through a temporary table: COPY is faster per row, but costs three round trips.
constexpr size_t kStageRows = 2000;
constexpr size_t kStatementRows = 10'000;
constexpr size_t kStatementBytes = 4 << 20;
constexpr size_t kPipelineBytes = 4 << 20;
constexpr size_t kCopyBytes = 256 << 10;

std::vector<uint32_t> indexes(size_t count) {
  std::vector<uint32_t> result(count);
  std::iota(result.begin(), result.end(), 0);
  return result;
}

}  // namespace

Result<> PostgresWriter::begin() {
  if (open_) return {};
  // Whatever the server's default is: a transaction may be open while an earlier one of another writer is committed.
  RETURN_IF_ERROR(connection_->send("BEGIN ISOLATION LEVEL READ COMMITTED", {}, Sent{}));
  open_ = true;
  return {};
}

Result<> PostgresWriter::write(Context& context, const ChangeBatch& batch, bool into_empty_table) {
  ASSIGN_OR_RETURN(Plan* const plan, plan_for(context, batch.schema));
  const bool append_only =
      into_empty_table && std::ranges::all_of(batch.kinds, [](RowKind kind) { return kind == RowKind::kRead; });
  if (append_only) {
    if (copying_ != plan) {
      RETURN_IF_ERROR(close_copy(context));
      RETURN_IF_ERROR(begin());
      RETURN_IF_ERROR(connection_->sync(context));
      RETURN_IF_ERROR(begin_copy(context, *plan, plan->table));
      copying_ = plan;
    }
    for (size_t row = 0; row < batch.rows(); ++row) RETURN_IF_ERROR(copy_row(context, *plan, batch, row));
  } else {
    RETURN_IF_ERROR(close_copy(context));
    RETURN_IF_ERROR(begin());
    if (plan->lacks_key) {
      RETURN_IF_ERROR(connection_->sync(context));
      RETURN_IF_ERROR(add_postgres_key(context, *connection_, batch.schema->id, false));
      plan->lacks_key = false;
    }
    RETURN_IF_ERROR(batch.schema->key.empty() ? write_keyless(context, *plan, batch)
                                              : write_keyed(context, *plan, batch));
  }
  fault_point("after_write");
  return {};
}

Result<> PostgresWriter::commit(Context& context, const LedgerEntry& entry) {
  RETURN_IF_ERROR(close_copy(context));
  RETURN_IF_ERROR(begin());
  if (!ledger_prepared_) {
    RETURN_IF_ERROR(connection_->send_prepare("ledger", postgres_ledger_commit_sql()));
    ledger_prepared_ = true;
  }
  const char* const values[] = {entry.position.c_str(), entry.detail.c_str(), job_.c_str(), entry.name.c_str(),
                                epoch_.c_str()};
  RETURN_IF_ERROR(connection_->send_prepared("ledger", values, {IfMissing::kFenced, "committing " + entry.name}));
  reach_before_commit(entry.name);
  RETURN_IF_ERROR(connection_->send("COMMIT", {}, {IfMissing::kImpossible, "committing " + entry.name}));
  RETURN_IF_ERROR(connection_->sync(context));
  open_ = false;
  unanswered_bytes_ = 0;
  reach_after_commit(entry.name);
  return {};
}

Result<bool> PostgresWriter::wants_source_order(Context& context, const TableSchemaPtr& schema) {
  ASSIGN_OR_RETURN(const Plan* const plan, plan_for(context, schema));
  return plan->foreign_keys;
}

Result<bool> PostgresWriter::may_write_ahead(Context& context, const TableSchemaPtr& schema) {
  ASSIGN_OR_RETURN(const Plan* const plan, plan_for(context, schema));
  return !schema->key.empty() && !plan->lacks_key && !plan->foreign_keys && !plan->other_unique && !plan->triggers;
}

Result<> PostgresWriter::settle(Context& context) {
  RETURN_IF_ERROR(close_copy(context));
  RETURN_IF_ERROR(connection_->sync(context));
  unanswered_bytes_ = 0;
  return {};
}

Result<> PostgresWriter::truncate(Context& context, const Truncation& truncation) {
  RETURN_IF_ERROR(close_copy(context));
  RETURN_IF_ERROR(begin());
  std::string names;
  for (const auto& table : truncation.tables) names += (names.empty() ? "" : ", ") + qualified(table->id);
  return connection_->send("TRUNCATE TABLE " + names, {}, {IfMissing::kImpossible, "emptying " + names});
}

Result<> PostgresWriter::finish_copy(Context& context, const TableId& table) {
  SLUICE_CHECK(!open_);
  return add_postgres_key(context, *connection_, table, true).context("finishing the copy of " + table.text());
}

Result<> PostgresWriter::write_keyed(Context& context, Plan& plan, const ChangeBatch& batch) {
  const bool in_order = plan.in_order || (plan.replace_whole && has_partial_rows(batch));
  for (size_t first = 0; first < batch.rows();) {
    ASSIGN_OR_RETURN(first, net_.reduce(batch, first, in_order).context(plan.doing));
    RETURN_IF_ERROR(send_rows(context, plan, plan.remove, batch, net_.deletes()));
    if (plan.replace_whole) RETURN_IF_ERROR(send_rows(context, plan, plan.remove, batch, net_.upserts()));
    if (net_.upserts().size() > kStageRows) {
      RETURN_IF_ERROR(write_staged(context, plan, batch, net_.upserts()));
    } else {
      RETURN_IF_ERROR(send_rows(context, plan, plan.replace_whole ? plan.insert : plan.upsert, batch, net_.upserts()));
    }
    for (const PartialRows& partial : net_.partial()) {
      RETURN_IF_ERROR(write_partial(context, plan, batch, partial));
    }
    for (const uint32_t row : net_.moves()) RETURN_IF_ERROR(write_move(context, plan, batch, row));
  }
  return {};
}

Result<> PostgresWriter::write_partial(Context& context, Plan& plan, const ChangeBatch& batch,
                                       const PartialRows& rows) {
  for (PartialPlan& known : plan.partial) {
    if (known.move || known.insert != rows.insert || known.columns != rows.columns) continue;
    return send_rows(context, plan, known.statement, batch, rows.rows);
  }
  PartialPlan made{.insert = rows.insert, .columns = rows.columns};
  if (rows.insert) {
    made.statement = upsert_statement(plan, rows.columns, true);
  } else {
    std::vector<Field> set;
    std::vector<Field> where;
    for (const uint32_t column : rows.columns) {
      if (!plan.schema->is_key(column)) set.push_back({column});
    }
    for (const uint32_t column : plan.schema->key) where.push_back({column});
    if (set.empty()) return {};
    made.statement = update_statement(plan, set, where);
  }
  plan.partial.push_back(std::move(made));
  return send_rows(context, plan, plan.partial.back().statement, batch, rows.rows);
}

Result<> PostgresWriter::write_move(Context& context, Plan& plan, const ChangeBatch& batch, uint32_t row) {
  PartialPlan made{.move = true};
  for (uint32_t column = 0; column < batch.columns.size(); ++column) {
    if (batch.columns[column].presence(value_row(batch, column, row)) != Presence::kAbsent) {
      made.columns.push_back(column);
    }
  }
  for (PartialPlan& known : plan.partial) {
    if (known.move && known.columns == made.columns) return send_rows(context, plan, known.statement, batch, {&row, 1});
  }
  std::vector<Field> set;
  std::vector<Field> where;
  for (const uint32_t column : made.columns) set.push_back({column});
  for (const uint32_t column : plan.schema->key) where.push_back({column, true});
  made.statement = update_statement(plan, set, where);
  plan.partial.push_back(std::move(made));
  return send_rows(context, plan, plan.partial.back().statement, batch, {&row, 1});
}

Result<> PostgresWriter::write_keyless(Context& context, Plan& plan, const ChangeBatch& batch) {
  for (size_t first = 0; first < batch.rows();) {
    const KeylessStep step = next_keyless_step(batch, first);
    first = step.end;
    if (step.kind == KeylessStep::Kind::kAppend) {
      all_rows_.clear();
      for (size_t row = step.first; row < step.end; ++row) {
        RETURN_IF_ERROR(check_whole_image(batch, row));
        all_rows_.push_back(static_cast<uint32_t>(row));
      }
      RETURN_IF_ERROR(send_rows(context, plan, plan.insert, batch, all_rows_));
      continue;
    }
    RETURN_IF_ERROR(check_whole_image(batch, step.first));
    const bool is_delete = step.kind == KeylessStep::Kind::kDelete;
    const auto row = static_cast<uint32_t>(is_delete ? step.first : step.first + 1);
    RETURN_IF_ERROR(send_rows(context, plan, is_delete ? plan.remove : plan.update, batch, {&row, 1}));
  }
  return {};
}

Result<> PostgresWriter::write_staged(Context& context, Plan& plan, const ChangeBatch& batch,
                                      std::span<const uint32_t> rows) {
  RETURN_IF_ERROR(connection_->sync(context));
  if (plan.stage.empty()) {
    const std::string stage = fmt::format("pg_temp.sluice_stage_{}", ++names_);
    RETURN_IF_ERROR(connection_
                        ->execute(context, fmt::format("CREATE TEMP TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM "
                                                       "{} WITH NO DATA",
                                                       stage.substr(8), plan.names, plan.table))
                        .context(plan.doing));
    plan.stage = stage;
  }
  RETURN_IF_ERROR(begin_copy(context, plan, plan.stage));
  for (const uint32_t row : rows) RETURN_IF_ERROR(copy_row(context, plan, batch, row));
  RETURN_IF_ERROR(end_copy(context, plan));
  const Statement& write = plan.replace_whole ? plan.insert : plan.upsert;
  std::string sql = write.sql;
  const std::string source = unnest_sql(plan, write.fields);
  sql.replace(sql.find(source), source.size(), plan.stage);
  RETURN_IF_ERROR(connection_->send(sql, {}, {IfMissing::kImpossible, plan.doing}));
  return connection_->send("TRUNCATE " + plan.stage, {}, {IfMissing::kImpossible, plan.doing});
}

Result<> PostgresWriter::send_rows(Context& context, Plan& plan, Statement& statement, const ChangeBatch& batch,
                                   std::span<const uint32_t> rows) {
  while (!rows.empty()) {
    const size_t count = std::min(rows.size(), kStatementRows);
    // Rows are about alike; a statement of very large ones is cut by the average of the batch.
    const size_t row_bytes = batch.byte_size() / batch.rows() + 1;
    const size_t taken = std::clamp<size_t>(kStatementBytes / row_bytes, 1, count);
    arrays_.resize(std::max(arrays_.size(), statement.fields.size()));
    parameters_.clear();
    for (size_t i = 0; i < statement.fields.size(); ++i) {
      const Field field = statement.fields[i];
      const ColumnVector& values = batch.columns[field.column];
      const DataType& type = plan.schema->columns[field.column].type;
      const PostgresForm form = plan.columns[field.column].form;
      std::string& array = arrays_[i];
      array = "{";
      for (const uint32_t row : rows.first(taken)) {
        if (array.size() > 1) array += ',';
        const size_t at = field.before ? row - 1 : value_row(batch, field.column, row);
        if (!values.has_value(at)) {
          array += "NULL";
        } else if (!append_postgres_value(values, type, form, PostgresQuoting::kArray, at, array)) {
          return unstorable(plan, field.column);
        }
      }
      array += '}';
      unanswered_bytes_ += array.size();
      parameters_.push_back(array.c_str());
    }
    if (statement.name.empty()) {
      statement.name = fmt::format("s{}", ++names_);
      RETURN_IF_ERROR(connection_->send_prepare(statement.name, statement.sql));
    }
    RETURN_IF_ERROR(connection_->send_prepared(statement.name, parameters_, {statement.if_missing, plan.doing}));
    rows = rows.subspan(taken);
    if (unanswered_bytes_ > kPipelineBytes) {
      RETURN_IF_ERROR(connection_->sync(context));
      unanswered_bytes_ = 0;
    }
  }
  return {};
}

Result<> PostgresWriter::begin_copy(Context& context, const Plan& plan, const std::string& table) {
  const std::string_view format = plan.binary ? " (FORMAT binary)" : "";
  buffer_ = plan.binary ? postgres_binary_header() : std::string_view();
  return connection_->begin_copy(context, fmt::format("COPY {} ({}) FROM STDIN{}", table, plan.names, format))
      .context(plan.doing);
}

Result<> PostgresWriter::copy_row(Context& context, const Plan& plan, const ChangeBatch& batch, size_t row) {
  RETURN_IF_ERROR(append_copy_row(plan, batch, row));
  if (buffer_.size() < kCopyBytes) return {};
  RETURN_IF_ERROR(connection_->copy_data(context, buffer_).context(plan.doing));
  buffer_.clear();
  return {};
}

Result<> PostgresWriter::append_copy_row(const Plan& plan, const ChangeBatch& batch, size_t row) {
  if (plan.binary) begin_postgres_binary_row(batch.columns.size(), buffer_);
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    const ColumnVector& values = batch.columns[column];
    const size_t at = value_row(batch, column, row);
    const bool present = values.has_value(at);
    const DataType& type = plan.schema->columns[column].type;
    const TargetColumn& target = plan.columns[column];
    bool stored = true;
    if (!plan.binary) {
      if (column > 0) buffer_ += '\t';
      if (!present) buffer_ += "\\N";
      if (present) stored = append_postgres_value(values, type, target.form, PostgresQuoting::kCopy, at, buffer_);
    } else if (present) {
      stored = append_postgres_binary(values, type, target.binary, at, buffer_);
    } else {
      append_postgres_binary_null(buffer_);
    }
    if (!stored) return unstorable(plan, column);
  }
  if (!plan.binary) buffer_ += '\n';
  return {};
}

Result<> PostgresWriter::end_copy(Context& context, const Plan& plan) {
  if (plan.binary) buffer_ += postgres_binary_trailer();
  RETURN_IF_ERROR(connection_->copy_data(context, buffer_).context(plan.doing));
  buffer_.clear();
  RETURN_IF_ERROR(connection_->end_copy(context).context(plan.doing));
  return {};
}

Result<> PostgresWriter::close_copy(Context& context) {
  return copying_ == nullptr ? Result<>() : end_copy(context, *std::exchange(copying_, nullptr));
}

Result<PostgresWriter::Plan*> PostgresWriter::plan_for(Context& context, const TableSchemaPtr& schema) {
  if (const auto found = plans_.find(schema.get()); found != plans_.end()) return found->second.get();
  // The catalog cannot be asked while a COPY or a pipeline is under way.
  RETURN_IF_ERROR(close_copy(context));
  RETURN_IF_ERROR(connection_->sync(context));
  if (plans_.size() >= kMaxPlans) {
    plans_.clear();
    ledger_prepared_ = false;
    RETURN_IF_ERROR(connection_->execute(context, "DEALLOCATE ALL"));
  }
  ASSIGN_OR_RETURN(auto plan, make_plan(context, schema));
  return (plans_[schema.get()] = std::move(plan)).get();
}

Result<std::unique_ptr<PostgresWriter::Plan>> PostgresWriter::make_plan(Context& context,
                                                                        const TableSchemaPtr& schema) {
  const std::string name = schema->id.text();
  ASSIGN_OR_RETURN(const PostgresTarget target, describe_postgres_table(context, *connection_, schema->id));
  if (target.columns.empty()) {
    return Error(ErrorCode::kTarget, fmt::format("table {} is missing in the target", name),
                 "Create the table, or let the job copy it anew.");
  }
  auto plan = std::make_unique<Plan>();
  plan->schema = schema;
  plan->table = qualified(schema->id);
  plan->doing = "writing " + name;
  for (const Column& column : schema->columns) {
    const auto found = std::ranges::find(target.columns, column.name, &PostgresColumn::name);
    if (found == target.columns.end()) {
      return Error(ErrorCode::kTarget, fmt::format("table {} has no column '{}' in the target", name, column.name),
                   "Add the column, or leave it out by a projection.");
    }
    if (const auto why = postgres_alters(column.type, *found)) {
      return Error(ErrorCode::kTarget,
                   fmt::format("column '{}' of {} has the type {} in the target, which {}", column.name, name,
                               found->bare_type, *why),
                   fmt::format("Declare the column as {}.", postgres_type_sql(column.type)));
    }
    const bool character = found->type_name == "text" || found->type_name == "varchar" || found->type_name == "bpchar";
    const bool by_text = found->type_name.starts_with("json") || found->type_name == "xml" ||
                         (found->type_name == "numeric" && found->modifier < 0) ||
                         (column.type.kind == TypeKind::kString && !character);
    // An array of arrays would be one of two dimensions, and one of composites comes apart in unnest().
    const bool by_cast = found->bare_type.ends_with("[]") || (column.type.kind == TypeKind::kString && !character);
    plan->columns.push_back({PostgresConnection::quote_identifier(column.name),
                             by_cast ? "text[]" : found->bare_type + "[]", by_cast ? "::" + found->bare_type : "",
                             by_text, postgres_form(column.type, *found), postgres_binary(column.type, *found)});
    plan->names += (plan->names.empty() ? "" : ", ") + plan->columns.back().name;
  }
  plan->binary = std::ranges::none_of(
      plan->columns, [](const TargetColumn& column) { return column.binary == PostgresBinary::kNone; });
  plan->lacks_key = target.lacks_key;
  plan->other_unique = target.other_unique;
  plan->triggers = target.triggers;
  plan->replace_whole = target.other_unique && !target.referenced && target.columns.size() == schema->columns.size();
  plan->foreign_keys = target.referenced || target.references;
  plan->in_order = plan->foreign_keys || (target.other_unique && !plan->replace_whole);
  make_statements(*plan);
  return plan;
}

std::string PostgresWriter::unnest_sql(const Plan& plan, const std::vector<Field>& fields) const {
  std::string arrays;
  std::string names;
  std::string values;
  bool any_cast = false;
  for (size_t i = 0; i < fields.size(); ++i) {
    const TargetColumn& column = plan.columns[fields[i].column];
    const char* comma = i > 0 ? ", " : "";
    arrays += fmt::format("{}${}::{}", comma, i + 1, column.array);
    names += fmt::format("{}f{}", comma, i);
    values += fmt::format("{}u.f{}{}", comma, i, column.cast);
    any_cast |= !column.cast.empty();
  }
  if (!any_cast) return fmt::format("unnest({}) AS v({})", arrays, names);
  return fmt::format("(SELECT {} FROM unnest({}) AS u({})) AS v({})", values, arrays, names, names);
}

PostgresWriter::Statement PostgresWriter::upsert_statement(const Plan& plan, const std::vector<uint32_t>& columns,
                                                           bool on_conflict) const {
  Statement statement;
  std::string names;
  std::string assignments;
  for (const uint32_t column : columns) {
    const std::string& name = plan.columns[column].name;
    statement.fields.push_back({column});
    names += (names.empty() ? "" : ", ") + name;
    if (plan.schema->is_key(column)) continue;
    assignments += fmt::format("{}{} = excluded.{}", assignments.empty() ? "" : ", ", name, name);
  }
  // Values of identity columns are the source's, too.
  statement.sql = fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM {}", plan.table, names,
                              unnest_sql(plan, statement.fields));
  if (!on_conflict) return statement;
  std::string key;
  for (const uint32_t column : plan.schema->key) key += (key.empty() ? "" : ", ") + plan.columns[column].name;
  statement.sql +=
      fmt::format(" ON CONFLICT ({}) DO {}", key, assignments.empty() ? "NOTHING" : "UPDATE SET " + assignments);
  return statement;
}

PostgresWriter::Statement PostgresWriter::update_statement(const Plan& plan, const std::vector<Field>& set,
                                                           const std::vector<Field>& where) const {
  Statement statement{.fields = set, .if_missing = IfMissing::kMissingRow};
  statement.fields.insert(statement.fields.end(), where.begin(), where.end());
  std::string assignments;
  for (size_t i = 0; i < set.size(); ++i) {
    assignments += fmt::format("{}{} = v.f{}", i > 0 ? ", " : "", plan.columns[set[i].column].name, i);
  }
  std::string condition;
  for (size_t i = 0; i < where.size(); ++i) {
    condition +=
        fmt::format("{}t.{} = v.f{}", i > 0 ? " AND " : "", plan.columns[where[i].column].name, set.size() + i);
  }
  statement.sql =
      PostgresConnection::counted(fmt::format("UPDATE {} AS t SET {} FROM {} WHERE {}", plan.table, assignments,
                                              unnest_sql(plan, statement.fields), condition),
                                  fmt::format("cardinality($1::{})", plan.columns[statement.fields[0].column].array));
  return statement;
}

void PostgresWriter::make_statements(Plan& plan) const {
  const auto all = indexes(plan.columns.size());
  plan.insert = upsert_statement(plan, all, false);
  if (!plan.schema->key.empty()) {
    plan.upsert = upsert_statement(plan, all, true);
    std::string condition;
    for (const uint32_t column : plan.schema->key) {
      condition += fmt::format("{}t.{} = v.f{}", condition.empty() ? "" : " AND ", plan.columns[column].name,
                               plan.remove.fields.size());
      plan.remove.fields.push_back({column});
    }
    plan.remove.sql = fmt::format("DELETE FROM {} AS t USING {} WHERE {}", plan.table,
                                  unnest_sql(plan, plan.remove.fields), condition);
    return;
  }
  // One row that equals the before image, found by all its values; updates bring the after image in front.
  const auto row_like = [&plan, &all](size_t offset) {
    std::string condition;
    for (const uint32_t column : all) {
      const TargetColumn& target = plan.columns[column];
      condition += fmt::format("{}x.{}{} IS NOT DISTINCT FROM v.f{}{}", condition.empty() ? "" : " AND ", target.name,
                               target.by_text ? "::text" : "", offset + column, target.by_text ? "::text" : "");
    }
    return condition;
  };
  std::string assignments;
  for (const uint32_t column : all) {
    plan.remove.fields.push_back({column});
    plan.update.fields.push_back({column});
    assignments += fmt::format("{}{} = v.f{}", column > 0 ? ", " : "", plan.columns[column].name, column);
  }
  for (const uint32_t column : all) plan.update.fields.push_back({column, true});
  plan.remove.if_missing = plan.update.if_missing = IfMissing::kMissingRow;
  plan.remove.sql = PostgresConnection::counted(
      fmt::format("DELETE FROM {} WHERE ctid = (SELECT x.ctid FROM {} AS x, {} WHERE {} LIMIT 1)", plan.table,
                  plan.table, unnest_sql(plan, plan.remove.fields), row_like(0)),
      "1");
  plan.update.sql = PostgresConnection::counted(
      fmt::format("UPDATE {} AS t SET {} FROM {} WHERE t.ctid = (SELECT x.ctid FROM {} AS x WHERE {} LIMIT 1)",
                  plan.table, assignments, unnest_sql(plan, plan.update.fields), plan.table, row_like(all.size())),
      "1");
}

Error PostgresWriter::unstorable(const Plan& plan, size_t column) const {
  const Column& info = plan.schema->columns[column];
  if (info.type.kind == TypeKind::kTime) {
    return Error(ErrorCode::kData,
                 fmt::format("column '{}' of {} holds a time outside 00:00:00 to 24:00:00, which PostgreSQL's time "
                             "cannot store",
                             info.name, plan.schema->id.text()),
                 fmt::format("Change the target's column to interval: ALTER TABLE {} ALTER COLUMN {} TYPE interval.",
                             plan.table, plan.columns[column].name));
  }
  if (storage_of(info.type.kind) == Storage::kInt64) {
    return Error(ErrorCode::kData,
                 fmt::format("column '{}' of {} holds a date that is too far away for PostgreSQL", info.name,
                             plan.schema->id.text()),
                 "Correct the row at the source, or make it NULL by a projection.");
  }
  return Error(ErrorCode::kData,
               fmt::format("column '{}' of {} holds a NUL character, which PostgreSQL's text cannot store", info.name,
                           plan.schema->id.text()),
               "Correct the row at the source, or remove the character by a projection.");
}

}  // namespace sluice
