// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_position.h"

#include <fmt/format.h>

#include <charconv>
#include <tuple>

namespace sluice::mysql {
namespace {

Error unreadable(const Position& position) {
  return Error(ErrorCode::kState, fmt::format("'{}' is not a position of a MySQL or MariaDB log", position.text),
               "The ledger belongs to another source or was changed by hand; start the job anew with --reset.");
}

}  // namespace

Result<BinlogPosition> BinlogPosition::parse(const Position& position) {
  std::string_view rest = position.text;
  BinlogPosition result;
  const auto take = [&]() {
    const auto end = rest.find(';');
    const std::string_view field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return field;
  };
  if (take() != "v1") return unreadable(position);
  while (!rest.empty()) {
    constexpr std::string_view kPreparedFrom = "prepared_from=";
    if (rest.starts_with(kPreparedFrom)) {
      result.prepared_from.text = rest.substr(kPreparedFrom.size());
      break;
    }
    const std::string_view field = take();
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return unreadable(position);
    const std::string_view key = field.substr(0, equals);
    const std::string_view value = field.substr(equals + 1);
    if (key == "file") {
      result.file = value;
    } else if (key == "pos") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result.offset);
      if (error != std::errc() || end != value.data() + value.size()) return unreadable(position);
    } else if (key == "gtid_set") {
      ASSIGN_OR_RETURN(result.gtid_set, GtidSet::parse(value));
    } else if (key == "gtid_pos") {
      ASSIGN_OR_RETURN(result.gtid_pos, MariadbGtidPosition::parse(value));
    } else {
      return unreadable(position);
    }
  }
  return result;
}

Position BinlogPosition::position() const {
  std::string text = fmt::format("v1;file={};pos={}", file, offset);
  if (!gtid_set.empty()) text += ";gtid_set=" + gtid_set.text();
  if (!gtid_pos.empty()) text += ";gtid_pos=" + gtid_pos.text();
  if (!prepared_from.empty()) text += ";prepared_from=" + prepared_from.text;
  return {text};
}

bool file_offset_before(std::string_view file, uint64_t offset, std::string_view other_file, uint64_t other_offset) {
  const auto number = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
  const auto a = number(file);
  const auto b = number(other_file);
  return std::tuple(a.size(), a, offset) < std::tuple(b.size(), b, other_offset);
}

bool covers(const BinlogPosition& reached, const Transaction& transaction) {
  if (!transaction.id.empty()) {
    if (!reached.gtid_set.empty()) {
      const auto gtid = Gtid::parse(transaction.id);
      return gtid && reached.gtid_set.contains(*gtid);
    }
    if (!reached.gtid_pos.empty()) {
      const auto gtid = MariadbGtid::parse(transaction.id);
      return gtid && reached.gtid_pos.contains(*gtid);
    }
  }
  const auto start = BinlogPosition::parse(transaction.start);
  return start && file_offset_before(start->file, start->offset, reached.file, reached.offset);
}

bool covers(const BinlogPosition& reached, const BinlogPosition& other) {
  if (!other.gtid_set.empty()) return reached.gtid_set.contains(other.gtid_set);
  if (!other.gtid_pos.empty()) return reached.gtid_pos.contains(other.gtid_pos);
  return !file_offset_before(reached.file, reached.offset, other.file, other.offset);
}

}  // namespace sluice::mysql
