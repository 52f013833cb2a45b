// SPDX-License-Identifier: Apache-2.0
// What a reader of rows may be, too (ask by dynamic_cast): one whose server sums hashes of the rows itself, so that a
// comparison need not bring them over the network.
//
// A column is hashed as text. Two servers make the same text of equal values, and different texts of different values,
// if they name the same *form* for the column. Rows whose hashes differ may be equal nevertheless (a zero date that
// became NULL): whoever finds a difference reads the rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "connector/source.h"
#include "data/types.h"

namespace sluice {

// The hash of a row is 60 bits of the SHA-256 of its columns' texts, each with its length in front (MD5 is not in MySQL
// since 9.6); the sum of all, as the server prints it, does not depend on the order.
struct HashedRows {
  uint64_t rows = 0;
  std::string sum;
  friend bool operator==(const HashedRows&, const HashedRows&) = default;
};

// What every server names the same; empty for types whose text is a server's own.
std::string shared_hash_form(const DataType& type);

class RowHasher {
 public:
  virtual ~RowHasher() = default;
  // By column; empty: the server has no text that tells all of a value.
  virtual Result<std::vector<std::string>> hash_forms(Context& context, const TableSchema& schema) = 0;
  // Of the rows that begin() would begin to read. A row that the server cannot hash makes a sum that equals no other.
  virtual Result<HashedRows> hash_rows(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) = 0;
};

}  // namespace sluice
