// SPDX-License-Identifier: Apache-2.0
// Named places at which a crash would hurt. In builds with SLUICE_FAULTS (all but release) the environment
// variable SLUICE_FAULT="name:N" kills the process with SIGKILL the N-th time the place is reached; in release
// builds a fault point is nothing at all. The list below is the whole list; the fault tests walk through it.
#pragma once

#include <array>
#include <string_view>

namespace sluice {

inline constexpr std::array kFaultPoints = {
    std::string_view("after_snapshot_plan"),    // chunks of a table are planned in the ledger
    std::string_view("before_chunk_commit"),    // all rows of a chunk are written, not committed
    std::string_view("after_chunk_commit"),     // a chunk and its ledger row are durable
    std::string_view("before_copy_finish"),     // all rows of a table are durable, it may lack its key
    std::string_view("after_copy_finish"),      // the table is as the stream needs it
    std::string_view("before_stream_start"),    // snapshot is complete, no log event was read yet
    std::string_view("after_log_read"),         // a group of changes was decoded
    std::string_view("after_write"),            // rows are in the target's open transaction
    std::string_view("before_commit"),          // just before the target's COMMIT
    std::string_view("after_commit"),           // just after it, before anybody knows
    std::string_view("before_schema_change"),   // lanes are at the DDL's position, DDL not applied
    std::string_view("after_schema_change"),    // DDL applied, new schema not yet in the ledger
    std::string_view("after_schema_recorded"),  // both done
    std::string_view("before_source_ack"),      // durable in the target, source not told
};

#ifdef SLUICE_FAULTS
void fault_point(std::string_view name);
#else
inline void fault_point(std::string_view) {}
#endif

}  // namespace sluice
