// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_chunks.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "connectors/mysql/mysql_server.h"

namespace sluice::mysql {
namespace {

using Wide = __int128;  // spans of BIGINT UNSIGNED do not fit 64 bits

// Their bounds are in hex.
bool is_binary(TypeKind kind) {
  return kind == TypeKind::kBytes || kind == TypeKind::kBit || kind == TypeKind::kGeometry;
}

std::optional<Wide> parse_wide(std::string_view text) {
  const bool negative = text.starts_with('-');
  uint64_t magnitude = 0;
  if (negative) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? -static_cast<Wide>(magnitude) : static_cast<Wide>(magnitude);
}

std::string wide_text(Wide value) {
  return value < 0 ? fmt::format("-{}", static_cast<uint64_t>(-value))
                   : fmt::format("{}", static_cast<uint64_t>(value));
}

class Splitter {
 public:
  Splitter(Context& context, MysqlConnection& connection, const TableSchema& schema, uint32_t column,
           const MysqlSourceOptions& options)
      : context_(context),
        connection_(connection),
        schema_(schema),
        column_(schema.columns[column]),
        name_(MysqlConnection::quote_identifier(column_.name)),
        options_(options) {}

  Result<std::vector<SnapshotChunk>> split() {
    std::string least_sql = fmt::format(
        "SELECT {0}, {1}, (SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ", bound("MIN"),
        bound("MAX"));
    connection_.append_quoted(schema_.id.schema, least_sql);
    least_sql += " AND TABLE_NAME = ";
    connection_.append_quoted(schema_.id.table, least_sql);
    least_sql += ") FROM " + quoted(schema_.id);
    ASSIGN_OR_RETURN(const auto rows, connection_.query(context_, least_sql));
    const auto& [least, greatest] = std::tie(rows[0][0], rows[0][1]);
    if (!least || !greatest || *least == *greatest) return finish();
    const auto estimate = parse_wide(rows[0][2].value_or("0")).value_or(0);
    if (is_integer(column_.type.kind)) {
      const auto low = parse_wide(*least);
      const auto high = parse_wide(*greatest);
      if (low && high && cut_evenly(*low, *high, estimate)) return finish();
    }
    RETURN_IF_ERROR(cut_by_walking(*least));
    return finish();
  }

 private:
  std::string bound(std::string_view function) const {
    return bound_expression(column_, fmt::format("{}({})", function, name_));
  }

  // Arithmetic, without asking the server, if keys are dense enough. False if they are not.
  bool cut_evenly(Wide low, Wide high, Wide estimate) {
    const Wide rows = std::max<Wide>(estimate, 1);
    const double factor = static_cast<double>(high - low + 1) / static_cast<double>(rows);
    if (estimate <= options_.chunk_size && factor <= options_.even_upper) return true;  // one chunk
    if (factor < options_.even_lower || factor > options_.even_upper) return false;
    const auto step =
        std::max<Wide>(static_cast<Wide>(std::floor(factor * static_cast<double>(options_.chunk_size))), 1);
    for (Wide at = low + step; at <= high; at += step) bounds_.push_back(wide_text(at));
    return true;
  }

  // Every chunk.size-th key in the server's order, along the index.
  Result<> cut_by_walking(std::string at) {
    while (!context_.stop_requested()) {
      const std::string from =
          fmt::format("FROM {} WHERE {} >= {}", quoted(schema_.id), name_, key_literal(connection_, column_, at));
      ASSIGN_OR_RETURN(auto next, connection_.query_value(context_, fmt::format("SELECT {} {} ORDER BY {} LIMIT {}, 1",
                                                                                bound_expression(column_, name_), from,
                                                                                name_, options_.chunk_size)));
      if (!next) return {};
      // More equal keys than a chunk has rows: the chunk takes them all and ends at the next other key.
      const std::string later = key_literal(connection_, column_, *next);
      ASSIGN_OR_RETURN(const auto moved,
                       connection_.query_value(
                           context_, fmt::format("SELECT {} > {}", later, key_literal(connection_, column_, at))));
      if (moved != "1") {
        ASSIGN_OR_RETURN(next,
                         connection_.query_value(context_, fmt::format("SELECT {} FROM {} WHERE {} > {}", bound("MIN"),
                                                                       quoted(schema_.id), name_, later)));
        if (!next) return {};
      }
      bounds_.push_back(*next);
      at = *next;
    }
    return Error(ErrorCode::kStopped, "stopped while planning the copy");
  }

  std::vector<SnapshotChunk> finish() const {
    std::vector<SnapshotChunk> chunks;
    for (size_t i = 0; i <= bounds_.size(); ++i) {
      SnapshotChunk chunk;
      chunk.table = schema_.id;
      chunk.index = static_cast<uint32_t>(i);
      if (i > 0) chunk.lower = bounds_[i - 1];
      if (i < bounds_.size()) chunk.upper = bounds_[i];
      chunks.push_back(std::move(chunk));
    }
    return chunks;
  }

