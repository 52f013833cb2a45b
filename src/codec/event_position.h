// SPDX-License-Identifier: Apache-2.0
// What tells an event from all others of its job, the same each time that the change is read: the sink `kafka` looks
// for it in topics, receivers of the sink `http` know repeated events by it.
//   v2;<hash of the job>;<event>;<row>;<part>;<place>;<GTID or nothing>;<start of the transaction>
// <place> is that of the rows event in the log, where no GTID names the transaction.
#pragma once

#include <string>
#include <string_view>

#include "codec/debezium_event.h"
#include "data/change_batch.h"

namespace sluice {

// "v2;<hash of the job>;".
std::string position_head(std::string_view job);
// What is behind it, of a change from the log.
void append_change_position(const ChangeBatch& batch, const DebeziumRecord& record, std::string& out);
// The same of a record that names its transaction itself.
void append_record_position(const DebeziumRecord& record, std::string& out);

}  // namespace sluice
