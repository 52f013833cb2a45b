// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_log_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "connector/group_builder.h"
#include "connector/logical_message.h"
#include "connector/quiet_log.h"
#include "connector/transaction_buffer.h"
#include "connectors/postgres/message_filter.h"
#include "connectors/postgres/pgoutput_message.h"
#include "connectors/postgres/postgres_chunks.h"
#include "connectors/postgres/postgres_replication.h"
#include "connectors/postgres/postgres_slot.h"
#include "connectors/postgres/relation_tracker.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr milliseconds kNoWait{0};
// Messages that make no rows must not keep a poll from ending.
constexpr milliseconds kLongestPoll{100};
constexpr milliseconds kVisibleWait{2};
constexpr int kMessagesPerLook = 64;
// A quiet server is asked this often how far it is.
constexpr milliseconds kAskInterval{200};
constexpr milliseconds kLongestStatusInterval{10000};
// It may be busy with a transaction that has nothing for us, but then it says so in half of its patience with us.
constexpr std::chrono::minutes kLongestSilence{5};
// A group is handed on at this size, and a transaction larger than it in parts.
constexpr size_t kGroupBytes = 1 << 20;
constexpr int kFirstVersionWithStreaming = 140000;
// Commit records begin at multiples of this, and are longer.
constexpr uint64_t kAlignment = 8;

// A transaction that is being received.
struct OpenTransaction {
  uint32_t xid = 0;
  bool streamed = false;
  Lsn commit;
  Lsn end;
  int64_t commit_time_us = 0;
  TransactionBuffer messages;
  std::set<uint32_t> aborted;  // sub-transactions
  struct Shape {
    uint32_t xid;
    PgoutputRelation relation;
  };
  std::vector<Shape> shapes;       // in order
  std::set<uint32_t> used_before;  // relations with rows of the shape that an earlier transaction told
  struct Truncate {
    uint64_t message;  // number of the message
    uint64_t place;    // where it stands
    uint32_t xid;
    std::vector<uint32_t> relations;
  };
  std::vector<Truncate> truncates;
  std::map<uint32_t, bool> wanted;  // relations, by what they have been called so far
  std::set<uint32_t> used;          // relations with rows
  std::set<uint32_t> left_out;      // relations with rows that are not kept, since nobody wants them
  uint32_t last_used = 0;           // is in one of the two, or zero
  bool leaves_out = false;          // `last_used` is left out
};

class PostgresLogReader : public LogReader, public QuietLog {
 public:
  PostgresLogReader(const PostgresSourceOptions& options, const PostgresCapturedTables& captured, UnknownTables unknown)
      : options_(options), tracker_(options, captured, unknown) {}

  Result<> open(Context& context, const LogStart& start, std::unique_ptr<ReplicationConnection> stream);
  Result<> poll(Context& context, std::vector<StreamElement>& out) override { return read(context, kPollWait, out); }
  Result<> look(Context& context, std::vector<StreamElement>& out) override { return read(context, kNoWait, out); }
  std::optional<LogWait> begin_wait() override;
  Result<> acknowledge(const Position& position) override;

 private:
  Result<> read(Context& context, milliseconds wait, std::vector<StreamElement>& out);
  Result<PostgresConnection*> catalog(Context& context);
  Result<> wait_until_visible(Context& context, PostgresConnection& connection) const;
  Result<bool> receive(Context& context, milliseconds wait);
  Result<> ask(Context& context);
  Result<> take_in(std::string_view payload);
  Result<> take_stream(const PgoutputMessage& message);
  Result<> take_change(const PgoutputHead& head, std::string_view payload);
  bool wants(OpenTransaction& transaction, uint32_t oid);
  Result<> take_shape(std::string_view payload);
  Result<> take_truncate(std::string_view payload);
  Result<> take_logical(std::string_view payload);
  Result<> finish_transaction(std::unique_ptr<OpenTransaction> transaction);
  OpenTransaction* receiving() { return streaming_ != nullptr ? streaming_ : begun_.get(); }

