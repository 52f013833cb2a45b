// SPDX-License-Identifier: Apache-2.0
#include "engine/incremental_copy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "connector/relational_batch.h"

namespace sluice {
namespace {

constexpr std::chrono::seconds kRecordEvery{1};
// Past this many the window is opened anew.
constexpr size_t kMostChanges = 200000;

// The columns by which the stream and a piece tell the rows of a table apart; empty if there are none.
std::vector<uint32_t> identity_of(const TableSchema& schema, const std::string& surrogate_key) {
  if (!schema.key.empty() || surrogate_key.empty()) return schema.key;
  const auto column = schema.find_column(surrogate_key);
  return column ? std::vector<uint32_t>{*column} : std::vector<uint32_t>();
}

void append_raw(uint64_t bits, std::string& out) { out.append(reinterpret_cast<const char*>(&bits), sizeof bits); }

// False if the row does not tell its key.
bool append_key(const ChangeBatch& batch, const std::vector<uint32_t>& columns, size_t row, std::string& out) {
  for (const uint32_t index : columns) {
    const ColumnVector& column = batch.columns[index];
    const size_t from = value_row(batch, index, row);
    if (column.presence(from) == Presence::kAbsent) return false;
    out.push_back(static_cast<char>(column.presence(from)));
    if (!column.has_value(from)) continue;
    switch (column.storage()) {
      case Storage::kInt64: append_raw(static_cast<uint64_t>(column.int_at(from)), out); break;
      case Storage::kDouble: append_raw(std::bit_cast<uint64_t>(column.double_at(from)), out); break;
      case Storage::kBytes:
        append_raw(column.bytes_at(from).size(), out);
        out += column.bytes_at(from);
        break;
    }
  }
  return true;
}

bool is_whole(const ChangeBatch& batch, size_t row) {
  if (batch.kinds[row] == RowKind::kDelete || batch.kinds[row] == RowKind::kUpdateBefore) return true;
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    if (batch.columns[column].presence(value_row(batch, column, row)) == Presence::kAbsent) return false;
  }
  return true;
}

// The row of a signal table: id, type and data by their places.
std::optional<Signal> signal_of(const ChangeBatch& batch, size_t row) {
  if (batch.columns.size() < 3) return std::nullopt;
  const auto text = [&](size_t column) {
    const ColumnVector& values = batch.columns[column];
    const bool is_text = values.storage() == Storage::kBytes && values.has_value(row);
    return is_text ? std::string(values.bytes_at(row)) : std::string();
  };
  Signal signal{.id = text(0), .type = text(1), .data = text(2), .origin = {}};
  if (!batch.origins.empty()) {
    const RowOrigin& origin = batch.origins[row];
    signal.origin =
        fmt::format("{};{};{}", (*batch.transactions)[origin.transaction].start.text, origin.event, origin.row);
  }
  return signal;
}

std::string names_of(const QueuedSnapshot& snapshot) {
  std::string names;
  for (const auto& table : snapshot.tables) names += (names.empty() ? "" : ",") + table.table.text();
  return names;
}

bool has(const std::vector<std::string>& list, std::string_view what) {
  return std::ranges::find(list, what) != list.end();
}

}  // namespace

Result<std::unique_ptr<IncrementalCopy>> IncrementalCopy::open(Context& context, JobParts& parts, const JobState& state,
                                                               Outlet outlet) {
  const PipelineSpec& spec = parts.spec.pipeline;
  const bool by_table = has(spec.signal_channels, "source") && !spec.signal_table.empty();
  const bool by_file = has(spec.signal_channels, "file");
  const bool by_topic = has(spec.signal_channels, "kafka");
  const bool by_http = has(spec.signal_channels, "rest");
  ASSIGN_OR_RETURN(SnapshotQueue queue, SnapshotQueue::parse(state.snapshots));
  std::unique_ptr<IncrementalCopy> copy;
  if (!by_table && !by_file && !by_topic && !by_http && queue.snapshots.empty()) return copy;
  auto* const source = dynamic_cast<ReadsKeyRanges*>(&parts.source);
  if (source == nullptr) {
    log_warn("this source takes no signals");
    return copy;
  }
  if (!queue.snapshots.empty()) {
    log_info("going on with the snapshot '{}' of {}", queue.snapshots.front().id, names_of(queue.snapshots.front()));
  }
  copy.reset(new IncrementalCopy(context, parts, std::move(outlet), std::move(queue)));
  for (const auto& [table, unused] : state.tables) copy->tables_.insert(table);
  if (by_table &&
      std::ranges::none_of(copy->tables_, [&](const TableId& table) { return table.text() == spec.signal_table; })) {
    log_warn(
        "the signal table '{}' is none of the captured tables: no signals come from it; create it, as id, type and "
        "data, "
        "and name it among the source's tables",
        spec.signal_table);
  }
  if (by_file) copy->file_.emplace(spec.signal_file, copy->queue_.obeyed_file);
  if (by_topic) RETURN_IF_ERROR(copy->open_topic());
  copy->copier_ = std::make_unique<RangeCopier>(context, parts.source, source->make_key_range_reader());
  return copy;
}

