// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_log_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "connector/group_builder.h"
#include "connector/quiet_log.h"
#include "connectors/mysql/binlog_connection.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/charset.h"
#include "connectors/mysql/ddl_apply.h"
#include "connectors/mysql/mysql_chunk_filter.h"
#include "connectors/mysql/mysql_chunks.h"
#include "connectors/mysql/mysql_server.h"
#include "connectors/mysql/xa_transactions.h"

namespace sluice::mysql {
namespace {

constexpr std::chrono::milliseconds kPollWait{50};
constexpr std::chrono::milliseconds kNoWait{0};
// A group is handed on at this size, and a transaction larger than it in parts.
constexpr size_t kGroupBytes = 1 << 20;

// What a TABLE_MAP event said, and what we made of it.
struct MappedTable {
  TableMap map;
  TableId id;
  bool captured = false;
  std::unique_ptr<RowDecoder> decoder;
  ChunkFilter* filter = nullptr;
  uint32_t chunk_column = 0;
  std::string chunk_collation;
};

class MysqlLogReader : public LogReader, public QuietLog {
 public:
  MysqlLogReader(const MysqlSourceOptions& options, const CapturedTables& captured)
      : options_(options), captured_(captured), catalog_({.tinyint1_as_boolean = options.tinyint1_as_boolean}) {}

  Result<> open(Context& context, LogStart start);
  Result<> poll(Context& context, std::vector<StreamElement>& out) override { return read(context, kPollWait, out); }
  Result<> look(Context& context, std::vector<StreamElement>& out) override { return read(context, kNoWait, out); }
  std::optional<LogWait> begin_wait() override;
  Result<> acknowledge(const Position&) override { return {}; }  // the server keeps its log by its own rules

 private:
  Result<> read(Context& context, std::chrono::milliseconds wait, std::vector<StreamElement>& out);
  Result<bool> step(Context& context, std::chrono::milliseconds wait, std::vector<StreamElement>& out);
  Result<> handle(Context& context, const Event& event, std::vector<StreamElement>& out);
  Result<> open_payload(const Event& event);
  Result<> handle_gtid(const Event& event);
  Result<> handle_mariadb_gtid(const Event& event);
  Result<> handle_query(Context& context, const Event& event, std::vector<StreamElement>& out);
  Result<> handle_control(const TransactionControl& control);
  void warn_of_falling_numbers();
  Result<> handle_xa_prepare(const Event& event);
  void begin_first_phase();
  void replay(std::unique_ptr<KeptEvents> events);
  Result<> replay_next(Context& context);
  Result<> handle_table_map(Context& context, const Event& event);
  Result<> handle_rows(Context& context, const Event& event);
  Result<> apply_statement(Context& context, const DdlStatement& statement, SchemaChangeEvent change,
                           std::vector<StreamElement>& out);
  Result<> copy_again(Context& context, const TableId& id, std::vector<StreamElement>& out);
  Result<> meet_unknown_shape(Context& context, Error error, const std::vector<TableId>& tables,
                              std::vector<StreamElement>& out);
  Result<bool> meet_unknown_table(Context& context, const TableId& id, bool known_before);
  void advance_offset(const EventHeader& header);
  uint64_t event_place(const EventHeader& header) const;
  void stand_at(const std::string& file, uint64_t offset);
  void begin_transaction(std::string gtid, const EventHeader& header, int64_t commit_time_ms);
  void end_transaction();
  Result<> abandon_transaction();
  void end_group(std::vector<StreamElement>& out);
  using CopiedLater = std::map<TableId, std::optional<MysqlTable>>;
  CopiedLater copied_later() const;
  void keep_later_definitions(const CopiedLater& later, DdlEffect& effect);
  Error at_position(Error error) const;
  Result<MysqlConnection*> metadata(Context& context);
  Result<> learn_server_defaults(Context& context);

  const MysqlSourceOptions& options_;
  const CapturedTables& captured_;
  std::unique_ptr<BinlogConnection> log_;
  std::unique_ptr<MysqlConnection> metadata_;  // opened when first needed
  BinlogFormat format_;
  SchemaCatalog catalog_;
  bool lower_case_names_ = false;  // the server folds names, so statements in its log may spell them otherwise
  std::map<TableId, std::unique_ptr<ChunkFilter>> filters_;
  std::unordered_map<uint64_t, MappedTable> mapped_;
  MappedTable* last_mapped_ = nullptr;
  uint64_t last_map_id_ = 0;

