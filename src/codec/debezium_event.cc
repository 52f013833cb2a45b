// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "codec/connect_schema.h"
#include "codec/debezium_schema_change.h"
#include "codec/source_type.h"
#include "connector/logical_message.h"
#include "connector/relational_batch.h"
#include "data/json_value.h"

namespace sluice {
namespace {

// The release whose events these are.
constexpr std::string_view kVersion = "3.6.1.Final";
constexpr size_t kNoRow = static_cast<size_t>(-1);
const Transaction kUnknownTransaction;

std::string_view connector_name(EventSource source) {
  switch (source) {
    case EventSource::kMysql: return "mysql";
    case EventSource::kMariadb: return "mariadb";
    case EventSource::kPostgres: return "postgresql";
  }
  return {};
}

void append_integer(int64_t value, std::string& out) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

void append_member(std::string_view name, int64_t value, std::string& out) {
  out.append(",\"").append(name).append("\":");
  append_integer(value, out);
}

// A number of which negative ones mean that there is none.
void append_known(std::string_view name, int64_t value, std::string& out) {
  if (value >= 0) return append_member(name, value, out);
  out.append(",\"").append(name).append("\":null");
}

std::string joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ",")); }

std::string source_schema(EventSource source) {
  const auto field = connect_field_json;
  std::vector<std::string> fields = {field("string", false, "version"), field("string", false, "connector"),
                                     field("string", false, "name"), field("int64", false, "ts_ms")};
  ConnectSchema snapshot{.type = "string", .name = "io.debezium.data.Enum"};
  snapshot.parameters.emplace_back("allowed",
                                   "true,first,first_in_data_collection,last_in_data_collection,last,false,"
                                   "incremental");
  fields.push_back(connect_schema_json(snapshot, true, "\"false\"", "snapshot"));
  fields.push_back(field("string", false, "db"));
  fields.push_back(field("string", true, "sequence"));
  fields.push_back(field("int64", true, "ts_us"));
  fields.push_back(field("int64", true, "ts_ns"));
  if (source == EventSource::kPostgres) {
    fields.push_back(field("string", false, "schema"));
    fields.push_back(field("string", false, "table"));
    for (const std::string_view name : {"txId", "lsn", "xmin"}) fields.push_back(field("int64", true, name));
    fields.push_back(field("string", true, "origin"));
    fields.push_back(field("int64", true, "origin_lsn"));
  } else {
    fields.push_back(field("string", true, "table"));
    fields.push_back(field("int64", false, "server_id"));
    fields.push_back(field("string", true, "gtid"));
    fields.push_back(field("string", false, "file"));
    fields.push_back(field("int64", false, "pos"));
    fields.push_back(field("int32", false, "row"));
    fields.push_back(field("int64", true, "thread"));
    fields.push_back(field("string", true, "query"));
  }
  const std::string name = fmt::format("io.debezium.connector.{}.Source", connector_name(source));
  return connect_schema_json({.type = "struct", .name = name, .fields = joined(fields)}, false, "", "source");
}

std::string transaction_schema() {
  const std::string fields =
      joined({connect_field_json("string", false, "id"), connect_field_json("int64", false, "total_order"),
              connect_field_json("int64", false, "data_collection_order")});
  return connect_schema_json({.type = "struct", .name = "event.block", .fields = fields}, true, "", "transaction");
}

std::string envelope_schema(EventSource source, const std::string& topic, const std::vector<std::string>& columns) {
  const std::string name = topic + ".Value";
  const ConnectSchema row{.type = "struct", .name = name, .version = 0, .fields = joined(columns)};
  const std::string members = joined(
      {connect_schema_json(row, true, "", "before"), connect_schema_json(row, true, "", "after"), source_schema(source),
       transaction_schema(), connect_field_json("string", false, "op"), connect_field_json("int64", true, "ts_ms"),
       connect_field_json("int64", true, "ts_us"), connect_field_json("int64", true, "ts_ns")});
  const std::string envelope = topic + ".Envelope";
  return connect_schema_json({.type = "struct", .name = envelope, .version = 2, .fields = members}, false, "", "");
}

bool differ(const ColumnVector& values, size_t one, size_t other) {
  if (values.presence(one) != values.presence(other)) return true;
  return values.has_value(one) && !values.equal_at(one, values, other);
}

