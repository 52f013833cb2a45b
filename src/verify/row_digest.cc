// SPDX-License-Identifier: Apache-2.0
#include "verify/row_digest.h"

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

constexpr uint64_t kHighSeed = 0x9ae16a3b2f90404fULL;
constexpr uint64_t kLowSeed = 0xc3a5c85c97cb3127ULL;

// nlohmann keeps object keys ordered, so equal documents print alike.
uint64_t json_hash(std::string_view text, uint64_t seed) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  ColumnVector canonical(TypeKind::kString);
  canonical.append_bytes(parsed.is_discarded() ? std::string(text)
                                               : parsed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return canonical.hash_at(0, seed);
}

uint64_t value_hash(const ChangeBatch& batch, size_t column, size_t row, uint64_t seed) {
  const ColumnVector& values = batch.columns[column];
  if (values.has_value(row) && batch.schema->columns[column].type.kind == TypeKind::kJson) {
    return json_hash(values.bytes_at(row), seed);
  }
  return values.hash_at(row, seed);
}

// The result of one column seeds the next, so that swapped values count.
uint64_t chain(const ChangeBatch& batch, size_t row, uint64_t seed) {
  for (size_t column = 0; column < batch.columns.size(); ++column) seed = value_hash(batch, column, row, seed);
  return seed;
}

}  // namespace

Digest row_digest(const ChangeBatch& batch, size_t row) {
  return {chain(batch, row, kHighSeed), chain(batch, row, kLowSeed)};
}

Digest key_digest(const ChangeBatch& batch, size_t row) {
  if (batch.schema->key.empty()) return row_digest(batch, row);
  Digest digest{kHighSeed, kLowSeed};
  for (const uint32_t column : batch.schema->key) {
    digest.high = value_hash(batch, column, row, digest.high);
    digest.low = value_hash(batch, column, row, digest.low);
  }
  return digest;
}

bool same_value(const ChangeBatch& batch, size_t row, const ChangeBatch& other, size_t other_row, size_t column) {
  return value_hash(batch, column, row, kHighSeed) == value_hash(other, column, other_row, kHighSeed) &&
         value_hash(batch, column, row, kLowSeed) == value_hash(other, column, other_row, kLowSeed);
}

}  // namespace sluice
