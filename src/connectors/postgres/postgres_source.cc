// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/log.h"
#include "connector/splits_transactions.h"
#include "connectors/postgres/postgres_catalog.h"
#include "connectors/postgres/postgres_chunk_reader.h"
#include "connectors/postgres/postgres_chunks.h"
#include "connectors/postgres/postgres_comparing.h"
#include "connectors/postgres/postgres_held_log.h"
#include "connectors/postgres/postgres_log_reader.h"
#include "connectors/postgres/postgres_slot.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {
namespace {

constexpr int kOldestVersion = 120000;
constexpr int kFirstVersionWithFailover = 170000;
constexpr const char* kNow =
    "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END";

class PostgresSource : public Source, public ReadsKeyRanges, public SplitsTransactions {
 public:
  PostgresSource(PostgresSourceOptions options, PostgresCapturedTables captured)
      : options_(std::move(options)), captured_(std::move(captured)) {}
  ~PostgresSource() override {
    if (streamed_ && options_.slot_drop_on_stop) drop_slot();
  }

  Result<> open(Context& context) override {
    ASSIGN_OR_RETURN(connection_, PostgresConnection::connect(context, options_.connection()));
    const int version = connection_->server_version();
    if (version < kOldestVersion) {
      return Error(ErrorCode::kConfig, fmt::format("the server is PostgreSQL {}", version / 10000),
                   "Version 12 is the oldest that can be read.");
    }
    if (!wants_stream()) return {};
    if (options_.slot_failover && version < kFirstVersionWithFailover) {
      return Error(ErrorCode::kConfig,
                   fmt::format("slot.failover needs PostgreSQL 17, the server is {}", version / 10000),
                   "Leave the option out.");
    }
    return check_server(context);
  }

  SourceDescription describe() const override {
    return {.connector = "postgresql", .database = options_.connection().database};
  }

  Result<std::vector<SourceTable>> discover(Context& context) override {
    split_.clear();
    ASSIGN_OR_RETURN(tables_, read_postgres_tables(context, *connection_, nullptr));
    const size_t visible = tables_.size();
    // Rows of partitioned tables are captured once: as rows of the partitions, or of the root.
    std::erase_if(tables_, [this](const PostgresTable& table) {
      const bool other = options_.partition_root ? table.is_partition : table.partitioned;
      return other || !captured_.contains(table.schema->id);
    });
    RETURN_IF_ERROR(report_unlogged(context));
    if (tables_.empty()) {
      return Error(ErrorCode::kConfig,
                   fmt::format("none of the {} tables of database '{}' matches tables: '{}'", visible,
                               options_.database, options_.tables),
                   "Patterns are 'database.schema.table'; '\\.' stands for any character, as in 'shop.public.\\.*'.");
    }
    std::vector<SourceTable> result;
    for (const PostgresTable& table : tables_) {
      result.push_back({.schema = table.schema, .detail = postgres_table_to_json(table)});
    }
    return result;
  }

  bool captures(const TableId& table) const override { return captured_.contains(table); }
  bool wants_snapshot() const override {
    return options_.startup_mode == "initial" || options_.startup_mode == "snapshot";
  }
  bool wants_stream() const override { return options_.startup_mode != "snapshot"; }

  Result<std::vector<SnapshotChunk>> split(Context& context, const TableSchemaPtr& schema) override {
    split_.insert(schema->id);
    auto chunks = split_postgres_table(context, *connection_, *schema, options_);
    if (chunks || chunks.error().code() != ErrorCode::kAccess) return chunks;
    const std::string folder = PostgresConnection::quote_identifier(schema->id.schema);
    return Error(ErrorCode::kAccess, fmt::format("reading {}: {}", schema->id.text(), chunks.error().message()),
                 fmt::format("GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1};",
                             folder, PostgresConnection::quote_identifier(options_.username)));
  }
  bool outlives_snapshot(const SnapshotChunk& chunk) const override { return !is_place_chunk(chunk); }

