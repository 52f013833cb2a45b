// SPDX-License-Identifier: Apache-2.0
#include "engine/job_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "state/sqlite_ledger.h"

namespace sluice {
namespace {

using nlohmann::json;

// Table names may hold any character; these three structure the entry names.
std::string table_path(const TableId& table) { return path_part(table.schema) + "." + path_part(table.table); }
std::string chunk_name(const TableId& table, size_t index) {
  return fmt::format("chunk/{}/{}", table_path(table), index);
}
std::string schema_name(const TableId& table) { return "schema/" + table_path(table); }
std::string lane_name(size_t lane) { return fmt::format("lane/{}", lane); }

constexpr const char* kResynchronizing = "resynchronizing";
constexpr const char* kConfined = "confined";

LedgerEntry schema_entry(const TableId& table, const std::string& detail) {
  const json out = {{"schema", table.schema}, {"table", table.table}, {"detail", detail}};
  return {.name = schema_name(table), .position = "", .detail = out.dump()};
}

std::optional<std::string> optional_text(const json& in, const char* key) {
  if (!in.contains(key)) return std::nullopt;
  return in[key].get<std::string>();
}

void read_entry(const LedgerEntry& entry, std::map<size_t, Position>& lanes, JobState& state) {
  if (entry.name == "job") {
    state.rules = entry.detail;
  } else if (entry.name == kResynchronizing) {
    state.resynchronizing = entry.detail;
  } else if (entry.name == "snapshots") {
    state.snapshots = entry.detail;
  } else if (entry.name == "life") {
    state.life = entry.detail;
  } else if (entry.name == kConfined) {
    state.confined.emplace();
    for (const json& table : json::parse(entry.detail)) {
      state.confined->insert({table.at("schema").get<std::string>(), table.at("table").get<std::string>()});
    }
  } else if (entry.name.starts_with("lane/")) {
    lanes[std::stoul(entry.name.substr(5))] = Position{entry.position};
  } else if (entry.name.starts_with("schema/")) {
    const json in = json::parse(entry.detail);
    const TableId table{in.at("schema").get<std::string>(), in.at("table").get<std::string>()};
    state.tables[table].detail = in.at("detail").get<std::string>();
  } else if (entry.name.starts_with("chunk/")) {
    const json in = json::parse(entry.detail);
    PlannedChunk chunk;
    chunk.chunk.table = {in.at("schema").get<std::string>(), in.at("table").get<std::string>()};
    chunk.chunk.index = in.at("n").get<uint32_t>();
    chunk.chunk.lower = optional_text(in, "lower");
    chunk.chunk.upper = optional_text(in, "upper");
    chunk.into_empty_table = in.at("empty").get<bool>();
    chunk.compare = in.value("compare", false);
    chunk.planned_ms = in.value("planned_ms", int64_t{0});
    chunk.chunk.by_key = in.value("by_key", true);
    chunk.position.text = entry.position;
    state.tables[chunk.chunk.table].chunks.push_back(std::move(chunk));
  }
}

}  // namespace

bool TableState::copied() const {
  return std::ranges::none_of(chunks, [](const PlannedChunk& chunk) { return chunk.position.empty(); });
}

Result<std::unique_ptr<JobLedger>> JobLedger::open(Context& context, Sink& sink, const std::string& job,
                                                   const std::string& state_dir) {
  ASSIGN_OR_RETURN(auto ledger, sink.open_ledger(context, job));
  const bool in_target = ledger != nullptr;
  if (!in_target) {
    ASSIGN_OR_RETURN(ledger, open_state_ledger(context, state_dir, job));
  }
  std::unique_ptr<JobLedger> result(new JobLedger(job, std::move(ledger), in_target));
  ASSIGN_OR_RETURN(result->epoch_, result->ledger_->take_over(context));
  return result;
}

Result<JobState> parse_job_state(std::span<const LedgerEntry> entries) {
  JobState state;
  std::map<size_t, Position> lanes;
  for (const auto& entry : entries) {
    try {
      read_entry(entry, lanes, state);
    } catch (const std::exception&) {
      return Error(ErrorCode::kState, fmt::format("the ledger entry '{}' cannot be read", entry.name),
                   "It was changed by hand or by a newer version; start the job anew with --reset.");
    }
  }
  for (const auto& [number, position] : lanes) {
    if (number != state.lanes.size()) {
      return Error(ErrorCode::kState, fmt::format("the ledger has no entry 'lane/{}'", state.lanes.size()),
                   "Entries were removed by hand; start the job anew with --reset.");
    }
    state.lanes.push_back(position);
  }
  for (auto& [table, table_state] : state.tables) {
    std::ranges::sort(table_state.chunks, {}, [](const PlannedChunk& chunk) { return chunk.chunk.index; });
  }
  return state;
}

Result<JobState> JobLedger::load(Context& context) {
  ASSIGN_OR_RETURN(const auto entries, ledger_->load(context));
  ASSIGN_OR_RETURN(JobState state, parse_job_state(entries));
  for (const auto& [table, table_state] : state.tables) chunks_[table] = table_state.chunks.size();
  return state;
}

Result<> JobLedger::plan_tables(Context& context, const std::map<TableId, TableState>& tables) {
  std::vector<LedgerEntry> entries;
  for (const auto& [table, state] : tables) {
    chunks_[table] = state.chunks.size();
    entries.push_back(schema_entry(table, state.detail));
    for (const auto& chunk : state.chunks) entries.push_back(chunk_entry(chunk));
  }
  return ledger_->update(context, entries, {});
}

Result<> JobLedger::record_life(Context& context, const std::string& life) {
  const LedgerEntry entry{.name = "life", .position = "", .detail = life};
  return ledger_->update(context, {&entry, 1}, {});
}

Result<> JobLedger::record_snapshots(Context& context, const std::string& snapshots) {
  const LedgerEntry entry{.name = "snapshots", .position = "", .detail = snapshots};
  std::lock_guard lock(mutex_);
  return ledger_->update(context, {&entry, 1}, {});
}

Result<> JobLedger::record_rules(Context& context, const std::string& rules) {
  const LedgerEntry entry{.name = "job", .position = "", .detail = rules};
  return ledger_->update(context, {&entry, 1}, {});
}

Result<> JobLedger::begin_resynchronizing(Context& context, const std::string& why) {
  ASSIGN_OR_RETURN(const auto entries, ledger_->load(context));
  std::vector<std::string> gone;
  for (const auto& entry : entries) {
    const bool holds = entry.name == "job" || entry.name == "life" || entry.name == kResynchronizing;
    if (!holds) gone.push_back(entry.name);
  }
  chunks_.clear();
  const LedgerEntry entry{.name = kResynchronizing, .position = "", .detail = why};
  return ledger_->update(context, {&entry, 1}, gone);
}

Result<> JobLedger::record_compared(Context& context, std::span<PlannedChunk* const> chunks) {
  std::vector<LedgerEntry> entries;
  for (const PlannedChunk* chunk : chunks) entries.push_back(chunk_entry(*chunk));
  std::lock_guard lock(mutex_);
  return ledger_->update(context, entries, {});
}

Result<> JobLedger::set_lanes(Context& context, const std::vector<Position>& lanes, size_t old_lanes) {
  std::vector<LedgerEntry> entries;
  for (size_t i = 0; i < lanes.size(); ++i) entries.push_back(lane_entry(i, lanes[i]));
  std::vector<std::string> gone = {kResynchronizing};
  for (size_t i = lanes.size(); i < old_lanes; ++i) gone.push_back(lane_name(i));
  return ledger_->update(context, entries, gone);
}

Result<> JobLedger::record_confined(Context& context, const std::set<TableId>& tables) {
  json out = json::array();
  for (const TableId& table : tables) out.push_back({{"schema", table.schema}, {"table", table.table}});
  const LedgerEntry entry{.name = kConfined, .position = "", .detail = out.dump()};
  return ledger_->update(context, {&entry, 1}, {});
}

Result<> JobLedger::record_schema_change(Context& context, const SchemaChangeEvent& event,
                                         std::span<const Position> lanes) {
  std::vector<LedgerEntry> entries;
  std::vector<std::string> gone;
  const auto forget = [&](const TableId& table) {
    gone.push_back(schema_name(table));
    for (size_t i = 0; i < chunks_[table]; ++i) gone.push_back(chunk_name(table, i));
    chunks_.erase(table);
  };
  // A table that must be copied is forgotten, so that the next attempt plans it.
  for (const TableId& table : event.needs_copy) forget(table);
  for (const auto& [table, detail] : event.tracked) {
    if (std::ranges::find(event.needs_copy, table) != event.needs_copy.end()) continue;
    if (detail.empty()) {
      forget(table);
    } else {
      entries.push_back(schema_entry(table, detail));
    }
  }
  for (size_t i = 0; i < lanes.size(); ++i) entries.push_back(lane_entry(i, lanes[i]));
  std::lock_guard lock(mutex_);
  return ledger_->update(context, entries, gone);
}

Result<> JobLedger::void_copy(Context& context, const TableId& table) {
  const LedgerEntry entry = schema_entry(table, "");
  return ledger_->update(context, {&entry, 1}, {});
}

Result<> JobLedger::forget_table(Context& context, const TableId& table, const TableState& state) {
  std::vector<std::string> gone = {schema_name(table)};
  for (const auto& chunk : state.chunks) gone.push_back(chunk_name(table, chunk.chunk.index));
  chunks_.erase(table);
  return ledger_->update(context, {}, gone);
}

Result<> JobLedger::forget_all(Context& context) {
  ASSIGN_OR_RETURN(const auto entries, ledger_->load(context));
  std::vector<std::string> gone;
  for (const auto& entry : entries) {
    if (entry.name != "job") gone.push_back(entry.name);
  }
  return ledger_->update(context, {}, gone);
}

Result<> JobLedger::forget_chunks(Context& context, const TableId& table, size_t chunks) {
  std::vector<std::string> gone;
  for (size_t i = 0; i < chunks; ++i) gone.push_back(chunk_name(table, i));
  chunks_.erase(table);
  return ledger_->update(context, {}, gone);
}

Result<LedgerEntry> JobLedger::repair_entry(Context& context) {
  LedgerEntry entry{.name = "repair", .position = "", .detail = ""};
  RETURN_IF_ERROR(ledger_->update(context, {&entry, 1}, {}));
  return entry;
}

Result<> JobLedger::commit(Context& context, SinkWriter& writer, const LedgerEntry& entry) {
  RETURN_IF_ERROR(writer.commit(context, entry));
  if (in_target_) return {};
  std::lock_guard lock(mutex_);
  return ledger_->update(context, {&entry, 1}, {});
}

LedgerEntry JobLedger::lane_entry(size_t lane, const Position& position) {
  return {.name = lane_name(lane), .position = position.text, .detail = ""};
}

LedgerEntry JobLedger::chunk_entry(const PlannedChunk& chunk) {
  const TableId& table = chunk.chunk.table;
  json out = {
      {"schema", table.schema}, {"table", table.table}, {"n", chunk.chunk.index}, {"empty", chunk.into_empty_table}};
  if (chunk.compare) out["compare"] = true;
  if (chunk.planned_ms != 0) out["planned_ms"] = chunk.planned_ms;
  if (!chunk.chunk.by_key) out["by_key"] = false;
  if (chunk.chunk.lower) out["lower"] = *chunk.chunk.lower;
  if (chunk.chunk.upper) out["upper"] = *chunk.chunk.upper;
  return {.name = chunk_name(table, chunk.chunk.index), .position = chunk.position.text, .detail = out.dump()};
}

}  // namespace sluice
