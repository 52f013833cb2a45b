// SPDX-License-Identifier: Apache-2.0
// Fuzzes the readers of log files: a binary log read in two parts ends where it does when it is read at once, and a
// write-ahead log of any bytes is read or refused.
#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "tenants/binlog_cut.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  static_cast<void>(sluice::last_commit_in_wal(content).has_value());
  auto whole = sluice::read_binlog(content);
  if (!whole) return 0;
  SLUICE_CHECK(whole->end(whole->groups.size()) <= size);
  uint64_t last = whole->head_end;
  for (const sluice::BinlogGroup& group : whole->groups) {
    SLUICE_CHECK(group.end >= last);
    last = group.end;
  }
  if (whole->groups.empty()) return 0;
  // Going on behind any transaction yields the transactions that follow.
  const size_t count = data[size / 2] % whole->groups.size();
  sluice::BinlogFile rest;
  const uint64_t begin = whole->groups[count].end;
  sluice::read_binlog_on(content.substr(begin), begin, rest);
  SLUICE_CHECK(rest.groups.size() == whole->groups.size() - count - 1);
  if (!rest.groups.empty()) SLUICE_CHECK(rest.groups.back().end == whole->groups.back().end);
  return 0;
}
