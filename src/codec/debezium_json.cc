// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_json.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "data/json_value.h"

namespace sluice {
namespace {

void append_number(int64_t number, std::string& out) {
  const fmt::format_int text(number);
  out.append(text.data(), text.size());
}

// The value of "name=value" in a position's text; empty if it has none.
std::string_view position_field(std::string_view position, std::string_view name) {
  while (!position.empty()) {
    const size_t end = std::min(position.find(';'), position.size());
    const std::string_view part = position.substr(0, end);
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=')
      return part.substr(name.size() + 1);
    position.remove_prefix(std::min(end + 1, position.size()));
  }
  return {};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text.size() == 1 || text[0] != '0');
}

void append_member(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out.append(",\"").append(name).append("\":");
  if (name == "pos" && is_number(value)) {
    out += value;
  } else {
    append_json_string(value, out);
  }
}

class DebeziumJsonFormat final : public RowFormat {
 public:
  void begin(const ChangeBatch& batch) override {
    now_ms_ = wall_clock_ms();
    if (schema_ != batch.schema) prepare(batch.schema);
    transaction_known_ = false;
  }

  void append(const ChangeBatch& batch, const RowChange& change, std::string& out) override {
    out += "{\"before\":";
    append_image(batch, change.before, out);
    out += ",\"after\":";
    append_image(batch, change.after, out);
    out += source_;
    append_transaction(batch, change.before != RowChange::kNoRow ? change.before : change.after, out);
    switch (change.operation) {
      case RowOperation::kRead: out += "},\"op\":\"r\",\"ts_ms\":"; break;
      case RowOperation::kInsert: out += "},\"op\":\"c\",\"ts_ms\":"; break;
      case RowOperation::kUpdate: out += "},\"op\":\"u\",\"ts_ms\":"; break;
      case RowOperation::kDelete: out += "},\"op\":\"d\",\"ts_ms\":"; break;
    }
    append_number(now_ms_, out);
    out += "}\n";
  }

 private:
  void prepare(const TableSchemaPtr& schema) {
    schema_ = schema;
    names_.clear();
    for (const Column& column : schema->columns) {
      std::string name;
      append_json_string(column.name, name);
      names_.push_back(name + ':');
    }
    source_ = ",\"source\":{\"db\":";
    append_json_string(schema->id.schema, source_);
    source_ += ",\"table\":";
    append_json_string(schema->id.table, source_);
  }

  void append_image(const ChangeBatch& batch, size_t row, std::string& out) const {
    if (row == RowChange::kNoRow) {
      out += "null";
      return;
    }
    char separator = '{';
    for (size_t i = 0; i < batch.columns.size(); ++i) {
      const ColumnVector& column = batch.columns[i];
      if (column.presence(row) == Presence::kAbsent) continue;
      out += separator;
      separator = ',';
      out += names_[i];
      if (column.has_value(row)) {
        append_json_value(column, batch.schema->columns[i].type, row, out);
      } else {
        out += "null";
      }
    }
    if (separator == '{') out += '{';
    out += '}';
  }

  // Rows of one transaction follow each other, so its text is made once.
  void append_transaction(const ChangeBatch& batch, size_t row, std::string& out) {
    if (batch.origins.empty() || !batch.transactions) return;
    const uint32_t index = batch.origins[row].transaction;
    if (!transaction_known_ || index != transaction_) {
      transaction_ = index;
      transaction_known_ = true;
      transaction_text_.clear();
      if (index < batch.transactions->size()) describe((*batch.transactions)[index]);
    }
    out += transaction_text_;
  }

  void describe(const Transaction& transaction) {
    if (transaction.commit_time_ms != 0) {
      transaction_text_ += ",\"ts_ms\":";
      append_number(transaction.commit_time_ms, transaction_text_);
    }
    append_member("gtid", transaction.id, transaction_text_);
    for (const std::string_view name : {"file", "pos", "lsn"}) {
      append_member(name, position_field(transaction.start.text, name), transaction_text_);
    }
  }

  TableSchemaPtr schema_;
  std::vector<std::string> names_;  // "\"id\":"
  std::string source_;
  int64_t now_ms_ = 0;
  bool transaction_known_ = false;
  uint32_t transaction_ = 0;
  std::string transaction_text_;
};

}  // namespace

std::unique_ptr<RowFormat> make_debezium_json_format() { return std::make_unique<DebeziumJsonFormat>(); }

}  // namespace sluice
