// SPDX-License-Identifier: Apache-2.0
// How Debezium's connectors are told to form their events; names and defaults are theirs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace sluice {

enum class EventSource : uint8_t { kMysql, kMariadb, kPostgres };
enum class DecimalMode : uint8_t { kPrecise, kDouble, kString };
enum class BinaryMode : uint8_t { kBytes, kBase64, kBase64Url, kHex };
enum class TimeMode : uint8_t {
  kAdaptive,
  kAdaptiveTimeMicroseconds,
  kConnect,
  kIsostring,
  kMicroseconds,
  kNanoseconds
};

class ColumnRules;

struct DebeziumOptions {
  EventSource source = EventSource::kMysql;
  std::string database;      // of a PostgreSQL source
  std::string topic_prefix;  // the logical name
  DecimalMode decimals = DecimalMode::kPrecise;
  TimeMode times = TimeMode::kAdaptive;
  BinaryMode binaries = BinaryMode::kBytes;
  bool unsigned_bigint_precise = false;  // bigint.unsigned.handling.mode
  bool interval_as_text = false;         // interval.handling.mode
  bool hstore_as_map = false;            // hstore.handling.mode
  bool schemas = true;                   // JsonConverter's schemas.enable
  std::string placeholder = "__debezium_unavailable_value";
  std::shared_ptr<const ColumnRules> columns;  // shared by the encoders of a job; null: every column as it is
  std::string skipped;                         // skipped.operations: of c, u, d and t
  bool skip_unchanged = false;                 // skip.messages.without.change
  std::string transaction_topic;               // provide.transaction.metadata; empty: none
};

}  // namespace sluice