IncrementalCopy::IncrementalCopy(Context& context, JobParts& parts, Outlet outlet, SnapshotQueue queue)
    : context_(context),
      parts_(parts),
      outlet_(std::move(outlet)),
      queue_(std::move(queue)),
      topics_(dynamic_cast<EventTopics*>(&parts.sink)) {}

const QueuedTable* IncrementalCopy::current() const {
  return queue_.snapshots.empty() ? nullptr : &queue_.snapshots.front().tables.front();
}

void IncrementalCopy::notify(const QueuedSnapshot& snapshot, std::string_view type,
                             std::vector<std::pair<std::string, std::string>> data) const {
  const PipelineSpec& spec = parts_.spec.pipeline;
  if (spec.notification_channels.empty()) return;
  data.insert(data.begin(), {"connector_name", parts_.ledger.job()});
  const std::string_view aggregate = snapshot.blocking ? "Initial Snapshot" : "Incremental Snapshot";
  const std::string text = notification_json(
      {.id = snapshot.id, .aggregate = aggregate, .type = type, .data = std::move(data)}, wall_clock_ms());
  if (has(spec.notification_channels, "log")) log_info("notification: {}", text);
  if (!has(spec.notification_channels, "sink") || topics_ == nullptr) return;
  const auto told = topics_->notify(context_, spec.notification_topic, snapshot.id, text);
  if (!told && !context_.stop_requested()) {
    log_warn("a notification did not reach topic {}: {}; the snapshot goes on", spec.notification_topic,
             told.error().message());
  }
}

Result<> IncrementalCopy::look_at(std::span<const StreamElement> elements, bool between_groups) {
  const PipelineSpec& spec = parts_.spec.pipeline;
  if (spec.signal_table.empty() || !has(spec.signal_channels, "source")) return {};
  for (const auto& element : elements) {
    const auto* batch = std::get_if<ChangeBatch>(&element);
    if (batch == nullptr || batch->schema->id.text() != spec.signal_table) continue;
    for (size_t row = 0; row < batch->rows(); ++row) {
      if (batch->kinds[row] != RowKind::kInsert) continue;
      auto signal = signal_of(*batch, row);
      if (signal) signals_.push_back(std::move(*signal));
    }
  }
  return between_groups ? obey_all() : Result<>();
}

Result<> IncrementalCopy::obey_all() {
  if (signals_.empty()) return {};
  for (const auto& signal : std::exchange(signals_, {})) (void)obey_or_warn(signal);
  return record();
}

Result<> IncrementalCopy::obey_or_warn(const Signal& signal) {
  auto obeyed = obey(signal);
  if (!obeyed) log_warn("signal '{}' of type '{}' is ignored: {}", signal.id, signal.type, obeyed.error().message());
  return obeyed;
}

Result<> IncrementalCopy::obey(const Signal& signal) {
  if (signal.type == "execute-snapshot") return execute(signal);
  if (signal.type == "stop-snapshot") return stop(signal);
  if (signal.type == "pause-snapshot") return set_paused(signal, true);
  if (signal.type == "resume-snapshot") return set_paused(signal, false);
  if (signal.type == "log") {
    ASSIGN_OR_RETURN(std::string message, parse_log(signal.data));
    if (const auto at = message.find("{}"); at != std::string::npos) message.replace(at, 2, reached_.text);
    log_info("{}", message);
    return {};
  }
  // Marks that Debezium writes for itself.
  if (signal.type == "snapshot-window-open" || signal.type == "snapshot-window-close") return {};
  if (signal.type == "schema-changes") {
    return Error(ErrorCode::kUnsupported,
                 "table definitions are read from the source, and none can be given by a signal; a table that changed "
                 "unseen is copied anew with --reset");
  }
  return Error(ErrorCode::kUnsupported,
               "there is no such signal; there are execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot "
               "and log");
}

