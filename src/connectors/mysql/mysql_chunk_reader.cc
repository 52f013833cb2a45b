// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_chunk_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "base/log.h"
#include "connectors/mysql/mysql_chunks.h"
#include "connectors/mysql/mysql_hash.h"
#include "connectors/mysql/mysql_server.h"

namespace sluice::mysql {
namespace {

constexpr size_t kBatchBytes = 256 << 10;
// How long chunks may follow each other before DDL that waits for their tables is let through. Each new snapshot of
// MariaDB is a position more to compare changes with.
constexpr std::chrono::seconds kReleaseLocksAfter{1};
// For the lock of a snapshot: of the first copy, and of one that is taken again and again.
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kShortPatience{1};
constexpr std::chrono::seconds kRenewSnapshotAfter{10};
constexpr std::string_view kBeginSnapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
constexpr unsigned kTableDefinitionChanged = 1412;
constexpr unsigned kNoSuchTable = 1146;

class MysqlChunkReader : public ChunkReader, public RowHasher {
 public:
  MysqlChunkReader(std::unique_ptr<MysqlConnection> connection, const MysqlSourceOptions& options,
                   Position prepared_from)
      : connection_(std::move(connection)), options_(options), prepared_from_(std::move(prepared_from)) {}

  const Position& position() const override { return position_; }

  Result<> begin(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    ASSIGN_OR_RETURN(const std::string condition, prepare_rows(context, chunk, schema));
    return begin_select(context, *schema, "", condition);
  }

  // `more` comes behind the table's columns.
  Result<> begin_select(Context& context, const TableSchema& schema, std::string_view more, std::string_view tail) {
    stream_.reset();
    std::string columns;
    for (const auto& column : schema.columns) {
      if (!columns.empty()) columns += ", ";
      columns += snapshot_expression(column.type, MysqlConnection::quote_identifier(column.name));
    }
    auto opened =
        connection_->stream(context, fmt::format("SELECT {}{} FROM {}{}", columns, more, quoted(schema.id), tail));
    if (!opened) return definition_error(std::move(opened).error(), schema);
    stream_.emplace(std::move(opened).value());
    return {};
  }

  Result<std::vector<std::string>> hash_forms(Context&, const TableSchema& schema) override {
    return mysql_hash_forms(*connection_, schema);
  }

  Result<HashedRows> hash_rows(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    ASSIGN_OR_RETURN(const std::string condition, prepare_rows(context, chunk, schema));
    auto hashed =
        hash_mysql_rows(context, *connection_, *schema, fmt::format(" FROM {}{}", quoted(schema->id), condition));
    if (!hashed) return definition_error(std::move(hashed).error(), *schema);
    return hashed;
  }

  Result<bool> next(Context& context, ChangeBatch& batch) override {
    MysqlRow row;
    size_t bytes = 0;
    const auto& columns = batch.schema->columns;
    while (bytes < kBatchBytes) {
      ASSIGN_OR_RETURN(const bool more, stream_->next(context, row));
      if (!more) {
        stream_.reset();
        return false;
      }
      batch.kinds.push_back(RowKind::kRead);
      for (unsigned i = 0; i < columns.size(); ++i) {
        if (row.is_null(i)) {
          batch.columns[i].append_null();
          continue;
        }
        auto appended = append_mysql_text(batch.columns[i], columns[i].type, row[i]);
        if (!appended) {
          return std::move(appended).error().context(
              fmt::format("table {}, column {}", batch.schema->id.text(), columns[i].name));
        }
        bytes += row[i].size() + 9;
      }
      if (row.size() > columns.size()) last_key_.clear();
      for (auto i = static_cast<unsigned>(columns.size()); i < row.size(); ++i) last_key_.emplace_back(row[i]);
    }
    return true;
  }
  const KeyText& last_key() const { return last_key_; }
  MysqlConnection& connection() { return *connection_; }

