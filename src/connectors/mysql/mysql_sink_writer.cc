// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_sink_writer.h"

#include <fmt/format.h>
#include <mysql.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "connector/relational_writing.h"
#include "connectors/mysql/mysql_sink_ledger.h"
#include "connectors/mysql/mysql_sink_schema.h"
#include "connectors/mysql/mysql_sink_types.h"

namespace sluice {
namespace {

constexpr size_t kMaxPlans = 4096;
constexpr size_t kStatementRows = 1000;

bool is_hex_field(TypeKind kind) {
  return kind == TypeKind::kBytes || kind == TypeKind::kBit || kind == TypeKind::kGeometry;
}

std::vector<uint32_t> without_key(const TableSchema& schema, const std::vector<uint32_t>& columns) {
  std::vector<uint32_t> result;
  std::ranges::copy_if(columns, std::back_inserter(result), [&schema](uint32_t c) { return !schema.is_key(c); });
  return result;
}

}  // namespace

Result<> MysqlWriter::write(Context& context, const ChangeBatch& batch, bool into_empty_table) {
  ASSIGN_OR_RETURN(Plan* const plan, plan_for(context, batch.schema));
  RETURN_IF_ERROR(open_transaction(context));
  const bool append_only =
      into_empty_table && std::ranges::all_of(batch.kinds, [](RowKind kind) { return kind == RowKind::kRead; });
  RETURN_IF_ERROR(write_rows(context, *plan, batch, append_only).context(plan->doing));
  fault_point("after_write");
  return {};
}

Result<> MysqlWriter::open_transaction(Context& context) {
  if (!open_) RETURN_IF_ERROR(connection_->execute(context, "START TRANSACTION"));
  open_ = true;
  return {};
}

Result<> MysqlWriter::commit(Context& context, const LedgerEntry& entry) {
  RETURN_IF_ERROR(open_transaction(context));
  if (auto written = write_mysql_ledger_entry(context, *connection_, job_, epoch_, entry); !written) {
    (void)connection_->execute(context, "ROLLBACK");
    return written;
  }
  reach_before_commit(entry.name);
  RETURN_IF_ERROR(connection_->execute(context, "COMMIT"));
  open_ = false;
  reach_after_commit(entry.name);
  return {};
}

Result<bool> MysqlWriter::wants_source_order(Context& context, const TableSchemaPtr& schema) {
  const TableId& table = schema->id;
  auto known = foreign_keys_.find(table.schema);
  if (known == foreign_keys_.end()) {
    ASSIGN_OR_RETURN(auto tables, mysql_tables_with_foreign_keys(context, *connection_, table.schema));
    known = foreign_keys_.emplace(table.schema, std::move(tables)).first;
  }
  const auto found = known->second.find(table.table);
  if (found == known->second.end()) return false;
  ASSIGN_OR_RETURN(Plan* const plan, plan_for(context, schema));
  plan->in_order = true;
  plan->refers_to_itself = found->second;
  return true;
}

Result<bool> MysqlWriter::may_write_ahead(Context& context, const TableSchemaPtr& schema) {
  if (schema->key.empty()) return false;
  ASSIGN_OR_RETURN(const bool foreign_keys, wants_source_order(context, schema));
  ASSIGN_OR_RETURN(Plan* const plan, plan_for(context, schema));
  if (!plan->triggers) {
    ASSIGN_OR_RETURN(plan->triggers, mysql_has_triggers(context, *connection_, schema->id));
  }
  return !foreign_keys && !*plan->triggers && plan->upsert == Upsert::kOnDuplicateKey;
}

// TRUNCATE would commit. DELETE checks each row, which tables that refer to themselves or to one another do not pass;
// empty, they refer to nothing.
Result<> MysqlWriter::truncate(Context& context, const Truncation& truncation) {
  const std::vector<TableSchemaPtr>& tables = truncation.tables;
  RETURN_IF_ERROR(open_transaction(context));
  ASSIGN_OR_RETURN(const bool among_themselves, mysql_referred_to_by_none_else(context, *connection_, tables));
  if (among_themselves) RETURN_IF_ERROR(connection_->execute(context, "SET foreign_key_checks = 0"));
  for (const auto& table : tables) {
    const auto removed = connection_->execute(context, "DELETE FROM " + qualified_mysql(table->id));
    if (!removed) return Error(removed.error()).context("emptying " + table->id.text());
  }
  if (among_themselves) RETURN_IF_ERROR(connection_->execute(context, "SET foreign_key_checks = 1"));
  return {};
}

Result<> MysqlWriter::write_rows(Context& context, Plan& plan, const ChangeBatch& batch, bool append_only) {
  if (!append_only) {
    return batch.schema->key.empty() ? write_keyless(context, plan, batch) : write_keyed(context, plan, batch);
  }
  if (limits_.load_data) return load(context, plan, batch);
  rows_.resize(batch.rows());
  std::iota(rows_.begin(), rows_.end(), 0);
  return insert(context, plan, batch, rows_, plan.all_columns, false);
}

Result<> MysqlWriter::write_keyed(Context& context, Plan& plan, const ChangeBatch& batch) {
  const bool other_unique = plan.upsert != Upsert::kOnDuplicateKey;
  const bool in_order = plan.in_order || (other_unique && has_partial_rows(batch));
  for (size_t first = 0; first < batch.rows();) {
    ASSIGN_OR_RETURN(first, net_.reduce(batch, first, in_order));
    RETURN_IF_ERROR(remove(context, plan, batch, net_.deletes()));
    switch (plan.upsert) {
      case Upsert::kOnDuplicateKey:
        RETURN_IF_ERROR(insert(context, plan, batch, net_.upserts(), plan.all_columns, true));
        break;
      case Upsert::kDeleteInsert:
        RETURN_IF_ERROR(remove(context, plan, batch, net_.upserts()));
        RETURN_IF_ERROR(insert(context, plan, batch, net_.upserts(), plan.all_columns, false));
        break;
      case Upsert::kRowByRow:
        RETURN_IF_ERROR(update_or_insert(context, plan, batch, net_.upserts(), plan.all_columns));
        break;
    }
    for (const PartialRows& partial : net_.partial()) {
      if (partial.insert) {
        RETURN_IF_ERROR(other_unique ? update_or_insert(context, plan, batch, partial.rows, partial.columns)
                                     : insert(context, plan, batch, partial.rows, partial.columns, true));
        continue;
      }
      const auto columns = without_key(*plan.schema, partial.columns);
      if (columns.empty()) continue;
      for (const uint32_t row : partial.rows) {
        ASSIGN_OR_RETURN(const uint64_t matched, update(context, plan, batch, row, row, columns));
        if (matched != 1) return missing_row({});
      }
    }
    for (const uint32_t row : net_.moves()) {
      std::vector<uint32_t> carried;
      for (const uint32_t column : plan.all_columns) {
        const ColumnVector& values = batch.columns[column];
        if (values.presence(value_row(batch, column, row)) != Presence::kAbsent) carried.push_back(column);
      }
      ASSIGN_OR_RETURN(const uint64_t matched, update(context, plan, batch, row, row - 1, carried));
      if (matched != 1) return missing_row({});
    }
  }
  return {};
}

Result<> MysqlWriter::update_or_insert(Context& context, Plan& plan, const ChangeBatch& batch,
                                       std::span<const uint32_t> rows, const std::vector<uint32_t>& columns) {
  for (const uint32_t row : rows) {
    ASSIGN_OR_RETURN(const uint64_t matched, update(context, plan, batch, row, row, columns));
    if (matched == 0) RETURN_IF_ERROR(insert(context, plan, batch, {&row, 1}, columns, false));
  }
  return {};
}

Result<> MysqlWriter::write_keyless(Context& context, Plan& plan, const ChangeBatch& batch) {
  for (size_t first = 0; first < batch.rows();) {
    const KeylessStep step = next_keyless_step(batch, first);
    first = step.end;
    RETURN_IF_ERROR(check_whole_image(batch, step.first));
    if (step.kind == KeylessStep::Kind::kAppend) {
      rows_.clear();
      for (size_t row = step.first; row < step.end; ++row) {
        RETURN_IF_ERROR(check_whole_image(batch, row));
        rows_.push_back(static_cast<uint32_t>(row));
      }
      RETURN_IF_ERROR(insert(context, plan, batch, rows_, plan.all_columns, false));
      continue;
    }
    if (step.kind == KeylessStep::Kind::kDelete) {
      sql_ = fmt::format("DELETE FROM {} WHERE ", plan.table);
    } else {
      sql_ = fmt::format("UPDATE {} SET ", plan.table);
      RETURN_IF_ERROR(append_assignments(plan, batch, step.first + 1, plan.all_columns));
      sql_ += " WHERE ";
    }
    RETURN_IF_ERROR(append_whole_row(plan, batch, step.first));
    sql_ += " LIMIT 1";
    ASSIGN_OR_RETURN(const uint64_t matched, connection_->execute(context, sql_));
    if (matched != 1) return missing_row({});
  }
  return {};
}

Result<> MysqlWriter::load(Context& context, Plan& plan, const ChangeBatch& batch) {
  sql_.clear();
  for (size_t row = 0; row < batch.rows(); ++row) {
    for (const uint32_t column : plan.all_columns) {
      if (column > 0) sql_ += '\t';
      const ColumnVector& values = batch.columns[column];
      if (!values.has_value(row)) {
        sql_ += "\\N";
      } else if (is_error_value(plan, values, column, row)) {
        ASSIGN_OR_RETURN(const std::string_view index, error_index(plan, column));
        sql_ += index;
      } else {
        if (values.storage() == Storage::kDouble && !std::isfinite(values.double_at(row))) {
          RETURN_IF_ERROR(append_value(plan, batch, column, row));
        }
        append_mysql_field(values, plan.schema->columns[column].type, row, sql_);
      }
    }
    sql_ += '\n';
  }
  size_t sent = 0;
  const auto read = [this, &sent](std::span<char> buffer) {
    const size_t size = std::min(buffer.size(), sql_.size() - sent);
    std::memcpy(buffer.data(), sql_.data() + sent, size);
    sent += size;
    return size;
  };
  ASSIGN_OR_RETURN(const uint64_t loaded, connection_->load_data(context, plan.load_sql, read));
  // LOCAL turns errors of values and keys into warnings and leaves rows out or altered.
  if (loaded == batch.rows() && mysql_warning_count(connection_->handle()) == 0) return {};
  ASSIGN_OR_RETURN(const MysqlRows warnings, connection_->query(context, "SHOW WARNINGS LIMIT 1"));
  if (warnings.empty()) return Error(ErrorCode::kTarget, "the server did not load every row");
  const Error error =
      MysqlConnection::make_error(static_cast<unsigned>(std::atoi(warnings[0][1].value_or("0").c_str())),
                                  warnings[0][2].value_or(""), "loading rows");
  return Error(error.code() == ErrorCode::kConnect ? ErrorCode::kTarget : error.code(), error.message());
}

Result<> MysqlWriter::insert(Context& context, Plan& plan, const ChangeBatch& batch, std::span<const uint32_t> rows,
                             const std::vector<uint32_t>& columns, bool on_duplicate_key) {
  std::string head = fmt::format("INSERT INTO {} (", plan.table);
  std::string tail = on_duplicate_key ? " ON DUPLICATE KEY UPDATE " : "";
  bool first_assignment = true;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = plan.names[columns[i]];
    head += (i > 0 ? ", " : "") + name;
    if (!on_duplicate_key || plan.schema->is_key(columns[i])) continue;
    tail += fmt::format("{}{} = VALUES({})", first_assignment ? "" : ", ", name, name);
    first_assignment = false;
  }
  head += ") VALUES ";
  if (on_duplicate_key && first_assignment) {
    const std::string& name = plan.names[plan.schema->key[0]];
    tail += fmt::format("{} = {}", name, name);
  }
  sql_ = head;
  size_t pending = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    sql_ += pending++ > 0 ? ",(" : "(";
    for (size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) sql_ += ',';
      RETURN_IF_ERROR(append_new_value(plan, batch, columns[c], value_row(batch, columns[c], rows[i])));
    }
    sql_ += ')';
    if (i + 1 < rows.size() && pending < kStatementRows && sql_.size() < limits_.statement_bytes) continue;
    sql_ += tail;
    RETURN_IF_ERROR(connection_->execute(context, sql_));
    sql_ = head;
    pending = 0;
  }
  return {};
}