  Result<> begin_delivery(Context& context, std::vector<StreamElement>& out);
  Result<> settle_shapes(Context& context, SchemaChangeEvent& event);
  Result<> settle_truncates(SchemaChangeEvent& event);
  Result<> deliver();
  Result<> deliver_message(const TransactionBuffer::Message& message);
  void deliver_logical(const TransactionBuffer::Message& message);
  Result<> deliver_row(TrackedRelation& relation, const TransactionBuffer::Message& message);
  void end_delivery();
  void end_group(std::vector<StreamElement>& out);
  Error at_position(Error error) const;

  Result<> keep_up(Context& context);
  milliseconds status_interval() const {
    const bool given = options_.status_interval.count() > 0;
    return given ? std::min(options_.status_interval, kLongestStatusInterval) : kLongestStatusInterval;
  }
  bool beats() const { return options_.heartbeat_query && options_.heartbeat_interval.count() > 0; }
  Result<> send_status(Context& context, bool ask);
  void run_heartbeat(Context& context);

  const PostgresSourceOptions options_;
  MessageFilter messages_;
  RelationTracker tracker_;
  SchemaChangeEvent unpublished_;  // told first, if it says anything
  std::unique_ptr<ReplicationConnection> stream_;
  std::unique_ptr<PostgresConnection> catalog_;  // opened when needed

  // Receiving.
  std::unique_ptr<OpenTransaction> begun_;                        // between begin and commit
  std::map<uint32_t, std::unique_ptr<OpenTransaction>> streams_;  // in progress at the server, by number
  OpenTransaction* streaming_ = nullptr;                          // between stream start and stop
  PgoutputMessage message_;
  Lsn received_;
  Lsn received_from_;  // where the last message stands

  // Delivering one transaction; nothing is received meanwhile.
  std::unique_ptr<OpenTransaction> delivered_;
  bool delivery_begun_ = false;
  SchemaChangeEvent changed_;  // by the transaction
  uint64_t next_message_ = 0;
  std::map<uint32_t, uint64_t> emptied_;  // relations truncated within it: rows of messages before this are gone
  Transaction transaction_;
  uint32_t last_oid_ = 0;
  TrackedRelation* last_relation_ = nullptr;
  GroupBuilder group_;
  bool drained_ = false;  // the connection had nothing more

  // Everything that commits before it has been handed on. One more than the place of a commit record: the schema
  // changes of that transaction too, but not its rows.
  Lsn reached_;
  int64_t last_commit_ms_ = 0;
  Lsn previous_commit_;  // end of the transaction that was delivered last
  Position told_;        // of the last group end
  Lsn durable_;
  bool status_due_ = false;
  MonotonicTime last_status_;
  MonotonicTime last_ask_;
  std::optional<MonotonicTime> silent_since_;
  MonotonicTime last_heartbeat_;
};

Result<> PostgresLogReader::open(Context& context, const LogStart& start,
                                 std::unique_ptr<ReplicationConnection> stream) {
  stream_ = std::move(stream);
  ASSIGN_OR_RETURN(reached_, Lsn::of(start.position));
  RETURN_IF_ERROR(tracker_.open(start));
  ASSIGN_OR_RETURN(PostgresConnection* const connection, catalog(context));
  RETURN_IF_ERROR(check_slot(context, *connection, options_.slot_name, start.position.empty() ? Lsn{} : reached_));
  if (!start.second_reader) {
    RETURN_IF_ERROR(tracker_.miss_unpublished(context, *connection, unpublished_));
    unpublished_.position = reached_.position();
  }
  if (!stream_) {
    ASSIGN_OR_RETURN(stream_, ReplicationConnection::connect(context, options_.connection()));
  }
  const bool streaming = connection->server_version() >= kFirstVersionWithStreaming;
  std::vector<std::pair<std::string, std::string>> options = {
      {"proto_version", streaming ? "2" : "1"},
      {"publication_names", PostgresConnection::quote_identifier(options_.publication_name)}};
  // Else the server keeps a large transaction to itself until it commits.
  if (streaming) options.emplace_back("streaming", "on");
  // Who compares rows needs none of them.
  if (options_.wants_messages() && !start.second_reader) {
    ASSIGN_OR_RETURN(messages_, MessageFilter::compile(options_.message_include, options_.message_exclude));
    if (streaming) options.emplace_back("messages", "on");
    if (!streaming) log_warn("logical messages are left out: PostgreSQL sends them from version 14 on");
  }
  durable_ = Lsn{reached_.value / kAlignment * kAlignment};
  received_ = durable_;
  last_status_ = last_heartbeat_ = monotonic_now();
  return stream_->start(context, options_.slot_name, durable_, options);
}

