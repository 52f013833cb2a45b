// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_chunk_reader.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <charconv>
#include <cstring>

#include "connectors/postgres/postgres_catalog.h"
#include "connectors/postgres/postgres_chunks.h"
#include "connectors/postgres/postgres_comparing.h"
#include "connectors/postgres/postgres_hash.h"
#include "connectors/postgres/postgres_types.h"

namespace sluice {
namespace {

constexpr size_t kBatchBytes = 256 << 10;

// Rows that the snapshot sees are gone from a table that was rewritten since (TRUNCATE, VACUUM FULL, some ALTERs).
// Functions look at the catalog of now, queries at that of the snapshot.
constexpr const char* kRewritten = R"(
SELECT FROM pg_class WHERE oid = $1::oid AND relkind = 'r' AND relfilenode IS DISTINCT FROM pg_relation_filenode(oid)
UNION ALL
SELECT FROM pg_partition_tree($1::oid) now FULL JOIN (
  WITH RECURSIVE below(oid) AS (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::oid
    UNION ALL SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid)
  SELECT oid, relfilenode, relkind FROM below JOIN pg_class USING (oid)) seen ON seen.oid = now.relid
WHERE now.relid IS DISTINCT FROM $1::oid AND (now.relid IS NULL OR seen.oid IS NULL OR
      seen.relkind = 'r' AND seen.relfilenode IS DISTINCT FROM pg_relation_filenode(seen.oid))
  AND EXISTS (SELECT FROM pg_class WHERE oid = $1::oid AND relkind = 'p'))";

// Replaces "\t", "\\" and the like of a COPY field by what they stand for.
void unescape(std::string_view field, std::string& out) {
  out.clear();
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out.push_back(field[i]);
      continue;
    }
    const char c = field[++i];
    switch (c) {
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'v': out.push_back('\v'); break;
      default: out.push_back(c);
    }
  }
}

class PostgresChunkReader : public ChunkReader, public RowHasher {
 public:
  PostgresChunkReader(std::unique_ptr<PostgresConnection> connection, const PostgresSourceOptions& options,
                      const ExportedSnapshot& snapshot)
      : connection_(std::move(connection)), options_(options), position_(snapshot.position.position()) {}

