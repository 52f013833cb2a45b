// SPDX-License-Identifier: Apache-2.0
// What pg_logical_emit_message() writes into PostgreSQL's log travels with the rows of its transaction, as rows of a
// table that no source has: prefix and content. Only sinks of events get them.
#pragma once

#include <memory>

#include "data/types.h"

namespace sluice {

inline bool is_logical_message(const TableSchema& schema) {
  return schema.id.schema.empty() && schema.id.table == "message" && schema.columns.size() == 2;
}
inline TableSchemaPtr logical_message_schema() {
  static const TableSchemaPtr kSchema = std::make_shared<const TableSchema>(TableSchema{
      .id = {"", "message"},
      .columns = {{.name = "prefix", .type = {.kind = TypeKind::kString}, .comment = {}, .default_expression = {}},
                  {.name = "content", .type = {.kind = TypeKind::kBytes}, .comment = {}, .default_expression = {}}},
      .key = {},
      .comment = {}});
  return kSchema;
}

}  // namespace sluice