  BinlogPosition reached_;  // behind the last complete transaction
  std::string file_;        // where the events come from
  uint64_t offset_ = 4;
  bool in_transaction_ = false;  // between GTID or BEGIN and the end
  bool explicit_begin_ = false;  // the transaction ends with COMMIT or XID, not with its statement
  bool undone_alter_ = false;    // the transaction is an ALTER TABLE that changes nothing, or nothing yet
  Transaction transaction_;
  Gtid gtid_;
  MariadbGtid mariadb_gtid_;
  int64_t last_commit_ms_ = 0;
  PreparedTransactions prepared_;
  std::unique_ptr<KeptEvents> replay_;    // of the XA transaction whose commit was read last
  std::optional<BinlogPosition> resume_;  // given if the log is read again: what it covers was handed on before
  bool behind_ = false;                   // nothing that resume_ does not cover was met yet
  bool skipping_ = false;                 // resume_ covers the open transaction
  std::vector<uint8_t> payload_bytes_;    // of the compressed transaction that payload_ reads
  std::unique_ptr<PayloadReader> payload_;
  uint64_t shared_place_ = 0;  // of the events that do not stand in the log themselves; 0: they do

  bool numbers_fall_ = false;  // and somebody was told
  bool drained_ = false;       // the connection had nothing more
  GroupBuilder group_;
  Position told_;  // of the last group end
  std::vector<uint8_t> expand_buffer_;
};

Result<> MysqlLogReader::open(Context& context, LogStart start) {
  ASSIGN_OR_RETURN(reached_, BinlogPosition::parse(start.position));
  BinlogPosition from = reached_;
  if (!reached_.prepared_from.empty()) {
    ASSIGN_OR_RETURN(from, BinlogPosition::parse(reached_.prepared_from));
    resume_ = reached_;
    behind_ = true;
  }
  file_ = from.file;
  offset_ = from.offset;
  for (const auto& [id, detail] : start.tables) {
    ASSIGN_OR_RETURN(auto table, mysql_table_from_json(detail));
    catalog_.put(id, std::move(table));
  }
  RETURN_IF_ERROR(learn_server_defaults(context));
  RETURN_IF_ERROR(learn_key_indexes(context, *metadata_, catalog_));
  std::map<TableId, std::vector<FinishedChunk>> chunks;
  for (auto& chunk : start.chunks) chunks[chunk.chunk.table].push_back(std::move(chunk));
  for (const auto& [id, list] : chunks) {
    ASSIGN_OR_RETURN(filters_[id], ChunkFilter::make(list));
  }
  const BinlogConnectionOptions connect{.connection = options_.connection(),
                                        .server_id = options_.replica_id(start.second_reader),
                                        .heartbeat = options_.heartbeat_interval};
  ASSIGN_OR_RETURN(log_, BinlogConnection::open(context, connect, from));
  return {};
}

// Tables that are created without a character set get their database's. ALTER DATABASE is followed from here on.
Result<> MysqlLogReader::learn_server_defaults(Context& context) {
  ASSIGN_OR_RETURN(MysqlConnection* const connection, metadata(context));
  ASSIGN_OR_RETURN(const auto databases,
                   connection->query(context,
                                     "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME "
                                     "FROM information_schema.SCHEMATA"));
  for (const auto& row : databases) {
    catalog_.put_database(row[0].value_or(""), {row[1].value_or(""), row[2].value_or("")});
  }
  ASSIGN_OR_RETURN(const auto server,
                   connection->query(context,
                                     "SELECT @@global.character_set_server, @@global.collation_server, "
                                     "@@global.lower_case_table_names"));
  catalog_.set_server_charset({server[0][0].value_or(""), server[0][1].value_or("")});
  lower_case_names_ = server[0][2] != "0";
  return {};
}

Result<MysqlConnection*> MysqlLogReader::metadata(Context& context) {
  if (!metadata_) {
    ASSIGN_OR_RETURN(metadata_, MysqlConnection::connect(context, options_.connection()));
  }
  return metadata_.get();
}

Error MysqlLogReader::at_position(Error error) const {
  return std::move(error).context(fmt::format("at {}:{}", file_, offset_));
}

Result<> MysqlLogReader::read(Context& context, std::chrono::milliseconds wait, std::vector<StreamElement>& out) {
  const size_t before = out.size();
  drained_ = false;
  while (group_.bytes() < kGroupBytes && out.size() == before) {
    ASSIGN_OR_RETURN(const bool more, step(context, wait, out));
    drained_ = !more;
    if (!more || (!in_transaction_ && group_.handed_on())) break;
    wait = kNoWait;
  }
  if (!in_transaction_) {
    end_group(out);
  } else if (group_.bytes() >= kGroupBytes) {
    group_.take(out);
  }
  return {};
}

std::optional<LogWait> MysqlLogReader::begin_wait() {
  if (!drained_) return std::nullopt;
  return LogWait{.readable = log_->descriptor(), .at_most = log_->patience()};
}

void MysqlLogReader::end_group(std::vector<StreamElement>& out) {
  group_.end(out);
  Position position = reached_.position();
  if (position == told_) return;
  told_ = position;
  out.push_back(GroupEnd{.position = std::move(position), .source_time_ms = last_commit_ms_});
  std::erase_if(filters_, [&](const auto& entry) {
    if (!entry.second->passed(reached_)) return false;
    for (auto& [id, mapped] : mapped_) {
      if (mapped.filter == entry.second.get()) mapped.filter = nullptr;
    }
    return true;
  });
}

void MysqlLogReader::advance_offset(const EventHeader& header) {
  if (header.next_position == 0 || header.artificial()) return;
  // The header has 32 bits; a file with a very large transaction needs more.
  const uint64_t expected = offset_ + header.size;
  offset_ = static_cast<uint32_t>(expected) == header.next_position ? expected : header.next_position;
}

// Where the event begins. Events of a compressed transaction have no place of their own but stand where it does, and
// those of a prepared one where it is committed.
uint64_t MysqlLogReader::event_place(const EventHeader& header) const {
  return shared_place_ != 0 ? shared_place_ : offset_ - header.size;
}

// A place in the log in front of which no transaction is left open.
void MysqlLogReader::stand_at(const std::string& file, uint64_t offset) {
  if (in_transaction_) return;
  if (behind_) {
    const bool by_gtid = !reached_.gtid_set.empty() || !reached_.gtid_pos.empty();
    if (by_gtid || file_offset_before(file, offset, reached_.file, reached_.offset)) return;
    behind_ = false;
    reached_.prepared_from = prepared_.oldest();
  }
  reached_.file = file;
  reached_.offset = offset;
}

// Handles one event; false if none came in time.
Result<bool> MysqlLogReader::step(Context& context, std::chrono::milliseconds wait, std::vector<StreamElement>& out) {
  Event event;
  if (replay_) {
    auto replayed = replay_next(context);
    if (!replayed) return at_position(std::move(replayed).error());
    return true;
  }
  if (payload_) {
    auto more = payload_->next(event);
    if (!more) return at_position(std::move(more).error());
    if (!*more) {
      payload_.reset();
      shared_place_ = 0;
      return true;
    }
  } else {
    ASSIGN_OR_RETURN(const auto bytes, log_->next(context, wait));
    if (!bytes) return false;
    auto parsed = parse_event(*bytes, format_, true);
    if (!parsed) return at_position(std::move(parsed).error());
    event = *parsed;
    advance_offset(event.header);
  }
  auto handled = handle(context, event, out);
  if (!handled) return at_position(std::move(handled).error());
  return true;
}

Result<> MysqlLogReader::handle(Context& context, const Event& event, std::vector<StreamElement>& out) {
  if (is_rows_event(event.header.type) || event.header.type == EventType::kTableMap) {
    if (prepared_.in_first_phase()) return prepared_.keep(event, format_, captured_);
    if (skipping_) return {};
    return event.header.type == EventType::kTableMap ? handle_table_map(context, event) : handle_rows(context, event);
  }
  switch (event_use(event.header)) {
    case EventUse::kHarmless: return {};
    case EventUse::kUnknown:
      return Error(
          ErrorCode::kUnsupported,
          fmt::format("the log holds a {} that this version does not know", event_type_name(event.header.type)),
          "Nothing was skipped. Report it with the server's version; a newer sluice may know it.");
    case EventUse::kUsed: break;
  }
  switch (static_cast<int>(event.header.type)) {
    case static_cast<int>(EventType::kXid): end_transaction(); return {};
    case static_cast<int>(EventType::kGtid):
    case static_cast<int>(EventType::kAnonymousGtid):
    case static_cast<int>(EventType::kGtidTagged): return handle_gtid(event);
    case static_cast<int>(EventType::kMariadbGtid): return handle_mariadb_gtid(event);
    case static_cast<int>(EventType::kQuery): return handle_query(context, event, out);
    case static_cast<int>(EventType::kMariadbQueryCompressed): {
      ASSIGN_OR_RETURN(const Event expanded, expand_compressed(event, format_, expand_buffer_));
      return handle_query(context, expanded, out);
    }
    case static_cast<int>(EventType::kTransactionPayload): return open_payload(event);
    case static_cast<int>(EventType::kXaPrepare): return handle_xa_prepare(event);
    case static_cast<int>(EventType::kFormatDescription): {
      RETURN_IF_ERROR(abandon_transaction());
      ASSIGN_OR_RETURN(format_, parse_format_description(event));
      return {};
    }
    case static_cast<int>(EventType::kRotate): {
      ASSIGN_OR_RETURN(const RotateEvent rotate, parse_rotate(event));
      file_ = rotate.file;
      offset_ = rotate.position;
      mapped_.clear();
      last_mapped_ = nullptr;
      if (!event.header.artificial()) stand_at(file_, offset_);
      return {};
    }
    case static_cast<int>(EventType::kHeartbeat):
    case static_cast<int>(EventType::kHeartbeatV2): {
      ASSIGN_OR_RETURN(const HeartbeatEvent heartbeat, parse_heartbeat(event));
      if (!heartbeat.file.empty()) stand_at(std::string(heartbeat.file), heartbeat.position);
      return {};
    }
    case static_cast<int>(EventType::kIncident): {
      ASSIGN_OR_RETURN(const IncidentEvent incident, parse_incident(event));
      return Error(
          ErrorCode::kUnsupported,
          fmt::format("the source server lost events here (INCIDENT {}: {})", incident.number, incident.message),
          "Changes are missing from the log: start the job with --reset to copy again, then verify.");
    }
    default: return {};
  }
}

// The events inside are handled by later steps, so that a large transaction is handed on in parts.
Result<> MysqlLogReader::open_payload(const Event& event) {
  payload_bytes_.assign(event.body.begin(), event.body.end());
  shared_place_ = offset_ - event.header.size;
  ASSIGN_OR_RETURN(payload_, PayloadReader::open({.header = event.header, .body = payload_bytes_}));
  return {};
}

void MysqlLogReader::begin_transaction(std::string gtid, const EventHeader& header, int64_t commit_time_ms) {
  in_transaction_ = true;
  transaction_.start = Position{fmt::format("v1;file={};pos={}", file_, offset_ - header.size)};
  transaction_.id = std::move(gtid);
  transaction_.thread = -1;
  transaction_.commit_time_ms = commit_time_ms != 0 ? commit_time_ms : static_cast<int64_t>(header.timestamp) * 1000;
  group_.begin_transaction();
  skipping_ = resume_ && covers(*resume_, transaction_);
  if (!skipping_) behind_ = false;
}

void MysqlLogReader::end_transaction() {
  if (!skipping_) {
    if (gtid_.number != 0) reached_.gtid_set.add(gtid_);
    if (mariadb_gtid_.sequence != 0) reached_.gtid_pos.add(mariadb_gtid_);
    reached_.file = file_;
    reached_.offset = offset_;
    last_commit_ms_ = transaction_.commit_time_ms;
  }
  if (!behind_) reached_.prepared_from = prepared_.oldest();
  gtid_.number = 0;
  mariadb_gtid_.sequence = 0;
  in_transaction_ = false;
  explicit_begin_ = false;
  skipping_ = false;
  if (!payload_) shared_place_ = 0;
}

// A log file begins while a transaction is open: the server crashed while it wrote the transaction, and rolled it back
// when it started again.
Result<> MysqlLogReader::abandon_transaction() {
  if (!in_transaction_) return {};
  if (!group_.abandon_transaction()) {
    return Error(ErrorCode::kUnsupported,
                 "the log holds the beginning of a large transaction that the source server could not finish",
                 "Start the job with --reset to copy again.");
  }
  log_warn("the source server crashed within the transaction at {}; it is left out", transaction_.start.text);
  gtid_.number = 0;
  mariadb_gtid_.sequence = 0;
  in_transaction_ = false;
  explicit_begin_ = false;
  skipping_ = false;
  prepared_.abandon();
  return {};
}

Result<> MysqlLogReader::handle_gtid(const Event& event) {
  ASSIGN_OR_RETURN(const GtidEvent gtid, parse_gtid(event));
  if (!gtid.anonymous) gtid_ = gtid.gtid;
  begin_transaction(gtid.anonymous ? "" : gtid.gtid.text(), event.header,
                    static_cast<int64_t>(gtid.immediate_commit_us / 1000));
  explicit_begin_ = false;
  return {};
}

Result<> MysqlLogReader::handle_mariadb_gtid(const Event& event) {
  ASSIGN_OR_RETURN(const MariadbGtidEvent gtid, parse_mariadb_gtid(event));
  mariadb_gtid_ = gtid.gtid;
  begin_transaction(gtid.gtid.text(), event.header, 0);
  if (!skipping_ && !numbers_fall_ && reached_.gtid_pos.contains(mariadb_gtid_)) warn_of_falling_numbers();
  explicit_begin_ = !gtid.standalone();
  undone_alter_ = gtid.undone_alter();
  if (gtid.prepared_xa()) begin_first_phase();
  return {};
}

// What was copied or written before is told by the number of the domain's last transaction.
void MysqlLogReader::warn_of_falling_numbers() {
  numbers_fall_ = true;
  log_warn(
      "GTID {} comes after {}: the numbers of a domain do not rise. A change may get lost or come twice around a "
      "restart; set gtid_strict_mode=ON, or give each server that is written to its own gtid_domain_id, then verify",
      mariadb_gtid_.text(), reached_.gtid_pos.text());
}

Result<> MysqlLogReader::handle_query(Context& context, const Event& event, std::vector<StreamElement>& out) {
  ASSIGN_OR_RETURN(const QueryEvent query, parse_query(event, format_));
  if (query.sql == "BEGIN") {
    if (!in_transaction_) begin_transaction("", event.header, 0);
    transaction_.thread = query.thread_id;
    explicit_begin_ = true;
    return {};
  }
  if (query.sql == "COMMIT") {
    end_transaction();
    return {};
  }
  std::string sql(query.sql);
  const std::string_view charset = charset_of_collation(query.client_collation);
  if (!charset.empty() && charset != "binary" && charset != "utf8mb4" && charset != "utf8mb3") {
    ASSIGN_OR_RETURN(const auto converter, CharsetConverter::make(charset, "statement"));
    sql.clear();
    RETURN_IF_ERROR(converter->append_utf8(query.sql, sql));
  }
  ASSIGN_OR_RETURN(const DdlStatement statement, parse_ddl(sql, {.default_database = std::string(query.database),
                                                                 .ansi_quotes = query.ansi_quotes(),
                                                                 .no_backslash_escapes = query.no_backslash_escapes(),
                                                                 .mariadb = format_.mariadb,
                                                                 .lower_case_names = lower_case_names_}));
  if (const auto* control = std::get_if<TransactionControl>(&statement)) return handle_control(*control);
  if (skipping_ || undone_alter_) {
    if (!explicit_begin_) end_transaction();
    return {};
  }
  if (const auto* rows = std::get_if<RowStatement>(&statement)) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("the log holds a {} as a statement, not as rows (default database '{}')", rows->verb,
                             query.database),
                 "Run SET GLOBAL binlog_format = 'ROW', let applications reconnect, and start the job with --reset.");
  }
  if (!in_transaction_) begin_transaction("", event.header, 0);
  if (!std::holds_alternative<HarmlessStatement>(statement)) {
    // Everything before the statement belongs to the old schemas.
    end_group(out);
    transaction_.event_time_us = static_cast<int64_t>(event.header.timestamp) * 1'000'000;
    transaction_.server_id = event.header.server_id;
    SchemaChangeEvent change{.ddl = std::move(sql), .transaction = transaction_, .place = event_place(event.header)};
    if (!explicit_begin_) end_transaction();
    RETURN_IF_ERROR(apply_statement(context, statement, std::move(change), out));
  } else if (!explicit_begin_) {
    end_transaction();
  }
  return {};
}