  Context& context_;
  MysqlConnection& connection_;
  const TableSchema& schema_;
  const Column& column_;
  const std::string name_;
  const MysqlSourceOptions& options_;
  std::vector<std::string> bounds_;
};

// The configured column for this table, empty if none.
std::string configured_column(const TableSchema& schema, const MysqlSourceOptions& options) {
  std::string_view rest = options.chunk_key_column ? std::string_view(*options.chunk_key_column) : std::string_view();
  while (!rest.empty()) {
    const auto end = rest.find(';');
    const std::string_view item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const auto colon = item.rfind(':');
    if (colon == std::string_view::npos) continue;
    if (item.substr(0, colon) == schema.id.text()) return std::string(item.substr(colon + 1));
  }
  return {};
}

}  // namespace

bool is_integer(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64 ||
         kind == TypeKind::kUInt64;
}

std::string bound_expression(const Column& column, const std::string& name) {
  return is_binary(column.type.kind) ? fmt::format("HEX({})", name) : name;
}

std::string key_literal(const MysqlConnection& connection, const Column& column, std::string_view value) {
  if (is_integer(column.type.kind) || column.type.kind == TypeKind::kDecimal) return std::string(value);
  if (column.type.kind == TypeKind::kBit) {
    // A number to the server, which prints it in hex without leading zeros.
    uint64_t bits = 0;
    std::from_chars(value.data(), value.data() + value.size(), bits, 16);
    return fmt::format("{}", bits);
  }
  if (is_binary(column.type.kind)) return fmt::format("x'{}'", value);
  std::string literal;
  connection.append_quoted(value, literal);
  // As text these would sort otherwise: '9:00' behind '10:00', '-2:00' behind '-1:00'.
  const TypeKind kind = column.type.kind;
  if (kind == TypeKind::kTime) return fmt::format("CAST({} AS TIME(6))", literal);
  if (kind == TypeKind::kUuid) return fmt::format("CAST({} AS UUID)", literal);
  if (is_internet_address(column.type)) return fmt::format("CAST({} AS {})", literal, column.type.source_type);
  if (kind == TypeKind::kDate || kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampTz) {
    return fmt::format("CAST({} AS DATETIME(6))", literal);
  }
  return literal;
}

Result<std::optional<uint32_t>> chunk_column(const TableSchema& schema, const MysqlSourceOptions& options) {
  const std::string name = configured_column(schema, options);
  if (name.empty()) {
    if (schema.key.empty()) return std::optional<uint32_t>();
    // Labels of ENUM and SET are stored as numbers and compared as such; their text is no bound.
    const TypeKind kind = schema.columns[schema.key[0]].type.kind;
    if (kind == TypeKind::kEnum || kind == TypeKind::kSet || kind == TypeKind::kFloat || kind == TypeKind::kDouble ||
        kind == TypeKind::kBoolean) {
      return std::optional<uint32_t>();
    }
    return std::optional(schema.key[0]);
  }
  const auto column = schema.find_column(name);
  if (!column) {
    return Error(ErrorCode::kConfig, fmt::format("table {} has no column '{}' to cut it by", schema.id.text(), name),
                 "Correct scan.incremental.snapshot.chunk.key-column.");
  }
  return std::optional(*column);
}

Result<std::vector<SnapshotChunk>> split_table(Context& context, MysqlConnection& connection, const TableSchema& schema,
                                               const MysqlSourceOptions& options) {
  ASSIGN_OR_RETURN(const auto column, chunk_column(schema, options));
  if (!column) return std::vector<SnapshotChunk>{{.table = schema.id, .index = 0, .lower = {}, .upper = {}}};
  ASSIGN_OR_RETURN(auto chunks, Splitter(context, connection, schema, *column, options).split());
  for (auto& chunk : chunks) chunk.by_key = !schema.key.empty() && schema.key[0] == *column;
  return chunks;
}

std::string chunk_condition(const MysqlConnection& connection, const TableSchema& schema, uint32_t column,
                            const SnapshotChunk& chunk) {
  const Column& key = schema.columns[column];
  const std::string name = MysqlConnection::quote_identifier(key.name);
  std::string condition;
  if (chunk.lower) condition = fmt::format("{} >= {}", name, key_literal(connection, key, *chunk.lower));
  if (chunk.upper) {
    if (!condition.empty()) condition += " AND ";
    condition += fmt::format("{} < {}", name, key_literal(connection, key, *chunk.upper));
    // NULLs sort before everything: they belong to the first chunk.
    if (!chunk.lower && key.type.nullable) condition = fmt::format("({} OR {} IS NULL)", condition, name);
  }
  return condition;
}

}  // namespace sluice::mysql
