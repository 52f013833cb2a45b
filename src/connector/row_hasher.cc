// SPDX-License-Identifier: Apache-2.0
#include "connector/row_hasher.h"

#include <fmt/format.h>

namespace sluice {

std::string shared_hash_form(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean: return "boolean";
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kYear: return "integer";
    case TypeKind::kDecimal: return type.precision == 0 ? "" : fmt::format("decimal({})", type.scale);
    case TypeKind::kString:
    case TypeKind::kEnum:
    case TypeKind::kSet: return "text";
    case TypeKind::kBytes: return "bytes";
    case TypeKind::kDate: return "date";
    case TypeKind::kTime: return "time";
    case TypeKind::kTimestamp: return "timestamp";
    case TypeKind::kTimestampTz: return "instant";
    case TypeKind::kUuid: return "uuid";
    case TypeKind::kJson:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kBit:
    case TypeKind::kGeometry: break;
  }
  return "";
}

}  // namespace sluice