Result<> MysqlLogReader::handle_control(const TransactionControl& control) {
  using Kind = TransactionControl::Kind;
  switch (control.kind) {
    case Kind::kBegin: explicit_begin_ = true; return {};
    case Kind::kCommit: end_transaction(); return {};
    case Kind::kSavepoint:
    case Kind::kXaEnd:
    case Kind::kXaPrepare: return {};
    case Kind::kRollback:
    case Kind::kRollbackTo:
      // The server logs a rollback only where tables without transactions took part, whose changes stay.
      if (group_.transaction_has_rows() || prepared_.in_first_phase()) {
        return Error(
            ErrorCode::kUnsupported,
            "a transaction over tables with and without transactions was rolled back; its rows cannot be told apart",
            "Exclude the tables of non-transactional engines, or start again behind this transaction.");
      }
      if (control.kind == Kind::kRollback) end_transaction();
      return {};
    case Kind::kXaStart:
      begin_first_phase();
      explicit_begin_ = true;
      return {};
    case Kind::kXaCommit:
    case Kind::kXaRollback: {
      auto events = prepared_.take(control.xid);
      if (skipping_ || control.kind == Kind::kXaRollback) {
        end_transaction();
        return {};
      }
      if (events) {
        replay(std::move(events));
        return {};
      }
      return Error(ErrorCode::kUnsupported,
                   fmt::format("XA transaction {} is committed, and its rows are in the log before the place where the "
                               "job began to read",
                               control.xid),
                   "Start the job with --reset to copy again. On MySQL grant XA_RECOVER_ADMIN to the source's user: "
                   "the copy then waits for open XA transactions.");
    }
  }
  return {};
}