Result<PostgresConnection*> PostgresLogReader::catalog(Context& context) {
  if (!catalog_) {
    ASSIGN_OR_RETURN(catalog_, PostgresConnection::connect(context, options_.connection()));
  }
  return catalog_.get();
}

Error PostgresLogReader::at_position(Error error) const {
  const Lsn at = delivered_ ? delivered_->commit : received_;
  return std::move(error).context(fmt::format("at {}", at.text()));
}

Result<> PostgresLogReader::acknowledge(const Position& position) {
  ASSIGN_OR_RETURN(const Lsn lsn, Lsn::of(position));
  // The rows of a transaction whose schema changes alone are durable are still needed.
  const Lsn durable{lsn.value / kAlignment * kAlignment};
  if (durable <= durable_) return {};
  durable_ = durable;
  status_due_ = true;
  return {};
}

Result<> PostgresLogReader::read(Context& context, milliseconds wait, std::vector<StreamElement>& out) {
  if (!unpublished_.needs_copy.empty()) {
    out.emplace_back(std::exchange(unpublished_, {}));
    return {};
  }
  RETURN_IF_ERROR(keep_up(context));
  const size_t before = out.size();
  drained_ = false;
  const MonotonicTime end = monotonic_now() + kLongestPoll;
  for (int messages = 1; group_.bytes() < kGroupBytes && out.size() == before; ++messages) {
    if ((delivered_ || messages % kMessagesPerLook == 0) && monotonic_now() > end) break;
    if (delivered_) {
      Result<> done = delivery_begun_ ? deliver() : begin_delivery(context, out);
      if (!done) return at_position(std::move(done).error());
      continue;
    }
    if (group_.handed_on()) break;
    ASSIGN_OR_RETURN(const bool more, receive(context, wait));
    drained_ = !more;
    if (drained_) {
      if (messages == 1) RETURN_IF_ERROR(ask(context));
      break;
    }
    wait = kNoWait;
  }
  if (!delivered_) {
    end_group(out);
  } else if (group_.bytes() >= kGroupBytes) {
    group_.take(out);
  }
  return {};
}

std::optional<LogWait> PostgresLogReader::begin_wait() {
  if (!drained_ || delivered_) return std::nullopt;
  stream_->rest();
  const MonotonicTime now = monotonic_now();
  MonotonicTime next = std::min(last_ask_ + kAskInterval, last_status_ + status_interval());
  if (beats()) next = std::min(next, last_heartbeat_ + options_.heartbeat_interval);
  const auto left = std::chrono::ceil<milliseconds>(std::max(next, now) - now);
  return LogWait{.readable = stream_->descriptor(), .at_most = left};
}

void PostgresLogReader::end_group(std::vector<StreamElement>& out) {
  group_.end(out);
  Position position = reached_.position();
  if (position == told_) return;
  told_ = position;
  out.push_back(GroupEnd{.position = std::move(position), .source_time_ms = last_commit_ms_});
  tracker_.forget_passed(reached_);
}