// True if the old row says nothing that the new one does not: PostgreSQL's log has no old row if no column of the
// replica identity changed, and the source puts the identity there.
bool repeats_identity(const ChangeBatch& batch, size_t before, size_t after) {
  bool partial = false;
  for (const ColumnVector& values : batch.columns) {
    const bool known = values.presence(before) != Presence::kAbsent;
    partial = partial || !known;
    if (known && values.presence(after) != Presence::kAbsent && differ(values, before, after)) return false;
  }
  return partial;
}

uint64_t decimal_number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

struct DebeziumEncoder::Table {
  TableSchemaPtr schema;
  std::vector<EventField> fields;      // of every column; of those that are not shown empty
  std::vector<uint32_t> shown;         // columns of the row
  std::vector<uint32_t> key;           // columns
  std::vector<EventField> key_fields;  // their fields, without masks
  std::string key_start;               // {"schema":..,"payload":
  std::string value_start;             // the same
  SourceText source;
  std::string collection;  // schema.table
};

DebeziumEncoder::DebeziumEncoder(DebeziumOptions options) : options_(std::move(options)) {
  if (options_.transaction_topic.empty()) return;
  metadata_ = std::make_unique<TransactionMetadata>(options_.source, options_.schemas);
}
DebeziumEncoder::~DebeziumEncoder() = default;

Result<> DebeziumEncoder::check(const TableSchema& schema) const {
  Table unused;
  RETURN_IF_ERROR(prepare_columns(schema, unused));
  return prepare_key(schema, unused);
}

Result<FieldExtras> DebeziumEncoder::extras_of(const TableSchema& schema, const Column& column) const {
  if (!options_.columns) return FieldExtras();
  const std::string type = parse_source_type(column.type.source_type).name;
  const FieldExtras extras{.mask = options_.columns->mask(schema.id, column.name),
                           .source_type = options_.columns->propagates(schema.id, column.name, type)};
  if (extras.source_type && options_.source == EventSource::kPostgres) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("column {}.{}: PostgreSQL's types are not propagated yet", schema.id.text(), column.name),
                 "Leave out column.propagate.source.type and datatype.propagate.source.type.");
  }
  return extras;
}

// Columns of the table's key are always shown.
bool DebeziumEncoder::shows(const TableSchema& schema, uint32_t column) const {
  return !options_.columns || options_.columns->shows(schema.id, schema.columns[column].name) ||
         std::ranges::find(schema.key, column) != schema.key.end();
}

Result<> DebeziumEncoder::prepare_columns(const TableSchema& schema, Table& table) const {
  table.fields.resize(schema.columns.size());
  for (uint32_t i = 0; i < schema.columns.size(); ++i) {
    if (!shows(schema, i)) continue;
    table.shown.push_back(i);
    ASSIGN_OR_RETURN(const FieldExtras extras, extras_of(schema, schema.columns[i]));
    auto field = make_event_field(schema.columns[i], options_, extras);
    if (!field) return std::move(field).error().context("table " + schema.id.text());
    table.fields[i] = std::move(*field);
  }
  return {};
}

Result<> DebeziumEncoder::prepare_key(const TableSchema& schema, Table& table) const {
  table.key = options_.columns ? options_.columns->key(schema) : schema.key;
  for (const uint32_t column : table.key) {
    auto field = make_event_field(schema.columns[column], options_);
    if (!field) return std::move(field).error().context("table " + schema.id.text());
    table.key_fields.push_back(std::move(*field));
  }
  return {};
}

DebeziumEncoder::SourceText DebeziumEncoder::source_text(const std::string& schema, const std::string& table) const {
  const bool postgres = options_.source == EventSource::kPostgres;
  SourceText text;
  text.start = fmt::format(",\"source\":{{\"version\":\"{}\",\"connector\":\"{}\",\"name\":", kVersion,
                           connector_name(options_.source));
  append_json_string(options_.topic_prefix, text.start);
  text.db = ",\"db\":";
  append_json_string(postgres ? options_.database : schema, text.db);
  text.db += ",\"sequence\":";
  if (postgres) {
    text.table = ",\"schema\":";
    append_json_string(schema, text.table);
  }
  text.table += ",\"table\":";
  append_json_string(table, text.table);
  return text;
}

