// SPDX-License-Identifier: Apache-2.0
#include "tenants/binlog_cut.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace sluice {
namespace {

constexpr size_t kHeader = 19;
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

namespace {

// A part of a log that is in memory.
class Window {
 public:
  Window(const ReadLog& read, uint64_t end) : read_(read), end_(end) {}

  // The bytes at the offset, as many as there are; they stay until the next call.
  Result<std::string_view> at(uint64_t offset, uint64_t size) {
    constexpr uint64_t kSize = 32768;
    const uint64_t there = std::min(size, end_ - std::min(end_, offset));
    if (offset < begin_ || offset + there > begin_ + bytes_.size()) {
      begin_ = offset;
      bytes_.resize(std::min(std::max(size, kSize), end_ - std::min(end_, offset)));
      RETURN_IF_ERROR(read_(offset, bytes_));
    }
    return std::string_view(bytes_).substr(there == 0 ? 0 : offset - begin_, there);
  }

 private:
  const ReadLog& read_;
  const uint64_t end_;
  uint64_t begin_ = 0;
  std::string bytes_;
};

struct Event {
  uint8_t type = 0;
  uint32_t seconds = 0, server = 0;
  uint64_t end = 0;
};

// How much of an event's body says where transactions end.
uint64_t needed_of(uint8_t type, uint64_t body) {
  constexpr uint64_t kQueryHead = 13 + 65535 + 256 + 16;  // with all that may stand before the statement
  switch (type) {
    case kGtid:
    case kXid: return std::min<uint64_t>(body, 16);
    case kCheckpoint:
    case kGtidList: return body;
    case kQuery: return std::min(body, kQueryHead);
    default: return 0;
  }
}

void take(const Event& event, std::string_view body, BinlogFile& file) {
  const uint8_t type = event.type;
  if (type == kGtid || type == kCheckpoint || type == kRotate || type == kStop) {
    if (file.in_group) file.groups.back().complete = true;
    file.in_group = false;
  }
  if (type == kGtidList) read_gtid_list(body, file.before);
  if (type == kCheckpoint)
    file.checkpoint = body.substr(std::min<size_t>(4, body.size()), number_at<uint32_t>(body, 0));
  if (type == kGtid) {
    const auto flags = number_at<uint8_t>(body, 12);
    file.in_head = false;
    file.in_group = true;
    file.standalone = (flags & kStandalone) != 0;
    file.groups.push_back({.domain = number_at<uint32_t>(body, 8),
                           .server = event.server,
                           .number = number_at<uint64_t>(body, 0),
                           .plain = (flags & (kStandalone | kDdl | kPreparedXa | kCompletedXa)) == 0,
                           .seconds = event.seconds});
  }
  if (file.in_head) file.head_end = event.end;
  if (!file.in_group) return;
  BinlogGroup& group = file.groups.back();
  group.end = event.end;
  if (type == kXid) group.xid = number_at<uint64_t>(body, 0);
  group.complete = type == kXid || type == kXaPrepare || (type == kQuery && ends_group(body, file.standalone));
  file.in_group = !group.complete;
}

}  // namespace

Result<> read_binlog_on(const ReadLog& read, uint64_t end, BinlogFile& file) {
  Window window(read, end);
  if (file.read_to == 0) {
    constexpr std::string_view kBegin(
        "\xfe"
        "bin");
    ASSIGN_OR_RETURN(const std::string_view begin, window.at(0, kBegin.size()));
    if (begin != kBegin) return Error(ErrorCode::kCorrupt, "the source's binary log does not begin as one");
    file.read_to = kBegin.size();
  }
  for (;;) {
    const uint64_t at = file.read_to;
    ASSIGN_OR_RETURN(const std::string_view header, window.at(at, kHeader));
    if (header.size() < kHeader) return {};
    const auto length = number_at<uint32_t>(header, 9);
    if (length < kHeader || length > end - at) return {};
    const Event event{.type = number_at<uint8_t>(header, 4),
                      .seconds = number_at<uint32_t>(header, 0),
                      .server = number_at<uint32_t>(header, 5),
                      .end = at + length};
    ASSIGN_OR_RETURN(const std::string_view body, window.at(at + kHeader, needed_of(event.type, length - kHeader)));
    take(event, body, file);
    file.read_to = event.end;
  }
}

Result<> read_binlog_on(const std::string& path, BinlogFile& file, uint64_t end) {
  const auto failed = [&] {
    return Error(errno == ENOENT ? ErrorCode::kTransient : ErrorCode::kState,
                 fmt::format("reading {}: {}", path, std::strerror(errno)));
  };
  const int log = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (log < 0) return failed();
  struct stat info{};
  const auto read = [&](uint64_t offset, std::span<char> buffer) -> Result<> {
    while (!buffer.empty()) {
      const ssize_t got = ::pread(log, buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (got < 0) return failed();
      if (got == 0) return Error(ErrorCode::kTransient, path + " was cut off while it was read");
      buffer = buffer.subspan(static_cast<size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
    return {};
  };
  Result<> done = ::fstat(log, &info) == 0
                      ? read_binlog_on(read, std::min<uint64_t>(end, static_cast<uint64_t>(info.st_size)), file)
                      : Result<>(failed());
  ::close(log);
  return done;
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
