// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_tail.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr int64_t kFirstWindow = 1000;
constexpr int64_t kWindowGrowth = 4;
constexpr size_t kHashDigits = 16;
constexpr size_t kJobLength = 3 + kHashDigits + 1;            // "v1;<job>;"
constexpr size_t kHeadLength = kJobLength + kHashDigits + 1;  // "v1;<job>;<entry>;"

void make_key(int32_t partition, std::string_view position, std::string& out) {
  out.clear();
  fmt::format_to(std::back_inserter(out), "{}:", partition);
  out += position;
}

// The records of the job at the end of a partition that name the same entry of the ledger.
struct Run {
  std::string head;  // empty: there are none
  bool copy = false;
  KafkaReader::Range range;
};

// Reads backwards, in windows that grow, to the record in front of the run.
Result<Run> find_run(Context& context, KafkaReader& reader, const std::string& topic, int32_t partition,
                     std::string_view job, const std::function<bool(const Run&)>& wanted) {
  ASSIGN_OR_RETURN(const auto whole, reader.range(context, topic, partition));
  Run run{.range = {.begin = whole.end, .end = whole.end}};
  KafkaReader::Range window = run.range;
  bool begun = false;  // the record in front of the run was found
  for (int64_t size = kFirstWindow; !begun && window.begin > whole.begin; size *= kWindowGrowth) {
    window = {.begin = std::max(whole.begin, window.begin - size), .end = window.begin};
    Run last;  // within the window
    bool other = false;
    RETURN_IF_ERROR(reader.read(context, topic, partition, window, [&](const KafkaReadRecord& record) -> Result<> {
      const auto position = record.header(kPositionHeader);
      if (!position || !position->starts_with(job) || position->size() < kHeadLength) return {};
      const std::string_view head = position->substr(0, kHeadLength);
      if (head == last.head) return {};
      other = !last.head.empty();
      last = {.head = std::string(head),
              .copy = position->substr(kHeadLength).starts_with(kCopyMark),
              .range = {.begin = record.offset, .end = whole.end}};
      return {};
    }));
    if (last.head.empty()) continue;
    if (run.head.empty()) {
      run = last;
    } else if (run.head == last.head) {
      run.range.begin = last.range.begin;
    }
    begun = other || run.head != last.head || !wanted(run);
  }
  return run;
}

}  // namespace

std::string position_head(std::string_view job, std::string_view entry) {
  return fmt::format("v1;{:016x};{:016x};", XXH3_64bits(job.data(), job.size()),
                     XXH3_64bits(entry.data(), entry.size()));
}

Result<> KafkaTail::read_partition(Context& context, KafkaReader& reader, const std::string& topic, int32_t partition,
                                   std::string_view head, bool copy) {
  const auto wanted = [&](const Run& run) { return copy ? run.copy : run.head == head; };
  ASSIGN_OR_RETURN(const Run run, find_run(context, reader, topic, partition, head.substr(0, kJobLength), wanted));
  if (run.head.empty() || !wanted(run)) return {};
  return reader.read(context, topic, partition, run.range, [&](const KafkaReadRecord& record) -> Result<> {
    const auto position = record.header(kPositionHeader);
    if (!position || !position->starts_with(run.head)) return {};
    if (copy) {
      copied_[run.head].add(partition, record.offset, record.key, record.value);
    } else {
      make_key(partition, *position, buffer_);
      positions_.insert(buffer_);
    }
    return {};
  });
}

Result<KafkaTail> KafkaTail::read(Context& context, KafkaReader& reader, const KafkaTopic& topic, std::string_view head,
                                  bool copy) {
  KafkaTail tail;
  for (int32_t partition = 0; partition < topic.partitions; ++partition) {
    RETURN_IF_ERROR(tail.read_partition(context, reader, topic.name, partition, head, copy));
  }
  return tail;
}

size_t KafkaTail::size() const {
  size_t total = positions_.size();
  for (const auto& [head, rows] : copied_) total += rows.size();
  return total;
}

bool KafkaTail::take(int32_t partition, std::string_view position) {
  if (positions_.empty()) return false;
  make_key(partition, position, buffer_);
  return positions_.erase(buffer_) > 0;
}

CopiedRows* KafkaTail::copied(const std::string& head) {
  if (copied_.empty()) return nullptr;
  const auto found = copied_.find(head);
  return found == copied_.end() ? nullptr : &found->second;
}

}  // namespace sluice