Result<> IncrementalCopy::execute(const Signal& signal) {
  ASSIGN_OR_RETURN(const SnapshotOrder order, parse_execute_snapshot(signal.data));
  // After a kill the log tells what the ledger knows already.
  const auto is_known = [&](const QueuedSnapshot& other) { return other.origin == signal.origin; };
  if (!signal.origin.empty() && std::ranges::any_of(queue_.snapshots, is_known)) return {};
  QueuedSnapshot snapshot{
      .id = signal.id, .origin = signal.origin, .blocking = order.blocking, .tables = {}, .last = {}, .greatest = {}};
  for (const auto& pattern : order.tables) {
    bool any = false;
    for (const TableId& table : tables_) {
      if (!matches_table(pattern, table.text())) continue;
      any = true;
      if (std::ranges::any_of(snapshot.tables, [&](const QueuedTable& other) { return other.table == table; }))
        continue;
      QueuedTable queued{.table = table, .condition = {}, .surrogate_key = order.surrogate_key};
      for (const auto& condition : order.conditions) {
        if (matches_table(condition.tables, table.text())) queued.condition = condition.filter;
      }
      snapshot.tables.push_back(std::move(queued));
    }
    if (!any) log_warn("signal '{}': no table of this job matches '{}'", signal.id, pattern);
  }
  if (snapshot.tables.empty()) {
    return Error(ErrorCode::kConfig,
                 "it names no table of this job; data-collections are expressions for whole names, as database.table, "
                 "PostgreSQL: schema.table");
  }
  // A blocking one does not wait for others, which go on afterwards.
  auto place = queue_.snapshots.end();
  if (snapshot.blocking) place = std::ranges::find(queue_.snapshots, false, &QueuedSnapshot::blocking);
  log_info("signal '{}': a {}snapshot of {} is wanted; {} wait in front of it", signal.id,
           snapshot.blocking ? "blocking " : "", names_of(snapshot), place - queue_.snapshots.begin());
  if (place == queue_.snapshots.begin()) halt();
  queue_.snapshots.insert(place, std::move(snapshot));
  start_first();
  return {};
}

void IncrementalCopy::start_first() {
  if (queue_.snapshots.empty() || queue_.snapshots.front().started) return;
  QueuedSnapshot& first = queue_.snapshots.front();
  first.started = true;
  notify(first, "STARTED", {{"data_collections", names_of(first)}});
}

Result<> IncrementalCopy::stop(const Signal& signal) {
  ASSIGN_OR_RETURN(const auto patterns, parse_stop_snapshot(signal.data));
  const auto meant = [&](const QueuedTable& table) {
    return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
             return matches_table(pattern, table.table.text());
           });
  };
  const bool of_current = current() != nullptr && !queue_.snapshots.front().blocking && meant(*current());
  for (size_t i = 0; i < queue_.snapshots.size(); ++i) {
    QueuedSnapshot& snapshot = queue_.snapshots[i];
    if (snapshot.blocking) continue;
    const QueuedSnapshot before = snapshot;
    if (std::erase_if(snapshot.tables, meant) == 0) continue;
    log_info("signal '{}': the snapshot '{}' goes on with {}", signal.id, snapshot.id,
             snapshot.tables.empty() ? "nothing" : names_of(snapshot));
    if (snapshot.tables.empty()) notify(before, "ABORTED", {{"data_collections", names_of(before)}});
    if (snapshot.tables.empty() || snapshot.tables.front().table == before.tables.front().table) continue;
    snapshot.last.reset();
    snapshot.greatest.reset();
    snapshot.rows = 0;
  }
  std::erase_if(queue_.snapshots, [](const QueuedSnapshot& snapshot) { return snapshot.tables.empty(); });
  if (of_current) halt();
  start_first();
  return {};
}