// Takes in one message; false if none came in time.
Result<bool> PostgresLogReader::receive(Context& context, milliseconds wait) {
  ASSIGN_OR_RETURN(auto message, stream_->receive(context, wait));
  if (!message) return false;
  silent_since_.reset();
  received_ = std::max(received_, message->end);
  if (message->start.value != 0) received_from_ = message->start;
  if (!message->keepalive) {
    Result<> taken = take_in(message->payload);
    if (!taken) return at_position(std::move(taken).error());
    return true;
  }
  if (message->reply_requested) status_due_ = true;
  // Everything that commits before it has been sent, and nothing that has been sent is waiting.
  if (!begun_ && message->end > reached_) {
    reached_ = message->end;
    last_commit_ms_ = message->server_time_us / 1000;
  }
  return true;
}

// Nothing comes: has the server nothing more, or is it gone?
Result<> PostgresLogReader::ask(Context& context) {
  const MonotonicTime now = monotonic_now();
  if (!silent_since_) silent_since_ = now;
  if (now - *silent_since_ > kLongestSilence) {
    return Error(ErrorCode::kConnect,
                 fmt::format("the source server has been silent for {} minutes", kLongestSilence.count()));
  }
  if (now - last_ask_ < kAskInterval) return {};
  last_ask_ = now;
  return send_status(context, true);
}

Result<> PostgresLogReader::take_in(std::string_view payload) {
  ASSIGN_OR_RETURN(const PgoutputHead head, parse_pgoutput_head(payload, streaming_ != nullptr));
  switch (head.kind) {
    case PgoutputKind::kInsert:
    case PgoutputKind::kUpdate:
    case PgoutputKind::kDelete: return take_change(head, payload);
    case PgoutputKind::kRelation: return take_shape(payload);
    case PgoutputKind::kTruncate: return take_truncate(payload);
    case PgoutputKind::kMessage: return take_logical(payload);
    // Types are known by name and oid; the origin says nothing about rows.
    case PgoutputKind::kOrigin:
    case PgoutputKind::kType: return {};
    case PgoutputKind::kBegin:
    case PgoutputKind::kCommit:
    case PgoutputKind::kStreamStart:
    case PgoutputKind::kStreamStop:
    case PgoutputKind::kStreamCommit:
    case PgoutputKind::kStreamAbort: break;
  }
  RETURN_IF_ERROR(parse_pgoutput(payload, streaming_ != nullptr, message_));  // fails if it is of none of these kinds
  if (head.kind == PgoutputKind::kBegin) {
    begun_ = std::make_unique<OpenTransaction>();
    begun_->xid = message_.xid;
  } else if (head.kind == PgoutputKind::kCommit) {
    return finish_transaction(std::move(begun_));
  } else {
    return take_stream(message_);
  }
  return {};
}

// A transaction that is still in progress at the server.
Result<> PostgresLogReader::take_stream(const PgoutputMessage& message) {
  if (message.kind == PgoutputKind::kStreamStop) {
    streaming_ = nullptr;
    return {};
  }
  auto& stream = streams_[message.xid];
  if (message.kind == PgoutputKind::kStreamStart) {
    if (!stream) stream = std::make_unique<OpenTransaction>();
    stream->streamed = true;
    stream->xid = message.xid;
    streaming_ = stream.get();
    return {};
  }
  if (message.kind == PgoutputKind::kStreamAbort && message.aborted_xid != message.xid) {
    if (stream) stream->aborted.insert(message.aborted_xid);
    return {};
  }
  auto ended = std::move(stream);
  streams_.erase(message.xid);
  if (message.kind == PgoutputKind::kStreamAbort) return {};
  return finish_transaction(std::move(ended));
}

