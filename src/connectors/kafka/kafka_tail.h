// SPDX-License-Identifier: Apache-2.0
// What a topic holds beyond the ledger. The header `sluice.position` of each record tells the job and
//   v2;<hash of the job>;<event>;<row>;<part>;<place>;<GTID or nothing>;<start of the transaction>     of a change,
//   v2;<hash of the job>;copy;<chunk>                                                                  of a row of the
//   copy.
// <place> is that of the rows event in the log, where no GTID names the transaction. Either names the change also for a
// job that captures other tables by now.
// One writer writes a job's changes in the order of the log, so those whose transactions the ledger does not cover are
// the last of the job in each partition.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_copied.h"
#include "data/position.h"

namespace sluice {

inline constexpr const char* kPositionHeader = "sluice.position";
inline constexpr std::string_view kCopyMark = "copy;";

class KafkaTail {
 public:
  // What was written at or behind `since_ms` is looked at; zero: everything.
  // The changes that are in the topic and not in the ledger, which `committed` asks.
  static Result<KafkaTail> read_stream(Context& context, KafkaReader& reader, const KafkaTopic& topic,
                                       std::string_view head, int64_t since_ms,
                                       const std::function<bool(const Transaction&)>& committed);
  // The rows of the last chunk in each partition, if no changes follow.
  static Result<KafkaTail> read_copy(Context& context, KafkaReader& reader, const KafkaTopic& topic,
                                     std::string_view head, int64_t since_ms);

  size_t size() const;
  // True if the record of a change with this header is there already; each is asked for once.
  bool take(int32_t partition, std::string_view position);
  // What an earlier attempt to copy the chunk left; null if nothing.
  CopiedRows* copied(const std::string& chunk);

 private:
  std::unordered_set<std::string> changes_;   // partition, row change and transaction
  std::map<std::string, CopiedRows> copied_;  // by chunk
  std::string buffer_;
};

}  // namespace sluice
