// SPDX-License-Identifier: Apache-2.0
// The rows of one chunk that an earlier attempt to copy it left in a topic. The chunk is read again at a later moment:
// rows that are as they were need not come again, those that changed come again, and those that are gone meanwhile must
// be deleted, because no change of theirs will come.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "connectors/kafka/kafka_client.h"

namespace sluice {

class CopiedRows {
 public:
  // A record of the earlier attempt, in the order of its partition.
  void add(int32_t partition, int64_t offset, std::string_view key, std::string_view value);
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }
  // True if the row is there as it is now. Rows without a key are told apart by their content.
  bool take(int32_t partition, std::string_view key, std::string_view value);

  // A deletion for each row that was not taken; afterwards nothing is left.
  using Emit = std::function<Result<>(int32_t partition, std::string_view key, std::string_view value)>;
  Result<> delete_rest(Context& context, KafkaReader& reader, const std::string& topic, const Emit& emit);

 private:
  struct Row {
    int32_t partition = 0;
    int64_t offset = 0;
    uint64_t content = 0;
    bool taken = false;
  };
  uint64_t name_of(int32_t partition, std::string_view key, uint64_t content,
                   std::unordered_map<uint64_t, uint32_t>& repeated) const;

  std::unordered_map<uint64_t, Row> rows_;
  // Of equal rows without a key: how many were added, and asked for.
  std::unordered_map<uint64_t, uint32_t> added_;
  std::unordered_map<uint64_t, uint32_t> asked_;
};

}  // namespace sluice