Result<DebeziumEncoder::Table*> DebeziumEncoder::prepared(const TableSchemaPtr& schema, const std::string& topic) {
  if (last_ != nullptr && last_->schema == schema) return last_;
  auto& table = tables_[{schema, topic}];
  last_ = table.get();
  if (table) return last_;
  auto made = std::make_unique<Table>();
  made->schema = schema;
  const bool logical = is_logical_message(*schema);
  RETURN_IF_ERROR(logical ? prepare_logical(*made) : prepare_rows(topic, *made));
  made->source = source_text(schema->id.schema, logical ? std::string() : schema->id.table);
  made->collection = schema->id.text();
  table = std::move(made);
  last_ = table.get();
  return last_;
}

Result<> DebeziumEncoder::prepare_rows(const std::string& topic, Table& table) const {
  RETURN_IF_ERROR(prepare_columns(*table.schema, table));
  RETURN_IF_ERROR(prepare_key(*table.schema, table));
  if (!options_.schemas) return {};
  std::vector<std::string> columns;
  for (const EventField& field : table.key_fields) columns.push_back(field.schema);
  std::vector<std::string> shown;
  for (const uint32_t column : table.shown) shown.push_back(table.fields[column].schema);
  const std::string name = topic + ".Key";
  const ConnectSchema key{.type = "struct", .name = name, .version = 0, .fields = joined(columns)};
  table.key_start = "{\"schema\":" + connect_schema_json(key, false, "", "") + ",\"payload\":";
  table.value_start = "{\"schema\":" + envelope_schema(options_.source, topic, shown) + ",\"payload\":";
  return {};
}

// Messages have schemas of their own, and no envelope.
Result<> DebeziumEncoder::prepare_logical(Table& table) const {
  for (const Column& column : table.schema->columns) {
    ASSIGN_OR_RETURN(EventField field, make_event_field(column, options_));
    table.fields.push_back(std::move(field));
  }
  if (!options_.schemas) return {};
  const auto wrap = [](std::string_view name, std::string fields) {
    const std::string whole = fmt::format("io.debezium.connector.postgresql.{}", name);
    const ConnectSchema schema{.type = "struct", .name = whole, .fields = std::move(fields)};
    return "{\"schema\":" + connect_schema_json(schema, false, "", "") + ",\"payload\":";
  };
  const std::string& prefix = table.fields[0].schema;
  const ConnectSchema block{.type = "struct",
                            .name = "io.debezium.connector.postgresql.Message",
                            .fields = prefix + ',' + table.fields[1].schema};
  table.key_start = wrap("MessageKey", prefix);
  table.value_start = wrap(
      "MessageValue", joined({connect_field_json("string", false, "op"), connect_field_json("int64", true, "ts_ms"),
                              source_schema(options_.source), connect_schema_json(block, false, "", "message")}));
  return {};
}

Result<> DebeziumEncoder::encode_logical(const Table& table, const ChangeBatch& batch, size_t row, const Emit& emit) {
  key_ = table.key_start;
  key_ += "{\"prefix\":";
  RETURN_IF_ERROR(append_event_value(table.fields[0], batch.columns[0], row, key_));
  value_ = table.value_start;
  value_ += "{\"op\":\"m\"";
  append_member("ts_ms", wall_clock_ms(), value_);
  append_source(table.source, origin_of(batch, row));
  value_ += ",\"message\":{\"prefix\":";
  RETURN_IF_ERROR(append_event_value(table.fields[0], batch.columns[0], row, value_));
  value_ += ",\"content\":";
  RETURN_IF_ERROR(append_event_value(table.fields[1], batch.columns[1], row, value_));
  value_ += "}}";
  key_ += options_.schemas ? "}}" : "}";
  if (options_.schemas) value_ += '}';
  return emit({.key = key_, .value = value_, .row = row});
}

Result<> DebeziumEncoder::append_image(const Table& table, const ChangeBatch& batch, size_t row, Image image) {
  if (row == kNoRow) {
    value_ += "null";
    return {};
  }
  char separator = '{';
  for (const uint32_t i : table.shown) {
    const EventField& field = table.fields[i];
    const size_t at = image == Image::kAfter ? value_row(batch, i, row) : row;
    value_ += separator;
    separator = ',';
    value_ += field.name;
    switch (batch.columns[i].presence(at)) {
      case Presence::kValue: RETURN_IF_ERROR(append_event_value(field, batch.columns[i], at, value_)); break;
      case Presence::kNull: value_ += field.null_value; break;
      case Presence::kAbsent: value_ += image == Image::kAfter ? field.unavailable : field.null_value; break;
    }
  }
  value_ += '}';
  return {};
}