Result<> MysqlWriter::remove(Context& context, Plan& plan, const ChangeBatch& batch, std::span<const uint32_t> rows) {
  const std::vector<uint32_t>& key = plan.schema->key;
  const bool single = key.size() == 1;
  std::string head = fmt::format("DELETE FROM {} WHERE ", plan.table);
  if (single) head += plan.names[key[0]] + " IN (";
  const size_t most = plan.refers_to_itself ? 1 : kStatementRows;
  size_t pending = 0;
  sql_ = head;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (pending++ > 0) sql_ += single ? "," : " OR ";
    if (!single) sql_ += '(';
    for (size_t k = 0; k < key.size(); ++k) {
      if (!single) sql_ += (k > 0 ? " AND " : "") + plan.names[key[k]] + " = ";
      RETURN_IF_ERROR(append_value(plan, batch, key[k], value_row(batch, key[k], rows[i])));
    }
    if (!single) sql_ += ')';
    if (i + 1 < rows.size() && pending < most && sql_.size() < limits_.statement_bytes) continue;
    if (single) sql_ += ')';
    RETURN_IF_ERROR(connection_->execute(context, sql_));
    sql_ = head;
    pending = 0;
  }
  return {};
}

Result<uint64_t> MysqlWriter::update(Context& context, Plan& plan, const ChangeBatch& batch, size_t row, size_t key_row,
                                     const std::vector<uint32_t>& columns) {
  sql_ = fmt::format("UPDATE {} SET ", plan.table);
  RETURN_IF_ERROR(append_assignments(plan, batch, row, columns));
  sql_ += " WHERE ";
  for (size_t k = 0; k < plan.schema->key.size(); ++k) {
    const uint32_t column = plan.schema->key[k];
    sql_ += (k > 0 ? " AND " : "") + plan.names[column] + " = ";
    RETURN_IF_ERROR(append_value(plan, batch, column, value_row(batch, column, key_row)));
  }
  return connection_->execute(context, sql_);
}