void MysqlLogReader::begin_first_phase() {
  BinlogPosition before = reached_;
  before.prepared_from = {};
  prepared_.begin(skipping_ ? resume_->prepared_from : before.position());
}

Result<> MysqlLogReader::handle_xa_prepare(const Event& event) {
  ASSIGN_OR_RETURN(const XaPrepareEvent prepare, parse_xa_prepare(event));
  if (!prepared_.in_first_phase()) {
    return Error(ErrorCode::kUnsupported, "the log holds the end of an XA transaction without its beginning");
  }
  if (!prepare.one_phase) {
    prepared_.prepared(prepare.xid);
    end_transaction();
    return {};
  }
  auto events = prepared_.take_open();
  skipping_ ? end_transaction() : replay(std::move(events));
  return {};
}

// The rows of the open transaction, which ends behind them.
void MysqlLogReader::replay(std::unique_ptr<KeptEvents> events) {
  if (events->empty()) return end_transaction();
  replay_ = std::move(events);
  shared_place_ = offset_;
}

Result<> MysqlLogReader::replay_next(Context& context) {
  ASSIGN_OR_RETURN(const auto event, replay_->next());
  if (!event) {
    replay_.reset();
    end_transaction();
    return {};
  }
  return event->header.type == EventType::kTableMap ? handle_table_map(context, *event) : handle_rows(context, *event);
}