Result<> DebeziumEncoder::make_key(const Table& table, const ChangeBatch& batch, size_t row, std::string& out,
                                   size_t& payload_at) {
  out = table.key_start;
  payload_at = out.size();
  char separator = '{';
  for (size_t i = 0; i < table.key.size(); ++i) {
    const uint32_t column = table.key[i];
    const EventField& field = table.key_fields[i];
    const size_t at = value_row(batch, column, row);
    const Presence presence = batch.columns[column].presence(at);
    if (presence == Presence::kAbsent || (presence == Presence::kNull && !field.type.nullable)) {
      return Error(ErrorCode::kData,
                   fmt::format("a row of {} lacks its key column {}", batch.schema->id.text(), field.name));
    }
    out += separator;
    separator = ',';
    out += field.name;
    if (presence == Presence::kNull) {
      out += field.null_value;
    } else {
      RETURN_IF_ERROR(append_event_value(field, batch.columns[column], at, out));
    }
  }
  out += '}';
  if (options_.schemas) out += '}';
  return {};
}

void DebeziumEncoder::read_start(const Transaction& transaction) {
  file_.clear();
  append_json_string(position_field(transaction.start.text, "file"), file_);
  place_ = options_.source == EventSource::kPostgres ? position_lsn(transaction.start.text)
                                                     : decimal_number(position_field(transaction.start.text, "pos"));
}

DebeziumEncoder::Origin DebeziumEncoder::origin_of(const ChangeBatch& batch, size_t row) {
  const bool copied = batch.origins.empty();
  if (!batch.transactions || batch.transactions->empty()) return {.transaction = kUnknownTransaction, .copied = copied};
  const uint32_t index = copied ? 0 : batch.origins[row].transaction;
  const Transaction& transaction = (*batch.transactions)[index];
  if (transactions_ != batch.transactions || transaction_ != index) {
    transactions_ = batch.transactions;
    transaction_ = index;
    read_start(transaction);
  }
  if (copied) return {.transaction = transaction, .place = place_, .copied = true};
  return {.transaction = transaction, .place = batch.origins[row].place, .row = batch.origins[row].row};
}

void DebeziumEncoder::append_source(const SourceText& source, const Origin& origin) {
  const Transaction& transaction = origin.transaction;
  const int64_t micros = transaction.event_time_us;
  value_ += source.start;
  append_member("ts_ms", micros / 1000, value_);
  value_ += ",\"snapshot\":\"";
  value_ += origin.copied ? std::string_view(copy_mark_) : std::string_view("false");
  value_ += '"';
  value_ += source.db;
  if (options_.source == EventSource::kPostgres) {
    if (transaction.previous_commit == 0) {
      value_ += "\"[null,\\\"";
    } else {
      value_ += "\"[\\\"";
      append_integer(static_cast<int64_t>(transaction.previous_commit), value_);
      value_ += "\\\",\\\"";
    }
    append_integer(static_cast<int64_t>(origin.place), value_);
    value_ += "\\\"]\"";
  } else {
    value_ += "null";
  }
  append_member("ts_us", micros, value_);
  append_member("ts_ns", micros * 1000, value_);
  value_ += source.table;
  if (options_.source == EventSource::kPostgres) {
    append_postgres_source(origin);
  } else {
    append_mysql_source(origin);
  }
}

void DebeziumEncoder::append_mysql_source(const Origin& origin) {
  const Transaction& transaction = origin.transaction;
  append_member("server_id", origin.copied ? 0 : transaction.server_id, value_);
  value_ += ",\"gtid\":";
  if (transaction.id.empty()) {
    value_ += "null";
  } else {
    append_json_string(transaction.id, value_);
  }
  value_ += ",\"file\":";
  value_ += file_;
  append_member("pos", static_cast<int64_t>(origin.place), value_);
  append_member("row", origin.row, value_);
  append_known("thread", transaction.thread, value_);
  value_ += ",\"query\":null}";
}

void DebeziumEncoder::append_postgres_source(const Origin& origin) {
  if (origin.copied && copy_mark_ == "incremental") {
    value_ += ",\"txId\":null,\"lsn\":null";
  } else {
    append_known("txId", origin.transaction.number, value_);
    append_member("lsn", static_cast<int64_t>(origin.place), value_);
  }
  value_ += ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}";
}

