// SPDX-License-Identifier: Apache-2.0
// Any bytes as messages of pgoutput, one after the other: a length byte, then the message. Rows are decoded by the last
// shape told.
#include <algorithm>
#include <optional>

#include "connectors/postgres/pgoutput_message.h"
#include "connectors/postgres/relation_diff.h"
#include "connectors/postgres/row_plan.h"

namespace sluice {
namespace {

// Integers, dates, bytes and texts, whatever the number says.
DataType type_of(uint32_t type) {
  static constexpr TypeKind kKinds[] = {TypeKind::kString, TypeKind::kInt32,     TypeKind::kBytes, TypeKind::kDate,
                                        TypeKind::kBit,    TypeKind::kTimestamp, TypeKind::kUuid,  TypeKind::kDecimal};
  return {.kind = kKinds[type % std::size(kKinds)], .length = type % 9, .precision = 6};
}

RelationCatalog catalog_with(std::optional<PostgresTable> today) {
  return {.today = std::move(today),
          .type = [](uint32_t type, int32_t) -> Result<DataType> { return type_of(type); },
          .added = [](int16_t attribute) -> Result<AddedValue> {
            return AddedValue{.known = attribute % 2 == 0, .text = "1"};
          }};
}

int try_input(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  PgoutputMessage message;
  std::optional<PostgresTable> table;
  std::optional<PostgresRowPlan> plan;
  while (rest.size() > 2) {
    const bool in_stream = (rest[0] & 1) != 0;
    const size_t length = std::min<size_t>(static_cast<unsigned char>(rest[1]), rest.size() - 2);
    const std::string_view payload = rest.substr(2, length);
    rest.remove_prefix(2 + length);
    (void)parse_pgoutput_head(payload, in_stream);
    if (!parse_pgoutput(payload, in_stream, message)) continue;
    if (message.kind == PgoutputKind::kRelation) {
      auto now = new_relation(message.shape, catalog_with(table));
      if (table) (void)diff_relation(message.shape, *table, catalog_with(table));
      if (!now) continue;
      int16_t attribute = 0;
      for (auto& column : now->columns) column.attribute = ++attribute;
      if (table) (void)diff_relation(message.shape, *table, catalog_with(*now));
      table = *std::move(now);
      plan.emplace(message.shape, *table, nullptr);
    } else if (plan && (message.kind == PgoutputKind::kInsert || message.kind == PgoutputKind::kUpdate ||
                        message.kind == PgoutputKind::kDelete)) {
      ChangeBatch batch(plan->schema());
      (void)plan->append(message, {}, batch);
    }
  }
  return 0;
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return sluice::try_input(data, size); }
