// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_slot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"

namespace sluice {
namespace {

constexpr size_t kMostNamesShown = 20;

constexpr std::string_view kSlot = R"(
SELECT slot_type, coalesce(plugin, ''), coalesce(database, ''), active, confirmed_flush_lsn, coalesce({}, ''),
       coalesce(pg_wal_lsn_diff(now, restart_lsn), 0)::bigint, current_database(),
       coalesce(greatest(pg_wal_lsn_diff(now, confirmed_flush_lsn), 0), 0)::bigint, now, pg_is_in_recovery()
FROM pg_replication_slots, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                        ELSE pg_current_wal_lsn() END AS now) AS log
WHERE slot_name = $1)";

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string quote(std::string_view name) { return PostgresConnection::quote_identifier(name); }

std::string drop_advice(const std::string& name) {
  return fmt::format(
      "Drop it (SELECT pg_drop_replication_slot('{}')) and start the job with --reset: it copies again. Or set "
      "log.lost.behavior: resynchronize in the pipeline block.",
      name);
}

Error lost(const std::string& name, std::string_view why) {
  return Error(ErrorCode::kPositionLost,
               fmt::format("the server has given up replication slot '{}' ({}): changes are missing", name, why),
               drop_advice(name) + " A larger max_slot_wal_keep_size lets a job be away for longer.");
}

// "a, b and 7 more".
std::string listed(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMostNamesShown);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<ptrdiff_t>(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

// "TABLE ONLY "shop"."a", ONLY "shop"."b"".
std::string table_list(const std::vector<const PostgresTable*>& tables) {
  std::string list;
  for (const PostgresTable* table : tables) {
    const TableId& id = table->schema->id;
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", table->partitioned ? "" : "ONLY ",
                        PostgresConnection::qualified(id.schema, id.table));
  }
  return list;
}

class Publication {
 public:
  Publication(Context& context, PostgresConnection& connection, const PostgresSourceOptions& options,
              const std::set<uint32_t>& streamed)
      : context_(context),
        connection_(connection),
        options_(options),
        streamed_(streamed),
        name_(quote(options.publication_name)) {}

  Result<> ensure(const std::vector<PostgresTable>& tables) {
    ASSIGN_OR_RETURN(bool exists, check());
    if (!exists && !streamed_.empty()) {
      return Error(
          ErrorCode::kPositionLost,
          fmt::format("publication '{}' is gone, and the changes since with it", options_.publication_name),
          "Start the job with --reset: it copies again. Or set log.lost.behavior: resynchronize in the pipeline "
          "block.");
    }
    if (!exists) {
      RETURN_IF_ERROR(create(tables));
      ASSIGN_OR_RETURN(exists, check());
    }
    if (!for_all_) RETURN_IF_ERROR(complete(tables));
    return report_unreplicated();
  }

 private:
  Error wrong(std::string_view why, std::string advice) const {
    return Error(ErrorCode::kConfig, fmt::format("publication '{}' {}", options_.publication_name, why),
                 std::move(advice));
  }
  // What it left out so far does not come any more.
  std::string reset_advice(bool streamed) const {
    return streamed ? " Then start the job with --reset: changes since then are missing." : "";
  }
  bool was_streamed(const PostgresTable& table) const { return streamed_.contains(table.oid); }

  // False if there is none.
  Result<bool> check() {
    ASSIGN_OR_RETURN(
        const PostgresResult rows,
        connection_.query(context_,
                          fmt::format("SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, "
                                      "pubviaroot, {} FROM pg_publication WHERE pubname = $1",
                                      may_publish_generated() ? "pubgencols = 's'" : "false"),
                          {options_.publication_name}));
    if (rows.rows() == 0) return false;
    for_all_ = rows.at(0, 0) == "t";
    if (rows.at(0, 1) != "t") {
      return wrong("leaves out some kinds of changes",
                   fmt::format("ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate');{}", name_,
                               reset_advice(!streamed_.empty())));
    }
    if (rows.at(0, 3) == "t") {
      return wrong("publishes generated columns, which are not to be had",
                   fmt::format("ALTER PUBLICATION {} SET (publish_generated_columns = none);", name_));
    }
    if ((rows.at(0, 2) == "t") != options_.partition_root) {
      return wrong(options_.partition_root ? "publishes partitions under their own names"
                                           : "publishes partitions under the name of their root",
                   fmt::format("ALTER PUBLICATION {} SET (publish_via_partition_root = {}); or set "
                               "publish.via.partition.root: {}.",
                               name_, options_.partition_root, !options_.partition_root));
    }
    return true;
  }

