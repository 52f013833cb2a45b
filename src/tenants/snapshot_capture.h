// SPDX-License-Identifier: Apache-2.0
// Takes a snapshot of a running tenant's files at an exact position of its binary log, without any lock that one of its
// statements could wait for: a RocksDB checkpoint, the tables' definitions, and the log cut behind the last transaction
// that is in it. A server that is started on a copy of it recovers to exactly that position.
#pragma once

#include <functional>
#include <string>

#include "tenants/instance.h"

namespace sluice {

struct CapturedPosition {
  std::string gtid;
  int64_t wall_clock_ms = 0;  // after it, before the answer
  int retries = 0;
};

// Puts the files into `folder`/data, which is made anew; its parent must be on the file system of the tenant's data.
// `canceled` is asked between the steps.
Result<CapturedPosition> capture_snapshot(Context& context, const Instance& source, const std::string& folder,
                                          const std::function<bool()>& canceled);

}  // namespace sluice
