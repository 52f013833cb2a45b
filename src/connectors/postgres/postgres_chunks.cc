// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace sluice {
namespace {

constexpr int kFirstVersionWithPlaceScans = 140000;
constexpr int64_t kRowsPerPageIfUnknown = 60;
// Integer keys are cut by arithmetic if at most this many numbers belong to one row.
constexpr int64_t kDenseFactor = 2;

int64_t number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string quote(std::string_view name) { return PostgresConnection::quote_identifier(name); }
std::string literal(std::string_view value) { return PostgresConnection::quote_literal(value); }

bool is_integer(TypeKind kind) {
  return kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64;
}

bool has_plain_order(TypeKind kind) {
  return is_integer(kind) || kind == TypeKind::kUuid || kind == TypeKind::kDate || kind == TypeKind::kTimestamp ||
         kind == TypeKind::kTimestampTz;
}

// The configured column for this table, empty if none.
std::string_view configured_column(const TableSchema& schema, const PostgresSourceOptions& options) {
  std::string_view rest = options.chunk_key_column ? std::string_view(*options.chunk_key_column) : std::string_view();
  while (!rest.empty()) {
    const auto end = rest.find(';');
    std::string_view item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const auto colon = item.rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view table = item.substr(0, colon);
    if (table == schema.id.text() || table == options.database + "." + schema.id.text()) return item.substr(colon + 1);
  }
  return {};
}

class Splitter {
 public:
  Splitter(Context& context, PostgresConnection& connection, const TableSchema& schema,
           const PostgresSourceOptions& options)
      : context_(context),
        connection_(connection),
        schema_(schema),
        options_(options),
        table_(PostgresConnection::qualified(schema.id.schema, schema.id.table)) {}

  Result<std::vector<SnapshotChunk>> split() {
    // Of a partitioned table the largest partition counts: a place exists in each of them.
    ASSIGN_OR_RETURN(const PostgresResult rows, connection_.query(context_, R"(
SELECT c.relkind, sum(greatest(l.reltuples, 0))::bigint, sum(greatest(l.relpages, 0))::bigint,
       max(pg_relation_size(l.oid) / current_setting('block_size')::bigint)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class l ON l.oid = c.oid OR l.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') GROUP BY c.relkind)",
                                                                  {schema_.id.schema, schema_.id.table}));
    if (rows.rows() == 0) {
      return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was dropped", schema_.id.text()));
    }
    from_ = (rows.at(0, 0) == "p" ? "" : "ONLY ") + table_;
    estimate_ = number(rows.at(0, 1));
    ASSIGN_OR_RETURN(const auto column, postgres_chunk_column(schema_, options_));
    by_key_ = column && !schema_.key.empty() && schema_.key[0] == *column;
    if (column) {
      RETURN_IF_ERROR(cut_by_key(schema_.columns[*column]));
    } else {
      cut_by_place(number(rows.at(0, 2)), number(rows.at(0, 3)));
    }
    return finish();
  }

 private:
  void cut_by_place(int64_t known_pages, int64_t pages) {
    if (connection_.server_version() < kFirstVersionWithPlaceScans) return;
    const int64_t rows_per_page =
        known_pages > 0 ? std::max<int64_t>(estimate_ / known_pages, 1) : kRowsPerPageIfUnknown;
    const int64_t step = std::max<int64_t>(options_.chunk_size / rows_per_page, 1);
    for (int64_t page = step; page < pages; page += step) bounds_.push_back(fmt::format("({},0)", page));
  }

  Result<> cut_by_key(const Column& column) {
    const std::string name = quote(column.name);
    ASSIGN_OR_RETURN(const PostgresResult rows,
                     connection_.query(context_, fmt::format("SELECT (SELECT {0} FROM {1} WHERE {0} IS NOT NULL ORDER "
                                                             "BY {0} LIMIT 1), (SELECT {0} FROM {1} WHERE {0} IS NOT "
                                                             "NULL ORDER BY {0} DESC LIMIT 1)",
                                                             name, from_)));
    if (rows.is_null(0, 0) || rows.at(0, 0) == rows.at(0, 1)) return {};
    if (is_integer(column.type.kind) && cut_evenly(number(rows.at(0, 0)), number(rows.at(0, 1)))) return {};
    return cut_by_walking(name, std::string(rows.at(0, 0)));
  }