// The members behind `transaction`.
void DebeziumEncoder::append_clock(char operation) {
  value_ += ",\"op\":\"";
  value_ += operation;
  value_ += '"';
  const int64_t now = wall_clock_ms();
  append_member("ts_ms", now, value_);
  append_member("ts_us", now * 1000, value_);
  append_member("ts_ns", now * 1'000'000, value_);
  value_ += '}';
  if (options_.schemas) value_ += '}';
}

Result<> DebeziumEncoder::make_value(const Table& table, const ChangeBatch& batch, size_t before, size_t after,
                                     char operation) {
  value_ = table.value_start;
  value_ += "{\"before\":";
  RETURN_IF_ERROR(append_image(table, batch, before, Image::kBefore));
  value_ += ",\"after\":";
  RETURN_IF_ERROR(append_image(table, batch, after, Image::kAfter));
  append_source(table.source, origin_of(batch, after == kNoRow ? before : after));
  value_ += ",\"transaction\":";
  if (metadata_ && !batch.origins.empty()) {
    metadata_->append_block(table.collection, value_);
  } else {
    value_ += "null";
  }
  append_clock(operation);
  return {};
}

// Ends the transaction before, and begins that of the row, if it is another one.
Result<> DebeziumEncoder::enter_transaction(const ChangeBatch& batch, size_t row, const Emit& emit) {
  if (!metadata_ || batch.origins.empty()) return {};
  const Transaction& transaction = origin_of(batch, row).transaction;
  if (metadata_->is(transaction)) return {};
  RETURN_IF_ERROR(end_transaction(emit));
  metadata_->begin(transaction);
  std::string key;
  std::string value;
  metadata_->append_key(key);
  metadata_->append_begin(value);
  return emit({.key = key,
               .value = value,
               .part = kBeginPart,
               .topic = options_.transaction_topic,
               .transaction = &metadata_->transaction()});
}

Result<> DebeziumEncoder::end_transaction(const Emit& emit) {
  if (!metadata_ || !metadata_->open()) return {};
  metadata_->end();
  std::string key;
  std::string value;
  metadata_->append_key(key);
  metadata_->append_end(value);
  return emit({.key = key,
               .value = value,
               .part = kEndPart,
               .topic = options_.transaction_topic,
               .transaction = &metadata_->transaction()});
}

Result<> DebeziumEncoder::encode_truncation(const Truncation& truncation, size_t table, const std::string& topic,
                                            const Emit& emit) {
  if (is_skipped('t')) return {};
  ASSIGN_OR_RETURN(const Table* const emptied, prepared(truncation.tables[table], topic));
  transactions_.reset();
  read_start(truncation.transaction);
  value_ = emptied->value_start;
  value_ += "{\"before\":null,\"after\":null";
  append_source(emptied->source, {.transaction = truncation.transaction, .place = truncation.place});
  value_ += ",\"transaction\":null";
  append_clock('t');
  return emit(
      {.key = {}, .value = value_, .row = table, .part = kTruncatePart, .transaction = &truncation.transaction});
}

Result<> DebeziumEncoder::encode_schema_change(const SchemaChangeEvent& event, const Emit& emit) {
  const std::vector<DatabaseChange> changes = changes_by_database(event);
  transactions_.reset();
  read_start(event.transaction);
  const std::string name = fmt::format("io.debezium.connector.{}", connector_name(options_.source));
  for (size_t i = 0; i < changes.size(); ++i) {
    key_.clear();
    if (options_.schemas) key_ = schema_change_key_start(name);
    key_ += "{\"databaseName\":";
    append_json_string(changes[i].database, key_);
    key_ += options_.schemas ? "}}" : "}";
    value_.clear();
    append_source(source_text(changes[i].database, changes[i].tables),
                  {.transaction = event.transaction, .place = event.place});
    std::string value;
    if (options_.schemas) value = schema_change_value_start(name, source_schema(options_.source));
    value += '{';
    value.append(value_, 1);  // without the comma
    append_member("ts_ms", wall_clock_ms(), value);
    append_schema_change(changes[i], event.ddl, value);
    value += options_.schemas ? "}}" : "}";
    RETURN_IF_ERROR(emit({.key = key_,
                          .value = value,
                          .row = i,
                          .part = kSchemaPart,
                          .topic = options_.topic_prefix,
                          .transaction = &event.transaction}));
  }
  return {};
}

bool DebeziumEncoder::is_skipped(char operation) const { return options_.skipped.find(operation) != std::string::npos; }