  Result<std::vector<std::unique_ptr<ChunkReader>>> open_chunk_readers(Context& context, int count) override {
    if (!wants_stream()) return open_plain_readers(context, count);
    ASSIGN_OR_RETURN(const auto slot, read_slot(context, *connection_, options_.slot_name));
    // Others than those whose copy begins may have been streamed already.
    std::set<uint32_t> streamed;
    for (const PostgresTable& table : tables_) {
      if (slot && !split_.contains(table.schema->id)) streamed.insert(table.oid);
    }
    RETURN_IF_ERROR(publish(context, streamed));
    ASSIGN_OR_RETURN(const auto maker, ReplicationConnection::connect(context, options_.connection()));
    ExportedSnapshot snapshot;
    if (!slot) {
      ASSIGN_OR_RETURN(snapshot,
                       create_slot(context, *maker, options_.slot_name, SlotLife::kPersistent, options_.slot_failover));
    } else {
      // An existing slot exports nothing; one that lives for a moment does.
      ASSIGN_OR_RETURN(snapshot,
                       create_slot(context, *maker, fresh_slot_name(options_, "copy"), SlotLife::kTemporary, false));
    }
    return open_postgres_chunk_readers(context, options_, snapshot, count);
  }

  Result<std::unique_ptr<ChunkReader>> open_comparing_reader(Context& context, bool placed) override {
    if (placed && wants_stream()) {
      auto slot = make_comparing_slot(context, options_);
      if (slot) {
        ASSIGN_OR_RETURN(auto readers, open_postgres_chunk_readers(context, options_, (*slot)->snapshot, 1));
        comparing_slot_ = *slot;
        return make_comparing_reader(std::move(readers[0]), std::move(slot).value());
      }
      if (context.stop_requested()) return std::move(slot).error();
      log_warn("rows that differ are compared by rounds, not at a position: {}", slot.error().describe());
    }
    ASSIGN_OR_RETURN(auto readers, open_plain_readers(context, 1));
    return make_comparing_reader(std::move(readers[0]), nullptr);
  }

  bool log_can_be_read_again() const override { return wants_stream(); }
  std::unique_ptr<KeyRangeReader> make_key_range_reader() override { return make_postgres_key_range_reader(options_); }

  Result<std::unique_ptr<LogReader>> open_log_reader(Context& context, LogStart start) override {
    if (start.second_reader) return open_second_log_reader(context, std::move(start));
    std::set<uint32_t> streamed;
    for (const auto& [id, detail] : start.tables) {
      ASSIGN_OR_RETURN(const auto table, postgres_table_from_json(detail));
      streamed.insert(table.oid);
    }
    RETURN_IF_ERROR(publish(context, streamed));
    streamed_ = true;
    return open_postgres_log_reader(context, options_, captured_, std::move(start));
  }

  Result<> give_up_log(Context& context) override { return drop_lost_slot(context, *connection_, options_.slot_name); }

  std::unique_ptr<HeldLog> held_log() const override {
    return wants_stream() ? make_postgres_held_log(options_, captured_) : nullptr;
  }

  Result<Position> start_position(Context& context) override {
    RETURN_IF_ERROR(publish(context, {}));
    ASSIGN_OR_RETURN(const auto slot, read_slot(context, *connection_, options_.slot_name));
    if (options_.startup_mode == "specific-offset") {
      ASSIGN_OR_RETURN(const Lsn lsn, Lsn::parse(*options_.startup_lsn));
      RETURN_IF_ERROR(check_slot(context, *connection_, options_.slot_name, lsn));
      return lsn.position();
    }
    if (options_.startup_mode == "committed-offset") {
      if (slot) return slot->confirmed.position();
      return Error(ErrorCode::kConfig,
                   fmt::format("scan.startup.mode is committed-offset, but there is no slot '{}'", options_.slot_name),
                   "Make the slot, or begin with initial or latest-offset.");
    }
    if (slot) return current_position(context);
    ASSIGN_OR_RETURN(const auto maker, ReplicationConnection::connect(context, options_.connection()));
    ASSIGN_OR_RETURN(const ExportedSnapshot made,
                     create_slot(context, *maker, options_.slot_name, SlotLife::kPersistent, options_.slot_failover));
    return made.position.position();
  }
  Result<Position> current_position(Context& context) override {
    ASSIGN_OR_RETURN(const PostgresResult row, connection_->query(context, fmt::format("SELECT {}", kNow)));
    ASSIGN_OR_RETURN(const Lsn lsn, Lsn::parse(row.at(0, 0)));
    return lsn.position();
  }

