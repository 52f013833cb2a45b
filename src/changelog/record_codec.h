// SPDX-License-Identifier: Apache-2.0
// What is kept in a change log, as bytes and back: stream elements, and where a log stands. A batch names its schema by
// a number; schemas and transactions are records of their own in front of the first batch that needs them.
//
// Record types and field numbers are only added to. A field that a reader does not know is passed over; a record type
// that it does not know was written by a newer version and is an error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connector/source.h"
#include "data/change_batch.h"

namespace sluice {

enum class RecordType : uint8_t {
  kState = 1,         // where the segment begins
  kSchema = 2,        // a schema that batches name by its number
  kTransactions = 3,  // of the batches that follow
  kBatch = 4,
  kGroupEnd = 5,
  kSchemaChange = 6,
  kTables = 7,  // what is known of some tables from here on: they were copied meanwhile
  kSynced = 8,  // everything before this record is on disk
};

// Where a log stands, and what the source needs to go on from there. A table with an empty detail is forgotten.
struct LogState {
  std::string job;  // the life of the job to which the log belongs
  Position position;
  std::map<TableId, std::string> tables;
  std::vector<FinishedChunk> chunks;
  bool first = false;  // of its log: segments with smaller numbers belong to an older one

  void follow(const SchemaChangeEvent& event);
  // What is known of some tables, and of their chunks, takes the place of what was.
  void replace(const LogState& some);
  LogStart start() const;
};

std::string encode_state(const LogState& state);
Result<LogState> decode_state(std::string_view payload);

struct Record {
  RecordType type;
  std::string payload;
};

// One thread. Numbers that were given to schemas are not given again, also after forget().
class ElementEncoder {
 public:
  // The records of an element, in order.
  void encode(const StreamElement& element, std::vector<Record>& out);
  // What was encoded before may be gone: schemas and transactions are written anew, with numbers behind `number`.
  void forget(uint64_t number = 0);

 private:
  uint64_t number_of(const TableSchemaPtr& schema, std::vector<Record>& out);

  std::map<const TableSchema*, std::pair<TableSchemaPtr, uint64_t>> schemas_;
  std::shared_ptr<const TransactionList> transactions_;
  uint64_t next_number_ = 1;
};

// One thread.
class ElementDecoder {
 public:
  // Nothing for records that only later ones need. kCorrupt, kUnsupported (a type of a newer version).
  Result<std::optional<StreamElement>> decode(RecordType type, std::string_view payload);
  // A new segment begins.
  void forget();
  // The greatest number of a schema.
  uint64_t last_schema() const { return schemas_.empty() ? 0 : schemas_.rbegin()->first; }

 private:
  Result<> decode_schema(std::string_view payload);
  Result<> decode_transactions(std::string_view payload);
  Result<ChangeBatch> decode_batch(std::string_view payload) const;
  Result<SchemaChangeEvent> decode_schema_change(std::string_view payload) const;
  Result<TableSchemaPtr> schema(uint64_t number) const;

  std::map<uint64_t, TableSchemaPtr> schemas_;
  std::shared_ptr<const TransactionList> transactions_;
};

}  // namespace sluice