  Result<> open_snapshot(Context& context, const std::string& name) {
    return connection_->execute(context,
                                fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT "
                                            "{}; SAVEPOINT chunk",
                                            PostgresConnection::quote_literal(name)));
  }

  const Position& position() const override { return position_; }

  Result<> begin(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    RETURN_IF_ERROR(leave_chunk(context));
    auto begun = begin_locked(context, chunk, *schema);
    if (begun || !is_definition_error()) return begun;
    return changed(*schema);
  }

  Result<std::vector<std::string>> hash_forms(Context& context, const TableSchema& schema) override {
    RETURN_IF_ERROR(leave_chunk(context));
    return postgres_hash_forms(context, *connection_, schema);
  }

  Result<HashedRows> hash_rows(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    RETURN_IF_ERROR(leave_chunk(context));
    auto hashed = hash_locked(context, chunk, *schema);
    if (hashed || !is_definition_error()) return hashed;
    return changed(*schema);
  }

  Result<bool> next(Context& context, ChangeBatch& batch) override {
    size_t bytes = 0;
    while (bytes < kBatchBytes) {
      ASSIGN_OR_RETURN(const auto row, connection_->next_copied(context));
      if (!row) {
        copying_ = false;
        return false;
      }
      RETURN_IF_ERROR(append_row(*row, batch));
      bytes += row->size() + 9 * batch.columns.size();
    }
    return true;
  }

  Result<> release_locks(Context& context) override {
    return connection_->execute(context, "ROLLBACK TO SAVEPOINT chunk");
  }

  // The table as the snapshot shows it, held still until the locks are released; null if there is none.
  Result<TableSchemaPtr> lock_table(Context& context, const TableId& id) {
    auto locked = find_locked(context, id);
    if (locked || !is_definition_error()) return locked;
    const bool missing = connection_->last_state() == "42P01";
    RETURN_IF_ERROR(release_locks(context));
    if (missing) return TableSchemaPtr();
    TableSchema named;
    named.id = id;
    return changed(named);
  }
  // Of a table that was found by lock_table(); the key's columns come behind the table's.
  Result<> begin_range(Context& context, const TableSchema& schema, const KeyRange& range, std::string_view tail) {
    key_columns_ = range.columns.size();
    RETURN_IF_ERROR(connection_->begin_copy_out(
        context, fmt::format("COPY (SELECT {}, {} FROM {}{}) TO STDOUT", column_list(schema),
                             key_list(schema, range, ""), from_, tail)));
    copying_ = true;
    return {};
  }
  const KeyText& last_key() const { return last_key_; }
  const std::string& from() const { return from_; }  // of the table that was locked last
  PostgresConnection& connection() { return *connection_; }

  static std::string key_list(const TableSchema& schema, const KeyRange& range, std::string_view direction) {
    std::string list;
    for (const uint32_t column : range.columns) {
      list += fmt::format("{}{}{}", list.empty() ? "" : ", ",
                          PostgresConnection::quote_identifier(schema.columns[column].name), direction);
    }
    return list;
  }

 private:
  static std::string column_list(const TableSchema& schema) {
    std::string columns;
    for (const Column& column : schema.columns) {
      columns += (columns.empty() ? "" : ", ") + PostgresConnection::quote_identifier(column.name);
    }
    return columns;
  }

  Result<TableSchemaPtr> find_locked(Context& context, const TableId& id) {
    RETURN_IF_ERROR(release_locks(context));
    const std::string name = PostgresConnection::qualified(id.schema, id.table);
    RETURN_IF_ERROR(connection_->execute(context, fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", name)));
    const std::vector<TableId> ids = {id};
    ASSIGN_OR_RETURN(const auto tables, read_postgres_tables(context, *connection_, &ids));
    if (tables.empty()) return TableSchemaPtr();
    const TableSchemaPtr& schema = tables[0].schema;
    ASSIGN_OR_RETURN(const bool partitioned, check_definition(context, *schema, name, column_list(*schema)));
    from_ = (partitioned ? "" : "ONLY ") + name;
    return schema;
  }

  static Error changed(const TableSchema& schema) {
    return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was altered or dropped", schema.id.text()));
  }
  // Undefined table, undefined column, no such relation.
  bool is_definition_error() const {
    const std::string& state = connection_->last_state();
    return state == "42P01" || state == "42703" || state == "XX000";
  }

  // A chunk that nobody read to its end is in the way of nothing but its own connection.
  Result<> leave_chunk(Context& context) {
    while (copying_) {
      ASSIGN_OR_RETURN(const auto row, connection_->next_copied(context));
      copying_ = row.has_value();
    }
    return release_locks(context);
  }

  // " FROM t WHERE ...", with the table locked and as the schema says.
  Result<std::string> lock_rows(Context& context, const SnapshotChunk& chunk, const TableSchema& schema) {
    const std::string name = PostgresConnection::qualified(schema.id.schema, schema.id.table);
    RETURN_IF_ERROR(connection_->execute(context, fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", name)));
    ASSIGN_OR_RETURN(const bool partitioned, check_definition(context, schema, name, column_list(schema)));
    ASSIGN_OR_RETURN(const std::string condition, postgres_chunk_condition(chunk, schema, options_));
    return fmt::format(" FROM {}{}{}", partitioned ? "" : "ONLY ", name, condition);
  }

  Result<> begin_locked(Context& context, const SnapshotChunk& chunk, const TableSchema& schema) {
    ASSIGN_OR_RETURN(const std::string from, lock_rows(context, chunk, schema));
    RETURN_IF_ERROR(
        connection_->begin_copy_out(context, fmt::format("COPY (SELECT {}{}) TO STDOUT", column_list(schema), from)));
    copying_ = true;
    return {};
  }

  Result<HashedRows> hash_locked(Context& context, const SnapshotChunk& chunk, const TableSchema& schema) {
    ASSIGN_OR_RETURN(const std::string from, lock_rows(context, chunk, schema));
    return hash_postgres_rows(context, *connection_, schema, from, {});
  }

  // The table must have this definition in the snapshot, and its rows must still be where the snapshot finds them.
  // Columns added since are not read; the log brings them. True if it is partitioned.
  Result<bool> check_definition(Context& context, const TableSchema& schema, const std::string& name,
                                const std::string& columns) {
    const std::vector<TableId> ids = {schema.id};
    ASSIGN_OR_RETURN(const auto tables, read_postgres_tables(context, *connection_, &ids));
    if (tables.empty() || *tables[0].schema != schema) return changed(schema);
    const PostgresTable& table = tables[0];
    ASSIGN_OR_RETURN(const PostgresResult rewritten,
                     connection_->query(context, kRewritten, {std::to_string(table.oid)}));
    if (rewritten.rows() > 0) return changed(schema);
    ASSIGN_OR_RETURN(const PostgresResult now,
                     connection_->query(context, fmt::format("SELECT {} FROM {} LIMIT 0", columns, name)));
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const int at = static_cast<int>(i);
      // A domain is described by what it is made of.
      const bool same_type =
          PQftype(now.get(), at) == table.columns[i].type && PQfmod(now.get(), at) == table.columns[i].modifier;
      const bool may_be_domain = table.columns[i].type >= 16384;
      if (PQftable(now.get(), at) != table.oid || PQftablecol(now.get(), at) != table.columns[i].attribute ||
          !(same_type || may_be_domain)) {
        return changed(schema);
      }
    }
    return table.partitioned;
  }

  Result<> append_row(std::string_view row, ChangeBatch& batch) {
    if (row.ends_with('\n')) row.remove_suffix(1);
    const auto& columns = batch.schema->columns;
    const char* at = row.data();
    const char* const end = at + row.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (at > end) return Error(ErrorCode::kCorrupt, "a copied row has too few fields");
      const auto* tab = static_cast<const char*>(std::memchr(at, '\t', static_cast<size_t>(end - at)));
      if (tab == nullptr) tab = end;
      std::string_view field(at, static_cast<size_t>(tab - at));
      at = tab + 1;
      if (field == "\\N") {
        batch.columns[i].append_null();
        continue;
      }
      if (std::memchr(field.data(), '\\', field.size()) != nullptr) {
        unescape(field, unescaped_);
        field = unescaped_;
      }
      auto appended = append_postgres_text(batch.columns[i], columns[i].type, field, scratch_);
      if (!appended) {
        return std::move(appended).error().context(
            fmt::format("table {}, column {}", batch.schema->id.text(), columns[i].name));
      }
    }
    batch.kinds.push_back(RowKind::kRead);
    if (key_columns_ == 0) return {};
    last_key_.clear();
    while (last_key_.size() < key_columns_ && at <= end) {
      const auto* tab = static_cast<const char*>(std::memchr(at, '\t', static_cast<size_t>(end - at)));
      if (tab == nullptr) tab = end;
      unescape(std::string_view(at, static_cast<size_t>(tab - at)), unescaped_);
      last_key_.push_back(unescaped_);
      at = tab + 1;
    }
    return {};
  }

  std::unique_ptr<PostgresConnection> connection_;
  const PostgresSourceOptions& options_;
  const Position position_;
  bool copying_ = false;
  std::string from_;
  size_t key_columns_ = 0;  // behind the table's columns
  KeyText last_key_;
  std::string unescaped_;
  std::string scratch_;
};

// Each snapshot is that of a temporary slot: the only one whose place in the log PostgreSQL tells exactly.
class PostgresKeyRangeReader : public KeyRangeReader {
 public:
  explicit PostgresKeyRangeReader(const PostgresSourceOptions& options) : options_(options) {}

  Result<Position> open_snapshot(Context& context) override {
    reader_.reset();
    auto made = make_comparing_slot(context, options_, true);
    // Slots that are all in use now need not be so later.
    if (!made && made.error().code() == ErrorCode::kConfig) {
      return Error(ErrorCode::kTransient, made.error().message());
    }
    ASSIGN_OR_RETURN(const auto slot, std::move(made));
    ASSIGN_OR_RETURN(auto connection, PostgresConnection::connect(context, options_.connection()));
    reader_ = std::make_unique<PostgresChunkReader>(std::move(connection), options_, slot->snapshot);
    RETURN_IF_ERROR(reader_->open_snapshot(context, slot->snapshot.name));
    return reader_->position();
  }
  Result<> close_snapshot(Context&) override {
    reader_.reset();
    return {};
  }
  Result<TableSchemaPtr> find_table(Context& context, const TableId& table) override {
    return reader_->lock_table(context, table);
  }

  Result<std::optional<KeyText>> greatest_key(Context& context, const TableSchemaPtr& schema,
                                              const KeyRange& range) override {
    std::string where = not_null(*schema, range);
    if (!range.condition.empty()) where += fmt::format(" AND ({})", condition(*schema, range));
    ASSIGN_OR_RETURN(const PostgresResult rows,
                     reader_->connection().query(
                         context, fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT 1",
                                              PostgresChunkReader::key_list(*schema, range, ""), reader_->from(), where,
                                              PostgresChunkReader::key_list(*schema, range, " DESC"))));
    if (rows.rows() == 0) return std::optional<KeyText>();
    KeyText key;
    for (size_t i = 0; i < range.columns.size(); ++i) key.emplace_back(rows.at(0, static_cast<int>(i)));
    return std::optional(std::move(key));
  }

  Result<std::optional<KeyText>> read(Context& context, const KeyRange& range, ChangeBatch& batch) override {
    const TableSchema& schema = *batch.schema;
    std::string tail = " WHERE " + not_null(schema, range);
    const std::string key = fmt::format("ROW({})", PostgresChunkReader::key_list(schema, range, ""));
    if (range.after) tail += fmt::format(" AND {} > ROW({})", key, literals(*range.after));
    if (range.upto) tail += fmt::format(" AND {} <= ROW({})", key, literals(*range.upto));
    if (!range.condition.empty()) tail += fmt::format(" AND ({})", condition(schema, range));
    tail += fmt::format(" ORDER BY {} LIMIT {}", PostgresChunkReader::key_list(schema, range, ""), range.limit);
    RETURN_IF_ERROR(reader_->begin_range(context, schema, range, tail));
    for (bool more = true; more;) {
      ASSIGN_OR_RETURN(more, reader_->next(context, batch));
    }
    if (batch.rows() == 0) return std::optional<KeyText>();
    return std::optional(reader_->last_key());
  }

 private:
  // Of a surrogate key: rows without it are not found by it.
  static std::string not_null(const TableSchema& schema, const KeyRange& range) {
    std::string condition;
    for (const uint32_t column : range.columns) {
      condition += fmt::format("{}{} IS NOT NULL", condition.empty() ? "" : " AND ",
                               PostgresConnection::quote_identifier(schema.columns[column].name));
    }
    return condition;
  }
  static std::string condition(const TableSchema& schema, const KeyRange& range) {
    return where_of(range.condition, PostgresChunkReader::key_list(schema, range, ""));
  }
  static std::string literals(const KeyText& key) {
    std::string list;
    for (const std::string& value : key) {
      list += (list.empty() ? "" : ", ") + PostgresConnection::quote_literal(value);
    }
    return list;
  }

  const PostgresSourceOptions& options_;
  std::unique_ptr<PostgresChunkReader> reader_;  // while a snapshot is open
};

}  // namespace

std::unique_ptr<KeyRangeReader> make_postgres_key_range_reader(const PostgresSourceOptions& options) {
  return std::make_unique<PostgresKeyRangeReader>(options);
}

Result<std::vector<std::unique_ptr<ChunkReader>>> open_postgres_chunk_readers(Context& context,
                                                                              const PostgresSourceOptions& options,
                                                                              const ExportedSnapshot& snapshot,
                                                                              int count) {
  std::vector<std::unique_ptr<ChunkReader>> readers;
  for (int i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(auto connection, PostgresConnection::connect(context, options.connection()));
    auto reader = std::make_unique<PostgresChunkReader>(std::move(connection), options, snapshot);
    RETURN_IF_ERROR(reader->open_snapshot(context, snapshot.name).context("taking over the snapshot of the slot"));
    readers.push_back(std::move(reader));
  }
  return readers;
}

}  // namespace sluice
