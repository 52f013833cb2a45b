// SPDX-License-Identifier: Apache-2.0
#include "tenants/binlog_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sluice {
namespace {

constexpr size_t kMagic = 4, kHeader = 19;
enum EventType : uint8_t {
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kFormat = 15,
  kXid = 16,
  kXaPrepare = 38,
  kCheckpoint = 161,
  kGtid = 162,
  kGtidList = 163,
};
enum GtidFlag : uint8_t { kStandalone = 1, kDdl = 32, kPreparedXa = 64, kCompletedXa = 128 };

template <typename T>
T number_at(std::string_view bytes, size_t at) {
  T value = 0;
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);  // little endian
  return value;
}

void read_gtid_list(std::string_view body, GtidState& state) {
  const uint32_t count = number_at<uint32_t>(body, 0) & 0x0fffffff;
  for (size_t i = 0; i < count && 4 + (i + 1) * 16 <= body.size(); ++i) {
    const size_t at = 4 + i * 16;
    state.domains[number_at<uint32_t>(body, at)] = {number_at<uint32_t>(body, at + 4),
                                                    number_at<uint64_t>(body, at + 8)};
  }
}

}  // namespace

std::string GtidState::text() const {
  std::string result;
  for (const auto& [domain, last] : domains) {
    result += fmt::format("{}{}-{}-{}", result.empty() ? "" : ",", domain, last.first, last.second);
  }
  return result;
}

GtidState GtidState::parse(std::string_view text) {
  GtidState state;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    uint32_t domain = 0, server = 0;
    uint64_t number = 0;
    const char* end = one.data() + one.size();
    auto [at, problem] = std::from_chars(one.data(), end, domain);
    if (problem != std::errc() || at == end) continue;
    at = std::from_chars(at + 1, end, server).ptr;
    if (at >= end || std::from_chars(at + 1, end, number).ec != std::errc()) continue;
    state.domains[domain] = {server, number};
  }
  return state;
}

bool GtidState::covers(const GtidState& other) const {
  return std::ranges::all_of(other.domains, [&](const auto& entry) {
    const auto found = domains.find(entry.first);
    return found != domains.end() && found->second.second >= entry.second.second;
  });
}

GtidState BinlogFile::state(size_t count) const {
  GtidState state = before;
  for (size_t i = 0; i < count; ++i) state.domains[groups[i].domain] = {groups[i].server, groups[i].number};
  return state;
}

namespace {

// Whether a statement in the log is the last of its group.
bool ends_group(std::string_view query_event, bool standalone) {
  constexpr size_t kFixed = 13;
  const size_t at = kFixed + number_at<uint16_t>(query_event, 11) + number_at<uint8_t>(query_event, 8) + 1;
  const std::string_view text = query_event.substr(std::min(at, query_event.size()));
  return standalone || text.starts_with("COMMIT") || text.starts_with("ROLLBACK") || text.starts_with("XA COMMIT") ||
         text.starts_with("XA ROLLBACK");
}

}  // namespace

void read_binlog_on(std::string_view content, uint64_t begin, BinlogFile& file) {
  bool in_group = false, standalone = false;
  for (size_t at = 0; at + kHeader <= content.size();) {
    const auto type = number_at<uint8_t>(content, at + 4);
    const auto length = number_at<uint32_t>(content, at + 9);
    if (length < kHeader || length > content.size() - at) break;
    const std::string_view body = content.substr(at + kHeader, length - kHeader);
    if (type == kGtid || type == kCheckpoint || type == kRotate || type == kStop) {
      if (in_group) file.groups.back().complete = true;
      in_group = false;
    }
    if (type == kGtidList) read_gtid_list(body, file.before);
    if (type == kCheckpoint)
      file.checkpoint = body.substr(std::min<size_t>(4, body.size()), number_at<uint32_t>(body, 0));
    if (type == kGtid) {
      const auto flags = number_at<uint8_t>(body, 12);
      standalone = (flags & kStandalone) != 0;
      file.groups.push_back({.domain = number_at<uint32_t>(body, 8),
                             .server = number_at<uint32_t>(content, at + 5),
                             .number = number_at<uint64_t>(body, 0),
                             .plain = (flags & (kStandalone | kDdl | kPreparedXa | kCompletedXa)) == 0,
                             .seconds = number_at<uint32_t>(content, at)});
      in_group = true;
    }
    if (type == kXid && in_group) file.groups.back().xid = number_at<uint64_t>(body, 0);
    at += length;
    if (in_group) {
      BinlogGroup& group = file.groups.back();
      group.end = begin + at;
      group.complete = type == kXid || type == kXaPrepare || (type == kQuery && ends_group(body, standalone));
    }
    if (file.groups.empty()) file.head_end = begin + at;
  }
}

