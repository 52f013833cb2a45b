// SPDX-License-Identifier: Apache-2.0
#include "data/change_batch.h"

namespace sluice {

ChangeBatch::ChangeBatch(TableSchemaPtr table_schema) : schema(std::move(table_schema)) {
  columns.reserve(schema->columns.size());
  for (const auto& column : schema->columns) columns.emplace_back(column.type.kind);
}

size_t ChangeBatch::byte_size() const {
  size_t total = kinds.size() + origins.size() * sizeof(RowOrigin);
  for (const auto& column : columns) total += column.byte_size();
  return total;
}

void ChangeBatch::append_row_from(const ChangeBatch& other, size_t row) {
  kinds.push_back(other.kinds[row]);
  for (size_t i = 0; i < columns.size(); ++i) columns[i].append_from(other.columns[i], row);
  if (!other.origins.empty()) origins.push_back(other.origins[row]);
}

void ChangeBatch::clear() {
  kinds.clear();
  for (auto& column : columns) column.clear();
  origins.clear();
}

}  // namespace sluice