  Result<uint64_t> estimate_rows(Context& context, const TableId& table) override {
    ASSIGN_OR_RETURN(const PostgresResult row,
                     connection_->query(context,
                                        "SELECT greatest(sum(c.reltuples), 0)::bigint FROM pg_class c WHERE c.oid = "
                                        "to_regclass($1) OR c.oid IN (SELECT relid FROM "
                                        "pg_partition_tree(to_regclass($1)) WHERE isleaf)",
                                        {PostgresConnection::qualified(table.schema, table.table)}));
    const std::string_view text = row.at(0, 0);
    uint64_t rows = 0;
    std::from_chars(text.data(), text.data() + text.size(), rows);
    return rows;
  }

  bool covers(const Position& reached, const Transaction& transaction) const override {
    // Named by the place of its commit record.
    const auto position = Lsn::of(reached);
    const auto commit = Lsn::of(transaction.start);
    return position && commit && *commit < *position;
  }
  bool covers(const Position& reached, const Position& other) const override {
    const auto a = Lsn::of(reached);
    const auto b = Lsn::of(other);
    return a && b && *b <= *a;
  }
  // The place behind what a transaction did to tables is one byte behind its commit record; all others are aligned.
  bool is_within_transaction(const Position& position) const override {
    const auto lsn = Lsn::of(position);
    return lsn && lsn->value % 8 != 0;
  }

