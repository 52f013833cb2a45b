// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/pgoutput_message.h"

#include <fmt/format.h>

namespace sluice {
namespace {

constexpr uint64_t kPostgresEpochUs = 946'684'800'000'000;  // 2000-01-01, since 1970

// Big-endian numbers and texts. Reading past the end yields zeros and sets failed().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  template <typename T>
  T number() {
    if (left() < sizeof(T)) return fail(), T{};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<unsigned char>(at_[i]);
    at_ += sizeof(T);
    return static_cast<T>(value);
  }
  char letter() { return static_cast<char>(number<uint8_t>()); }
  Lsn lsn() { return Lsn{number<uint64_t>()}; }
  int64_t time_us() { return static_cast<int64_t>(number<uint64_t>() + kPostgresEpochUs); }
  std::string_view bytes(uint32_t count) {
    if (count > left()) return fail(), std::string_view();
    const std::string_view result(at_, count);
    at_ += count;
    return result;
  }
  // Up to a zero byte.
  std::string_view text() {
    const std::string_view rest(at_, left());
    const size_t size = rest.find('\0');
    if (size == std::string_view::npos) return fail(), std::string_view();
    at_ += size + 1;
    return rest.substr(0, size);
  }
  void fail() {
    failed_ = true;
    at_ = end_;
  }

 private:
  const char* at_;
  const char* end_;
  bool failed_ = false;
};

void read_row(Reader& in, std::vector<PgoutputField>& row) {
  row.clear();
  const auto columns = in.number<uint16_t>();
  if (columns > in.left()) return in.fail();
  row.resize(columns);
  for (auto& field : row) {
    field.kind = static_cast<PgoutputValue>(in.letter());
    switch (field.kind) {
      case PgoutputValue::kNull:
      case PgoutputValue::kUnchanged: field.text = {}; break;
      case PgoutputValue::kText: field.text = in.bytes(in.number<uint32_t>()); break;
      default: return in.fail();
    }
  }
}

void read_relation(Reader& in, PgoutputRelation& shape) {
  shape.oid = in.number<uint32_t>();
  shape.id.schema = in.text();
  if (shape.id.schema.empty()) shape.id.schema = "pg_catalog";
  shape.id.table = in.text();
  shape.identity = in.letter();
  shape.columns.clear();
  const auto columns = in.number<uint16_t>();
  if (columns > in.left()) return in.fail();
  shape.columns.resize(columns);
  for (auto& column : shape.columns) {
    column.identity = (in.number<uint8_t>() & 1) != 0;
    column.name = in.text();
    column.type = in.number<uint32_t>();
    column.modifier = in.number<int32_t>();
  }
}

void read_change(Reader& in, PgoutputMessage& message) {
  message.relation = in.number<uint32_t>();
  message.old_kind = 0;
  message.old_row.clear();
  message.new_row.clear();
  char part = in.letter();
  if (message.kind != PgoutputKind::kInsert && (part == 'K' || part == 'O')) {
    message.old_kind = part;
    read_row(in, message.old_row);
    if (message.kind == PgoutputKind::kDelete) return;
    part = in.letter();
  }
  if (part != 'N' || message.kind == PgoutputKind::kDelete) return in.fail();
  read_row(in, message.new_row);
}

void read_truncate(Reader& in, PgoutputMessage& message) {
  const auto count = in.number<uint32_t>();
  in.number<uint8_t>();  // CASCADE, RESTART IDENTITY
  message.truncated.clear();
  if (count > in.left() / sizeof(uint32_t)) return in.fail();
  for (uint32_t i = 0; i < count; ++i) message.truncated.push_back(in.number<uint32_t>());
}

void read_commit(Reader& in, PgoutputMessage& message) {
  in.number<uint8_t>();
  message.commit = in.lsn();
  message.end = in.lsn();
  message.commit_time_us = in.time_us();
}

Error unknown(char kind) {
  return Error(ErrorCode::kUnsupported,
               fmt::format("the log holds a message of kind '{}' (0x{:02x}) that this version does not know",
                           kind >= ' ' && kind <= '~' ? kind : '?', static_cast<unsigned char>(kind)),
               "Nothing was skipped. Report it with the server's version; a newer sluice may know it.");
}

Error damaged(std::string_view payload) {
  return Error(ErrorCode::kCorrupt, fmt::format("a message of kind '{}' and {} bytes of the log is damaged",
                                                payload.empty() ? '?' : payload[0], payload.size()));
}

bool has_own_xid(PgoutputKind kind) {
  switch (kind) {
    case PgoutputKind::kRelation:
    case PgoutputKind::kType:
    case PgoutputKind::kInsert:
    case PgoutputKind::kUpdate:
    case PgoutputKind::kDelete:
    case PgoutputKind::kTruncate:
    case PgoutputKind::kMessage: return true;
    case PgoutputKind::kBegin:
    case PgoutputKind::kCommit:
    case PgoutputKind::kOrigin:
    case PgoutputKind::kStreamStart:
    case PgoutputKind::kStreamStop:
    case PgoutputKind::kStreamCommit:
    case PgoutputKind::kStreamAbort: return false;
  }
  return false;
}

}  // namespace

Result<> parse_pgoutput(std::string_view payload, bool in_stream, PgoutputMessage& message) {
  Reader in(payload);
  message.kind = static_cast<PgoutputKind>(in.letter());
  message.xid = in_stream && has_own_xid(message.kind) ? in.number<uint32_t>() : 0;
  bool whole = true;  // nothing may be left
  switch (message.kind) {
    case PgoutputKind::kBegin:
      message.commit = in.lsn();
      message.commit_time_us = in.time_us();
      message.xid = in.number<uint32_t>();
      break;
    case PgoutputKind::kCommit: read_commit(in, message); break;
    case PgoutputKind::kRelation: read_relation(in, message.shape); break;
    case PgoutputKind::kInsert:
    case PgoutputKind::kUpdate:
    case PgoutputKind::kDelete: read_change(in, message); break;
    case PgoutputKind::kTruncate: read_truncate(in, message); break;
    case PgoutputKind::kStreamStart:
      message.xid = in.number<uint32_t>();
      in.number<uint8_t>();  // first segment
      break;
    case PgoutputKind::kStreamStop: break;
    case PgoutputKind::kStreamCommit:
      message.xid = in.number<uint32_t>();
      read_commit(in, message);
      break;
    case PgoutputKind::kStreamAbort:
      message.xid = in.number<uint32_t>();
      message.aborted_xid = in.number<uint32_t>();
      whole = false;  // version 4 adds where and when
      break;
    case PgoutputKind::kMessage:
      message.transactional = in.number<uint8_t>() != 0;
      message.commit = in.lsn();
      message.prefix = in.text();
      message.content = in.bytes(in.number<uint32_t>());
      break;
    case PgoutputKind::kOrigin:
    case PgoutputKind::kType: whole = false; break;
    default: return payload.empty() ? damaged(payload) : unknown(payload[0]);
  }
  if (in.failed() || (whole && !in.at_end())) return damaged(payload);
  return {};
}

Result<PgoutputHead> parse_pgoutput_head(std::string_view payload, bool in_stream) {
  Reader in(payload);
  PgoutputHead head;
  head.kind = static_cast<PgoutputKind>(in.letter());
  if (in_stream && has_own_xid(head.kind)) head.xid = in.number<uint32_t>();
  if (head.kind == PgoutputKind::kInsert || head.kind == PgoutputKind::kUpdate || head.kind == PgoutputKind::kDelete) {
    head.relation = in.number<uint32_t>();
  }
  if (in.failed()) return damaged(payload);
  return head;
}

}  // namespace sluice
