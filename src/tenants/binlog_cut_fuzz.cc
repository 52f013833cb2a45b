// SPDX-License-Identifier: Apache-2.0
// Fuzzes the readers of log files: a binary log read in two parts ends where it does when it is read at once, and a
// write-ahead log of any bytes is read or refused.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "tenants/binlog_cut.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  static_cast<void>(sluice::last_commit_in_wal(content).has_value());
  const auto read = [&](uint64_t offset, std::span<char> buffer) -> sluice::Result<> {
    SLUICE_CHECK(offset + buffer.size() <= size);
    std::memcpy(buffer.data(), data + offset, buffer.size());
    return {};
  };
  sluice::BinlogFile whole;
  if (!sluice::read_binlog_on(read, size, whole)) return 0;
  SLUICE_CHECK(whole.end(whole.groups.size()) <= size);
  uint64_t last = whole.head_end;
  for (const sluice::BinlogGroup& group : whole.groups) {
    SLUICE_CHECK(group.end >= last);
    last = group.end;
  }
  // Read in two parts, the first of which may end anywhere.
  sluice::BinlogFile parts;
  constexpr size_t kBegin = 4;
  SLUICE_CHECK(sluice::read_binlog_on(read, kBegin + data[size / 2] % (size - kBegin + 1), parts).has_value());
  SLUICE_CHECK(sluice::read_binlog_on(read, size, parts).has_value());
  SLUICE_CHECK(parts.read_to == whole.read_to && parts.head_end == whole.head_end);
  SLUICE_CHECK(parts.checkpoint == whole.checkpoint && parts.before == whole.before);
  SLUICE_CHECK(parts.groups.size() == whole.groups.size());
  for (size_t i = 0; i < parts.groups.size(); ++i) {
    SLUICE_CHECK(parts.groups[i].end == whole.groups[i].end && parts.groups[i].complete == whole.groups[i].complete);
  }
  return 0;
}