 private:
  Result<> check_server(Context& context) {
    ASSIGN_OR_RETURN(const PostgresResult row, connection_->query(context, R"(
SELECT current_setting('wal_level'), r.rolsuper OR r.rolreplication OR EXISTS (
         SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND pg_has_role(r.oid, m.oid, 'member')),
       current_setting('max_replication_slots')::int > 0 AND current_setting('max_wal_senders')::int > 0
FROM pg_roles r WHERE r.rolname = current_user)"));
    if (row.at(0, 0) != "logical") {
      return Error(ErrorCode::kConfig, fmt::format("the source server has wal_level = {}", row.at(0, 0)),
                   "ALTER SYSTEM SET wal_level = 'logical'; and restart the server.");
    }
    if (row.at(0, 2) != "t") {
      return Error(ErrorCode::kConfig, "the source server has no place for replication slots or their readers",
                   "Raise max_replication_slots and max_wal_senders and restart the server.");
    }
    if (row.at(0, 1) != "t") {
      return Error(ErrorCode::kAccess, fmt::format("user '{}' may not replicate", options_.username),
                   fmt::format("ALTER ROLE {} REPLICATION;", PostgresConnection::quote_identifier(options_.username)));
    }
    return {};
  }

  Result<> publish(Context& context, const std::set<uint32_t>& streamed) {
    return ensure_publication(context, *connection_, options_, tables_, streamed);
  }

  // They are in no log, so that their copy would grow old without a word.
  Result<> report_unlogged(Context& context) {
    ASSIGN_OR_RETURN(const PostgresResult rows,
                     connection_->query(context,
                                        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                        "c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'u'"));
    for (int row = 0; row < rows.rows(); ++row) {
      const TableId id{std::string(rows.at(row, 0)), std::string(rows.at(row, 1))};
      if (captured_.contains(id)) log_warn("table {} is unlogged and left out: no log has its changes", id.text());
    }
    return {};
  }

  // Readers of one snapshot whose place in the log is about now.
  Result<std::vector<std::unique_ptr<ChunkReader>>> open_plain_readers(Context& context, int count) {
    ASSIGN_OR_RETURN(const auto exporter, PostgresConnection::connect(context, options_.connection()));
    RETURN_IF_ERROR(exporter->execute(context, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    ASSIGN_OR_RETURN(const PostgresResult row,
                     exporter->query(context, fmt::format("SELECT pg_export_snapshot(), {}", kNow)));
    ExportedSnapshot snapshot{.name = std::string(row.at(0, 0)), .position = {}};
    ASSIGN_OR_RETURN(snapshot.position, Lsn::parse(row.at(0, 1)));
    return open_postgres_chunk_readers(context, options_, snapshot, count);
  }

  // Leaves the job's slot, the publication and the server's tables as they are.
  Result<std::unique_ptr<LogReader>> open_second_log_reader(Context& context, LogStart start) {
    ASSIGN_OR_RETURN(const Lsn from, Lsn::of(start.position));
    auto slot = comparing_slot_.lock();
    if (!slot || !slot->connection || from < slot->snapshot.position) {
      if (slot && slot->connection) RETURN_IF_ERROR(give_up(context, *slot));
      ASSIGN_OR_RETURN(slot, copy_job_slot(context, options_));
    }
    PostgresSourceOptions options = options_;
    options.slot_name = slot->name;
    options.heartbeat_query.reset();
    return open_postgres_log_reader(context, options, captured_, std::move(start), std::move(slot->connection));
  }

  void drop_slot() {
    Context context;
    auto connection = PostgresConnection::connect(context, options_.connection());
    Result<> dropped = connection ? Result<>() : Result<>(std::move(connection).error());
    if (connection) {
      auto done = (*connection)->query(context, "SELECT pg_drop_replication_slot($1)", {options_.slot_name});
      if (!done) dropped = std::move(done).error();
    }
    if (!dropped) log_warn("dropping replication slot '{}': {}", options_.slot_name, dropped.error().message());
  }

  const PostgresSourceOptions options_;
  const PostgresCapturedTables captured_;
  std::unique_ptr<PostgresConnection> connection_;
  std::vector<PostgresTable> tables_;  // of the last discover()
  std::set<TableId> split_;            // since then
  bool streamed_ = false;
  std::weak_ptr<ComparingSlot> comparing_slot_;  // of the last placed reader
};

// The one database that all patterns begin with, or that is given; empty after an error.
std::string database_of(const TableSelector& include, const std::string& given, const Settings& settings,
                        Problems& problems) {
  const auto names = include.databases();
  if (!given.empty() && std::ranges::all_of(names, [&](const auto& name) { return name.empty() || name == given; })) {
    return given;
  }
  if (names.size() == 1 && !names[0].empty() && names[0].find_first_of("\\*+?()[]{}|^$.") == std::string::npos) {
    return names[0];
  }
  problems.error(settings.location, "tables", "the patterns must name tables of one database",
                 "Write database.schema.table with the same plain database name in each, as in 'shop.public.\\.*'.");
  return {};
}

void check_slot_name(const std::string& name, const Settings& settings, Problems& problems) {
  const bool valid =
      std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  if (valid && !name.empty() && name.size() <= kLongestSlotName) return;
  problems.error(settings.location, "slot.name", fmt::format("'{}' is not a name of a replication slot", name),
                 "Use lower-case letters, digits and '_', at most 63.");
}

}  // namespace

std::unique_ptr<Source> make_postgres_source(const Settings& settings, Problems& problems) {
  const size_t before = problems.all().size();
  auto options = parse_options<PostgresSourceOptions>(settings, "postgres source", problems);
  check_slot_name(options.slot_name, settings, problems);
  if (options.startup_mode == "specific-offset" && !(options.startup_lsn && Lsn::parse(*options.startup_lsn))) {
    problems.error(settings.location, "scan.startup.mode", "specific-offset needs a place to begin",
                   "Give scan.startup.specific-offset.lsn, as in 16/B374D848.");
  }
  auto include = TableSelector::compile(options.tables);
  if (!include) {
    problems.error(settings.location, "tables", include.error().message());
  } else {
    options.database = database_of(*include, options.database, settings, problems);
  }
  std::optional<TableSelector> exclude;
  if (options.tables_exclude) {
    auto compiled = TableSelector::compile(*options.tables_exclude);
    if (!compiled) {
      problems.error(settings.location, "tables.exclude", compiled.error().message());
    } else {
      exclude.emplace(std::move(compiled).value());
    }
  }
  for (size_t i = before; i < problems.all().size(); ++i) {
    if (!problems.all()[i].warning) return nullptr;
  }
  const std::string database = options.database;
  return std::make_unique<PostgresSource>(
      std::move(options), PostgresCapturedTables{database, std::move(include).value(), std::move(exclude)});
}

std::vector<OptionHelp> postgres_source_options() { return option_help<PostgresSourceOptions>(); }

}  // namespace sluice
