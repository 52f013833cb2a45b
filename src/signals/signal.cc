// SPDX-License-Identifier: Apache-2.0
#include "signals/signal.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using nlohmann::json;

Error bad(std::string what) { return Error(ErrorCode::kConfig, std::move(what)); }

// Deeper ones would overflow the stack when they are copied or written.
constexpr int kDeepest = 64;

Result<json> parse_object(std::string_view text, std::string_view what) {
  bool too_deep = false;
  const auto shallow = [&](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  json value = json::parse(text, shallow, false);
  if (too_deep) return bad(fmt::format("{} is nested more than {} levels deep", what, kDeepest));
  if (!value.is_object()) return bad(fmt::format("{} is not a JSON object", what));
  return value;
}

// Debezium's own words come in any case.
std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

Result<std::string> text_member(const json& object, const char* name) {
  if (!object.contains(name) || object[name].is_null()) return std::string();
  if (!object[name].is_string()) return bad(fmt::format("'{}' is not a text", name));
  return object[name].get<std::string>();
}

Result<std::vector<std::string>> patterns(const json& object) {
  std::vector<std::string> result;
  if (!object.contains("data-collections")) return result;
  const json& list = object["data-collections"];
  if (!list.is_array()) return bad("'data-collections' is not a list");
  for (const auto& item : list) {
    if (!item.is_string()) return bad("'data-collections' holds something that is not a text");
    result.push_back(item.get<std::string>());
  }
  return result;
}

Result<bool> is_blocking(const json& object) {
  ASSIGN_OR_RETURN(const std::string type, text_member(object, "type"));
  if (type.empty() || lower(type) == "incremental") return false;
  if (lower(type) == "blocking") return true;
  return bad(fmt::format("there are no snapshots of type '{}'; there are 'incremental' and 'blocking'", type));
}

}  // namespace

Result<Signal> parse_signal(std::string_view text) {
  ASSIGN_OR_RETURN(const json object, parse_object(text, "the signal"));
  Signal signal;
  ASSIGN_OR_RETURN(signal.id, text_member(object, "id"));
  ASSIGN_OR_RETURN(signal.type, text_member(object, "type"));
  if (signal.type.empty()) return bad("the signal has no 'type'");
  if (object.contains("data") && !object["data"].is_null()) {
    const json& data = object["data"];
    signal.data =
        data.is_string() ? data.get<std::string>() : data.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return signal;
}

Result<SnapshotOrder> parse_execute_snapshot(std::string_view data) {
  ASSIGN_OR_RETURN(const json object, parse_object(data, "its data"));
  SnapshotOrder order;
  ASSIGN_OR_RETURN(order.blocking, is_blocking(object));
  ASSIGN_OR_RETURN(order.tables, patterns(object));
  if (order.tables.empty()) return bad("it names no 'data-collections'");
  ASSIGN_OR_RETURN(order.surrogate_key, text_member(object, "surrogate-key"));
  if (!object.contains("additional-conditions")) return order;
  const json& conditions = object["additional-conditions"];
  if (!conditions.is_array()) return bad("'additional-conditions' is not a list");
  for (const auto& condition : conditions) {
    if (!condition.is_object()) return bad("'additional-conditions' holds something that is not an object");
    ASSIGN_OR_RETURN(std::string tables, text_member(condition, "data-collection"));
    ASSIGN_OR_RETURN(std::string filter, text_member(condition, "filter"));
    if (tables.empty() || filter.empty()) {
      return bad("an additional condition needs a 'data-collection' and a 'filter'");
    }
    order.conditions.push_back({.tables = std::move(tables), .filter = std::move(filter)});
  }
  return order;
}

Result<std::vector<std::string>> parse_stop_snapshot(std::string_view data) {
  if (data.empty()) return std::vector<std::string>();
  ASSIGN_OR_RETURN(const json object, parse_object(data, "its data"));
  ASSIGN_OR_RETURN(const bool blocking, is_blocking(object));
  if (blocking) return bad("a blocking snapshot cannot be stopped");
  return patterns(object);
}

Result<std::string> parse_log(std::string_view data) {
  ASSIGN_OR_RETURN(const json object, parse_object(data, "its data"));
  ASSIGN_OR_RETURN(std::string message, text_member(object, "message"));
  if (message.empty()) return bad("it has no 'message'");
  return message;
}

bool matches_table(const std::string& pattern, std::string_view name) {
  if (pattern == name) return true;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(false);
  const RE2 compiled(pattern, options);
  return compiled.ok() && RE2::FullMatch(name, compiled);
}

}  // namespace sluice
