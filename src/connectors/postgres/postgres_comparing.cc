// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_comparing.h"

#include <fmt/format.h>

#include "connector/row_hasher.h"

namespace sluice {
namespace {

// Longer than transactions are usually open; a comparison can do without.
constexpr const char* kLongestWait = "SET lock_timeout = '10s'";
constexpr const char* kAnyWait = "SET lock_timeout = 0";

Result<std::shared_ptr<ComparingSlot>> connect(Context& context, const PostgresSourceOptions& options) {
  auto slot = std::make_shared<ComparingSlot>();
  slot->name = fresh_slot_name(options, "verify");
  ASSIGN_OR_RETURN(slot->connection, ReplicationConnection::connect(context, options.connection()));
  return slot;
}

class ComparingReader : public ChunkReader, public RowHasher {
 public:
  ComparingReader(std::unique_ptr<ChunkReader> reader, std::shared_ptr<ComparingSlot> slot)
      : slot_(std::move(slot)), reader_(std::move(reader)), hasher_(dynamic_cast<RowHasher&>(*reader_)) {}

  const Position& position() const override {
    static const Position kUnknown;
    return slot_ ? reader_->position() : kUnknown;
  }
  Result<> begin(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    return reader_->begin(context, chunk, schema);
  }
  Result<bool> next(Context& context, ChangeBatch& batch) override { return reader_->next(context, batch); }
  Result<> release_locks(Context& context) override { return reader_->release_locks(context); }
  Result<std::vector<std::string>> hash_forms(Context& context, const TableSchema& schema) override {
    return hasher_.hash_forms(context, schema);
  }
  Result<HashedRows> hash_rows(Context& context, const SnapshotChunk& chunk, const TableSchemaPtr& schema) override {
    return hasher_.hash_rows(context, chunk, schema);
  }

 private:
  const std::shared_ptr<ComparingSlot> slot_;
  const std::unique_ptr<ChunkReader> reader_;
  RowHasher& hasher_;  // the same
};

}  // namespace

Result<std::shared_ptr<ComparingSlot>> make_comparing_slot(Context& context, const PostgresSourceOptions& options,
                                                           bool patient) {
  ASSIGN_OR_RETURN(auto slot, connect(context, options));
  RETURN_IF_ERROR(slot->connection->command(context, patient ? kAnyWait : kLongestWait));
  ASSIGN_OR_RETURN(slot->snapshot, create_slot(context, *slot->connection, slot->name, SlotLife::kTemporary, false));
  return slot;
}

Result<std::shared_ptr<ComparingSlot>> copy_job_slot(Context& context, const PostgresSourceOptions& options) {
  ASSIGN_OR_RETURN(auto slot, connect(context, options));
  RETURN_IF_ERROR(slot->connection
                      ->command(context, fmt::format("SELECT pg_copy_logical_replication_slot({}, {}, true)",
                                                     PostgresConnection::quote_literal(options.slot_name),
                                                     PostgresConnection::quote_literal(slot->name)))
                      .context(fmt::format("copying replication slot '{}' for a comparison", options.slot_name)));
  return slot;
}

Result<> give_up(Context& context, ComparingSlot& slot) {
  const auto connection = std::move(slot.connection);
  RETURN_IF_ERROR(connection->command(
      context, fmt::format("DROP_REPLICATION_SLOT {}", PostgresConnection::quote_identifier(slot.name))));
  return {};
}

std::unique_ptr<ChunkReader> make_comparing_reader(std::unique_ptr<ChunkReader> reader,
                                                   std::shared_ptr<ComparingSlot> slot) {
  return std::make_unique<ComparingReader>(std::move(reader), std::move(slot));
}

}  // namespace sluice
