// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "connectors/mysql/mysql_chunk_reader.h"
#include "connectors/mysql/mysql_chunks.h"
#include "connectors/mysql/mysql_connector.h"
#include "connectors/mysql/mysql_log_reader.h"
#include "connectors/mysql/mysql_server.h"
#include "connectors/mysql/mysql_sink.h"
#include "connectors/mysql/startup_position.h"
#include "connectors/mysql/xa_transactions.h"

namespace sluice {
namespace mysql {
namespace {

class MysqlSource : public Source, public ReadsKeyRanges {
 public:
  MysqlSource(MysqlSourceOptions options, CapturedTables captured)
      : options_(std::move(options)), captured_(std::move(captured)) {}

  Result<> open(Context& context) override {
    ASSIGN_OR_RETURN(connection_, MysqlConnection::connect(context, options_.connection()));
    return check_server_settings(context, *connection_);
  }

  SourceDescription describe() const override {
    return {.connector = connection_->is_mariadb() ? "mariadb" : "mysql", .database = ""};
  }

  Result<std::vector<SourceTable>> discover(Context& context) override {
    ASSIGN_OR_RETURN(auto names, list_tables(context, *connection_));
    const size_t visible = names.size();
    std::erase_if(names, [&](const TableId& id) { return !captured_.contains(id); });
    if (names.empty()) {
      return Error(
          ErrorCode::kConfig,
          fmt::format("none of the {} tables that '{}' can see matches tables: '{}'", visible, options_.username,
                      options_.tables),
          "Patterns are 'database.table'; '\\.' stands for any character, as in 'shop.\\.*'. The user needs SELECT.");
    }
    ASSIGN_OR_RETURN(auto tables, read_tables(context, *connection_, names, type_options()));
    std::vector<SourceTable> result;
    for (auto& named : tables) {
      result.push_back({.schema = named.table.schema, .detail = mysql_table_to_json(named.table)});
    }
    return result;
  }

  bool captures(const TableId& table) const override { return captured_.contains(table); }
  bool wants_snapshot() const override {
    return options_.startup_mode == "initial" || options_.startup_mode == "snapshot";
  }
  bool wants_stream() const override { return options_.startup_mode != "snapshot"; }

  Result<std::vector<SnapshotChunk>> split(Context& context, const TableSchemaPtr& schema) override {
    constexpr unsigned kNoSuchTable = 1146;
    auto chunks = split_table(context, *connection_, *schema, options_);
    if (!chunks && connection_->last_error_number() == kNoSuchTable) {
      return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was dropped", schema->id.text()));
    }
    return chunks;
  }
  Result<std::vector<std::unique_ptr<ChunkReader>>> open_chunk_readers(Context& context, int count) override {
    ASSIGN_OR_RETURN(const Position prepared_from, position_before_open_xa(context, *connection_, xa_passed_over_));
    return open_mysql_chunk_readers(context, options_, count, prepared_from);
  }
  Result<std::unique_ptr<LogReader>> open_log_reader(Context& context, LogStart start) override {
    return open_mysql_log_reader(context, options_, captured_, std::move(start));
  }
  bool log_can_be_read_again() const override { return true; }
  std::unique_ptr<KeyRangeReader> make_key_range_reader() override { return make_mysql_key_range_reader(options_); }

  Result<Position> start_position(Context& context) override {
    Position prepared_from;
    if (options_.startup_mode == "latest-offset") {
      ASSIGN_OR_RETURN(prepared_from, position_before_open_xa(context, *connection_, xa_passed_over_));
    }
    ASSIGN_OR_RETURN(BinlogPosition position, startup_position(context, *connection_, options_));
    if (position.position() != prepared_from) position.prepared_from = std::move(prepared_from);
    return position.position();
  }
  Result<Position> current_position(Context& context) override {
    ASSIGN_OR_RETURN(const BinlogPosition position, current_binlog_position(context, *connection_));
    return position.position();
  }

  Result<uint64_t> estimate_rows(Context& context, const TableId& table) override {
    std::string sql = "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ";
    connection_->append_quoted(table.schema, sql);
    sql += " AND TABLE_NAME = ";
    connection_->append_quoted(table.table, sql);
    ASSIGN_OR_RETURN(const auto value, connection_->query_value(context, sql));
    uint64_t rows = 0;
    if (value) std::from_chars(value->data(), value->data() + value->size(), rows);
    return rows;
  }

  bool covers(const Position& reached, const Transaction& transaction) const override {
    const auto position = BinlogPosition::parse(reached);
    return position && mysql::covers(*position, transaction);
  }
  bool covers(const Position& reached, const Position& other) const override {
    const auto a = BinlogPosition::parse(reached);
    const auto b = BinlogPosition::parse(other);
    return a && b && mysql::covers(*a, *b);
  }

 private:
  TypeOptions type_options() const { return {.tinyint1_as_boolean = options_.tinyint1_as_boolean}; }

  const MysqlSourceOptions options_;
  const CapturedTables captured_;
  std::unique_ptr<MysqlConnection> connection_;
  std::set<std::string> xa_passed_over_;
};

void check_rules(const MysqlSourceOptions& options, const Settings& settings, Problems& problems) {
  const bool specific = options.startup_mode == "specific-offset";
  if (specific && !options.startup_gtid_set && !(options.startup_file && options.startup_pos)) {
    problems.error(settings.location, "scan.startup.mode", "specific-offset needs a place to begin",
                   "Give scan.startup.specific-offset.gtid-set, or .file and .pos.");
  }
  if (options.startup_mode == "timestamp" && !options.startup_timestamp_ms) {
    problems.error(settings.location, "scan.startup.mode", "timestamp needs a time",
                   "Give scan.startup.timestamp-millis.");
  }
  if (!options.schema_changes) {
    problems.error(settings.location, "schema-change.enabled", "false is not supported by this source",
                   "Set schema.change.behavior: ignore in the pipeline block: rows are then fitted to the old shape.");
  }
}

std::unique_ptr<Source> make_source(const Settings& settings, Problems& problems) {
  const size_t before = problems.all().size();
  auto options = parse_options<MysqlSourceOptions>(settings, "mysql source", problems);
  check_rules(options, settings, problems);
  auto include = TableSelector::compile(options.tables);
  if (!include) problems.error(settings.location, "tables", include.error().message());
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
  return std::make_unique<MysqlSource>(std::move(options),
                                       CapturedTables{std::move(include).value(), std::move(exclude)});
}

}  // namespace
}  // namespace mysql

ConnectorInfo mysql_connector() {
  return {
      .type = "mysql",
      .summary = "MySQL 8 and 9 and MariaDB 10.11 and later: copies tables and follows the binary log; writes tables.",
      .make_source = mysql::make_source,
      .make_sink = make_mysql_sink,
      .source_options = option_help<mysql::MysqlSourceOptions>,
      .sink_options = mysql_sink_options};
}

}  // namespace sluice