Result<> IncrementalCopy::set_paused(const Signal& signal, bool paused) {
  if (queue_.paused == paused) return {};
  queue_.paused = paused;
  log_info("signal '{}': snapshots {}", signal.id, paused ? "pause" : "go on");
  const auto first = std::ranges::find(queue_.snapshots, false, &QueuedSnapshot::blocking);
  if (first == queue_.snapshots.end()) return {};
  notify(*first, paused ? "PAUSED" : "RESUMED", {{"data_collections", names_of(*first)}});
  if (first == queue_.snapshots.begin()) halt();
  return {};
}

// For signals that do not come with the stream.
Result<> IncrementalCopy::look_around() {
  RETURN_IF_ERROR(obey_all());
  RETURN_IF_ERROR(look_into_inbox());
  RETURN_IF_ERROR(look_into_file());
  return look_into_topic();
}

Result<> IncrementalCopy::look_into_inbox() {
  const auto letters = parts_.inbox.take();
  if (letters.empty()) return {};
  std::vector<Result<>> answers;
  for (const auto& letter : letters) answers.push_back(obey_or_warn(letter->signal));
  RETURN_IF_ERROR(record());
  for (size_t i = 0; i < letters.size(); ++i) parts_.inbox.answer(*letters[i], std::move(answers[i]));
  return {};
}

// What was read is recorded before it is removed, so that it is known if a kill comes in between.
Result<> IncrementalCopy::look_into_file() {
  const MonotonicTime now = monotonic_now();
  if (!file_ || now - file_read_ < parts_.spec.pipeline.signal_poll_interval) return {};
  file_read_ = now;
  auto signals = file_->read();
  if (!signals) return {};
  if (!signals->empty()) queue_.obeyed_file = file_->mark();
  signals_.insert(signals_.end(), std::make_move_iterator(signals->begin()), std::make_move_iterator(signals->end()));
  RETURN_IF_ERROR(obey_all());
  if (auto cleared = file_->clear(); !cleared) {
    log_warn("{}", cleared.error().message());
    return {};
  }
  // From here on the same lines are other signals.
  if (std::exchange(queue_.obeyed_file, {}).empty()) return {};
  return record();
}

Result<> IncrementalCopy::open_topic() {
  const PipelineSpec& spec = parts_.spec.pipeline;
  SLUICE_CHECK(topics_ != nullptr);  // the specification was checked
  const std::string prefix = topics_->topic_prefix(parts_.ledger.job());
  topic_name_ = spec.signal_topic.empty() ? prefix + "-signal" : spec.signal_topic;
  ASSIGN_OR_RETURN(topic_, topics_->read_topic({.name = topic_name_,
                                                .servers = spec.signal_servers,
                                                .group = spec.signal_group,
                                                .from = queue_.topic_offset}));
  return {};
}

// What was read is recorded together with how far it was read.
Result<> IncrementalCopy::look_into_topic() {
  if (!topic_) return {};
  auto records = topic_->poll();
  if (!records) {
    if (!std::exchange(topic_complained_, true)) {
      log_warn("signals cannot be read from topic {}: {}; trying again", topic_name_, records.error().message());
    }
    return {};
  }
  if (records->empty()) return {};
  topic_complained_ = false;
  const std::string prefix = topics_->topic_prefix(parts_.ledger.job());
  for (const auto& record : *records) {
    queue_.topic_offset = record.offset + 1;
    if (record.key != prefix) continue;  // of another job
    auto signal = parse_signal(record.value);
    if (signal) {
      signals_.push_back(std::move(*signal));
    } else {
      log_warn("topic {}, offset {}: {}; the record is ignored", topic_name_, record.offset, signal.error().message());
    }
  }
  RETURN_IF_ERROR(signals_.empty() ? record() : obey_all());
  // For whoever begins without our ledger.
  if (auto told = topic_->commit(*queue_.topic_offset); !told) log_debug("{}", told.error().message());
  return {};
}

void IncrementalCopy::note_changes(const ChangeBatch& batch) {
  if (!window_open_ || batch.schema->id != current()->table) return;
  const auto columns = identity_of(*batch.schema, current()->surrogate_key);
  if (columns.empty()) return;
  std::string key;
  for (size_t row = 0; row < batch.rows(); ++row) {
    key.clear();
    if (!append_key(batch, columns, row, key)) {
      // An old image that leaves the key out has it in common with the new one.
      if (batch.kinds[row] == RowKind::kUpdateBefore) continue;
      begin_table();
      return;
    }
    Change& change = changes_[key];
    change.whole = is_whole(batch, row);
    change.transactions = batch.origins.empty() ? nullptr : batch.transactions;
    if (change.transactions) change.transaction = batch.origins[row].transaction;
  }
  if (changes_.size() > kMostChanges) begin_table();
}