// Tables whose copy was made after the open transaction, with what the catalog has of them.
MysqlLogReader::CopiedLater MysqlLogReader::copied_later() const {
  CopiedLater later;
  for (const auto& [table, filter] : filters_) {
    if (filter->known(transaction_) != ChunkFilter::Known::kAll) continue;
    const MysqlTable* known = catalog_.find(table);
    later[table] = known != nullptr ? std::optional(*known) : std::nullopt;
  }
  return later;
}

// A statement may concern such tables and others at once. What it did to them was done before they were copied.
void MysqlLogReader::keep_later_definitions(const CopiedLater& later, DdlEffect& effect) {
  for (const auto& [table, definition] : later) {
    if (definition) {
      catalog_.put(table, *definition);
    } else {
      catalog_.erase(table);
    }
  }
  std::erase_if(effect.changes, [&](const SchemaChange& change) { return later.contains(change.table()); });
  for (auto* tables : {&effect.touched, &effect.unknown, &effect.needs_copy, &effect.rows_changed}) {
    std::erase_if(*tables, [&](const TableId& table) { return later.contains(table); });
  }
}

// Some chunks were read before a statement that changed the table, others after another one that took the change back.
Result<> MysqlLogReader::copy_again(Context& context, const TableId& id, std::vector<StreamElement>& out) {
  // Its database was dropped between two chunks, and made again.
  if (catalog_.find(id) == nullptr) RETURN_IF_ERROR(meet_unknown_table(context, id, true));
  const MysqlTable* table = catalog_.find(id);
  SchemaChangeEvent event;
  if (table != nullptr) {
    event.changes.push_back({SchemaChangeKind::kCreateTable, nullptr, table->schema, {}, {}});
    event.needs_copy.push_back(id);
  }
  event.tracked.emplace_back(id, table != nullptr ? mysql_table_to_json(*table) : "");
  event.position = told_ = reached_.position();
  out.push_back(std::move(event));
  return {};
}