Result<> PostgresLogReader::take_change(const PgoutputHead& head, std::string_view payload) {
  OpenTransaction* const transaction = receiving();
  if (transaction == nullptr) return Error(ErrorCode::kCorrupt, "the log holds a change outside of a transaction");
  if (head.relation != transaction->last_used) {
    transaction->leaves_out = !wants(*transaction, head.relation);
    (transaction->leaves_out ? transaction->left_out : transaction->used).insert(head.relation);
    transaction->last_used = head.relation;
  }
  if (transaction->leaves_out) return {};
  return transaction->messages.append({.place = received_from_.value, .text = payload});
}

// False for rows of a table that is not captured under the name that it has had so far: a publication of all tables
// brings them too, however many there are.
bool PostgresLogReader::wants(OpenTransaction& transaction, uint32_t oid) {
  const auto [known, is_new] = transaction.wanted.try_emplace(oid, true);
  if (is_new) {
    const TrackedRelation* const relation = tracker_.find(oid);
    known->second = relation == nullptr || relation->captured;
  }
  return known->second;
}

Result<> PostgresLogReader::take_shape(std::string_view payload) {
  OpenTransaction* const transaction = receiving();
  if (transaction == nullptr) return Error(ErrorCode::kCorrupt, "the log holds a table outside of a transaction");
  RETURN_IF_ERROR(parse_pgoutput(payload, streaming_ != nullptr, message_));
  // Once wanted, always: what gave it another name may be rolled back.
  bool& wanted = transaction->wanted[message_.shape.oid];
  wanted = wanted || tracker_.counts(message_.shape);
  transaction->last_used = 0;
  const auto told = [&](const OpenTransaction::Shape& other) { return other.relation.oid == message_.shape.oid; };
  if (transaction->used.contains(message_.shape.oid) && std::ranges::none_of(transaction->shapes, told)) {
    transaction->used_before.insert(message_.shape.oid);
  }
  transaction->shapes.push_back({message_.xid, std::move(message_.shape)});
  return transaction->messages.append({.place = received_from_.value, .text = payload});
}

Result<> PostgresLogReader::take_truncate(std::string_view payload) {
  OpenTransaction* const transaction = receiving();
  if (transaction == nullptr) return Error(ErrorCode::kCorrupt, "the log holds a TRUNCATE outside of a transaction");
  RETURN_IF_ERROR(parse_pgoutput(payload, streaming_ != nullptr, message_));
  transaction->truncates.push_back(
      {transaction->messages.messages(), received_from_.value, message_.xid, message_.truncated});
  return {};
}

// One that belongs to no transaction is delivered as one of its own, which ends within the message.
Result<> PostgresLogReader::take_logical(std::string_view payload) {
  RETURN_IF_ERROR(parse_pgoutput(payload, streaming_ != nullptr, message_));
  if (!messages_.wants(message_.prefix)) return {};
  const TransactionBuffer::Message message{.place = message_.commit.value, .text = payload};
  if (message_.transactional) {
    OpenTransaction* const transaction = receiving();
    if (transaction == nullptr) return Error(ErrorCode::kCorrupt, "the log holds a message outside of a transaction");
    return transaction->messages.append(message);
  }
  auto alone = std::make_unique<OpenTransaction>();
  alone->streamed = streaming_ != nullptr;
  RETURN_IF_ERROR(alone->messages.append(message));
  message_.end = Lsn{message_.commit.value + kAlignment};
  message_.commit_time_us = wall_clock_ms() * 1000;
  return finish_transaction(std::move(alone));
}

Result<> PostgresLogReader::finish_transaction(std::unique_ptr<OpenTransaction> transaction) {
  if (!transaction) return Error(ErrorCode::kCorrupt, "the log holds a commit without a transaction");
  // Already handed on, before a restart.
  if (message_.commit.value + 1 < reached_.value) return {};
  transaction->commit = message_.commit;
  transaction->end = message_.end;
  transaction->commit_time_us = message_.commit_time_us;
  delivered_ = std::move(transaction);
  delivery_begun_ = false;
  return {};
}