  Result<> create(const std::vector<PostgresTable>& tables) {
    const std::string& mode = options_.publication_mode;
    std::vector<const PostgresTable*> all;
    for (const PostgresTable& table : tables) all.push_back(&table);
    const std::string filtered = "FOR TABLE " + table_list(all);
    const std::string tail = options_.partition_root ? " WITH (publish_via_partition_root = true)" : "";
    const std::string what = mode == "all_tables" ? " FOR ALL TABLES" : mode == "no_tables" ? "" : " " + filtered;
    const std::string sql = fmt::format("CREATE PUBLICATION {}{}{}", name_, what, tail);
    if (mode == "disabled") {
      return wrong("does not exist", sql + "; or let the job do it with publication.autocreate.mode: filtered.");
    }
    auto created = connection_.execute(context_, sql);
    if (created) {
      log_info("made publication '{}' ({})", options_.publication_name, mode);
      return {};
    }
    if (connection_.last_state() != "42501") return std::move(created).error().context("making the publication");
    Error error = std::move(created).error();
    return Error(ErrorCode::kAccess,
                 fmt::format("user '{}' may not make the publication '{}': {}", options_.username,
                             options_.publication_name, error.message()),
                 mode == "all_tables" ? "Set publication.autocreate.mode: filtered (which needs CREATE on the database "
                                        "and the tables' ownership), or execute as a superuser: " +
                                            sql + ";"
                                      : "GRANT CREATE ON DATABASE and ownership of the tables, or execute as their "
                                        "owner: " +
                                            sql + ";");
  }

  // The publication of single tables must have all of ours, whole.
  Result<> complete(const std::vector<PostgresTable>& tables) {
    const bool has_filters = connection_.server_version() >= 150000;
    ASSIGN_OR_RETURN(
        const PostgresResult rows,
        connection_.query(context_,
                          fmt::format("SELECT schemaname, tablename, {} FROM pg_publication_tables WHERE pubname = $1",
                                      has_filters ? "rowfilter IS NOT NULL, to_json(attnames)::text" : "false, ''"),
                          {options_.publication_name}));
    std::set<TableId> published;
    std::map<TableId, std::string> columns;
    std::set<TableId> filtered;
    for (int row = 0; row < rows.rows(); ++row) {
      const TableId id{std::string(rows.at(row, 0)), std::string(rows.at(row, 1))};
      published.insert(id);
      if (rows.at(row, 2) == "t") filtered.insert(id);
      columns[id] = std::string(rows.at(row, 3));
    }
    const bool adds = options_.publication_mode == "filtered";
    std::vector<const PostgresTable*> missing;
    std::vector<std::string> names;
    bool any_streamed = false;
    for (const PostgresTable& table : tables) {
      const TableId& id = table.schema->id;
      if (filtered.contains(id)) {
        return wrong(fmt::format("publishes only some rows of {}", id.text()),
                     "Publish the table without WHERE." + reset_advice(was_streamed(table)));
      }
      if (!published.contains(id)) {
        if (adds && was_streamed(table)) continue;
        any_streamed = any_streamed || was_streamed(table);
        missing.push_back(&table);
        names.push_back(id.text());
      } else if (has_filters) {
        RETURN_IF_ERROR(check_columns(table, columns[id]));
      }
    }
    if (missing.empty()) return {};
    const std::string sql = fmt::format("ALTER PUBLICATION {} ADD TABLE {}", name_, table_list(missing));
    if (!adds) {
      return wrong("does not have " + listed(names),
                   any_streamed ? sql + ";" + reset_advice(true)
                                : sql + "; or let the job do it with publication.autocreate.mode: filtered.");
    }
    auto added = connection_.execute(context_, sql);
    if (!added) {
      const bool refused = connection_.last_state() == "42501";
      Error error = std::move(added).error().context("adding tables to publication " + options_.publication_name);
      if (!refused) return error;
      return Error(ErrorCode::kAccess, error.message(), "Execute as the tables' owner: " + sql + ";");
    }
    log_info("added {} to publication '{}'", listed(names), options_.publication_name);
    return {};
  }

  // `published` is a JSON list of names.
  Result<> check_columns(const PostgresTable& table, const std::string& published) const {
    const auto names = nlohmann::json::parse(published).get<std::vector<std::string>>();
    const auto& columns = table.schema->columns;
    for (const Column& column : columns) {
      if (std::ranges::find(names, column.name) != names.end()) continue;
      return wrong(fmt::format("leaves out column '{}' of {}", column.name, table.schema->id.text()),
                   "Publish the table without a list of columns." + reset_advice(was_streamed(table)));
    }
    if (!may_publish_generated()) return {};
    for (const auto& name : names) {
      if (std::ranges::find(columns, name, &Column::name) != columns.end()) continue;
      return wrong(fmt::format("publishes the generated column '{}' of {}, which is not to be had", name,
                               table.schema->id.text()),
                   "Publish the table without a list of columns.");
    }
    return {};
  }

