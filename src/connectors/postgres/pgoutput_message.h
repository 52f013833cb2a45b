// SPDX-License-Identifier: Apache-2.0
// The messages of the plugin pgoutput, protocol versions 1, 2 and 4.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/postgres_lsn.h"
#include "data/types.h"

namespace sluice {

enum class PgoutputKind : char {
  kBegin = 'B',
  kCommit = 'C',
  kOrigin = 'O',
  kRelation = 'R',
  kType = 'Y',
  kInsert = 'I',
  kUpdate = 'U',
  kDelete = 'D',
  kTruncate = 'T',
  kMessage = 'M',
  kStreamStart = 'S',
  kStreamStop = 'E',
  kStreamCommit = 'c',
  kStreamAbort = 'A',
};

struct PgoutputColumn {
  bool identity = false;  // part of the replica identity
  std::string name;
  uint32_t type = 0;
  int32_t modifier = -1;
  friend bool operator==(const PgoutputColumn&, const PgoutputColumn&) = default;
};
// A table's shape as of the rows that follow.
struct PgoutputRelation {
  uint32_t oid = 0;
  TableId id;
  char identity = 'd';  // pg_class.relreplident
  std::vector<PgoutputColumn> columns;
  friend bool operator==(const PgoutputRelation&, const PgoutputRelation&) = default;
};

enum class PgoutputValue : char { kNull = 'n', kUnchanged = 'u', kText = 't' };
struct PgoutputField {
  PgoutputValue kind = PgoutputValue::kNull;
  std::string_view text;
};

// Which members mean something follows from the kind. Views point into the payload. Reused for message after message.
struct PgoutputMessage {
  PgoutputKind kind = PgoutputKind::kBegin;
  // Stream start, commit, abort: the transaction. Changes within a stream: the sub-transaction that made them.
  uint32_t xid = 0;
  uint32_t aborted_xid = 0;    // stream abort: the sub-transaction, or the transaction itself
  Lsn commit;                  // begin, commit, stream commit: where the commit record begins
  Lsn end;                     // commit, stream commit: where it ends
  int64_t commit_time_us = 0;  // since 1970 UTC
  uint32_t relation = 0;       // insert, update, delete
  char old_kind = 0;           // 'K': only columns of the replica identity, 'O': all, 0: none
  std::vector<PgoutputField> old_row;
  std::vector<PgoutputField> new_row;
  std::vector<uint32_t> truncated;  // relations
  PgoutputRelation shape;           // relation message
  // Logical message: `commit` is where it stands.
  bool transactional = false;
  std::string_view prefix;
  std::string_view content;
};

// Reads a whole message. `in_stream`: between stream start and stop, where changes begin with a transaction number.
// kUnsupported for a kind that we do not know, kCorrupt for bytes that are no message.
Result<> parse_pgoutput(std::string_view payload, bool in_stream, PgoutputMessage& message);

// What collecting a message needs to know of it, without its rows: kind, and where it has them, number of the
// (sub-)transaction and relation.
struct PgoutputHead {
  PgoutputKind kind = PgoutputKind::kBegin;
  uint32_t xid = 0;
  uint32_t relation = 0;
};
Result<PgoutputHead> parse_pgoutput_head(std::string_view payload, bool in_stream);

}  // namespace sluice
