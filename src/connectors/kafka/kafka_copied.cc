// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_copied.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <vector>

namespace sluice {
namespace {

// Between them an event of the copy has its row. No text of a user can hold them: its quotes are escaped.
constexpr std::string_view kBeforeRow = R"({"before":null,"after":)";
constexpr std::string_view kBehindRow = R"(,"source":{"version":")";
constexpr std::string_view kRead = R"(,"op":"r",)";
constexpr std::string_view kDelete = R"(,"op":"d",)";

// Of what a transform made instead of an envelope, all of it.
std::string_view row_of(std::string_view value) {
  const size_t begin = value.find(kBeforeRow);
  const size_t end = value.rfind(kBehindRow);
  if (end == std::string_view::npos) return value;
  if (begin == std::string_view::npos || end < begin) return {};
  return value.substr(begin + kBeforeRow.size(), end - begin - kBeforeRow.size());
}

uint64_t hash(std::string_view text, uint64_t seed) { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

}  // namespace

uint64_t CopiedRows::name_of(int32_t partition, std::string_view key, uint64_t content,
                             std::unordered_map<uint64_t, uint32_t>& repeated) const {
  const auto seed = static_cast<uint64_t>(partition);
  if (key.data() != nullptr) return hash(key, seed);
  const std::string ordinal = fmt::format("{}:{}", content, repeated[content]++);
  return hash(ordinal, seed);
}

void CopiedRows::add(int32_t partition, int64_t offset, std::string_view key, std::string_view value) {
  const std::string_view row = row_of(value);
  if (row.empty()) {
    // A deletion that was written by an attempt in between.
    if (key.data() != nullptr) rows_.erase(hash(key, static_cast<uint64_t>(partition)));
    return;
  }
  const uint64_t content = hash(row, 0);
  rows_[name_of(partition, key, content, added_)] = {.partition = partition, .offset = offset, .content = content};
}

bool CopiedRows::take(int32_t partition, std::string_view key, std::string_view value) {
  if (rows_.empty()) return false;
  const uint64_t content = hash(row_of(value), 0);
  const auto found = rows_.find(name_of(partition, key, content, asked_));
  if (found == rows_.end()) return false;
  found->second.taken = true;
  return found->second.content == content;
}

Result<> CopiedRows::delete_rest(Context& context, KafkaReader& reader, const std::string& topic, const Emit& emit) {
  std::vector<Row> rest;
  for (const auto& [name, row] : rows_) {
    if (!row.taken) rest.push_back(row);
  }
  std::ranges::sort(rest, {}, [](const Row& row) { return std::pair(row.partition, row.offset); });
  std::string value;
  for (const Row& row : rest) {
    const KafkaReader::Range range{.begin = row.offset, .end = row.offset + 1};
    const auto turn = [&](const KafkaReadRecord& record) -> Result<> {
      const std::string_view old_row = row_of(record.value);
      if (old_row.empty()) return {};
      const size_t begin = record.value.find(kBeforeRow);
      if (begin == std::string_view::npos) return emit(row.partition, record.key, {});
      value = record.value.substr(0, begin);
      value.append(R"({"before":)").append(old_row).append(R"(,"after":null)");
      value += record.value.substr(begin + kBeforeRow.size() + old_row.size());
      const size_t operation = value.rfind(kRead);
      if (operation != std::string::npos) value.replace(operation, kRead.size(), kDelete);
      RETURN_IF_ERROR(emit(row.partition, record.key, value));
      return emit(row.partition, record.key, {});
    };
    RETURN_IF_ERROR(reader.read(context, topic, row.partition, range, turn));
  }
  rows_.clear();
  return {};
}

}  // namespace sluice
