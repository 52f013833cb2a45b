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
// The same for tenants and their clones.
inline constexpr std::array kTenantFaultPoints = {
    std::string_view("clone_locked"),          // the job is stored and holds the source's lock
    std::string_view("clone_pool"),            // before its pool and port are stored
    std::string_view("clone_snapshot_named"),  // the snapshot's number is stored, there are no files
    std::string_view("clone_captured"),        // its files are there, its position is not stored
    std::string_view("clone_decided"),         // the position is stored
    std::string_view("clone_snapshot_kept"),   // the files are durable
    std::string_view("clone_tenant_named"),    // the clone's number is stored, there are no files
    std::string_view("clone_built"),           // its files are there
    std::string_view("clone_started"),         // its server answers
    std::string_view("clone_masked"),          // its data are masked, if they are to be
    std::string_view("clone_restored"),        // it is what was asked for, nobody can write to it
    std::string_view("clone_released"),        // the snapshot is gone
    std::string_view("clone_kept"),            // it can be written to, which is not stored
    std::string_view("standby_activated"),     // a standby is PRIMARY, but cannot be written to
    std::string_view("clone_recycling"),       // a failed or canceled job begins to remove what it made
    std::string_view("clone_recycled"),        // it has
    std::string_view("reset_stored"),          // a reset is noted, nothing is done
    std::string_view("reset_decided"),         // the parent's snapshot is there
    std::string_view("reset_killed"),          // the tenant's server is gone, its files are there
    std::string_view("reset_placed"),          // the snapshot's are in their place
    std::string_view("reset_started"),         // its server answers
    std::string_view("reset_opened"),          // and can be written to, which is not stored
    std::string_view("replay_prepared"),       // the clone has the archived log and does not read it yet
    std::string_view("replay_done"),           // it stands where it was asked for, which is not stored
    std::string_view("archive_linked"),        // a log file is in the archive and not in the catalog
    std::string_view("archive_closed"),        // a log file is over, its successor is not in the archive
    std::string_view("archive_purging"),       // a log file is gone at the tenant and not in the archive
    std::string_view("snapshot_captured"),     // a user's snapshot: files are there, nothing is stored
    std::string_view("tenant_named"),          // a new tenant's number is stored, there are no files
    std::string_view("tenant_started"),        // its server answers, it has no user
    std::string_view("tenant_dropping"),       // it is said to be dropped, everything is there
};

// Those of a copy that begins again, because the table was rewritten or altered under it.
inline constexpr std::array kCopyAgainFaultPoints = {
    std::string_view("after_copy_dropped"),  // what was copied is gone, its chunks are still in the ledger
};

// Those of a job whose changes go through the change log.
inline constexpr std::array kChangeLogFaultPoints = {
    std::string_view("before_segment_rename"),      // a segment is written, it has no name yet
    std::string_view("after_change_log_begin"),     // a new log is there, the old one too
    std::string_view("before_change_log_sync"),     // changes are in the file, perhaps not on disk
    std::string_view("after_change_log_sync"),      // they are on disk, the source is not told
    std::string_view("after_change_log_rotation"),  // a new segment is there, it is empty
    std::string_view("after_change_log_trim"),      // an old segment is gone, perhaps more could go
    std::string_view("before_spool_ack"),           // the change log has it, the source is not told
    std::string_view("after_spool_ack"),            // the source is told, the target has nothing
    std::string_view("before_hand_over"),           // the target has caught up, the reader goes back to memory
};

// Those of tables that are copied while the stream goes on.
inline constexpr std::array kIncrementalFaultPoints = {
    std::string_view("after_piece_written"),       // rows are on their way to the lanes
    std::string_view("before_snapshot_recorded"),  // they are durable, the ledger does not know
    std::string_view("after_snapshot_recorded"),   // it does
};

// Those of a job that writes files.
inline constexpr std::array kFileFaultPoints = {
    std::string_view("after_file_created"),    // a file without a name is there, the ledger does not know of it
    std::string_view("before_file_rename"),    // the ledger says that a file is whole, it has no name
    std::string_view("after_file_rename"),     // it has
    std::string_view("after_file_recovered"),  // what a crash left is whole, the ledger does not know
};

#ifdef SLUICE_FAULTS
void fault_point(std::string_view name);
#else
inline void fault_point(std::string_view) {}
#endif

}  // namespace sluice
