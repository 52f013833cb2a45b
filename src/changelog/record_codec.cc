// SPDX-License-Identifier: Apache-2.0
#include "changelog/record_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "changelog/numbered_fields.h"

namespace sluice {
namespace {

constexpr int kOriginNumbers = 4;

Error damaged(std::string_view what) {
  return Error(ErrorCode::kCorrupt, fmt::format("{} in the change log cannot be read", what));
}

std::string encode_table(const TableId& table) {
  std::string out;
  append_field(1, table.schema, out);
  append_field(2, table.table, out);
  return out;
}

bool decode_table(std::string_view bytes, TableId& table) {
  FieldReader in(bytes);
  while (in.next()) {
    if (in.number() == 1) table.schema = in.text();
    if (in.number() == 2) table.table = in.text();
  }
  return !in.failed();
}

// A table and a text that goes with it.
std::string encode_tracked(const TableId& table, std::string_view detail) {
  std::string out;
  append_field(1, encode_table(table), out);
  append_field(2, detail, out);
  return out;
}

bool decode_tracked(std::string_view bytes, TableId& table, std::string& detail) {
  bool good = true;
  FieldReader in(bytes);
  while (in.next()) {
    if (in.number() == 1) good = decode_table(in.bytes(), table) && good;
    if (in.number() == 2) detail = in.text();
  }
  return good && !in.failed();
}

std::string encode_chunk(const FinishedChunk& chunk) {
  std::string out;
  append_field(1, encode_table(chunk.chunk.table), out);
  append_field(2, chunk.chunk.index, out);
  if (chunk.chunk.lower) append_field(3, *chunk.chunk.lower, out);
  if (chunk.chunk.upper) append_field(4, *chunk.chunk.upper, out);
  append_field(5, chunk.chunk.by_key ? 1 : 0, out);
  append_field(6, chunk.position.text, out);
  return out;
}

bool decode_chunk(std::string_view bytes, FinishedChunk& chunk) {
  bool good = true;
  FieldReader in(bytes);
  while (in.next()) {
    switch (in.number()) {
      case 1: good = decode_table(in.bytes(), chunk.chunk.table) && good; break;
      case 2: chunk.chunk.index = static_cast<uint32_t>(in.value()); break;
      case 3: chunk.chunk.lower = in.text(); break;
      case 4: chunk.chunk.upper = in.text(); break;
      case 5: chunk.chunk.by_key = in.value() != 0; break;
      case 6: chunk.position.text = in.text(); break;
      default: break;
    }
  }
  return good && !in.failed();
}

// Presence only where a value is missing; values only where there are some.
std::string encode_column(const ColumnVector& column) {
  std::string presence, values, lengths;
  bool complete = true;
  for (size_t row = 0; row < column.size(); ++row) {
    presence.push_back(static_cast<char>(column.presence(row)));
    if (!column.has_value(row)) {
      complete = false;
      continue;
    }
    switch (column.storage()) {
      case Storage::kInt64: append_varint(zigzag(column.int_at(row)), values); break;
      case Storage::kDouble: {
        const auto bits = std::bit_cast<uint64_t>(column.double_at(row));
        for (int i = 0; i < 8; ++i) values.push_back(static_cast<char>(bits >> (8 * i)));
        break;
      }
      case Storage::kBytes:
        append_varint(column.bytes_at(row).size(), lengths);
        values.append(column.bytes_at(row));
        break;
    }
  }
  std::string out;
  if (!complete) append_field(1, presence, out);
  append_field(2, values, out);
  if (column.storage() == Storage::kBytes) append_field(3, lengths, out);
  return out;
}

// Takes one value off the front.
bool take_value(std::string_view& values, std::string_view& lengths, ColumnVector& column) {
  uint64_t number = 0;
  switch (column.storage()) {
    case Storage::kInt64:
      if (!take_varint(values, number)) return false;
      column.append_int(unzigzag(number));
      return true;
    case Storage::kDouble:
      if (values.size() < 8) return false;
      for (int i = 0; i < 8; ++i) number |= uint64_t{static_cast<uint8_t>(values[static_cast<size_t>(i)])} << (8 * i);
      values.remove_prefix(8);
      column.append_double(std::bit_cast<double>(number));
      return true;
    case Storage::kBytes:
      if (!take_varint(lengths, number) || number > values.size()) return false;
      column.append_bytes(values.substr(0, number));
      values.remove_prefix(number);
      return true;
  }
  return false;
}

bool decode_column(std::string_view bytes, size_t rows, ColumnVector& column) {
  std::string_view presence, values, lengths;
  FieldReader in(bytes);
  while (in.next()) {
    if (in.number() == 1) presence = in.bytes();
    if (in.number() == 2) values = in.bytes();
    if (in.number() == 3) lengths = in.bytes();
  }
  if (in.failed() || (!presence.empty() && presence.size() != rows)) return false;
  for (size_t row = 0; row < rows; ++row) {
    const auto kind = presence.empty() ? Presence::kValue : static_cast<Presence>(presence[row]);
    if (kind == Presence::kNull) {
      column.append_null();
    } else if (kind == Presence::kAbsent) {
      column.append_absent();
    } else if (kind != Presence::kValue || !take_value(values, lengths, column)) {
      return false;
    }
  }
  return values.empty() && lengths.empty();
}

bool decode_origins(std::string_view in, std::vector<RowOrigin>& origins) {
  uint64_t numbers[kOriginNumbers];
  while (!in.empty()) {
    for (auto& number : numbers) {
      if (!take_varint(in, number) || number > UINT32_MAX) return false;
    }
    origins.push_back({.transaction = static_cast<uint32_t>(numbers[0]),
                       .event = static_cast<uint32_t>(numbers[1]),
                       .row = static_cast<uint32_t>(numbers[2]),
                       .sequence = static_cast<uint32_t>(numbers[3])});
  }
  return true;
}

std::string encode_batch(const ChangeBatch& batch, uint64_t schema) {
  std::string kinds, origins, places;
  for (const RowKind kind : batch.kinds) kinds.push_back(static_cast<char>(kind));
  for (const RowOrigin& origin : batch.origins) {
    append_varint(origin.transaction, origins);
    append_varint(origin.event, origins);
    append_varint(origin.row, origins);
    append_varint(origin.sequence, origins);
    append_varint(origin.place, places);
  }
  std::string out;
  append_field(1, schema, out);
  append_field(2, kinds, out);
  append_field(3, origins, out);
  for (const ColumnVector& column : batch.columns) append_field(4, encode_column(column), out);
  append_field(5, places, out);
  return out;
}

std::string encode_group_end(const GroupEnd& end) {
  std::string out;
  append_field(1, end.position.text, out);
  append_field(2, zigzag(end.source_time_ms), out);
  return out;
}

Result<GroupEnd> decode_group_end(std::string_view payload) {
  GroupEnd end;
  FieldReader in(payload);
  while (in.next()) {
    if (in.number() == 1) end.position.text = in.text();
    if (in.number() == 2) end.source_time_ms = unzigzag(in.value());
  }
  if (in.failed() || end.position.empty()) return damaged("the end of a group");
  return end;
}

std::string encode_transaction(const Transaction& transaction) {
  std::string out;
  append_field(1, transaction.start.text, out);
  if (!transaction.id.empty()) append_field(2, transaction.id, out);
  append_field(3, zigzag(transaction.commit_time_ms), out);
  append_field(4, zigzag(transaction.event_time_us), out);
  append_field(5, transaction.server_id, out);
  append_field(6, zigzag(transaction.thread), out);
  append_field(7, zigzag(transaction.number), out);
  append_field(8, transaction.previous_commit, out);
  return out;
}

bool decode_transaction(std::string_view payload, Transaction& transaction) {
  FieldReader in(payload);
  while (in.next()) {
    if (in.number() == 1) transaction.start.text = in.text();
    if (in.number() == 2) transaction.id = in.text();
    if (in.number() == 3) transaction.commit_time_ms = unzigzag(in.value());
    if (in.number() == 4) transaction.event_time_us = unzigzag(in.value());
    if (in.number() == 5) transaction.server_id = static_cast<uint32_t>(in.value());
    if (in.number() == 6) transaction.thread = unzigzag(in.value());
    if (in.number() == 7) transaction.number = unzigzag(in.value());
    if (in.number() == 8) transaction.previous_commit = in.value();
  }
  return !in.failed();
}

std::string encode_transactions(const TransactionList& transactions) {
  std::string out;
  for (const Transaction& transaction : transactions) append_field(1, encode_transaction(transaction), out);
  return out;
}

}  // namespace

void LogState::follow(const SchemaChangeEvent& event) {
  for (const auto& [table, detail] : event.tracked) tables[table] = detail;
  // Who copies a table again plans it anew.
  for (const TableId& table : event.needs_copy) tables[table].clear();
  position = event.position;
}

void LogState::replace(const LogState& some) {
  for (const auto& [table, detail] : some.tables) tables[table] = detail;
  std::erase_if(chunks, [&](const FinishedChunk& chunk) { return some.tables.contains(chunk.chunk.table); });
  chunks.insert(chunks.end(), some.chunks.begin(), some.chunks.end());
}

LogStart LogState::start() const {
  LogStart start{.position = position, .tables = {}, .chunks = chunks};
  for (const auto& [table, detail] : tables) {
    if (!detail.empty()) start.tables.emplace_back(table, detail);
  }
  return start;
}

std::string encode_state(const LogState& state) {
  std::string out;
  append_field(1, state.job, out);
  append_field(2, state.position.text, out);
  for (const auto& [table, detail] : state.tables) append_field(3, encode_tracked(table, detail), out);
  for (const FinishedChunk& chunk : state.chunks) append_field(4, encode_chunk(chunk), out);
  append_field(5, state.first ? 1 : 0, out);
  return out;
}

Result<LogState> decode_state(std::string_view payload) {
  LogState state;
  FieldReader in(payload);
  while (in.next()) {
    if (in.number() == 1) state.job = in.text();
    if (in.number() == 2) state.position.text = in.text();
    if (in.number() == 3) {
      TableId table;
      std::string detail;
      if (!decode_tracked(in.bytes(), table, detail)) return damaged("a table");
      state.tables[table] = std::move(detail);
    }
    if (in.number() == 5) state.first = in.value() != 0;
    if (in.number() == 4 && !decode_chunk(in.bytes(), state.chunks.emplace_back())) return damaged("a chunk");
  }
  if (in.failed()) return damaged("a beginning");
  return state;
}

void ElementEncoder::forget(uint64_t number) {
  schemas_.clear();
  transactions_.reset();
  next_number_ = std::max(next_number_, number + 1);
}

uint64_t ElementEncoder::number_of(const TableSchemaPtr& schema, std::vector<Record>& out) {
  const auto [known, is_new] = schemas_.try_emplace(schema.get(), schema, next_number_);
  if (is_new) {
    std::string payload;
    append_field(1, next_number_++, payload);
    append_field(2, schema_to_json(*schema), payload);
    out.push_back({RecordType::kSchema, std::move(payload)});
  }
  return known->second.second;
}

void ElementEncoder::encode(const StreamElement& element, std::vector<Record>& out) {
  if (const auto* batch = std::get_if<ChangeBatch>(&element)) {
    const uint64_t schema = number_of(batch->schema, out);
    if (batch->transactions && batch->transactions != transactions_) {
      transactions_ = batch->transactions;
      out.push_back({RecordType::kTransactions, encode_transactions(*transactions_)});
    }
    out.push_back({RecordType::kBatch, encode_batch(*batch, schema)});
    return;
  }
  if (const auto* end = std::get_if<GroupEnd>(&element)) {
    out.push_back({RecordType::kGroupEnd, encode_group_end(*end)});
    return;
  }
  const auto& event = std::get<SchemaChangeEvent>(element);
  std::string payload;
  append_field(1, event.position.text, payload);
  append_field(2, event.ddl, payload);
  for (const SchemaChange& change : event.changes) {
    std::string one;
    append_field(1, static_cast<uint64_t>(change.kind), one);
    if (change.before) append_field(2, number_of(change.before, out), one);
    if (change.after) append_field(3, number_of(change.after, out), one);
    for (const auto& column : change.columns) append_field(4, column, one);
    for (const auto& name : change.new_names) append_field(5, name, one);
    append_field(3, one, payload);
  }
  for (const auto& [table, detail] : event.tracked) append_field(4, encode_tracked(table, detail), payload);
  for (const TableId& table : event.needs_copy) append_field(5, encode_table(table), payload);
  append_field(6, encode_transaction(event.transaction), payload);
  append_field(7, event.place, payload);
  out.push_back({RecordType::kSchemaChange, std::move(payload)});
}

void ElementDecoder::forget() {
  schemas_.clear();
  transactions_.reset();
}

Result<TableSchemaPtr> ElementDecoder::schema(uint64_t number) const {
  const auto known = schemas_.find(number);
  if (known == schemas_.end()) return damaged("a schema's number");
  return known->second;
}

Result<> ElementDecoder::decode_schema(std::string_view payload) {
  uint64_t number = 0;
  std::string_view json;
  FieldReader in(payload);
  while (in.next()) {
    if (in.number() == 1) number = in.value();
    if (in.number() == 2) json = in.bytes();
  }
  auto decoded = in.failed() ? Result<TableSchema>(damaged("a schema")) : schema_from_json(json);
  if (!decoded) return damaged("a schema");
  schemas_[number] = std::make_shared<const TableSchema>(std::move(decoded).value());
  return {};
}

Result<> ElementDecoder::decode_transactions(std::string_view payload) {
  auto transactions = std::make_shared<TransactionList>();
  FieldReader list(payload);
  while (list.next()) {
    if (list.number() != 1) continue;
    if (!decode_transaction(list.bytes(), transactions->emplace_back())) return damaged("a transaction");
  }
  if (list.failed()) return damaged("a list of transactions");
  transactions_ = std::move(transactions);
  return {};
}

Result<ChangeBatch> ElementDecoder::decode_batch(std::string_view payload) const {
  uint64_t number = 0;
  std::string_view kinds, origins, places;
  std::vector<std::string_view> columns;
  FieldReader in(payload);
  while (in.next()) {
    if (in.number() == 1) number = in.value();
    if (in.number() == 2) kinds = in.bytes();
    if (in.number() == 3) origins = in.bytes();
    if (in.number() == 4) columns.push_back(in.bytes());
    if (in.number() == 5) places = in.bytes();
  }
  if (in.failed()) return damaged("a batch");
  ASSIGN_OR_RETURN(const TableSchemaPtr schema_of_rows, schema(number));
  ChangeBatch batch(schema_of_rows);
  if (columns.size() != batch.columns.size()) return damaged("a batch");
  for (const char kind : kinds) {
    if (static_cast<uint8_t>(kind) > static_cast<uint8_t>(RowKind::kRead)) return damaged("a batch");
    batch.kinds.push_back(static_cast<RowKind>(kind));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!decode_column(columns[i], batch.rows(), batch.columns[i])) return damaged("a column");
  }
  if (!decode_origins(origins, batch.origins)) return damaged("a batch");
  for (size_t i = 0; i < batch.origins.size() && !places.empty(); ++i) {
    if (!take_varint(places, batch.origins[i].place)) return damaged("a batch");
  }
  if (batch.origins.empty()) return batch;
  const size_t transactions = transactions_ ? transactions_->size() : 0;
  const bool named =
      std::ranges::all_of(batch.origins, [&](const RowOrigin& origin) { return origin.transaction < transactions; });
  if (batch.origins.size() != batch.rows() || !named) return damaged("a batch");
  batch.transactions = transactions_;
  return batch;
}

