// SPDX-License-Identifier: Apache-2.0
#include "transform/row_metadata.h"

namespace sluice {

namespace {

constexpr std::string_view kNamespace = "__namespace_name__";
constexpr std::string_view kSchema = "__schema_name__";
constexpr std::string_view kTable = "__table_name__";
constexpr std::string_view kEventType = "__data_event_type__";
constexpr std::string_view kCommitTime = "op_ts";

std::string_view event_type(RowKind kind) {
  switch (kind) {
    case RowKind::kInsert:
    case RowKind::kRead: return "+I";
    case RowKind::kUpdateBefore: return "-U";
    case RowKind::kUpdateAfter: return "+U";
    case RowKind::kDelete: return "-D";
  }
  return {};
}

// When the source committed the row, in milliseconds; 0 for rows of a snapshot.
int64_t commit_time(const ChangeBatch& batch, size_t row) {
  if (batch.origins.empty() || batch.transactions == nullptr) return 0;
  const auto transaction = batch.origins[row].transaction;
  return transaction < batch.transactions->size() ? (*batch.transactions)[transaction].commit_time_ms : 0;
}

}  // namespace

ExpressionPtr make_row_metadata(std::string_view name, const TableId& table) {
  if (name == kSchema) return make_text_constant(table.schema);
  if (name == kTable) return make_text_constant(table.table);
  if (name == kNamespace) {  // ids have two parts here; Flink CDC gives NULL for those too
    DataType type = plain_type(TypeKind::kString);
    type.nullable = true;
    return make_constant(type, [](ColumnVector& out) { out.append_null(); });
  }
  if (name == kEventType) {
    return make_volatile(plain_type(TypeKind::kString), {},
                         [](Call& call) { call.out.append_bytes(event_type(call.frame.batch->kinds[call.row])); });
  }
  if (name == kCommitTime) {
    return make_volatile(plain_type(TypeKind::kInt64), {},
                         [](Call& call) { call.out.append_int(commit_time(*call.frame.batch, call.row)); });
  }
  return nullptr;
}

bool is_reserved_metadata(std::string_view name) {
  return name == kNamespace || name == kSchema || name == kTable || name == kEventType;
}

}  // namespace sluice
