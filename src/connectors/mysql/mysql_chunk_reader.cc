// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_chunk_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "base/log.h"
#include "connectors/mysql/mysql_chunks.h"
#include "connectors/mysql/mysql_server.h"

namespace sluice::mysql {
namespace {

constexpr size_t kBatchBytes = 256 << 10;
// How long chunks may follow each other before DDL that waits for their tables is let through. Each new snapshot of
// MariaDB is a position more to compare changes with.
constexpr std::chrono::seconds kReleaseLocksAfter{1};
constexpr std::chrono::seconds kRenewSnapshotAfter{10};
constexpr std::string_view kBeginSnapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
constexpr unsigned kTableDefinitionChanged = 1412;
constexpr unsigned kNoSuchTable = 1146;

class MysqlChunkReader : public ChunkReader {
 public:
  MysqlChunkReader(std::unique_ptr<MysqlConnection> connection, const MysqlSourceOptions& options,
                   Position prepared_from)
      : connection_(std::move(connection)), options_(options), prepared_from_(std::move(prepared_from)) {}

  const Position& position() const override { return position_; }

  Result<> begin(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    stream_.reset();
    const auto longest = connection_->is_mariadb() ? kRenewSnapshotAfter : kReleaseLocksAfter;
    if (monotonic_now() - locked_ > longest) RETURN_IF_ERROR(release_locks(context));
    if (!snapshot_open_) {
      RETURN_IF_ERROR(open_snapshot(context));
      RETURN_IF_ERROR(read_snapshot_position(context));
    }
    RETURN_IF_ERROR(check_definition(context, schema));
    std::string columns;
    for (const auto& column : schema->columns) {
      if (!columns.empty()) columns += ", ";
      columns += snapshot_expression(column.type, MysqlConnection::quote_identifier(column.name));
    }
    ASSIGN_OR_RETURN(const auto key, chunk_column(*schema, options_));
    std::string sql = fmt::format("SELECT {} FROM {}", columns, quoted(schema->id));
    if (key) {
      const std::string condition = chunk_condition(*connection_, *schema, *key, chunk);
      if (!condition.empty()) sql += " WHERE " + condition;
    }
    auto opened = connection_->stream(context, sql);
    if (!opened) return definition_error(std::move(opened).error(), *schema);
    stream_.emplace(std::move(opened).value());
    return {};
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
    }
    return true;
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
    // MySQL's information_schema shows a transaction the definitions of its snapshot, while the rows come in those of
    // now: after two columns have swapped their names it would read one for the other.
    if (!connection_->is_mariadb() && !definitions_) {
      ASSIGN_OR_RETURN(definitions_, MysqlConnection::connect(context, options_.connection()));
    }
    ASSIGN_OR_RETURN(const auto tables, read_tables(context, definitions_ ? *definitions_ : *connection_, {schema->id},
                                                    {.tinyint1_as_boolean = options_.tinyint1_as_boolean}));
    if (tables.empty() || *tables[0].table.schema != *schema) {
      return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was altered", schema->id.text()));
    }
    checked_.insert(schema->id);
    return {};
  }

  std::unique_ptr<MysqlConnection> connection_;
  std::unique_ptr<MysqlConnection> definitions_;  // MySQL: outside of the transaction
  const MysqlSourceOptions& options_;
  const Position prepared_from_;
  Position position_;
  bool snapshot_open_ = false;
  std::set<TableId> checked_;          // tables whose metadata lock is held
  MonotonicTime locked_;               // since when the first of them is
  std::optional<MysqlStream> stream_;  // after connection_, so that it goes first
};

using Readers = std::vector<std::unique_ptr<MysqlChunkReader>>;

// All snapshots at one place, while nobody can commit.
Result<> open_under_lock(Context& context, MysqlConnection& control, Readers& readers) {
  // Should we be cut off, the server ends the lock with the idle session.
  RETURN_IF_ERROR(control.execute(context, "SET SESSION lock_wait_timeout = 10, wait_timeout = 30"));
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

}  // namespace

Result<std::vector<std::unique_ptr<ChunkReader>>> open_mysql_chunk_readers(Context& context,
                                                                           const MysqlSourceOptions& options, int count,
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
    RETURN_IF_ERROR(open_under_lock(context, *control, readers));
  }
  std::vector<std::unique_ptr<ChunkReader>> result;
  for (auto& reader : readers) result.push_back(std::move(reader));
  return result;
}

}  // namespace sluice::mysql