Result<> MysqlWriter::append_assignments(const Plan& plan, const ChangeBatch& batch, size_t row,
                                         const std::vector<uint32_t>& columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    sql_ += (i > 0 ? ", " : "") + plan.names[columns[i]] + " = ";
    RETURN_IF_ERROR(append_new_value(plan, batch, columns[i], value_row(batch, columns[i], row)));
  }
  return {};
}

Result<> MysqlWriter::append_whole_row(const Plan& plan, const ChangeBatch& batch, size_t row) {
  for (const uint32_t column : plan.all_columns) {
    const ColumnVector& values = batch.columns[column];
    if (column > 0) sql_ += " AND ";
    sql_ += plan.names[column] + " <=> ";
    const bool as_json = plan.is_json[column] && values.has_value(row);
    if (as_json) sql_ += "CAST(";
    if (plan.schema->columns[column].type.kind == TypeKind::kFloat && values.has_value(row)) {
      // A FLOAT column is compared as the double it stands for, not as its shortest text.
      fmt::format_to(std::back_inserter(sql_), "{:.17g}", values.double_at(row));
    } else {
      RETURN_IF_ERROR(append_value(plan, batch, column, row));
    }
    if (as_json) sql_ += " AS JSON)";
  }
  return {};
}

Result<> MysqlWriter::append_value(const Plan& plan, const ChangeBatch& batch, uint32_t column, size_t row) {
  const ColumnVector& values = batch.columns[column];
  if (!values.has_value(row)) {
    sql_ += "NULL";
    return {};
  }
  if (values.storage() == Storage::kDouble && !std::isfinite(values.double_at(row))) {
    return Error(ErrorCode::kData,
                 fmt::format("column '{}' of {} holds NaN or infinity, which MySQL cannot store",
                             plan.schema->columns[column].name, plan.schema->id.text()),
                 "Replace such values by a projection, or use another target.");
  }
  append_mysql_literal(*connection_, values, plan.schema->columns[column].type, row, sql_);
  return {};
}

