// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_copied_changes.h"

#include <map>

#include "base/log.h"
#include "connectors/postgres/postgres_chunk_filter.h"
#include "connectors/postgres/postgres_chunks.h"

namespace sluice {
namespace {

using Known = PostgresChunkFilter::Known;

class PostgresCopiedChanges : public CopiedChanges {
 public:
  explicit PostgresCopiedChanges(const PostgresSourceOptions& options) : options_(options) {}

  Result<> open(const std::vector<FinishedChunk>& chunks) {
    std::map<TableId, std::vector<FinishedChunk>> of_table;
    for (const auto& chunk : chunks) of_table[chunk.chunk.table].push_back(chunk);
    for (const auto& [table, list] : of_table) {
      ASSIGN_OR_RETURN(filters_[table], PostgresChunkFilter::make(list));
    }
    return {};
  }

  Result<> drop_from(StreamElement& element) override {
    if (filters_.empty()) return {};
    if (auto* const batch = std::get_if<ChangeBatch>(&element)) return drop_rows(*batch);
    if (auto* const event = std::get_if<SchemaChangeEvent>(&element)) return drop_changes(*event);
    ASSIGN_OR_RETURN(const Lsn reached, Lsn::of(std::get<GroupEnd>(element).position));
    std::erase_if(filters_, [&](const auto& entry) { return entry.second->passed(reached); });
    return {};
  }

 private:
  Result<> drop_rows(ChangeBatch& batch) const {
    const auto filter = filters_.find(batch.schema->id);
    if (filter == filters_.end()) return {};
    if (!batch.transactions || batch.origins.size() != batch.rows()) {
      return Error(ErrorCode::kInternal, "rows of the log do not tell their transactions");
    }
    std::vector<Lsn> transactions;
    bool some = false;
    for (const Transaction& transaction : *batch.transactions) {
      ASSIGN_OR_RETURN(transactions.emplace_back(), Lsn::of(transaction.start));
      some = some || filter->second->known(transactions.back()) == Known::kSome;
    }
    std::vector<Lsn> commits;
    for (const RowOrigin& origin : batch.origins) commits.push_back(transactions[origin.transaction]);
    std::optional<uint32_t> column;
    if (some) {
      ASSIGN_OR_RETURN(column, postgres_chunk_column(*batch.schema, options_));
      if (!column) return Error(ErrorCode::kInternal, "chunks of one snapshot stand at different positions");
    }
    return filter->second->drop_known_rows(commits, column.value_or(0), batch);
  }

  Result<> drop_changes(SchemaChangeEvent& event) const {
    // Of no transaction, but found out when the log was opened: it counts wherever it stands.
    if (event.transaction.start.empty()) return {};
    ASSIGN_OR_RETURN(const Lsn commit, Lsn::of(event.transaction.start));
    const auto known = [&](const TableId& table) {
      const auto filter = filters_.find(table);
      return filter == filters_.end() ? Known::kNone : filter->second->known(commit);
    };
    std::erase_if(event.changes, [&](const SchemaChange& change) { return known(change.table()) == Known::kAll; });
    std::erase_if(event.tracked, [&](const auto& table) { return known(table.first) == Known::kAll; });
    std::erase_if(event.needs_copy, [&](const TableId& table) { return known(table) == Known::kAll; });
    for (SchemaChange& change : event.changes) {
      const bool emptied = change.kind == SchemaChangeKind::kTruncateTable && known(change.table()) == Known::kSome;
      if (!emptied) continue;
      log_warn("table {} must be copied again: it was emptied while it was copied", change.table().text());
      change.kind = SchemaChangeKind::kCreateTable;
      change.before = nullptr;
      event.needs_copy.push_back(change.table());
    }
    return {};
  }

  const PostgresSourceOptions& options_;
  std::map<TableId, std::unique_ptr<PostgresChunkFilter>> filters_;
};

}  // namespace

Result<std::unique_ptr<CopiedChanges>> make_postgres_copied_changes(const PostgresSourceOptions& options,
                                                                    const std::vector<FinishedChunk>& chunks) {
  auto changes = std::make_unique<PostgresCopiedChanges>(options);
  RETURN_IF_ERROR(changes->open(chunks));
  return std::unique_ptr<CopiedChanges>(std::move(changes));
}

}  // namespace sluice
