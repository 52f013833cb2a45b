// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "connector/relational_writing.h"
#include "connectors/sqlite/sqlite_schema.h"
#include "connectors/sqlite/sqlite_types.h"

namespace sluice {
namespace {

// Plans are small; the limit only keeps a job with endless schema changes from growing.
constexpr size_t kMaxPlans = 4096;

std::string names(const TableSchema& schema, const std::vector<uint32_t>& columns, const char* separator,
                  const char* suffix) {
  std::string sql;
  for (const uint32_t column : columns) {
    if (!sql.empty()) sql += separator;
    sql += quote_sqlite_identifier(schema.columns[column].name) + suffix;
  }
  return sql;
}

std::string insert_sql(const TableSchema& schema, const std::vector<uint32_t>& columns) {
  std::string marks;
  for (size_t i = 0; i < columns.size(); ++i) marks += i == 0 ? "?" : ", ?";
  return fmt::format("INSERT INTO {} ({}) VALUES ({})", quote_sqlite_identifier(schema.id.table),
                     names(schema, columns, ", ", ""), marks);
}

std::string upsert_sql(const TableSchema& schema, const std::vector<uint32_t>& columns) {
  std::string assignments;
  for (const uint32_t column : columns) {
    if (schema.is_key(column)) continue;
    const std::string name = quote_sqlite_identifier(schema.columns[column].name);
    assignments += fmt::format("{}{} = excluded.{}", assignments.empty() ? "" : ", ", name, name);
  }
  return fmt::format("{} ON CONFLICT ({}) DO {}", insert_sql(schema, columns), names(schema, schema.key, ", ", ""),
                     assignments.empty() ? "NOTHING" : "UPDATE SET " + assignments);
}

std::string where_key(const TableSchema& schema) { return names(schema, schema.key, " AND ", " = ?"); }

std::string where_whole_row(const TableSchema& schema, const std::vector<uint32_t>& columns) {
  const std::string table = quote_sqlite_identifier(schema.id.table);
  return fmt::format("rowid = (SELECT rowid FROM {} WHERE {} LIMIT 1)", table,
                     names(schema, columns, " AND ", " IS ?"));
}

}  // namespace

SqliteWriter::~SqliteWriter() {
  // Statements must be gone before the database they belong to.
  plans_.clear();
  database_->roll_back();
}

Result<> SqliteWriter::write(Context& context, const ChangeBatch& batch, bool into_empty_table) {
  database_->use(context);
  if (!database_->in_transaction()) RETURN_IF_ERROR(database_->begin());
  RETURN_IF_ERROR(write_rows(batch, into_empty_table).context("writing " + batch.schema->id.text()));
  fault_point("after_write");
  return {};
}

Result<> SqliteWriter::commit(Context& context, const LedgerEntry& entry) {
  database_->use(context);
  if (!database_->in_transaction()) RETURN_IF_ERROR(database_->begin());
  if (auto written = ledger_.write(*database_, entry); !written) {
    database_->roll_back();
    return written;
  }
  reach_before_commit(entry.name);
  RETURN_IF_ERROR(database_->commit().context("committing to SQLite"));
  reach_after_commit(entry.name);
  return {};
}

Result<> SqliteWriter::truncate(Context& context, const Truncation& truncation) {
  database_->use(context);
  if (!database_->in_transaction()) RETURN_IF_ERROR(database_->begin());
  for (const auto& table : truncation.tables) {
    RETURN_IF_ERROR(database_->execute("DELETE FROM " + quote_sqlite_identifier(table->id.table))
                        .context("emptying " + table->id.text()));
  }
  return {};
}

Result<> SqliteWriter::write_rows(const ChangeBatch& batch, bool into_empty_table) {
  ASSIGN_OR_RETURN(Plan* const plan, plan_for(batch.schema));
  const bool append_only =
      into_empty_table && std::ranges::all_of(batch.kinds, [](RowKind kind) { return kind == RowKind::kRead; });
  if (append_only) {
    for (size_t row = 0; row < batch.rows(); ++row) {
      RETURN_IF_ERROR(run_one(plan->insert, batch, row, plan->all_columns));
    }
    return {};
  }
  return batch.schema->key.empty() ? write_keyless(*plan, batch) : write_keyed(*plan, batch);
}

Result<> SqliteWriter::write_keyed(Plan& plan, const ChangeBatch& batch) {
  const TableSchema& schema = *batch.schema;
  const bool in_order = plan.in_order || (plan.replace_whole && has_partial_rows(batch));
  for (size_t first = 0; first < batch.rows();) {
    ASSIGN_OR_RETURN(first, net_.reduce(batch, first, in_order));
    for (const uint32_t row : net_.deletes()) RETURN_IF_ERROR(run_one(plan.remove, batch, row, schema.key));
    if (plan.replace_whole) {
      for (const uint32_t row : net_.upserts()) RETURN_IF_ERROR(run_one(plan.remove, batch, row, schema.key));
    }
    SqliteStatement& write = plan.replace_whole ? plan.insert : plan.upsert;
    for (const uint32_t row : net_.upserts()) RETURN_IF_ERROR(run_one(write, batch, row, plan.all_columns));
    for (const PartialRows& partial : net_.partial()) RETURN_IF_ERROR(write_partial(plan, batch, partial));
    for (const uint32_t row : net_.moves()) RETURN_IF_ERROR(move_row(batch, row));
  }
  return {};
}

Result<> SqliteWriter::write_partial(Plan& plan, const ChangeBatch& batch, const PartialRows& rows) {
  ASSIGN_OR_RETURN(SqliteStatement* const statement, partial_statement(plan, rows));
  const TableSchema& schema = *batch.schema;
  if (rows.insert) {
    for (const uint32_t row : rows.rows) RETURN_IF_ERROR(run_one(*statement, batch, row, rows.columns));
    return {};
  }
  std::vector<uint32_t> assigned;
  std::ranges::copy_if(rows.columns, std::back_inserter(assigned), [&](uint32_t c) { return !schema.is_key(c); });
  if (assigned.empty()) return {};
  for (const uint32_t row : rows.rows) {
    int parameter = 1;
    RETURN_IF_ERROR(bind(*statement, batch, row, assigned, parameter));
    RETURN_IF_ERROR(bind(*statement, batch, row, schema.key, parameter));
    RETURN_IF_ERROR(statement->run());
    if (database_->changes() != 1) return missing_row(schema.id);
  }
  return {};
}

Result<SqliteStatement*> SqliteWriter::partial_statement(Plan& plan, const PartialRows& rows) {
  for (PartialPlan& known : plan.partial) {
    if (known.insert == rows.insert && known.columns == rows.columns) return &known.statement;
  }
  const TableSchema& schema = *plan.schema;
  std::string sql;
  if (rows.insert) {
    sql = upsert_sql(schema, rows.columns);
  } else {
    std::vector<uint32_t> assigned;
    std::ranges::copy_if(rows.columns, std::back_inserter(assigned), [&](uint32_t c) { return !schema.is_key(c); });
    // Only key columns: nothing to write, and the statement is never run.
    const std::string set =
        assigned.empty() ? names(schema, schema.key, ", ", " = ?") : names(schema, assigned, ", ", " = ?");
    sql = fmt::format("UPDATE {} SET {} WHERE {}", quote_sqlite_identifier(schema.id.table), set, where_key(schema));
  }
  ASSIGN_OR_RETURN(SqliteStatement statement, database_->prepare(sql));
  plan.partial.push_back({rows.insert, rows.columns, std::move(statement)});
  return &plan.partial.back().statement;
}

Result<> SqliteWriter::move_row(const ChangeBatch& batch, size_t row) {
  const TableSchema& schema = *batch.schema;
  std::vector<uint32_t> carried;
  for (uint32_t column = 0; column < batch.columns.size(); ++column) {
    if (batch.columns[column].presence(value_row(batch, column, row)) != Presence::kAbsent) carried.push_back(column);
  }
  ASSIGN_OR_RETURN(SqliteStatement statement,
                   database_->prepare(fmt::format("UPDATE {} SET {} WHERE {}", quote_sqlite_identifier(schema.id.table),
                                                  names(schema, carried, ", ", " = ?"), where_key(schema))));
  int parameter = 1;
  RETURN_IF_ERROR(bind(statement, batch, row, carried, parameter));
  RETURN_IF_ERROR(bind(statement, batch, row - 1, schema.key, parameter));
  RETURN_IF_ERROR(statement.run());
  return database_->changes() == 1 ? Result<>() : missing_row(schema.id);
}

Result<> SqliteWriter::write_keyless(Plan& plan, const ChangeBatch& batch) {
  for (size_t first = 0; first < batch.rows();) {
    const KeylessStep step = next_keyless_step(batch, first);
    first = step.end;
    if (step.kind == KeylessStep::Kind::kAppend) {
      for (size_t row = step.first; row < step.end; ++row) {
        RETURN_IF_ERROR(check_whole_image(batch, row));
        RETURN_IF_ERROR(run_one(plan.insert, batch, row, plan.all_columns));
      }
      continue;
    }
    RETURN_IF_ERROR(check_whole_image(batch, step.first));
    if (step.kind == KeylessStep::Kind::kDelete) {
      RETURN_IF_ERROR(run_one(plan.remove, batch, step.first, plan.all_columns));
    } else {
      int parameter = 1;
      RETURN_IF_ERROR(bind(plan.update, batch, step.first + 1, plan.all_columns, parameter));
      RETURN_IF_ERROR(bind(plan.update, batch, step.first, plan.all_columns, parameter));
      RETURN_IF_ERROR(plan.update.run());
    }
    if (database_->changes() != 1) return missing_row(batch.schema->id);
  }
  return {};
}

Result<SqliteWriter::Plan*> SqliteWriter::plan_for(const TableSchemaPtr& schema) {
  if (const auto found = plans_.find(schema.get()); found != plans_.end()) return found->second.get();
  if (plans_.size() >= kMaxPlans) plans_.clear();
  auto plan = std::make_unique<Plan>();
  plan->schema = schema;
  plan->all_columns.resize(schema->columns.size());
  std::iota(plan->all_columns.begin(), plan->all_columns.end(), 0);
  RETURN_IF_ERROR(check_target(*schema, *plan));
  RETURN_IF_ERROR(prepare_statements(*schema, *plan));
  return (plans_[schema.get()] = std::move(plan)).get();
}

Result<> SqliteWriter::check_target(const TableSchema& schema, Plan& plan) {
  ASSIGN_OR_RETURN(const auto existing, describe_sqlite_table(*database_, schema.id.table));
  if (existing.empty()) {
    return Error(ErrorCode::kTarget, fmt::format("table {} is missing in the target", schema.id.text()),
                 "Create the table, or let the job copy it anew.");
  }
  TableSchema target;
  for (const SqliteColumn& column : existing) target.columns.push_back({.name = column.name});
  for (const Column& column : schema.columns) {
    const auto index = target.find_column(column.name);
    if (!index) {
      return Error(ErrorCode::kTarget,
                   fmt::format("table {} has no column '{}' in the target", schema.id.text(), column.name),
                   "Add the column, or leave it out by a projection.");
    }
    if (!sqlite_keeps(column.type, sqlite_affinity(existing[*index].declared_type))) {
      return Error(ErrorCode::kTarget,
                   fmt::format("column '{}' of {} is declared {} in the target, which would alter values of type {}",
                               column.name, schema.id.text(), existing[*index].declared_type, type_text(column.type)),
                   fmt::format("Declare the column as {}.", sqlite_declared_type(column.type, false)));
    }
  }
  ASSIGN_OR_RETURN(const bool other_unique, has_other_unique_index(*database_, schema.id.table));
  plan.replace_whole = other_unique && existing.size() == schema.columns.size();
  plan.in_order = other_unique && !plan.replace_whole;
  return {};
}

Result<> SqliteWriter::prepare_statements(const TableSchema& schema, Plan& plan) {
  const std::string table = quote_sqlite_identifier(schema.id.table);
  ASSIGN_OR_RETURN(plan.insert, database_->prepare(insert_sql(schema, plan.all_columns)));
  if (schema.key.empty()) {
    const std::string where = where_whole_row(schema, plan.all_columns);
    ASSIGN_OR_RETURN(plan.remove, database_->prepare(fmt::format("DELETE FROM {} WHERE {}", table, where)));
    ASSIGN_OR_RETURN(plan.update,
                     database_->prepare(fmt::format("UPDATE {} SET {} WHERE {}", table,
                                                    names(schema, plan.all_columns, ", ", " = ?"), where)));
    return {};
  }
  ASSIGN_OR_RETURN(plan.remove, database_->prepare(fmt::format("DELETE FROM {} WHERE {}", table, where_key(schema))));
  auto upsert = database_->prepare(upsert_sql(schema, plan.all_columns));
  if (!upsert) {
    return Error(ErrorCode::kTarget, upsert.error().message(),
                 fmt::format("Make ({}) the primary key of the target table.", names(schema, schema.key, ", ", "")));
  }
  plan.upsert = std::move(*upsert);
  return {};
}

Result<> SqliteWriter::bind(SqliteStatement& statement, const ChangeBatch& batch, size_t row,
                            const std::vector<uint32_t>& columns, int& parameter) {
  // A statement has at most twice as many parameters as the table columns; growing later would move bound texts.
  if (scratch_.size() < 2 * batch.columns.size() + 1) scratch_.resize(2 * batch.columns.size() + 1);
  for (const uint32_t column : columns) {
    RETURN_IF_ERROR(bind_sqlite_value(statement, parameter, batch.columns[column], value_row(batch, column, row),
                                      *batch.schema, column, scratch_[static_cast<size_t>(parameter)]));
    ++parameter;
  }
  return {};
}

Result<> SqliteWriter::run_one(SqliteStatement& statement, const ChangeBatch& batch, size_t row,
                               const std::vector<uint32_t>& columns) {
  int parameter = 1;
  RETURN_IF_ERROR(bind(statement, batch, row, columns, parameter));
  return statement.run();
}

}  // namespace sluice