// Carries out first what the transaction did to tables, so that all of its rows have one shape.
Result<> PostgresLogReader::begin_delivery(Context& context, std::vector<StreamElement>& out) {
  delivery_begun_ = true;
  next_message_ = 0;
  emptied_.clear();
  last_relation_ = nullptr;
  changed_ = {};
  transaction_.start = delivered_->commit.position();
  transaction_.commit_time_ms = delivered_->commit_time_us / 1000;
  transaction_.event_time_us = delivered_->commit_time_us;
  transaction_.number = delivered_->xid != 0 ? int64_t{delivered_->xid} : -1;
  transaction_.previous_commit = previous_commit_.value;
  const Lsn behind_changes{delivered_->commit.value + 1};
  const bool changes_done = reached_ == behind_changes;
  RETURN_IF_ERROR(settle_shapes(context, changed_));
  SchemaChangeEvent emptied;
  RETURN_IF_ERROR(settle_truncates(changes_done ? emptied : changed_));
  if (!changed_.changes.empty() || !changed_.tracked.empty() || !changed_.needs_copy.empty()) {
    // Everything before it belongs to the old schemas.
    end_group(out);
    reached_ = behind_changes;
    changed_.position = reached_.position();
    changed_.transaction = transaction_;
    const auto& truncates = delivered_->truncates;
    changed_.place = truncates.empty() ? delivered_->commit.value : truncates.front().place;
    log_info("schema change in the transaction that commits at {}", delivered_->commit.text());
    told_ = changed_.position;
    out.push_back(changed_);
  }
  if (reached_ == behind_changes) transaction_.start = behind_changes.position();
  group_.begin_transaction();
  return {};
}

Result<> PostgresLogReader::settle_shapes(Context& context, SchemaChangeEvent& event) {
  std::map<uint32_t, std::vector<const PgoutputRelation*>> told;
  for (const auto& [xid, shape] : delivered_->shapes) {
    if (!delivered_->aborted.contains(xid)) told[shape.oid].push_back(&shape);
  }
  std::map<uint32_t, PgoutputRelation> told_before;
  for (const auto& [oid, shapes] : told) {
    const TrackedRelation* const known = delivered_->used_before.contains(oid) ? tracker_.find(oid) : nullptr;
    if (known != nullptr) told_before.emplace(oid, known->shape);
    tracker_.tell(*shapes.back());
  }
  std::set<uint32_t> used = delivered_->used;
  for (const auto& truncate : delivered_->truncates) used.insert(truncate.relations.begin(), truncate.relations.end());
  bool visible = false;
  for (const uint32_t oid : used) {
    TrackedRelation* const relation = tracker_.find(oid);
    if (relation == nullptr || !relation->captured || relation->resolved || relation->gone) continue;
    // A job that copies does so now; another one has nothing else to take them from.
    if (delivered_->left_out.contains(oid) && !tracker_.copies()) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("a transaction filled a table and then gave it the captured name {}: its rows cannot be "
                               "told",
                               relation->shape.id.text()),
                   "Start the job with --reset; a job with scan.startup.mode initial copies such a table.");
    }
    const bool in_copy =
        relation->filter != nullptr && relation->filter->known(delivered_->commit) == PostgresChunkFilter::Known::kAll;
    if (in_copy) continue;
    std::vector<const PgoutputRelation*> older;
    const auto first = told_before.find(oid);
    if (first != told_before.end()) older.push_back(&first->second);
    if (const auto shapes = told.find(oid); shapes != told.end()) {
      older.insert(older.end(), shapes->second.begin(), shapes->second.end() - 1);
    }
    ASSIGN_OR_RETURN(PostgresConnection* const connection, catalog(context));
    if (!std::exchange(visible, true)) RETURN_IF_ERROR(wait_until_visible(context, *connection));
    RETURN_IF_ERROR(tracker_.resolve(context, *connection, *relation, older, delivered_->commit, event));
    if (first != told_before.end() && relation->resolved) {
      relation->plan = RelationTracker::plan_for(first->second, *relation, delivered_->commit);
    }
  }
  return {};
}