  // Before, servers say that generated columns are published although they are not.
  bool may_publish_generated() const { return connection_.server_version() >= 180000; }

  // The server refuses updates and deletes of published tables that have no identity.
  Result<> report_unreplicated() {
    ASSIGN_OR_RETURN(const PostgresResult rows, connection_.query(context_, R"(
SELECT p.schemaname || '.' || p.tablename FROM pg_publication_tables p
JOIN pg_namespace n ON n.nspname = p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE p.pubname = $1 AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (
  SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)) ORDER BY 1)",
                                                                  {options_.publication_name}));
    std::vector<std::string> names;
    for (int row = 0; row < rows.rows(); ++row) names.emplace_back(rows.at(row, 0));
    if (names.empty()) return {};
    log_warn(
        "the source refuses UPDATE and DELETE of {}: published without a primary key or another replica identity; "
        "ALTER TABLE ... REPLICA IDENTITY FULL allows them",
        listed(names));
    return {};
  }

  Context& context_;
  PostgresConnection& connection_;
  const PostgresSourceOptions& options_;
  const std::set<uint32_t>& streamed_;
  const std::string name_;
  bool for_all_ = false;
};

}  // namespace

Result<std::optional<SlotState>> read_slot(Context& context, PostgresConnection& connection, const std::string& name) {
  // Since 17 the reason is told, also for slots that lost nothing but cannot be used any more.
  const char* status = connection.server_version() >= 170000
                           ? "CASE WHEN invalidation_reason IS NULL THEN wal_status ELSE 'lost: ' || "
                             "invalidation_reason END"
                       : connection.server_version() >= 130000 ? "wal_status"
                                                               : "''";
  ASSIGN_OR_RETURN(const PostgresResult rows,
                   connection.query(context, fmt::format(fmt::runtime(kSlot), status), {name}));
  if (rows.rows() == 0) return std::optional<SlotState>();
  if (rows.at(0, 0) != "logical" || rows.at(0, 1) != "pgoutput") {
    return Error(ErrorCode::kConfig,
                 fmt::format("replication slot '{}' is a {} slot {}", name, rows.at(0, 0),
                             rows.at(0, 1).empty() ? "" : fmt::format("of the plugin {}", rows.at(0, 1))),
                 "Give another slot.name; the job makes its own slot.");
  }
  if (rows.at(0, 2) != rows.at(0, 7)) {
    return Error(ErrorCode::kConfig, fmt::format("replication slot '{}' is one of database '{}'", name, rows.at(0, 2)),
                 "Give another slot.name; each database needs its own slot.");
  }
  if (rows.at(0, 5).starts_with("lost")) return lost(name, rows.at(0, 5));
  if (rows.is_null(0, 4)) {
    return Error(ErrorCode::kTransient, fmt::format("replication slot '{}' is being made by somebody else", name));
  }
  SlotState state;
  state.active = rows.at(0, 3) == "t";
  ASSIGN_OR_RETURN(state.confirmed, Lsn::parse(rows.at(0, 4)));
  state.retained = number(rows.at(0, 6));
  state.behind = number(rows.at(0, 8));
  ASSIGN_OR_RETURN(state.end, Lsn::parse(rows.at(0, 9)));
  state.recovering = rows.at(0, 10) == "t";
  return std::optional(state);
}

Result<> check_slot(Context& context, PostgresConnection& connection, const std::string& name, Lsn position) {
  ASSIGN_OR_RETURN(const auto slot, read_slot(context, connection, name));
  if (!slot) {
    return Error(
        ErrorCode::kPositionLost,
        fmt::format("replication slot '{}' is gone; the changes behind {} went with it", name, position.text()),
        "Start the job with --reset: it makes a new slot and copies again. Or set log.lost.behavior: resynchronize in "
        "the "
        "pipeline block.");
  }
  if (slot->end < position && slot->recovering) {
    return Error(ErrorCode::kTransient,
                 fmt::format("the source is a standby that has replayed its log up to {}, and the "
                             "job is at {}",
                             slot->end.text(), position.text()));
  }
  if (slot->end < position) {
    return Error(
        ErrorCode::kPositionLost,
        fmt::format("the source's log ends at {}, and the job is at {}: this server lacks the last transactions of the "
                    "one that the job read before",
                    slot->end.text(), position.text()),
        "If it took that one's place, the target has rows that the source has not: start the job with --reset, or set "
        "log.lost.behavior: resynchronize in the pipeline block. Else give the address of the right server.");
  }
  if (slot->confirmed <= position) return {};
  return Error(
      ErrorCode::kPositionLost,
      fmt::format("replication slot '{}' stands at {}, behind which the job is still at {}: it was made again "
                  "or used by somebody else, or the job's change log is gone, and the changes between are lost",
                  name, slot->confirmed.text(), position.text()),
      "If the job ran with another --state, start it with that: its change log may hold the changes. Else start "
      "it with --reset: it copies again; or set log.lost.behavior: resynchronize in the pipeline block. No two jobs "
      "may "
      "share a slot.");
}

