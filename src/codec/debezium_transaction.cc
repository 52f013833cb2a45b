// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "codec/connect_schema.h"
#include "data/json_value.h"

namespace sluice {
namespace {

// A commit record begins at a multiple of it; a position may be one behind that.
constexpr uint64_t kAlignment = 8;

uint64_t hex_number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// How precisely Debezium names PostgreSQL's transactions is not described; the place is that of the commit record, so
// that all records of a transaction have one name.
std::string transaction_id(const Transaction& transaction, EventSource source) {
  const std::string& start = transaction.start.text;
  if (source == EventSource::kPostgres) {
    return fmt::format("{}:{}", transaction.number, position_lsn(start) / kAlignment * kAlignment);
  }
  if (!transaction.id.empty()) return transaction.id;
  return fmt::format("file={},pos={}", position_field(start, "file"), position_field(start, "pos"));
}

std::string wrapped(std::string_view name, std::string fields) {
  return "{\"schema\":" +
         connect_schema_json({.type = "struct", .name = name, .fields = std::move(fields)}, false, "", "") +
         ",\"payload\":";
}

}  // namespace

std::string_view position_field(std::string_view position, std::string_view name) {
  while (!position.empty()) {
    const size_t end = std::min(position.find(';'), position.size());
    const std::string_view part = position.substr(0, end);
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') {
      return part.substr(name.size() + 1);
    }
    position.remove_prefix(std::min(end + 1, position.size()));
  }
  return {};
}

uint64_t position_lsn(std::string_view position) {
  const std::string_view text = position_field(position, "lsn");
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return 0;
  return hex_number(text.substr(0, slash)) << 32 | hex_number(text.substr(slash + 1));
}

TransactionMetadata::TransactionMetadata(EventSource source, bool schemas) : source_(source), schemas_(schemas) {
  if (!schemas) return;
  const auto field = connect_field_json;
  const std::string id = field("string", false, "id");
  key_start_ = wrapped("io.debezium.connector.common.TransactionMetadataKey", id);
  const ConnectSchema counted{
      .type = "struct",
      .name = "event.collection",
      .fields = field("string", false, "data_collection") + ',' + field("int64", false, "event_count")};
  const ConnectSchema collections{.type = "array", .items = connect_schema_json(counted, true, "", "")};
  value_start_ = wrapped(
      "io.debezium.connector.common.TransactionMetadataValue",
      fmt::format("{},{},{},{},{}", field("string", false, "status"), id, field("int64", true, "event_count"),
                  connect_schema_json(collections, true, "", "data_collections"), field("int64", false, "ts_ms")));
}

void TransactionMetadata::begin(const Transaction& transaction) {
  open_ = true;
  transaction_ = transaction;
  id_.clear();
  append_json_string(transaction_id(transaction, source_), id_);
  events_ = 0;
  collections_.clear();
}

void TransactionMetadata::append_block(const std::string& collection, std::string& out) {
  auto found = std::ranges::find(collections_, collection, &std::pair<std::string, int64_t>::first);
  if (found == collections_.end()) found = collections_.insert(found, {collection, 0});
  fmt::format_to(std::back_inserter(out), R"({{"id":{},"total_order":{},"data_collection_order":{}}})", id_, ++events_,
                 ++found->second);
}

void TransactionMetadata::append_key(std::string& out) const {
  out.append(key_start_).append("{\"id\":").append(id_).append(schemas_ ? "}}" : "}");
}

void TransactionMetadata::append_start(std::string_view status, std::string& out) const {
  fmt::format_to(std::back_inserter(out), R"({}{{"status":"{}","id":{},"event_count":)", value_start_, status, id_);
}

void TransactionMetadata::append_finish(std::string& out) const {
  fmt::format_to(std::back_inserter(out), ",\"ts_ms\":{}}}", transaction_.event_time_us / 1000);
  if (schemas_) out += '}';
}

void TransactionMetadata::append_begin(std::string& out) const {
  append_start("BEGIN", out);
  out += "null,\"data_collections\":null";
  append_finish(out);
}

void TransactionMetadata::append_end(std::string& out) const {
  append_start("END", out);
  fmt::format_to(std::back_inserter(out), "{},\"data_collections\":[", events_);
  for (const auto& [name, events] : collections_) {
    if (out.back() != '[') out += ',';
    out += "{\"data_collection\":";
    append_json_string(name, out);
    fmt::format_to(std::back_inserter(out), ",\"event_count\":{}}}", events);
  }
  out += ']';
  append_finish(out);
}

}  // namespace sluice
