// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/xa_transactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/mysql/binlog_table_map.h"
#include "connectors/mysql/mysql_server.h"

namespace sluice::mysql {
namespace {

constexpr std::chrono::seconds kWaitForPrepared{10};
constexpr std::chrono::milliseconds kAskAgainAfter{50};

// The transactions that XA RECOVER lists; none if the user may not ask.
Result<std::set<std::string>> prepared_now(Context& context, MysqlConnection& connection) {
  std::set<std::string> xids;
  const auto rows = connection.query(context, "XA RECOVER");
  if (!rows) {
    if (rows.error().code() == ErrorCode::kConnect || context.stop_requested()) return rows.error();
    log_debug("XA RECOVER: {}", rows.error().message());
    return xids;
  }
  for (const auto& row : *rows) {
    std::string xid;
    for (const auto& part : row) xid += part.value_or("") + " ";
    xids.insert(std::move(xid));
  }
  return xids;
}

}  // namespace

Result<> KeptEvents::append(const Event& event) {
  bytes_.assign(reinterpret_cast<const char*>(&event.header), sizeof event.header);
  bytes_.append(as_text(event.body));
  return buffer_.append({.place = 0, .text = bytes_});
}

Result<std::optional<Event>> KeptEvents::next() {
  ASSIGN_OR_RETURN(const auto message, buffer_.next());
  if (!message) return std::optional<Event>();
  Event event;
  std::memcpy(&event.header, message->text.data(), sizeof event.header);
  event.body = as_bytes(message->text.substr(sizeof event.header));
  return std::optional(event);
}

void PreparedTransactions::begin(Position before) {
  open_ = FirstPhase{};
  open_->number = ++count_;
  open_->before = std::move(before);
}

Result<> PreparedTransactions::keep(const Event& event, const BinlogFormat& format, const CapturedTables& captured) {
  ASSIGN_OR_RETURN(const uint64_t map_id, parse_table_id(event, format));
  if (event.header.type == EventType::kTableMap) {
    ASSIGN_OR_RETURN(const TableMap map, parse_table_map(event, format));
    open_->captured_maps.erase(map_id);
    if (captured.contains({map.database, map.table})) open_->captured_maps.insert(map_id);
  }
  if (!open_->captured_maps.contains(map_id)) return {};
  return open_->events->append(event);
}

void PreparedTransactions::prepared(const std::string& xid) {
  prepared_[xid] = std::move(*open_);
  open_.reset();
}

std::unique_ptr<KeptEvents> PreparedTransactions::take_open() {
  auto events = std::move(open_->events);
  open_.reset();
  return events;
}

std::unique_ptr<KeptEvents> PreparedTransactions::take(const std::string& xid) {
  const auto found = prepared_.find(xid);
  if (found == prepared_.end()) return nullptr;
  auto events = std::move(found->second.events);
  prepared_.erase(found);
  return events;
}

Position PreparedTransactions::oldest() const {
  const auto first = std::ranges::min_element(prepared_, {}, [](const auto& entry) { return entry.second.number; });
  return first == prepared_.end() ? Position() : first->second.before;
}

Result<Position> position_before_open_xa(Context& context, MysqlConnection& connection,
                                         std::set<std::string>& passed_over) {
  ASSIGN_OR_RETURN(const BinlogPosition place, current_binlog_position(context, connection));
  ASSIGN_OR_RETURN(auto waited_for, prepared_now(context, connection));
  std::erase_if(waited_for, [&](const std::string& xid) { return passed_over.contains(xid); });
  if (!waited_for.empty()) log_info("waiting for {} XA transactions to end", waited_for.size());
  const MonotonicTime begun = monotonic_now();
  while (!waited_for.empty() && monotonic_now() - begun < kWaitForPrepared) {
    if (!context.wait_for(kAskAgainAfter)) return Error(ErrorCode::kStopped, "stopped while waiting for transactions");
    ASSIGN_OR_RETURN(const auto now, prepared_now(context, connection));
    std::erase_if(waited_for, [&](const std::string& xid) { return !now.contains(xid); });
  }
  if (!waited_for.empty()) {
    log_warn("{} XA transactions were prepared long ago; the job will stop if one of them is committed",
             waited_for.size());
    passed_over.merge(waited_for);
  }
  return place.position();
}

}  // namespace sluice::mysql