void IncrementalCopy::note_schema_change(const SchemaChangeEvent& event) {
  bool concerns_current = false;
  const auto touch = [&](const TableId& table) {
    concerns_current = concerns_current || (current() != nullptr && current()->table == table);
  };
  for (const auto& [table, detail] : event.tracked) {
    touch(table);
    if (detail.empty()) {
      tables_.erase(table);
    } else {
      tables_.insert(table);
    }
  }
  for (const auto& change : event.changes) {
    if (change.before) touch(change.before->id);
    if (change.after) touch(change.after->id);
  }
  if (concerns_current && running_) begin_table();
}

void IncrementalCopy::begin_table() {
  const QueuedSnapshot& snapshot = queue_.snapshots.front();
  const QueuedTable& table = snapshot.tables.front();
  changes_.clear();
  window_open_ = false;
  holds_stream_ = false;
  running_ = true;
  copier_->begin({.table = table.table,
                  .condition = table.condition,
                  .surrogate_key = table.surrogate_key,
                  .after = snapshot.last,
                  .upto = snapshot.greatest,
                  .limit = parts_.spec.pipeline.snapshot_chunk_size,
                  .one_snapshot = snapshot.blocking});
}

void IncrementalCopy::halt() {
  copier_->cancel();
  changes_.clear();
  window_open_ = false;
  holds_stream_ = false;
  running_ = false;
}

// False if a changed row is not known whole: then the piece must be read again.
bool IncrementalCopy::drop_changed_rows(CopiedPiece& piece) const {
  std::vector<size_t> kept;
  std::string key;
  for (size_t row = 0; row < piece.batch.rows(); ++row) {
    key.clear();
    (void)append_key(piece.batch, piece.identity, row, key);
    const auto found = changes_.find(key);
    const bool is_newer =
        found != changes_.end() &&
        (!found->second.transactions ||
         !parts_.source.covers(piece.position, (*found->second.transactions)[found->second.transaction]));
    if (is_newer && !found->second.whole) return false;
    if (!is_newer) kept.push_back(row);
  }
  if (kept.size() == piece.batch.rows()) return true;
  ChangeBatch rest(piece.batch.schema);
  rest.transactions = piece.batch.transactions;
  for (const size_t row : kept) rest.append_row_from(piece.batch, row);
  piece.batch = std::move(rest);
  return true;
}

// Why rows of this shape are not written, if they are not. Those that a database cannot find again would be there
// twice. A log that tells statements with the first row that uses them (PostgreSQL's) may have one to tell yet; to add
// its columns here would be to guess what it will say.
Result<std::optional<ScanStatus>> IncrementalCopy::look_at_targets(const TableSchemaPtr& schema) {
  if (schema == checked_ || !parts_.sink.can_be_read()) return std::optional<ScanStatus>();
  ASSIGN_OR_RETURN(const auto targets, parts_.transform.targets(schema));
  for (const auto& target : targets) {
    if (target->key.empty()) return std::optional(ScanStatus::kNoPrimaryKey);
    if (parts_.policy.may_lack_columns()) continue;
    ASSIGN_OR_RETURN(const auto there, parts_.sink.find_table(context_, target->id));
    if (!there) continue;
    for (const Column& column : target->columns) {
      if (there->find_column(column.name)) continue;
      log_warn(
          "table {} has a column '{}', which {} in the target lacks: the log has not told of it yet. Once a row "
          "of the table was changed, it does; then order the snapshot again",
          schema->id.text(), column.name, target->id.text());
      return std::optional(ScanStatus::kUnknownSchema);
    }
  }
  checked_ = schema;
  return std::optional<ScanStatus>();
}