// A statement that changes tables. Position and catalog are behind it.
Result<> MysqlLogReader::apply_statement(Context& context, const DdlStatement& statement, SchemaChangeEvent change,
                                         std::vector<StreamElement>& out) {
  const std::vector<TableId> tables = tables_of(statement);
  const CopiedLater later = copied_later();
  // The catalog has the later definition of all of them already.
  if (!tables.empty() && std::ranges::all_of(tables, [&](const TableId& table) { return later.contains(table); }))
    return {};
  for (const TableId& table : tables) {
    const auto filter = filters_.find(table);
    if (filter == filters_.end() || filter->second->known(transaction_) != ChunkFilter::Known::kSome) continue;
    if (tables.size() == 1) return copy_again(context, table, out);
    return Error(
        ErrorCode::kUnsupported,
        fmt::format("table {} was renamed by a statement between the reading of two of its chunks", table.text()),
        "Start the job with --reset to copy again.");
  }
  std::map<TableId, MysqlTable> before;
  for (const TableId& table : tables) {
    const MysqlTable* known = captured_.contains(table) ? catalog_.find(table) : nullptr;
    if (known != nullptr && known->schema) before[table] = *known;
  }
  auto applied = catalog_.apply(statement);
  if (!applied) return meet_unknown_shape(context, std::move(applied).error(), tables, out);
  DdlEffect effect = std::move(applied).value();
  keep_later_definitions(later, effect);
  for (const auto& [id, was] : before) RETURN_IF_ERROR(check_key_stays(statement, was, catalog_.find(id)));
  mapped_.clear();
  last_mapped_ = nullptr;
  for (const TableId& table : effect.unknown) {
    if (!captured_.contains(table)) continue;
    ASSIGN_OR_RETURN(const bool there, meet_unknown_table(context, table, before.contains(table)));
    if (there && before.contains(table)) effect.needs_copy.push_back(table);
  }
  // Without a copy at its start a job makes none later, and must not drop a target in order to.
  if (options_.startup_mode != "initial") warn_of_old_rows(captured_, std::exchange(effect.needs_copy, {}), change.ddl);
  for (const TableId& table : effect.rows_changed) {
    if (captured_.contains(table)) {
      return Error(
          ErrorCode::kUnsupported,
          fmt::format("rows of table {} changed without being logged (a partition was dropped, truncated or exchanged)",
                      table.text()),
          "Start the job with --reset to copy again, or verify and repair the table.");
    }
  }
  for (auto& each : effect.changes) {
    if (captured_.contains(each.table())) change.changes.push_back(std::move(each));
  }
  for (const TableId& table : effect.touched) {
    if (!captured_.contains(table) && !is_schema_change_helper(table.table)) continue;
    const MysqlTable* now = catalog_.find(table);
    change.tracked.emplace_back(table, now != nullptr && now->schema ? mysql_table_to_json(*now) : "");
  }
  for (const TableId& table : effect.needs_copy) {
    const MysqlTable* now = catalog_.find(table);
    if (now == nullptr || !captured_.contains(table) || is_schema_change_helper(table.table)) continue;
    change.needs_copy.push_back(table);
    // Other rows may have come under a name without any change of shape.
    const auto makes = [&](const SchemaChange& each) { return each.after && each.table() == table; };
    if (std::ranges::any_of(change.changes, makes)) continue;
    change.changes.push_back({SchemaChangeKind::kCreateTable, nullptr, now->schema, {}, {}});
  }
  if (change.changes.empty() && change.tracked.empty() && change.needs_copy.empty()) return {};
  // Inside a transaction (CREATE TABLE ... SELECT) a restart reads the statement again, which then finds its work done.
  change.position = told_ = reached_.position();
  out.push_back(std::move(change));
  return {};
}