Result<> MysqlWriter::append_new_value(const Plan& plan, const ChangeBatch& batch, uint32_t column, size_t row) {
  if (!is_error_value(plan, batch.columns[column], column, row)) return append_value(plan, batch, column, row);
  ASSIGN_OR_RETURN(const std::string_view index, error_index(plan, column));
  sql_.append("'").append(index).append("'");
  return {};
}

Result<std::string_view> MysqlWriter::error_index(const Plan& plan, uint32_t column) const {
  if (!connection_->is_mariadb()) return std::string_view(plan.error_index[column]);
  return Error(ErrorCode::kData,
               fmt::format("column '{}' of {} holds the error value of an ENUM (''), which MariaDB takes in no way",
                           plan.schema->columns[column].name, plan.schema->id.text()),
               "Give the rows a label at the source, replace the value by a projection, or make the column a VARCHAR "
               "in the target.");
}

Result<MysqlWriter::Plan*> MysqlWriter::plan_for(Context& context, const TableSchemaPtr& schema) {
  if (const auto found = plans_.find(schema.get()); found != plans_.end()) return found->second.get();
  if (plans_.size() >= kMaxPlans) plans_.clear();
  const std::string name = schema->id.text();
  ASSIGN_OR_RETURN(const MysqlTargetTable target, describe_mysql_table(context, *connection_, schema->id));
  if (target.schema.columns.empty()) {
    return Error(ErrorCode::kTarget, fmt::format("table {} is missing in the target", name),
                 "Create the table, or let the job copy it anew.");
  }
  auto plan = std::make_unique<Plan>();
  plan->schema = schema;
  plan->table = qualified_mysql(schema->id);
  plan->doing = "writing " + name;
  std::string fields;
  std::string assignments;
  for (uint32_t i = 0; i < schema->columns.size(); ++i) {
    const Column& column = schema->columns[i];
    const auto found = target.schema.find_column(column.name);
    if (!found) {
      return Error(ErrorCode::kTarget, fmt::format("table {} has no column '{}' in the target", name, column.name),
                   "Add the column, or leave it out by a projection.");
    }
    plan->all_columns.push_back(i);
    plan->names.push_back(MysqlConnection::quote_identifier(column.name));
    plan->is_json.push_back(target.schema.columns[*found].type.kind == TypeKind::kJson && !connection_->is_mariadb());
    const bool is_enum = target.schema.columns[*found].type.kind == TypeKind::kEnum;
    plan->error_index.push_back(is_enum ? mysql_enum_error_index(column.type) : std::string());
    const bool hex = is_hex_field(column.type.kind);
    fields += (i > 0 ? ", " : "") + (hex ? fmt::format("@v{}", i) : plan->names[i]);
    if (!hex) continue;
    // BIT takes the bytes as a number.
    assignments += fmt::format("{}{} = UNHEX(@v{})", assignments.empty() ? " SET " : ", ", plan->names[i], i);
  }
  if (target.other_unique) {
    const bool whole = target.schema.columns.size() == schema->columns.size() && !target.referenced;
    plan->upsert = whole ? Upsert::kDeleteInsert : Upsert::kRowByRow;
    plan->in_order = !whole;
  }
  plan->load_sql = fmt::format(
      "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' "
      "LINES TERMINATED BY '\\n' ({}){}",
      plan->table, fields, assignments);
  return (plans_[schema.get()] = std::move(plan)).get();
}

}  // namespace sluice