// A transaction is in the log for a moment before the catalog shows what it did to tables.
Result<> PostgresLogReader::wait_until_visible(Context& context, PostgresConnection& connection) const {
  // The log has the lower half of its number, which is less than 2^31 away from any that is in use.
  constexpr std::string_view kStatus = R"(
SELECT txid_status(((({} - next + 2147483648) & 4294967295) - 2147483648) + next)
FROM (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS next) AS now)";
  const std::string sql = fmt::format(kStatus, delivered_->xid);
  for (;;) {
    ASSIGN_OR_RETURN(const PostgresResult row, connection.query(context, sql));
    if (row.is_null(0, 0) || row.at(0, 0) != "in progress") return {};
    if (!context.wait_for(kVisibleWait)) return Error(ErrorCode::kStopped, "stopped while a transaction ends");
  }
}

Result<> PostgresLogReader::settle_truncates(SchemaChangeEvent& event) {
  for (const auto& truncate : delivered_->truncates) {
    if (delivered_->aborted.contains(truncate.xid)) continue;
    for (const uint32_t oid : truncate.relations) {
      TrackedRelation* const relation = tracker_.find(oid);
      if (relation == nullptr || !relation->captured || !relation->resolved) continue;
      auto known = PostgresChunkFilter::Known::kNone;
      if (relation->filter != nullptr) known = relation->filter->known(delivered_->commit);
      if (known == PostgresChunkFilter::Known::kAll) continue;
      const bool first = emptied_.insert_or_assign(oid, truncate.message).second;
      if (!first) continue;
      RETURN_IF_ERROR(tracker_.truncate(*relation, known == PostgresChunkFilter::Known::kSome, event));
    }
  }
  return {};
}

// Decodes messages of the transaction until it ends, the group is full, or as many bytes as fill one were read:
// rows that the copy has already make no group.
Result<> PostgresLogReader::deliver() {
  size_t read = 0;
  while (group_.bytes() < kGroupBytes && read < kGroupBytes) {
    ASSIGN_OR_RETURN(const auto message, delivered_->messages.next());
    if (!message) {
      end_delivery();
      return {};
    }
    read += message->text.size();
    RETURN_IF_ERROR(deliver_message(*message));
    ++next_message_;
  }
  return {};
}

void PostgresLogReader::end_delivery() {
  reached_ = std::max(reached_, delivered_->end);
  last_commit_ms_ = delivered_->commit_time_us / 1000;
  previous_commit_ = delivered_->end;
  delivered_.reset();
}

Result<> PostgresLogReader::deliver_message(const TransactionBuffer::Message& message) {
  RETURN_IF_ERROR(parse_pgoutput(message.text, delivered_->streamed, message_));
  if (!delivered_->aborted.empty() && delivered_->aborted.contains(message_.xid)) return {};
  if (message_.kind == PgoutputKind::kRelation) {
    // Rows of this shape follow, which the same transaction may have changed later.
    TrackedRelation* const relation = tracker_.find(message_.shape.oid);
    if (relation != nullptr && relation->resolved) {
      relation->plan = RelationTracker::plan_for(message_.shape, *relation, delivered_->commit);
    }
    return {};
  }
  if (message_.kind == PgoutputKind::kMessage) {
    deliver_logical(message);
    return {};
  }
  if (last_relation_ == nullptr || last_oid_ != message_.relation) {
    last_relation_ = tracker_.find(message_.relation);
    last_oid_ = message_.relation;
    if (last_relation_ == nullptr) {
      return Error(ErrorCode::kCorrupt, fmt::format("the log has not told the columns of relation {}", last_oid_));
    }
  }
  // What is not resolved is known in whole from the copy.
  if (!last_relation_->captured || !last_relation_->resolved) return {};
  if (!emptied_.empty()) {
    const auto emptied = emptied_.find(last_oid_);
    if (emptied != emptied_.end() && next_message_ < emptied->second) return {};
  }
  return deliver_row(*last_relation_, message);
}