Result<BinlogFile> read_binlog(std::string_view content) {
  BinlogFile file;
  if (!content.starts_with("\xfe"
                           "bin")) {
    return Error(ErrorCode::kCorrupt, "the source's binary log does not begin as one");
  }
  read_binlog_on(content.substr(kMagic), kMagic, file);
  return file;
}

namespace {

// The pieces of a write-ahead log joined to whole records.
class WalRecords {
 public:
  explicit WalRecords(std::string_view content) : content_(content) {}

  // False at the end.
  Result<bool> next(std::string& record) {
    constexpr size_t kBlock = 32768, kPieceHeader = 7, kRecyclableHeader = 11;
    record.clear();
    for (;;) {
      const size_t left = kBlock - at_ % kBlock;
      if (left < kPieceHeader) at_ += left;
      if (at_ + kPieceHeader > content_.size()) return false;
      const auto length = number_at<uint16_t>(content_, at_ + 4);
      auto type = number_at<uint8_t>(content_, at_ + 6);
      if (type == 0) {  // the rest of the block is empty, or the file's preallocated end
        at_ += kBlock - at_ % kBlock;
        continue;
      }
      const size_t header = type >= 5 ? kRecyclableHeader : kPieceHeader;
      if (type > 8) return Error(ErrorCode::kCorrupt, fmt::format("a write-ahead log has a piece of type {}", type));
      if (at_ + header + length > content_.size()) return false;
      if (type >= 5) type = static_cast<uint8_t>(type - 4);
      constexpr uint8_t kFull = 1, kFirst = 2, kLast = 4;
      if (type == kFull || type == kFirst) record.clear();
      record.append(content_.substr(at_ + header, length));
      at_ += header + length;
      if (type == kFull || type == kLast) return true;
    }
  }

 private:
  std::string_view content_;
  size_t at_ = 0;
};

// Walks a write batch, every read checked.
class BatchReader {
 public:
  explicit BatchReader(std::string_view batch) : rest_(batch) {}

  // Puts the XID of the last commit, if there is one, in its place.
  Result<> find_commit(std::optional<uint64_t>& found) {
    constexpr size_t kBatchHeader = 12;
    rest_.remove_prefix(std::min(rest_.size(), kBatchHeader));
    while (!rest_.empty()) {
      const auto tag = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      if (!element(tag, found)) {
        return Error(ErrorCode::kCorrupt, fmt::format("a write-ahead log has an element of type {}", tag),
                     "This version of MyRocks writes logs that are not understood; nothing was copied.");
      }
    }
    return {};
  }

 private:
  bool element(uint8_t tag, std::optional<uint64_t>& found) {
    std::string_view id;
    switch (tag) {
      case 0:
      case 3:
      case 7: return skip(false, 1);
      case 1:
      case 2:
      case 15: return skip(false, 2);
      case 4:
      case 8: return skip(true, 1);
      case 5:
      case 6:
      case 14:
      case 16: return skip(true, 2);
      case 9:
      case 13:
      case 18:
      case 19: return true;
      case 10:
      case 12: return text(id);
      case 11:
        if (!text(id)) return false;
        if (id.size() >= sizeof(uint64_t)) found = number_at<uint64_t>(id, id.size() - sizeof(uint64_t));
        return true;
      default: return false;
    }
  }
  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 35 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool text(std::string_view& value) {
    uint64_t size = 0;
    if (!varint(size) || size > rest_.size()) return false;
    value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool skip(bool family, int texts) {
    uint64_t number = 0;
    std::string_view value;
    if (family && !varint(number)) return false;
    for (int i = 0; i < texts; ++i) {
      if (!text(value)) return false;
    }
    return true;
  }
  std::string_view rest_;
};

}  // namespace

Result<std::optional<uint64_t>> last_commit_in_wal(std::string_view content) {
  WalRecords records(content);
  std::string record;
  std::optional<uint64_t> last;
  for (;;) {
    ASSIGN_OR_RETURN(const bool found, records.next(record));
    if (!found) return last;
    RETURN_IF_ERROR(BatchReader(record).find_commit(last));
  }
}

}  // namespace sluice
