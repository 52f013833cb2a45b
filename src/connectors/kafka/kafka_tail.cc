// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_tail.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/log.h"

namespace sluice {
namespace {

constexpr int64_t kFirstWindow = 1000;
constexpr int64_t kWindowGrowth = 4;
constexpr int64_t kLongSearch = 1'000'000;
constexpr size_t kHeadLength = 20;  // "v2;<16 digits>;"

// A header in parts.
struct Place {
  std::string_view chunk;   // of a row of the copy; else empty
  std::string_view change;  // "<event>;<row>;<part>;<place>"
  std::string_view id;
  std::string_view start;
};

Place parse_place(std::string_view position) {
  position.remove_prefix(kHeadLength);
  if (position.starts_with(kCopyMark)) return {.chunk = position.substr(kCopyMark.size())};
  size_t ends[5] = {};
  size_t at = 0;
  for (size_t& end : ends) {
    end = std::min(position.find(';', at), position.size());
    at = std::min(end + 1, position.size());
  }
  return {.change = position.substr(0, ends[3]),
          .id = position.substr(std::min(ends[3] + 1, position.size()), ends[4] - std::min(ends[3] + 1, ends[4])),
          .start = position.substr(at)};
}

// A transaction with a GTID has that name on every server.
void make_name(int32_t partition, const Place& place, std::string& out) {
  out.clear();
  fmt::format_to(std::back_inserter(out), "{}:{}:{}", partition, place.change,
                 place.id.empty() ? place.start : place.id);
}

using Take = std::function<Result<>(const KafkaReadRecord&, const Place&)>;

// The job's records in a range of a partition.
Result<> read_places(Context& context, KafkaReader& reader, const std::string& topic, int32_t partition,
                     KafkaReader::Range range, std::string_view head, const Take& take) {
  return reader.read(context, topic, partition, range, [&](const KafkaReadRecord& record) -> Result<> {
    const auto position = record.header(kPositionHeader);
    if (!position || !position->starts_with(head)) return {};
    return take(record, parse_place(*position));
  });
}

// The end of a partition that may hold records of the job.
Result<KafkaReader::Range> find_range(Context& context, KafkaReader& reader, const std::string& topic,
                                      int32_t partition, int64_t since_ms) {
  ASSIGN_OR_RETURN(const auto range, reader.range(context, topic, partition, since_ms));
  log_debug("topic {}, partition {}: the job's records are looked for among {}", topic, partition,
            range.end - range.begin);
  return range;
}

// Where the records behind the last one that is `older` begin: reads backwards, in windows that grow. The end if there
// are none of the job.
Result<int64_t> find_begin(Context& context, KafkaReader& reader, const std::string& topic, int32_t partition,
                           KafkaReader::Range whole, std::string_view head,
                           const std::function<bool(const Place&)>& older) {
  KafkaReader::Range window{.begin = whole.end, .end = whole.end};
  bool any = false;
  for (int64_t size = kFirstWindow; window.begin > whole.begin; size *= kWindowGrowth) {
    if (size > kLongSearch) {
      log_info("topic {}, partition {}: reading back from record {} for the last one that the ledger knows", topic,
               partition, window.begin);
    }
    window = {.begin = std::max(whole.begin, window.begin - size), .end = window.begin};
    std::optional<int64_t> begin;
    const Take look = [&](const KafkaReadRecord& record, const Place& place) -> Result<> {
      any = true;
      if (older(place)) begin = record.offset + 1;
      return {};
    };
    RETURN_IF_ERROR(read_places(context, reader, topic, partition, window, head, look));
    if (begin) return *begin;
  }
  return any ? whole.begin : whole.end;
}

// The chunk of the job's last record; empty if that is a change, or there is none.
Result<std::string> last_chunk(Context& context, KafkaReader& reader, const std::string& topic, int32_t partition,
                               KafkaReader::Range whole, std::string_view head) {
  std::string chunk;
  bool found = false;
  KafkaReader::Range window{.begin = whole.end, .end = whole.end};
  for (int64_t size = kFirstWindow; !found && window.begin > whole.begin; size *= kWindowGrowth) {
    window = {.begin = std::max(whole.begin, window.begin - size), .end = window.begin};
    const Take look = [&](const KafkaReadRecord&, const Place& place) -> Result<> {
      found = true;
      chunk = place.chunk;
      return {};
    };
    RETURN_IF_ERROR(read_places(context, reader, topic, partition, window, head, look));
  }
  return chunk;
}

}  // namespace

Result<KafkaTail> KafkaTail::read_stream(Context& context, KafkaReader& reader, const KafkaTopic& topic,
                                         std::string_view head, int64_t since_ms,
                                         const std::function<bool(const Transaction&)>& committed) {
  KafkaTail tail;
  Transaction last;
  bool last_committed = false;
  const auto older = [&](const Place& place) {
    if (!place.chunk.empty()) return true;
    if (place.start.empty()) return false;  // copied beside the stream
    if (place.start == last.start.text && place.id == last.id) return last_committed;
    last.start.text = place.start;
    last.id = place.id;
    last_committed = committed(last);
    return last_committed;
  };
  for (int32_t partition = 0; partition < topic.partitions; ++partition) {
    ASSIGN_OR_RETURN(auto range, find_range(context, reader, topic.name, partition, since_ms));
    ASSIGN_OR_RETURN(range.begin, find_begin(context, reader, topic.name, partition, range, head, older));
    const Take keep = [&](const KafkaReadRecord&, const Place& place) -> Result<> {
      if (place.start.empty()) return {};
      make_name(partition, place, tail.buffer_);
      tail.changes_.insert(tail.buffer_);
      return {};
    };
    RETURN_IF_ERROR(read_places(context, reader, topic.name, partition, range, head, keep));
  }
  return tail;
}

Result<KafkaTail> KafkaTail::read_copy(Context& context, KafkaReader& reader, const KafkaTopic& topic,
                                       std::string_view head, int64_t since_ms) {
  KafkaTail tail;
  for (int32_t partition = 0; partition < topic.partitions; ++partition) {
    ASSIGN_OR_RETURN(auto range, find_range(context, reader, topic.name, partition, since_ms));
    ASSIGN_OR_RETURN(const std::string chunk, last_chunk(context, reader, topic.name, partition, range, head));
    if (chunk.empty()) continue;
    const auto older = [&](const Place& place) { return place.chunk != chunk; };
    ASSIGN_OR_RETURN(range.begin, find_begin(context, reader, topic.name, partition, range, head, older));
    CopiedRows& rows = tail.copied_[chunk];
    const Take keep = [&](const KafkaReadRecord& record, const Place&) -> Result<> {
      rows.add(partition, record.offset, record.key, record.value);
      return {};
    };
    RETURN_IF_ERROR(read_places(context, reader, topic.name, partition, range, head, keep));
  }
  return tail;
}

size_t KafkaTail::size() const {
  size_t total = changes_.size();
  for (const auto& [chunk, rows] : copied_) total += rows.size();
  return total;
}

bool KafkaTail::take(int32_t partition, std::string_view position) {
  if (changes_.empty()) return false;
  make_name(partition, parse_place(position), buffer_);
  return changes_.erase(buffer_) > 0;
}

CopiedRows* KafkaTail::copied(const std::string& chunk) {
  const auto found = copied_.find(chunk);
  return found == copied_.end() ? nullptr : &found->second;
}

}  // namespace sluice
