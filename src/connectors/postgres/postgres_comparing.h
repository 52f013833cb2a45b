// SPDX-License-Identifier: Apache-2.0
// What comparing a target with the source needs beside the job, whose own slot has one reader: rows whose place in the
// log is known exactly, and the log behind it. A temporary slot gives both; it goes with its connection, and with it
// the log that the server keeps for it.
#pragma once

#include <memory>
#include <string>

#include "connector/source.h"
#include "connectors/postgres/postgres_replication.h"
#include "connectors/postgres/postgres_slot.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {

struct ComparingSlot {
  std::string name;
  std::unique_ptr<ReplicationConnection> connection;  // null once its log is being read
  ExportedSnapshot snapshot;                          // while the connection does nothing else
};

// Waits for transactions that are open at the source: unless it is `patient`, it fails after some seconds of that.
Result<std::shared_ptr<ComparingSlot>> make_comparing_slot(Context& context, const PostgresSourceOptions& options,
                                                           bool patient = false);

// A slot that stands where the job's own stands: for the log between a job that is behind and a snapshot of now.
Result<std::shared_ptr<ComparingSlot>> copy_job_slot(Context& context, const PostgresSourceOptions& options);

// For a comparison that does not need the log behind the snapshot: one free slot of the server is enough for it.
Result<> give_up(Context& context, ComparingSlot& slot);

// Reads what `reader` reads, and keeps the slot until it is gone. Without a slot its position is unknown.
std::unique_ptr<ChunkReader> make_comparing_reader(std::unique_ptr<ChunkReader> reader,
                                                   std::shared_ptr<ComparingSlot> slot);

}  // namespace sluice