// The statement is about a column that the table should not have. Somebody altered the table without a record in the
// log; or the snapshot was made between two statements, of which the second took back the first before the table was
// looked at.
Result<> MysqlLogReader::meet_unknown_shape(Context& context, Error error, const std::vector<TableId>& tables,
                                            std::vector<StreamElement>& out) {
  if (error.code() != ErrorCode::kSchemaChanged) return error;
  const bool one = tables.size() == 1 && captured_.contains(tables[0]) && catalog_.find(tables[0]) != nullptr;
  if (!one || options_.startup_mode != "initial") {
    return Error(ErrorCode::kUnsupported, error.message(),
                 "The table was changed without a record in the log. Start the job anew with a snapshot.");
  }
  log_warn("{}: the table was changed without a record in the log", error.message());
  return copy_again(context, tables[0], out);
}

// The log speaks of a captured table whose definition is not known: it was not there when the job began, or another
// table took its name (`known_before`). False if it is gone.
Result<bool> MysqlLogReader::meet_unknown_table(Context& context, const TableId& id, bool known_before) {
  ASSIGN_OR_RETURN(MysqlConnection* const connection, metadata(context));
  ASSIGN_OR_RETURN(auto tables,
                   read_tables(context, *connection, {id}, {.tinyint1_as_boolean = options_.tinyint1_as_boolean}));
  if (tables.empty()) {
    ASSIGN_OR_RETURN(const bool sequence, is_sequence(context, *connection, id));
    if (!sequence)
      log_warn("changes of table {} are left out: it was not there when the job began and is gone now", id.text());
    catalog_.erase(id);
    return false;
  }
  // The next attempt finds a new table; one that it knows it would not copy again.
  if (options_.startup_mode == "initial" && !known_before) {
    return Error(ErrorCode::kSchemaChanged, fmt::format("table {} appeared while the job started", id.text()));
  }
  // The definition of now; the decoder checks that it fits.
  catalog_.put(id, tables[0].table);
  return true;
}