Result<> drop_lost_slot(Context& context, PostgresConnection& connection, const std::string& name) {
  const auto slot = read_slot(context, connection, name);
  if (slot) return {};
  if (slot.error().code() != ErrorCode::kPositionLost) return slot.error();
  log_info("dropping replication slot '{}', which the server has given up", name);
  auto dropped = connection.query(context, "SELECT pg_drop_replication_slot($1)", {name});
  return dropped ? Result<>() : Result<>(std::move(dropped).error());
}

Result<ExportedSnapshot> create_slot(Context& context, ReplicationConnection& connection, const std::string& name,
                                     SlotLife life, bool failover) {
  const bool temporary = life == SlotLife::kTemporary;
  if (!temporary) {
    log_info("making replication slot '{}'; this waits for the transactions that are open at the source", name);
  }
  const std::string sql =
      fmt::format("CREATE_REPLICATION_SLOT {} {}LOGICAL pgoutput {}", quote(name), temporary ? "TEMPORARY " : "",
                  failover ? "(SNAPSHOT 'export', FAILOVER true)" : "EXPORT_SNAPSHOT");
  auto made = connection.command(context, sql);
  if (!made) {
    const std::string& state = connection.last_state();
    Error error = std::move(made).error().context(fmt::format("making replication slot '{}'", name));
    if (state == "53400") {
      return Error(ErrorCode::kConfig, error.message(),
                   "Raise max_replication_slots (the copy needs one more than jobs run), or drop a slot nobody uses: "
                   "SELECT slot_name FROM pg_replication_slots WHERE NOT active;");
    }
    // Of a connection that the server has yet to miss, or another program was quicker: the next attempt sees it.
    if (state == "42710") return Error(ErrorCode::kTransient, error.message());
    if (state == "42501") {
      return Error(ErrorCode::kAccess, error.message(), "ALTER ROLE ... REPLICATION for the source's user.");
    }
    if (state == "55000") {
      return Error(ErrorCode::kConfig, error.message(), "ALTER SYSTEM SET wal_level = 'logical'; and restart it.");
    }
    return error;
  }
  ExportedSnapshot snapshot;
  snapshot.name = std::string(made->at(0, 2));
  ASSIGN_OR_RETURN(snapshot.position, Lsn::parse(made->at(0, 1)));
  if (temporary) {
    log_debug("temporary replication slot '{}' begins at {}", name, snapshot.position.text());
  } else {
    log_info("replication slot '{}' begins at {}", name, snapshot.position.text());
  }
  return snapshot;
}

std::string fresh_slot_name(const PostgresSourceOptions& options, std::string_view purpose) {
  static std::atomic<int> number{0};
  const std::string tail = fmt::format("_{}_{}_{}", purpose, getpid(), ++number);
  return options.slot_name.substr(0, kLongestSlotName - tail.size()) + tail;
}

Result<> ensure_publication(Context& context, PostgresConnection& connection, const PostgresSourceOptions& options,
                            const std::vector<PostgresTable>& tables, const std::set<uint32_t>& streamed) {
  return Publication(context, connection, options, streamed).ensure(tables);
}

Result<std::vector<uint32_t>> find_unpublished(Context& context, PostgresConnection& connection,
                                               const PostgresSourceOptions& options,
                                               const std::vector<uint32_t>& tables) {
  // Its own tables are partitions or their roots, as the options say; others are not captured.
  ASSIGN_OR_RETURN(const PostgresResult rows,
                   connection.query(context, R"(
SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  AND CASE WHEN $3::bool THEN NOT c.relispartition ELSE c.relkind = 'r' END
  AND NOT EXISTS (SELECT FROM pg_publication_tables p
                  WHERE p.pubname = $2 AND p.schemaname = n.nspname AND p.tablename = c.relname)
  AND NOT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = $2 AND p.puballtables)
ORDER BY c.oid)",
                                    {fmt::format("{{{}}}", fmt::join(tables, ",")), options.publication_name,
                                     options.partition_root ? "true" : "false"}));
  std::vector<uint32_t> found;
  for (int row = 0; row < rows.rows(); ++row) found.push_back(static_cast<uint32_t>(number(rows.at(row, 0))));
  return found;
}

}  // namespace sluice
