// SPDX-License-Identifier: Apache-2.0
// Replication slots and publications: looked at, created, kept or dropped as the options say.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "connectors/postgres/postgres_catalog.h"
#include "connectors/postgres/postgres_lsn.h"
#include "connectors/postgres/postgres_replication.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {

constexpr size_t kLongestSlotName = 63;

struct SlotState {
  bool active = false;
  Lsn confirmed;            // transactions that commit before it are not sent again
  uint64_t retained = 0;    // bytes of log the server keeps for the slot
  uint64_t behind = 0;      // bytes of log from `confirmed` to the end
  Lsn end;                  // of the server's log
  bool recovering = false;  // a standby, or a server that has just started: its log comes from elsewhere
};
// Nothing if there is none of this name. An error if it is another kind of slot, of another database, or lost
// (wal_status 'lost', invalidated): names the remedy.
Result<std::optional<SlotState>> read_slot(Context& context, PostgresConnection& connection, const std::string& name);

// The slot must be able to send everything behind `position`: exists, is not lost, has confirmed no more than that; and
// the server's log reaches that far.
// Otherwise changes are gone for ever (kPositionLost): says which, and the remedy. Never creates one.
Result<> check_slot(Context& context, PostgresConnection& connection, const std::string& name, Lsn position);

// Drops the slot if the server has given it up; leaves one alone that can send changes.
Result<> drop_lost_slot(Context& context, PostgresConnection& connection, const std::string& name);

// A snapshot of the database and the place in the log where it stands. Lives as long as the connection that made it
// stays open and does nothing else.
struct ExportedSnapshot {
  std::string name;
  Lsn position;
};
enum class SlotLife : uint8_t { kPersistent, kTemporary };
// CREATE_REPLICATION_SLOT … EXPORT_SNAPSHOT. Waits for the transactions that are open now to end; says so in the log.
Result<ExportedSnapshot> create_slot(Context& context, ReplicationConnection& connection, const std::string& name,
                                     SlotLife life, bool failover);

// The name of a slot beside the job's own, "<slot>_<purpose>_<process>_<n>": never one that it has had before, which
// the server may keep for as long as it takes a broken connection for a whole one.
std::string fresh_slot_name(const PostgresSourceOptions& options, std::string_view purpose);

// Makes the publication as `publication.autocreate.mode` says, so that it has all of `tables`; with `disabled` checks
// that it does. Must come before the slot and before tables are copied. `streamed`: tables that it has had before, by
// oid; they are not put back, because their changes since are lost (find_unpublished).
Result<> ensure_publication(Context& context, PostgresConnection& connection, const PostgresSourceOptions& options,
                            const std::vector<PostgresTable>& tables, const std::set<uint32_t>& streamed);

// Those of the tables, by oid, that the publication does not have.
Result<std::vector<uint32_t>> find_unpublished(Context& context, PostgresConnection& connection,
                                               const PostgresSourceOptions& options,
                                               const std::vector<uint32_t>& tables);

}  // namespace sluice
