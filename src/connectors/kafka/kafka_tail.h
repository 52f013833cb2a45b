// SPDX-License-Identifier: Apache-2.0
// What a topic holds beyond the ledger. Each record carries in its header `sluice.position` the job, the last entry of
// the ledger before it, and which record of which row change it is. After a crash the ledger's entry is what it was,
// so the records that name it, at the end of each partition, are those that were written and not committed.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_copied.h"

namespace sluice {

inline constexpr const char* kPositionHeader = "sluice.position";
// What follows the head in the header of a row of the copy.
inline constexpr std::string_view kCopyMark = "copy;";

// The start of the header: "v1;<job>;<entry>;", where both are hashes.
std::string position_head(std::string_view job, std::string_view entry);

class KafkaTail {
 public:
  // Reads the end of each partition: of a copy, what the last chunk there left; else the records behind `head`.
  static Result<KafkaTail> read(Context& context, KafkaReader& reader, const KafkaTopic& topic, std::string_view head,
                                bool copy);

  size_t size() const;
  // True if the record is there already; each is asked for once.
  bool take(int32_t partition, std::string_view position);
  // What an earlier attempt to copy the chunk with this head left; null if nothing.
  CopiedRows* copied(const std::string& head);

 private:
  Result<> read_partition(Context& context, KafkaReader& reader, const std::string& topic, int32_t partition,
                          std::string_view head, bool copy);

  std::unordered_set<std::string> positions_;  // partition, then header
  std::map<std::string, CopiedRows> copied_;   // by head
  std::string buffer_;
};

}  // namespace sluice