Result<SchemaChangeEvent> ElementDecoder::decode_schema_change(std::string_view payload) const {
  SchemaChangeEvent event;
  bool good = true;
  FieldReader in(payload);
  while (in.next()) {
    if (in.number() == 1) event.position.text = in.text();
    if (in.number() == 2) event.ddl = in.text();
    if (in.number() == 4) {
      auto& [table, detail] = event.tracked.emplace_back();
      good = decode_tracked(in.bytes(), table, detail) && good;
    }
    if (in.number() == 5) good = decode_table(in.bytes(), event.needs_copy.emplace_back()) && good;
    if (in.number() == 6) good = decode_transaction(in.bytes(), event.transaction) && good;
    if (in.number() == 7) event.place = in.value();
    if (in.number() != 3) continue;
    SchemaChange& change = event.changes.emplace_back();
    FieldReader one(in.bytes());
    while (one.next()) {
      switch (one.number()) {
        case 1:
          good = one.value() <= static_cast<uint64_t>(SchemaChangeKind::kAlterTableComment) && good;
          change.kind = static_cast<SchemaChangeKind>(one.value());
          break;
        case 2: {
          ASSIGN_OR_RETURN(change.before, schema(one.value()));
          break;
        }
        case 3: {
          ASSIGN_OR_RETURN(change.after, schema(one.value()));
          break;
        }
        case 4: change.columns.push_back(one.text()); break;
        case 5: change.new_names.push_back(one.text()); break;
        default: break;
      }
    }
    good = good && !one.failed() && (change.before || change.after);
  }
  if (!good || in.failed() || event.position.empty()) return damaged("a schema change");
  return event;
}

Result<std::optional<StreamElement>> ElementDecoder::decode(RecordType type, std::string_view payload) {
  std::optional<StreamElement> element;
  switch (type) {
    case RecordType::kSchema: RETURN_IF_ERROR(decode_schema(payload)); return element;
    case RecordType::kTransactions: RETURN_IF_ERROR(decode_transactions(payload)); return element;
    case RecordType::kBatch: {
      ASSIGN_OR_RETURN(element, decode_batch(payload));
      return element;
    }
    case RecordType::kGroupEnd: {
      ASSIGN_OR_RETURN(element, decode_group_end(payload));
      return element;
    }
    case RecordType::kSchemaChange: {
      ASSIGN_OR_RETURN(element, decode_schema_change(payload));
      return element;
    }
    case RecordType::kState:
    case RecordType::kTables:
    case RecordType::kSynced: return element;
  }
  return Error(ErrorCode::kUnsupported, fmt::format("the change log holds a record of type {}", static_cast<int>(type)),
               "It was written by a newer version of sluice: start the job with that.");
}

}  // namespace sluice
