// SPDX-License-Identifier: Apache-2.0
// Fuzzes the expression language from text to values: any input either is refused with a position or yields a column of
// as many rows as the batch has.
#include <string_view>

#include "base/error.h"
#include "config/setting.h"
#include "data/change_batch.h"
#include "transform/binder.h"
#include "transform/expression_syntax.h"

namespace sluice {
namespace {

TableSchemaPtr fuzz_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "t"};
  const std::pair<const char*, TypeKind> columns[] = {
      {"i", TypeKind::kInt32},        {"l", TypeKind::kInt64},   {"u", TypeKind::kUInt64}, {"f", TypeKind::kDouble},
      {"s", TypeKind::kString},       {"b", TypeKind::kBoolean}, {"dt", TypeKind::kDate},  {"ts", TypeKind::kTimestamp},
      {"tz", TypeKind::kTimestampTz}, {"y", TypeKind::kBytes}};
  for (const auto& [name, kind] : columns) {
    Column column;
    column.name = name;
    column.type = plain_type(kind);
    column.type.nullable = true;
    schema->columns.push_back(column);
  }
  return schema;
}

ChangeBatch fuzz_batch() {
  ChangeBatch batch(fuzz_schema());
  for (const int64_t value : {7, -1}) {
    batch.kinds.push_back(RowKind::kInsert);
    for (auto& column : batch.columns) {
      if (column.storage() == Storage::kInt64) column.append_int(column.kind() == TypeKind::kBoolean ? 1 : value);
      if (column.storage() == Storage::kDouble) column.append_double(static_cast<double>(value) / 2);
      if (column.storage() == Storage::kBytes) column.append_bytes(value < 0 ? "" : "2024-02-29");
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
  if (result) SLUICE_CHECK((*result)->size() >= batch.rows());
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto zone = sluice::TimeZone::find("Europe/Berlin").value();
  for (const bool flink : {false, true}) sluice::run(text, {flink, zone});
  (void)sluice::parse_projection(text).has_value();
  return 0;
}