void PostgresLogReader::deliver_logical(const TransactionBuffer::Message& message) {
  const RowsOrigin origin = group_.next_event(transaction_, message.place);
  ChangeBatch& batch = group_.batch(logical_message_schema());
  batch.kinds.push_back(RowKind::kInsert);
  batch.columns[0].append_bytes(message_.prefix);
  batch.columns[1].append_bytes(message_.content);
  batch.origins.push_back({.transaction = origin.transaction,
                           .event = origin.event,
                           .sequence = origin.first_sequence,
                           .place = origin.place});
  group_.add_rows(1, message.text.size());
}

Result<> PostgresLogReader::deliver_row(TrackedRelation& relation, const TransactionBuffer::Message& message) {
  auto known = PostgresChunkFilter::Known::kNone;
  if (relation.filter != nullptr) known = relation.filter->known(delivered_->commit);
  if (known == PostgresChunkFilter::Known::kAll) return {};
  const RowsOrigin origin = group_.next_event(transaction_, message.place);
  if (known == PostgresChunkFilter::Known::kNone) {
    RETURN_IF_ERROR(relation.plan.append(message_, origin, group_.batch(relation.plan.schema())));
    group_.add_rows(1, message.text.size());
    return {};
  }
  ChangeBatch some(relation.plan.schema());
  RETURN_IF_ERROR(relation.plan.append(message_, origin, some));
  ASSIGN_OR_RETURN(const auto column, postgres_chunk_column(*some.schema, options_));
  if (!column) return Error(ErrorCode::kInternal, "chunks of one snapshot stand at different positions");
  const std::vector<Lsn> commits(some.rows(), delivered_->commit);
  RETURN_IF_ERROR(relation.filter->drop_known_rows(commits, *column, some));
  ChangeBatch& batch = group_.batch(some.schema);
  for (size_t row = 0; row < some.rows(); ++row) batch.append_row_from(some, row);
  group_.add_rows(1, message.text.size());
  return {};
}

Result<> PostgresLogReader::send_status(Context& context, bool ask) {
  status_due_ = false;
  last_status_ = monotonic_now();
  return stream_->send_status(context, std::max(received_, durable_), durable_, ask);
}

// Confirms what is durable, and does what is due from time to time.
Result<> PostgresLogReader::keep_up(Context& context) {
  const MonotonicTime now = monotonic_now();
  if (status_due_ || now - last_status_ >= status_interval()) RETURN_IF_ERROR(send_status(context, false));
  if (beats() && now - last_heartbeat_ >= options_.heartbeat_interval) {
    last_heartbeat_ = now;
    run_heartbeat(context);
  }
  return {};
}

void PostgresLogReader::run_heartbeat(Context& context) {
  auto connection = catalog(context);
  if (connection) {
    const auto done = (*connection)->execute(context, *options_.heartbeat_query);
    if (done || context.stop_requested()) return;
    log_warn("heartbeat.action.query: {}", done.error().message());
    if (done.error().code() == ErrorCode::kConnect) catalog_.reset();
    return;
  }
  log_warn("heartbeat.action.query: {}", connection.error().message());
}

}  // namespace

Result<std::unique_ptr<LogReader>> open_postgres_log_reader(Context& context, const PostgresSourceOptions& options,
                                                            const PostgresCapturedTables& captured, LogStart start,
                                                            std::unique_ptr<ReplicationConnection> connection,
                                                            UnknownTables unknown) {
  auto reader = std::make_unique<PostgresLogReader>(options, captured, unknown);
  RETURN_IF_ERROR(reader->open(context, start, std::move(connection)));
  return std::unique_ptr<LogReader>(std::move(reader));
}

}  // namespace sluice