// A deletion, its tombstone and a creation, of which each names the other's key; skipped as what they are.
Result<> DebeziumEncoder::encode_key_change(const Table& table, const ChangeBatch& batch, size_t before, size_t after,
                                            const Emit& emit) {
  size_t old_payload = 0;
  size_t new_payload = 0;
  RETURN_IF_ERROR(make_key(table, batch, before, key_, old_payload));
  RETURN_IF_ERROR(make_key(table, batch, after, other_key_, new_payload));
  const size_t tail = options_.schemas ? 1 : 0;
  const std::string_view old_key = std::string_view(key_).substr(old_payload, key_.size() - old_payload - tail);
  const std::string_view new_key =
      std::string_view(other_key_).substr(new_payload, other_key_.size() - new_payload - tail);
  if (!is_skipped('d')) {
    RETURN_IF_ERROR(enter_transaction(batch, before, emit));
    RETURN_IF_ERROR(make_value(table, batch, before, kNoRow, 'd'));
    RETURN_IF_ERROR(emit({.key = key_, .value = value_, .new_key = new_key, .row = before, .part = 0}));
    RETURN_IF_ERROR(emit({.key = key_, .value = {}, .new_key = new_key, .row = before, .part = 1}));
  }
  if (is_skipped('c')) return {};
  RETURN_IF_ERROR(enter_transaction(batch, after, emit));
  RETURN_IF_ERROR(make_value(table, batch, kNoRow, after, 'c'));
  return emit({.key = other_key_, .value = value_, .old_key = old_key, .row = after, .part = 2});
}

bool DebeziumEncoder::is_skipped(const Table& table, const ChangeBatch& batch, size_t before, size_t after,
                                 char operation) const {
  if (is_skipped(operation)) return true;
  if (!options_.skip_unchanged || operation != 'u' || before == kNoRow) return false;
  return std::ranges::all_of(table.shown, [&](uint32_t column) {
    const ColumnVector& values = batch.columns[column];
    // The log leaves out what did not change.
    return values.presence(after) == Presence::kAbsent || !differ(values, before, after);
  });
}

Result<> DebeziumEncoder::encode(const ChangeBatch& batch, const std::string& topic, size_t& row, const Emit& emit) {
  ASSIGN_OR_RETURN(const Table* const table, prepared(batch.schema, topic));
  const size_t first = row++;
  if (is_logical_message(*batch.schema)) return encode_logical(*table, batch, first, emit);
  size_t before = kNoRow;
  size_t after = kNoRow;
  char operation = 'r';
  switch (batch.kinds[first]) {
    case RowKind::kRead: after = first; break;
    case RowKind::kInsert:
      after = first;
      operation = 'c';
      break;
    case RowKind::kDelete:
      before = first;
      operation = 'd';
      break;
    case RowKind::kUpdateAfter:
      after = first;
      operation = 'u';
      break;
    case RowKind::kUpdateBefore:
      // A filter may have kept the old row alone.
      before = first;
      operation = 'd';
      if (row < batch.rows() && batch.kinds[row] == RowKind::kUpdateAfter) {
        after = row++;
        operation = 'u';
      }
      break;
  }
  const std::vector<uint32_t>& key = table->key;
  if (operation == 'u' && before != kNoRow) {
    const bool moved = std::ranges::any_of(key, [&](uint32_t column) {
      const ColumnVector& values = batch.columns[column];
      if (values.presence(before) == Presence::kAbsent || values.presence(after) == Presence::kAbsent) return false;
      return differ(values, before, after);
    });
    if (moved) return encode_key_change(*table, batch, before, after, emit);
    if (options_.source == EventSource::kPostgres && repeats_identity(batch, before, after)) before = kNoRow;
  }
  if (is_skipped(*table, batch, before, after, operation)) return {};
  RETURN_IF_ERROR(enter_transaction(batch, first, emit));
  size_t payload = 0;
  if (!key.empty()) RETURN_IF_ERROR(make_key(*table, batch, after == kNoRow ? before : after, key_, payload));
  const std::string_view key_text = key.empty() ? std::string_view() : std::string_view(key_);
  RETURN_IF_ERROR(make_value(*table, batch, before, after, operation));
  RETURN_IF_ERROR(emit({.key = key_text, .value = value_, .row = first, .part = 0}));
  if (operation != 'd') return {};
  return emit({.key = key_text, .value = {}, .row = first, .part = 1});
}

}  // namespace sluice