  // The table as it is, held still until the locks are released; null if there is none.
  Result<TableSchemaPtr> lock_table(Context& context, const TableId& table) {
    auto locked = connection_->query(context, fmt::format("SELECT 1 FROM {} LIMIT 0", quoted(table)));
    if (!locked && connection_->last_error_number() == kNoSuchTable) return TableSchemaPtr();
    TableSchema named;
    named.id = table;
    if (!locked) return definition_error(std::move(locked).error(), named);
    ASSIGN_OR_RETURN(const auto tables, read_definitions(context, table));
    if (tables.empty()) return TableSchemaPtr();
    if (checked_.empty()) locked_ = monotonic_now();
    checked_.insert(table);
    return tables[0].table.schema;
  }

  Result<> release_locks(Context& context) override {
    if (checked_.empty()) return {};
    checked_.clear();
    // MariaDB keeps the locks of a consistent snapshot to its end; the next chunk opens another one.
    snapshot_open_ = !connection_->is_mariadb();
    RETURN_IF_ERROR(connection_->execute(context, snapshot_open_ ? "ROLLBACK TO SAVEPOINT unlocked" : "COMMIT"));
    return {};
  }

  Result<> open_snapshot(Context& context) {
    // A slow target must not make the server give the result up.
    RETURN_IF_ERROR(connection_->execute(context, "SET SESSION net_write_timeout = 3600, wait_timeout = 86400"));
    RETURN_IF_ERROR(connection_->execute(context, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
    RETURN_IF_ERROR(connection_->execute(context, kBeginSnapshot));
    RETURN_IF_ERROR(connection_->execute(context, "SAVEPOINT unlocked"));
    snapshot_open_ = true;
    return {};
  }
  Result<> end_snapshot(Context& context) {
    stream_.reset();
    checked_.clear();
    snapshot_open_ = false;
    RETURN_IF_ERROR(connection_->execute(context, "COMMIT"));
    return {};
  }
  void set_position(BinlogPosition position) {
    if (position.position() != prepared_from_) position.prepared_from = prepared_from_;
    position_ = position.position();
  }

  // MariaDB: where the transaction stands.
  Result<> read_snapshot_position(Context& context) {
    ASSIGN_OR_RETURN(const auto rows, connection_->query(context, "SHOW STATUS LIKE 'binlog_snapshot_%'"));
    BinlogPosition position;
    for (const auto& row : rows) {
      const std::string value = row[1].value_or("");
      if (row[0] == "Binlog_snapshot_file") position.file = value;
      if (row[0] == "Binlog_snapshot_position") {
        std::from_chars(value.data(), value.data() + value.size(), position.offset);
      }
    }
    if (position.file.empty()) {
      return Error(ErrorCode::kConfig, "the server does not tell where a snapshot stands in its binary log",
                   "Start the source server with log-bin.");
    }
    ASSIGN_OR_RETURN(position, complete_position(context, *connection_, std::move(position)));
    set_position(std::move(position));
    return {};
  }

 private:
  // " WHERE ..." or nothing, in an open snapshot that shows the table as the schema says.
  Result<std::string> prepare_rows(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) {
    stream_.reset();
    const auto longest = connection_->is_mariadb() ? kRenewSnapshotAfter : kReleaseLocksAfter;
    if (monotonic_now() - locked_ > longest) RETURN_IF_ERROR(release_locks(context));
    if (!snapshot_open_) {
      RETURN_IF_ERROR(open_snapshot(context));
      RETURN_IF_ERROR(read_snapshot_position(context));
    }
    RETURN_IF_ERROR(check_definition(context, schema));
    ASSIGN_OR_RETURN(const auto key, chunk_column(*schema, options_));
    std::string condition;
    if (key) condition = chunk_condition(*connection_, *schema, *key, chunk);
    return condition.empty() ? condition : " WHERE " + condition;
  }

  Error definition_error(Error error, const TableSchema& schema) const {
    const unsigned number = connection_->last_error_number();
    if (number != kTableDefinitionChanged && number != kNoSuchTable) return error;
    return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was altered or dropped", schema.id.text()));
  }

  // Once per table until the locks are released: reading from the table takes its metadata lock, which holds the
  // definition still, and fails if it changed since the transaction began.
  Result<> check_definition(Context& context, const TableSchemaPtr& schema) {
    if (checked_.contains(schema->id)) return {};
    if (checked_.empty()) locked_ = monotonic_now();
    auto locked = connection_->query(context, fmt::format("SELECT 1 FROM {} LIMIT 0", quoted(schema->id)));
    if (!locked) return definition_error(std::move(locked).error(), *schema);
    ASSIGN_OR_RETURN(const auto tables, read_definitions(context, schema->id));
    if (tables.empty() || *tables[0].table.schema != *schema) {
      return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was altered", schema->id.text()));
    }
    if (!tables[0].table.transactional && schema->key.empty()) {
      log_warn(
          "table {} has neither transactions nor a key: a row that is written while it is copied may come twice, and "
          "one that is deleted may stop the job. Rest it meanwhile, or give it a key; then verify",
          schema->id.text());
    }
    checked_.insert(schema->id);
    return {};
  }

  Result<std::vector<NamedTable>> read_definitions(Context& context, const TableId& table) {
    // MySQL's information_schema shows a transaction the definitions of its snapshot, while the rows come in those of
    // now: after two columns have swapped their names it would read one for the other.
    if (!connection_->is_mariadb() && !definitions_) {
      ASSIGN_OR_RETURN(definitions_, MysqlConnection::connect(context, options_.connection()));
    }
    return read_tables(context, definitions_ ? *definitions_ : *connection_, {table},
                       {.tinyint1_as_boolean = options_.tinyint1_as_boolean});
  }

  std::unique_ptr<MysqlConnection> connection_;
  std::unique_ptr<MysqlConnection> definitions_;  // MySQL: outside of the transaction
  const MysqlSourceOptions& options_;
  const Position prepared_from_;
  Position position_;
  bool snapshot_open_ = false;
  std::set<TableId> checked_;          // tables whose metadata lock is held
  MonotonicTime locked_;               // since when the first of them is
  KeyText last_key_;                   // of the last row, if begin_select() asked for more than the columns
  std::optional<MysqlStream> stream_;  // after connection_, so that it goes first
};

using Readers = std::vector<std::unique_ptr<MysqlChunkReader>>;

// All snapshots at one place, while nobody can commit. Writers wait, too, while the lock waits for a long query.
Result<> open_under_lock(Context& context, MysqlConnection& control, Readers& readers, std::chrono::seconds patience) {
  // Should we be cut off, the server ends the lock with the idle session.
  RETURN_IF_ERROR(
      control.execute(context, fmt::format("SET SESSION lock_wait_timeout = {}, wait_timeout = 30", patience.count())));
  auto locked = control.execute(context, "FLUSH TABLES WITH READ LOCK");
  if (!locked) {
    Error error = std::move(locked).error();
    if (error.code() != ErrorCode::kAccess && error.code() != ErrorCode::kTarget) return error;
    return Error(
        ErrorCode::kAccess,
        "the copy needs FLUSH TABLES WITH READ LOCK for a moment, to know its place in the log: " + error.message(),
        "GRANT RELOAD ON *.* to the source's user.");
  }
  for (auto& reader : readers) RETURN_IF_ERROR(reader->open_snapshot(context));
  ASSIGN_OR_RETURN(const BinlogPosition position, current_binlog_position(context, control));
  RETURN_IF_ERROR(control.execute(context, "UNLOCK TABLES"));
  for (auto& reader : readers) reader->set_position(position);
  log_debug("snapshot at {}", position.position().text);
  return {};
}

Result<Readers> open_readers(Context& context, const MysqlSourceOptions& options, int count,
                             const Position& prepared_from) {
  Readers readers;
  bool mariadb = false;
  for (int i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(auto connection, MysqlConnection::connect(context, options.connection()));
    mariadb = connection->is_mariadb();
    readers.push_back(std::make_unique<MysqlChunkReader>(std::move(connection), options, prepared_from));
  }
  if (mariadb) {
    for (auto& reader : readers) {
      RETURN_IF_ERROR(reader->open_snapshot(context));
      RETURN_IF_ERROR(reader->read_snapshot_position(context));
      log_debug("snapshot at {}", reader->position().text);
    }
  } else {
    ASSIGN_OR_RETURN(auto control, MysqlConnection::connect(context, options.connection()));
    RETURN_IF_ERROR(open_under_lock(context, *control, readers, kPatience));
  }
  return readers;
}

bool is_label(TypeKind kind) { return kind == TypeKind::kEnum || kind == TypeKind::kSet; }

class MysqlKeyRangeReader : public KeyRangeReader {
 public:
  explicit MysqlKeyRangeReader(const MysqlSourceOptions& options) : options_(options) {}

  Result<Position> open_snapshot(Context& context) override {
    const bool kept = reader_ != nullptr;
    auto opened = open_on_connections(context);
    if (opened) return opened;
    reader_.reset();
    control_.reset();
    // The server may have closed what was kept.
    return kept && opened.error().code() == ErrorCode::kConnect ? open_on_connections(context) : std::move(opened);
  }
  Result<> close_snapshot(Context& context) override {
    if (reader_ && (!good_ || !reader_->end_snapshot(context))) reader_.reset();
    return {};
  }

  Result<TableSchemaPtr> find_table(Context& context, const TableId& table) override {
    return noting(reader_->lock_table(context, table));
  }

  Result<std::optional<KeyText>> greatest_key(Context& context, const TableSchemaPtr& schema,
                                              const KeyRange& range) override {
    return noting(find_greatest(context, schema, range));
  }
  Result<std::optional<KeyText>> read(Context& context, const KeyRange& range, ChangeBatch& batch) override {
    return noting(read_rows(context, range, batch));
  }

 private:
  // After an error, connections are not kept.
  template <typename T>
  Result<T> noting(Result<T> result) {
    good_ = result.has_value();
    return result;
  }

  Result<std::optional<KeyText>> find_greatest(Context& context, const TableSchemaPtr& schema, const KeyRange& range) {
    for (const uint32_t column : range.columns) {
      const TypeKind kind = schema->columns[column].type.kind;
      if (kind != TypeKind::kFloat && kind != TypeKind::kDouble) continue;
      return Error(ErrorCode::kUnsupported, fmt::format("table {} has a floating-point key", schema->id.text()));
    }
    const std::string where = range.condition.empty() ? "" : fmt::format(" WHERE ({})", condition(*schema, range));
    ASSIGN_OR_RETURN(const auto rows,
                     reader_->connection().query(
                         context, fmt::format("SELECT {} FROM {}{} ORDER BY {} LIMIT 1", bounds(*schema, range),
                                              quoted(schema->id), where, order(*schema, range, " DESC"))));
    if (rows.empty()) return std::optional<KeyText>();
    KeyText key;
    for (const auto& value : rows[0]) key.push_back(value.value_or(""));
    return std::optional(std::move(key));
  }

  Result<std::optional<KeyText>> read_rows(Context& context, const KeyRange& range, ChangeBatch& batch) {
    const TableSchema& schema = *batch.schema;
    std::string where;
    const auto add = [&where](const std::string& condition) {
      where += fmt::format("{}({})", where.empty() ? " WHERE " : " AND ", condition);
    };
    if (range.after) add(beyond(schema, range, *range.after, ">", ">", ">="));
    if (range.upto) add(beyond(schema, range, *range.upto, "<", "<=", "<="));
    if (!range.condition.empty()) add(condition(schema, range));
    RETURN_IF_ERROR(
        reader_->begin_select(context, schema, ", " + bounds(schema, range),
                              fmt::format("{} ORDER BY {} LIMIT {}", where, order(schema, range, ""), range.limit)));
    for (bool more = true; more;) {
      ASSIGN_OR_RETURN(more, reader_->next(context, batch));
    }
    if (batch.rows() == 0) return std::optional<KeyText>();
    return std::optional(reader_->last_key());
  }

  static std::string condition(const TableSchema& schema, const KeyRange& range) {
    std::string columns;
    for (const uint32_t column : range.columns) columns += (columns.empty() ? "" : ", ") + name(schema, column);
    return where_of(range.condition, columns);
  }
  static std::string name(const TableSchema& schema, uint32_t column) {
    return MysqlConnection::quote_identifier(schema.columns[column].name);
  }
  Result<Position> open_on_connections(Context& context) {
    if (!reader_) {
      ASSIGN_OR_RETURN(auto connection, MysqlConnection::connect(context, options_.connection()));
      reader_ = std::make_unique<MysqlChunkReader>(std::move(connection), options_, Position());
    }
    const bool mariadb = reader_->connection().is_mariadb();
    if (!mariadb && !control_) {
      ASSIGN_OR_RETURN(control_, MysqlConnection::connect(context, options_.connection()));
    }
    Readers readers;  // an error throws the reader away
    readers.push_back(std::move(reader_));
    if (mariadb) {
      RETURN_IF_ERROR(readers[0]->open_snapshot(context));
      RETURN_IF_ERROR(readers[0]->read_snapshot_position(context));
    } else {
      RETURN_IF_ERROR(open_under_lock(context, *control_, readers, kShortPatience));
    }
    reader_ = std::move(readers[0]);
    return reader_->position();
  }
  // Labels are ordered by their numbers, which also stand for them in comparisons.
  static std::string bounds(const TableSchema& schema, const KeyRange& range) {
    std::string list;
    for (const uint32_t column : range.columns) {
      const std::string plain = name(schema, column);
      const TypeKind kind = schema.columns[column].type.kind;
      list += fmt::format("{}{}", list.empty() ? "" : ", ",
                          is_label(kind) ? plain + "+0" : bound_expression(schema.columns[column], plain));
    }
    return list;
  }
  static std::string order(const TableSchema& schema, const KeyRange& range, std::string_view direction) {
    std::string list;
    for (const uint32_t column : range.columns) {
      list += fmt::format("{}{}{}", list.empty() ? "" : ", ", name(schema, column), direction);
    }
    return list;
  }
  std::string literal(const Column& column, const std::string& value) const {
    return is_label(column.type.kind) ? value : key_literal(reader_->connection(), column, value);
  }
  // (a, b) > (x, y) in a form that uses the index: a >= x AND (a > x OR a = x AND (b > y)).
  std::string beyond(const TableSchema& schema, const KeyRange& range, const KeyText& key, std::string_view strict,
                     std::string_view last, std::string_view loose) const {
    std::string condition;
    for (size_t i = range.columns.size(); i-- > 0;) {
      const std::string column = name(schema, range.columns[i]);
      const std::string value = literal(schema.columns[range.columns[i]], key[i]);
      condition = condition.empty() ? fmt::format("{} {} {}", column, last, value)
                                    : fmt::format("{0} {2} {1} AND ({0} {3} {1} OR {0} = {1} AND ({4}))", column, value,
                                                  loose, strict, condition);
    }
    return condition;
  }

  const MysqlSourceOptions& options_;
  std::unique_ptr<MysqlChunkReader> reader_;
  std::unique_ptr<MysqlConnection> control_;  // MySQL: for the lock
  bool good_ = true;                          // the last reading went well
};

}  // namespace

std::unique_ptr<KeyRangeReader> make_mysql_key_range_reader(const MysqlSourceOptions& options) {
  return std::make_unique<MysqlKeyRangeReader>(options);
}

Result<std::vector<std::unique_ptr<ChunkReader>>> open_mysql_chunk_readers(Context& context,
                                                                           const MysqlSourceOptions& options, int count,
                                                                           const Position& prepared_from) {
  ASSIGN_OR_RETURN(Readers readers, open_readers(context, options, count, prepared_from));
  std::vector<std::unique_ptr<ChunkReader>> result;
  for (auto& reader : readers) result.push_back(std::move(reader));
  return result;
}

}  // namespace sluice::mysql
