// SPDX-License-Identifier: Apache-2.0
// Fuzzes the expression language from text to values: any input either is refused with a position or yields a column of
// as many rows as the batch has. What is structured is JSON, and the JSON reader accepts what another one accepts.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/setting.h"
#include "data/change_batch.h"
#include "transform/binder.h"
#include "transform/expression_syntax.h"
#include "transform/json_text.h"

namespace sluice {
namespace {

TableSchemaPtr fuzz_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "t"};
  const std::pair<const char*, TypeKind> columns[] = {
      {"i", TypeKind::kInt32},  {"l", TypeKind::kInt64},      {"u", TypeKind::kUInt64},
      {"f", TypeKind::kDouble}, {"s", TypeKind::kString},     {"b", TypeKind::kBoolean},
      {"dt", TypeKind::kDate},  {"ts", TypeKind::kTimestamp}, {"tz", TypeKind::kTimestampTz},
      {"y", TypeKind::kBytes},  {"n", TypeKind::kDecimal},    {"d", TypeKind::kDecimal}};
  for (const auto& [name, kind] : columns) {
    Column column;
    column.name = name;
    column.type = plain_type(kind);
    column.type.nullable = true;
    schema->columns.push_back(column);
  }
  schema->columns.back().type.precision = 10;
  schema->columns.back().type.scale = 2;
  return schema;
}

ChangeBatch fuzz_batch() {
  ChangeBatch batch(fuzz_schema());
  struct Row {
    int64_t number;  // of times the last two are infinities
    const char* text;
    const char* decimal;  // without declared digits
    const char* short_decimal;
  };
  for (const Row& row : {Row{7, "2024-02-29", "12.345", "12.50"}, Row{-1, "", "Infinity", "NaN"},
                         Row{INT64_MAX, "infinity", "NaN", "0.00"}, Row{INT64_MIN, "x", "-Infinity", "-0.01"}}) {
    batch.kinds.push_back(RowKind::kInsert);
    for (auto& column : batch.columns) {
      const TypeKind kind = column.kind();
      if (kind == TypeKind::kDecimal) {
        column.append_bytes(&column == &batch.columns.back() ? row.short_decimal : row.decimal);
      } else if (kind == TypeKind::kBoolean) {
        column.append_int(1);
      } else if (kind == TypeKind::kInt32) {
        column.append_int(static_cast<int32_t>(row.number));
      } else if (column.storage() == Storage::kInt64) {
        column.append_int(row.number);
      } else if (column.storage() == Storage::kDouble) {
        column.append_double(static_cast<double>(row.number) / 2);
      } else {
        column.append_bytes(row.text);
      }
    }
  }
  batch.kinds.push_back(RowKind::kInsert);
  for (auto& column : batch.columns) column.append_null();
  return batch;
}

void run(std::string_view text, const Dialect& dialect) {
  static const ChangeBatch batch = fuzz_batch();
  const auto syntax = parse_expression(text);
  if (!syntax) return;
  auto expression = Binder(*batch.schema, dialect, nullptr).bind(*syntax);
  if (!expression) return;
  const auto result = (*expression)->evaluate(Frame{&batch, batch.rows(), nullptr, 1700000000000000});
  if (!result) return;
  SLUICE_CHECK((*result)->size() >= batch.rows());
  if ((*expression)->type().structure == nullptr) return;
  for (size_t row = 0; row < batch.rows(); ++row) {
    SLUICE_CHECK(!(*result)->has_value(row) || nlohmann::json::accept((*result)->bytes_at(row)));
  }
}

// Texts on which the two may differ: numbers beyond a double, depth, a byte order mark, NUL, which ends the other's.
bool beyond_comparison(std::string_view text) {
  const auto brackets = std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; });
  return text.find_first_of("eE") != std::string_view::npos || text.size() > 300 || brackets > 200 ||
         text.starts_with("\xef") || text.find('\0') != std::string_view::npos;
}

void read_json(std::string_view text) {
  std::string compact;
  const auto status = append_compact_json(text, true, compact);
  if (!beyond_comparison(text)) SLUICE_CHECK((status == JsonStatus::kOk) == nlohmann::json::accept(text));
  if (status != JsonStatus::kOk) return;
  std::string again;
  SLUICE_CHECK(append_compact_json(compact, false, again) == JsonStatus::kOk && again == compact);
  SLUICE_CHECK(json_equal(compact, again));
  for (JsonParts parts(compact); parts.next();) {
    again.clear();
    SLUICE_CHECK(append_compact_json(parts.value(), false, again) == JsonStatus::kOk && again == parts.value());
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto zone = sluice::TimeZone::find("Europe/Berlin").value();
  for (const bool flink : {false, true}) sluice::run(text, {flink, zone});
  (void)sluice::parse_projection(text).has_value();
  sluice::read_json(text);
  return 0;
}
