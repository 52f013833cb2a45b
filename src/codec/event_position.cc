// SPDX-License-Identifier: Apache-2.0
#include "codec/event_position.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <iterator>

namespace sluice {

std::string position_head(std::string_view job) {
  return fmt::format("v2;{:016x};", XXH3_64bits(job.data(), job.size()));
}

void append_change_position(const ChangeBatch& batch, const DebeziumRecord& record, std::string& out) {
  const RowOrigin& origin = batch.origins[record.row];
  const Transaction& transaction = (*batch.transactions)[origin.transaction];
  // A place means nothing on another server, where a GTID may have to be found again.
  const uint64_t place = transaction.id.empty() ? origin.place : 0;
  fmt::format_to(std::back_inserter(out), "{};{};{};{};{};{}", origin.event, origin.row, record.part, place,
                 transaction.id, transaction.start.text);
}

void append_record_position(const DebeziumRecord& record, std::string& out) {
  fmt::format_to(std::back_inserter(out), "0;{};{};0;{};{}", record.row, record.part, record.transaction->id,
                 record.transaction->start.text);
}

}  // namespace sluice
