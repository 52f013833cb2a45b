// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot_queue.h"

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using nlohmann::json;

json key_json(const std::optional<KeyText>& key) { return key ? json(*key) : json(); }

std::optional<KeyText> key_of(const json& in, const char* name) {
  if (!in.contains(name) || in[name].is_null()) return std::nullopt;
  return in[name].get<KeyText>();
}

SnapshotQueue from_json(const json& in) {
  SnapshotQueue queue;
  queue.paused = in.value("paused", false);
  if (in.contains("topic_offset")) queue.topic_offset = in["topic_offset"].get<int64_t>();
  queue.obeyed_file = in.value("obeyed_file", "");
  for (const auto& item : in.at("snapshots")) {
    QueuedSnapshot snapshot;
    snapshot.id = item.at("id").get<std::string>();
    snapshot.origin = item.at("origin").get<std::string>();
    snapshot.blocking = item.value("blocking", false);
    snapshot.started = item.value("started", queue.snapshots.empty());
    for (const auto& table : item.at("tables")) {
      snapshot.tables.push_back({.table = {table.at("schema").get<std::string>(), table.at("table").get<std::string>()},
                                 .condition = table.at("condition").get<std::string>(),
                                 .surrogate_key = table.at("surrogate_key").get<std::string>()});
    }
    snapshot.last = key_of(item, "last");
    snapshot.greatest = key_of(item, "greatest");
    snapshot.rows = item.value("rows", uint64_t{0});
    if (!snapshot.tables.empty()) queue.snapshots.push_back(std::move(snapshot));
  }
  return queue;
}

}  // namespace

Result<SnapshotQueue> SnapshotQueue::parse(std::string_view text) {
  if (text.empty()) return SnapshotQueue();
  try {
    return from_json(json::parse(text));
  } catch (const std::exception&) {
    return Error(ErrorCode::kState, "the ledger entry 'snapshots' cannot be read",
                 "It was changed by hand or by a newer version; start the job anew with --reset.");
  }
}

std::string SnapshotQueue::text() const {
  json list = json::array();
  for (const auto& snapshot : snapshots) {
    json tables = json::array();
    for (const auto& table : snapshot.tables) {
      tables.push_back({{"schema", table.table.schema},
                        {"table", table.table.table},
                        {"condition", table.condition},
                        {"surrogate_key", table.surrogate_key}});
    }
    list.push_back({{"id", snapshot.id},
                    {"origin", snapshot.origin},
                    {"blocking", snapshot.blocking},
                    {"started", snapshot.started},
                    {"tables", std::move(tables)},
                    {"last", key_json(snapshot.last)},
                    {"greatest", key_json(snapshot.greatest)},
                    {"rows", snapshot.rows}});
  }
  json out = {{"paused", paused}, {"snapshots", std::move(list)}};
  if (topic_offset) out["topic_offset"] = *topic_offset;
  if (!obeyed_file.empty()) out["obeyed_file"] = obeyed_file;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sluice