Result<> MysqlLogReader::handle_table_map(Context& context, const Event& event) {
  ASSIGN_OR_RETURN(const uint64_t map_id, parse_table_id(event, format_));
  MappedTable& mapped = mapped_[map_id];
  last_mapped_ = &mapped;
  last_map_id_ = map_id;
  if (std::ranges::equal(mapped.map.bytes, event.body)) return {};
  ASSIGN_OR_RETURN(mapped.map, parse_table_map(event, format_));
  mapped.id = {mapped.map.database, mapped.map.table};
  mapped.captured = captured_.contains(mapped.id);
  mapped.decoder.reset();
  mapped.filter = nullptr;
  if (!mapped.captured) return {};
  if (const auto filter = filters_.find(mapped.id); filter != filters_.end()) mapped.filter = filter->second.get();
  if (catalog_.find(mapped.id) != nullptr) return {};
  ASSIGN_OR_RETURN(mapped.captured, meet_unknown_table(context, mapped.id, false));
  return {};
}

Result<> MysqlLogReader::handle_rows(Context& context, const Event& event) {
  ASSIGN_OR_RETURN(const uint64_t map_id, parse_table_id(event, format_));
  if (last_mapped_ == nullptr || last_map_id_ != map_id) {
    const auto found = mapped_.find(map_id);
    // The dummy event that ends a statement refers to no table.
    if (found == mapped_.end()) return {};
    last_mapped_ = &found->second;
    last_map_id_ = map_id;
  }
  MappedTable& mapped = *last_mapped_;
  if (!mapped.captured) {
    group_.skip_event();
    return {};
  }
  auto known = ChunkFilter::Known::kNone;
  if (mapped.filter != nullptr) {
    known = mapped.filter->known(transaction_);
    if (known == ChunkFilter::Known::kAll) {
      group_.skip_event();
      return {};
    }
  }
  if (!mapped.decoder) {
    const MysqlTable* table = catalog_.find(mapped.id);
    if (table == nullptr || !table->schema) {
      return Error(ErrorCode::kUnsupported, fmt::format("the columns of table {} are not known", mapped.id.text()),
                   "Start the job with --reset to copy again.");
    }
    if (mapped.map.columns() > table->schema->columns.size()) {
      ASSIGN_OR_RETURN(MysqlConnection* const connection, metadata(context));
      ASSIGN_OR_RETURN(mapped.map.hidden, count_hidden_columns(context, *connection, mapped.id));
    }
    ASSIGN_OR_RETURN(mapped.decoder, RowDecoder::make(mapped.map, table->schema, table->columns));
    if (mapped.filter != nullptr) {
      ASSIGN_OR_RETURN(const auto column, chunk_column(*table->schema, options_));
      mapped.chunk_column = column.value_or(0);
      mapped.chunk_collation = table->columns[mapped.chunk_column].collation;
    }
  }
  transaction_.event_time_us = static_cast<int64_t>(event.header.timestamp) * 1'000'000;
  transaction_.server_id = event.header.server_id;
  const RowsOrigin origin = group_.next_event(transaction_, event_place(event.header));
  if (known == ChunkFilter::Known::kNone) {
    ASSIGN_OR_RETURN(const uint32_t rows,
                     mapped.decoder->decode(event, format_, origin, group_.batch(mapped.decoder->schema())));
    group_.add_rows(rows, event.body.size());
    return {};
  }
  ChangeBatch some(mapped.decoder->schema());
  ASSIGN_OR_RETURN(const uint32_t rows, mapped.decoder->decode(event, format_, origin, some));
  ASSIGN_OR_RETURN(MysqlConnection* const connection, metadata(context));
  RETURN_IF_ERROR(mapped.filter->drop_known_rows(context, *connection, transaction_, mapped.chunk_column,
                                                 mapped.chunk_collation, some));
  ChangeBatch& batch = group_.batch(some.schema);
  for (size_t row = 0; row < some.rows(); ++row) batch.append_row_from(some, row);
  group_.add_rows(rows, event.body.size());
  return {};
}

}  // namespace

Result<std::unique_ptr<LogReader>> open_mysql_log_reader(Context& context, const MysqlSourceOptions& options,
                                                         const CapturedTables& captured, LogStart start) {
  auto reader = std::make_unique<MysqlLogReader>(options, captured);
  RETURN_IF_ERROR(reader->open(context, std::move(start)));
  return std::unique_ptr<LogReader>(std::move(reader));
}

}  // namespace sluice::mysql