  // By arithmetic, if the server knows how many rows there are and the keys are dense. False if not.
  bool cut_evenly(int64_t low, int64_t high) {
    using Wide = __int128;
    const Wide span = Wide{high} - low + 1;
    if (estimate_ <= 0 || span > Wide{estimate_} * kDenseFactor) return false;
    const auto step = static_cast<int64_t>(std::max<Wide>(span * options_.chunk_size / estimate_, 1));
    for (Wide at = Wide{low} + step; at <= high; at += step)
      bounds_.push_back(std::to_string(static_cast<int64_t>(at)));
    return true;
  }

  // Every chunk.size-th key, along the index.
  Result<> cut_by_walking(const std::string& name, std::string at) {
    while (!context_.stop_requested()) {
      // More equal keys than a chunk has rows: the chunk takes them all and ends at the next other key.
      ASSIGN_OR_RETURN(
          const PostgresResult next,
          connection_.query(context_, fmt::format("SELECT {0} FROM {1} WHERE {0} > {2} ORDER BY {0} LIMIT 1 OFFSET {3}",
                                                  name, from_, literal(at), options_.chunk_size - 1)));
      if (next.rows() == 0) return {};
      at = std::string(next.at(0, 0));
      bounds_.push_back(at);
    }
    return Error(ErrorCode::kStopped, "stopped while planning the copy");
  }

  std::vector<SnapshotChunk> finish() const {
    std::vector<SnapshotChunk> chunks;
    for (size_t i = 0; i <= bounds_.size(); ++i) {
      SnapshotChunk chunk{.table = schema_.id, .index = static_cast<uint32_t>(i), .lower = {}, .upper = {}};
      chunk.by_key = by_key_;
      if (i > 0) chunk.lower = bounds_[i - 1];
      if (i < bounds_.size()) chunk.upper = bounds_[i];
      chunks.push_back(std::move(chunk));
    }
    return chunks;
  }

  Context& context_;
  PostgresConnection& connection_;
  const TableSchema& schema_;
  const PostgresSourceOptions& options_;
  const std::string table_;
  std::string from_;
  int64_t estimate_ = 0;  // rows
  bool by_key_ = false;
  std::vector<std::string> bounds_;
};

}  // namespace

Result<std::optional<uint32_t>> postgres_chunk_column(const TableSchema& schema, const PostgresSourceOptions& options) {
  const std::string_view name = configured_column(schema, options);
  if (name.empty()) {
    const bool plain = !schema.key.empty() && has_plain_order(schema.columns[schema.key[0]].type.kind);
    return plain ? std::optional(schema.key[0]) : std::nullopt;
  }
  const auto column = schema.find_column(name);
  if (column && has_plain_order(schema.columns[*column].type.kind)) return std::optional(*column);
  return Error(ErrorCode::kConfig,
               fmt::format("table {} has no column '{}' to cut it by: it must be an integer, uuid, date or timestamp",
                           schema.id.text(), name),
               "Correct scan.incremental.snapshot.chunk.key-column.");
}

Result<std::vector<SnapshotChunk>> split_postgres_table(Context& context, PostgresConnection& connection,
                                                        const TableSchema& schema,
                                                        const PostgresSourceOptions& options) {
  auto chunks = Splitter(context, connection, schema, options).split();
  // Undefined table or column: what was discovered is not there any more.
  if (!chunks && (connection.last_state() == "42P01" || connection.last_state() == "42703")) {
    return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was altered or dropped", schema.id.text()));
  }
  return chunks;
}

bool is_place_chunk(const SnapshotChunk& chunk) {
  return (chunk.lower && chunk.lower->starts_with('(')) || (chunk.upper && chunk.upper->starts_with('('));
}

Result<std::string> postgres_chunk_condition(const SnapshotChunk& chunk, const TableSchema& schema,
                                             const PostgresSourceOptions& options) {
  if (!chunk.lower && !chunk.upper) return std::string();
  std::string name = "ctid";
  bool nullable = false;
  if (!is_place_chunk(chunk)) {
    ASSIGN_OR_RETURN(const auto column, postgres_chunk_column(schema, options));
    if (!column) return Error(ErrorCode::kInternal, "a chunk has bounds, its table no column to cut by");
    name = quote(schema.columns[*column].name);
    nullable = schema.columns[*column].type.nullable;
  }
  std::string condition;
  if (chunk.lower) condition = fmt::format("{} >= {}", name, literal(*chunk.lower));
  if (chunk.upper) {
    condition += fmt::format("{}{} < {}", condition.empty() ? "" : " AND ", name, literal(*chunk.upper));
    // Rows without the value belong to the first chunk.
    if (!chunk.lower && nullable) condition = fmt::format("({} OR {} IS NULL)", condition, name);
  }
  return " WHERE " + condition;
}

}  // namespace sluice
