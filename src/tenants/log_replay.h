// SPDX-License-Identifier: Apache-2.0
// Brings a clone from its snapshot to a later position by archived log files, which its server reads as if they were
// relay logs that a master had sent: original GTIDs, schema changes and two-phase transactions included.
#pragma once

#include <string>

#include "base/context.h"
#include "base/result.h"
#include "tenants/instance.h"
#include "tenants/log_archive.h"

namespace sluice {

// Returns when the clone stands exactly at `gtid`, durably. If it fails or is interrupted, the clone's files are of no
// use any more: while it reads, it does not wait for the disk.
Result<> replay_log(Context& context, const Instance& clone, const ArchivedLog& log, const std::string& gtid);

}  // namespace sluice