// False if the copier has begun again.
Result<bool> IncrementalCopy::hand_on(CopiedPiece piece) {
  QueuedSnapshot& snapshot = queue_.snapshots.front();
  const uint64_t rows = piece.batch.rows();
  const uint64_t bytes = piece.batch.byte_size();
  if (!drop_changed_rows(piece)) {
    begin_table();
    return false;
  }
  if (!parts_.limiter.acquire(context_, rows, bytes)) {
    return Error(ErrorCode::kStopped, "stopped while copying beside the stream");
  }
  std::vector<ChangeBatch> targets;
  RETURN_IF_ERROR(parts_.transform.apply(std::move(piece.batch), targets));
  // Each is written for itself: they have no order among changes.
  for (auto& target : targets) {
    if (target.transactions) target.transactions = std::make_shared<const TransactionList>(*target.transactions);
  }
  RETURN_IF_ERROR(outlet_.write(std::move(targets), snapshot.blocking ? "true" : "incremental"));
  fault_point("after_piece_written");
  snapshot.last = std::move(piece.last);
  snapshot.greatest = std::move(piece.greatest);
  snapshot.rows += rows;
  unrecorded_ = true;
  return true;
}

Result<> IncrementalCopy::record() {
  if (unrecorded_) RETURN_IF_ERROR(outlet_.flush());
  fault_point("before_snapshot_recorded");
  RETURN_IF_ERROR(parts_.ledger.record_snapshots(context_, queue_.text()));
  fault_point("after_snapshot_recorded");
  unrecorded_ = false;
  recorded_ = monotonic_now();
  return {};
}

Result<> IncrementalCopy::finish_table(ScanStatus status) {
  QueuedSnapshot& snapshot = queue_.snapshots.front();
  const TableId table = snapshot.tables.front().table;
  const std::string text(scan_status_text(status));
  log_info("snapshot '{}': table {}: {} rows, {}", snapshot.id, table.text(), snapshot.rows, text);
  if (status == ScanStatus::kNoPrimaryKey) {
    log_warn("table {} has no primary key, here or in the target: it is left out of the snapshot", table.text());
  }
  notify(snapshot, "TABLE_SCAN_COMPLETED",
         {{"data_collections", names_of(snapshot)},
          {"scanned_collection", table.text()},
          {"total_rows_scanned", std::to_string(snapshot.rows)},
          {"status", text}});
  halt();
  snapshot.tables.pop_front();
  snapshot.last.reset();
  snapshot.greatest.reset();
  snapshot.rows = 0;
  const bool ended = snapshot.tables.empty();
  const QueuedSnapshot done = snapshot;
  if (ended) queue_.snapshots.pop_front();
  RETURN_IF_ERROR(record());
  if (!ended) return {};
  log_info("snapshot '{}' has ended", done.id);
  notify(done, "COMPLETED", {});
  start_first();
  return {};
}

Result<> IncrementalCopy::step(const Position& reached) {
  reached_ = reached;
  RETURN_IF_ERROR(look_around());
  if (queue_.snapshots.empty() || (queue_.paused && !queue_.snapshots.front().blocking)) return {};
  if (!running_) begin_table();
  if (copier_->wants_window()) {
    holds_stream_ = false;
    changes_.clear();
    window_open_ = true;
    copier_->open_window(reached);
  }
  bool wrote = false;
  std::optional<ScanStatus> left_out;
  while (auto piece = copier_->next(reached)) {
    holds_stream_ = queue_.snapshots.front().blocking;
    ASSIGN_OR_RETURN(left_out, look_at_targets(piece->batch.schema));
    if (left_out) break;
    ASSIGN_OR_RETURN(const bool taken, hand_on(std::move(*piece)));
    if (!taken) break;
    wrote = true;
  }
  if (wrote) RETURN_IF_ERROR(outlet_.end_group());
  if (left_out) return finish_table(*left_out);
  if (const auto status = copier_->ended()) return finish_table(*status);
  if (!unrecorded_ || monotonic_now() - recorded_ < kRecordEvery) return {};
  RETURN_IF_ERROR(record());
  const QueuedSnapshot& first = queue_.snapshots.front();
  notify(first, "IN_PROGRESS",
         {{"data_collections", names_of(first)},
          {"current_collection_in_progress", first.tables.front().table.text()},
          {"maximum_key", fmt::format("{}", fmt::join(first.greatest.value_or(KeyText()), ","))},
          {"last_processed_key", fmt::format("{}", fmt::join(first.last.value_or(KeyText()), ","))}});
  return {};
}

}  // namespace sluice
