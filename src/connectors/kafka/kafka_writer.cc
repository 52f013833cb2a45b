// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_writer.h"

#include <nlohmann/json.hpp>

#include "base/fault.h"
#include "base/log.h"
#include "codec/debezium_heartbeat.h"

namespace sluice {
namespace {

// By how much the clocks of source, broker and this machine may differ.
constexpr int64_t kClocksMs = 24L * 3600 * 1000;

// Zero if the time is not known, or cannot be right.
int64_t surely_before(int64_t time_ms) {
  return time_ms > kClocksMs && time_ms <= wall_clock_ms() + kClocksMs ? time_ms - kClocksMs : 0;
}

int64_t planned_at(const LedgerEntry& chunk) {
  const auto detail = nlohmann::json::parse(chunk.detail, nullptr, false);
  return detail.is_object() ? detail.value("planned_ms", int64_t{0}) : 0;
}

}  // namespace

Result<std::unique_ptr<KafkaWriter>> KafkaWriter::open(const KafkaSinkOptions& options, const KafkaTopicNames& names,
                                                       const Source& source, const std::string& job) {
  std::unique_ptr<KafkaWriter> writer(new KafkaWriter(options, names, source, job));
  ASSIGN_OR_RETURN(writer->producer_, KafkaProducer::open(options.properties));
  Problems unused;  // the sink has been made with the same settings
  writer->transforms_ = TransformChain::make(options.given, unused);
  return writer;
}

Result<> KafkaWriter::begin(Context&, const LedgerEntry& entry) {
  copying_ = entry.name.starts_with("chunk/");
  if (copying_) {
    chunk_ = entry.name;
    since_ms_ = surely_before(planned_at(entry));
  }
  encoder_.mark_copied_rows(copying_ ? "true" : beside_);
  if (committed_.empty()) committed_.text = entry.position;
  return {};
}

void KafkaWriter::mark_copies(std::string_view mark) {
  beside_ = mark;
  if (!copying_) encoder_.mark_copied_rows(mark);
}

Result<KafkaWriter::Target*> KafkaWriter::target_of(Context& context, const std::string& topic) {
  if (const auto known = targets_.find(topic); known != targets_.end()) return &known->second;
  Target target;
  ASSIGN_OR_RETURN(target.topic, producer_->topic(context, topic, options_.creation));
  return &targets_.emplace(topic, std::move(target)).first->second;
}

Result<KafkaTail*> KafkaWriter::tail_of(Context& context, Target& target) {
  if (target.tail) return &*target.tail;
  if (!reader_) {
    ASSIGN_OR_RETURN(reader_, KafkaReader::open(options_.properties));
  }
  const int64_t since_ms = since_ms_.value_or(0);
  const auto committed = [&](const Transaction& transaction) { return source_.covers(committed_, transaction); };
  ASSIGN_OR_RETURN(target.tail,
                   copying_ ? KafkaTail::read_copy(context, *reader_, target.topic, head_, since_ms)
                            : KafkaTail::read_stream(context, *reader_, target.topic, head_, since_ms, committed));
  if (target.tail->size() > 0) {
    log_info("topic {} holds {} records that the ledger does not know of; they are not written again",
             target.topic.name, target.tail->size());
  }
  return &*target.tail;
}

// The first one that the ledger does not cover: what it and those behind it have left in topics was written later.
void KafkaWriter::note_first_change(const Transaction& transaction) {
  if (!since_ms_) since_ms_ = surely_before(transaction.event_time_us / 1000);
}

void KafkaWriter::make_position(const ChangeBatch* batch, const DebeziumRecord& record) {
  position_ = head_;
  copied_row_ = false;
  if (record.transaction != nullptr) {
    append_record_position(record, position_);
    return;
  }
  if (batch->origins.empty()) {
    copied_row_ = true;
    position_ += kCopyMark;
    position_ += chunk_;
    return;
  }
  append_change_position(*batch, record, position_);
}

// `batch` is null for records that name their transaction themselves.
Result<> KafkaWriter::send(Context& context, const std::string& topic, const ChangeBatch* batch,
                           const DebeziumRecord& record) {
  if (record.value.data() == nullptr && !options_.tombstones) return {};
  make_position(batch, record);
  headers_.clear();
  if (!record.new_key.empty()) headers_.push_back({"__debezium.newkey", record.new_key});
  if (!record.old_key.empty()) headers_.push_back({"__debezium.oldkey", record.old_key});
  add_context_headers();
  // Schema changes stay in order.
  const int32_t partition = record.part == kSchemaPart ? 0 : -1;
  if (record.topic.empty()) return send_to(context, topic, partition, record);
  return send_to(context, valid_topic_name(record.topic), partition, record);
}

void KafkaWriter::add_context_headers() {
  if (!options_.extended_headers) return;
  headers_.push_back({"__debezium.context.connectorLogicalName", encoder_.options().topic_prefix});
  headers_.push_back({"__debezium.context.taskId", "0"});
  headers_.push_back({"__debezium.context.connectorName", connector_});
}

Result<> KafkaWriter::send_to(Context& context, const std::string& topic, int32_t partition,
                              const DebeziumRecord& record) {
  if (transforms_) return send_transformed(context, topic, partition, record);
  return send_new(context, topic, {.partition = partition, .key = record.key, .value = record.value});
}

Result<> KafkaWriter::send_transformed(Context& context, const std::string& topic, int32_t partition,
                                       const DebeziumRecord& record) {
  static const SchemaPtr text = simple_schema("string", false);
  EventRecord event{.topic = topic, .key = {}, .value = {}, .headers = {}, .partition = partition};
  ASSIGN_OR_RETURN(event.key, records_.read(record.key));
  ASSIGN_OR_RETURN(event.value, records_.read(record.value));
  for (const KafkaHeader& header : headers_) {
    // Those of key changes are JSON, the others text.
    JsonNode value = json_string(header.value);
    if (header.value.starts_with('{')) {
      ASSIGN_OR_RETURN(value, parse_json_node(header.value));
    }
    event.headers.push_back({std::string(header.name), {text, std::move(value)}});
  }
  ASSIGN_OR_RETURN(const bool kept, transforms_->apply(event));
  if (!kept) return {};
  KafkaRecord out{.partition = event.partition, .key = {}, .value = {}};
  if (write_record_part(event.key, options_.schemas, key_text_)) out.key = key_text_;
  if (write_record_part(event.value, options_.schemas, value_text_)) out.value = value_text_;
  headers_.clear();
  header_texts_.clear();
  header_texts_.reserve(event.headers.size());
  for (const RecordHeader& header : event.headers) {
    std::string& value = header_texts_.emplace_back(json_plain(header.part.value));
    if (header.part.value.kind == JsonNode::Kind::kObject || header.part.value.kind == JsonNode::Kind::kArray) {
      append_json_node(header.part.value, value);
    }
    headers_.push_back({header.name, value});
  }
  return send_new(context, event.topic, out);
}

// Unless the topic has it already. A partition below zero: by the key.
Result<> KafkaWriter::send_new(Context& context, const std::string& topic, const KafkaRecord& record) {
  if (target_ == nullptr || target_->topic.name != topic) {
    ASSIGN_OR_RETURN(target_, target_of(context, topic));
  }
  KafkaRecord out = record;
  const int32_t partitions = target_->topic.partitions;
  const bool hashed = options_.partition_strategy == "hash-by-key" && record.key.data() != nullptr;
  if (out.partition < 0) out.partition = hashed ? kafka_partition(record.key, partitions) : 0;
  if (out.partition >= partitions) {
    return Error(ErrorCode::kData, fmt::format("a transform chose partition {} of topic {}, which has {}",
                                               out.partition, topic, partitions));
  }
  if (position_.empty()) return producer_->send(context, target_->topic, out, headers_);
  // Rows that are copied beside the stream may come again; before the first of them all changes have come that may.
  if (!copied_row_ || copying_) {
    ASSIGN_OR_RETURN(KafkaTail* const tail, tail_of(context, *target_));
    if (!copied_row_) {
      if (tail->take(out.partition, position_)) return {};
    } else if (CopiedRows* const copied = tail->copied(chunk_)) {
      if (copied->take(out.partition, record.key, record.value)) return {};
    }
  }
  headers_.push_back({kPositionHeader, position_});
  return producer_->send(context, target_->topic, out, headers_);
}

// Rows of the chunk that an earlier attempt wrote and that this one did not meet any more.
Result<> KafkaWriter::delete_vanished(Context& context) {
  for (auto& [topic, target] : targets_) {
    CopiedRows* const copied = target.tail ? target.tail->copied(chunk_) : nullptr;
    if (copied == nullptr) continue;
    position_ = head_ + std::string(kCopyMark) + chunk_;
    const KafkaTopic& to = target.topic;
    const auto emit = [&](int32_t partition, std::string_view key, std::string_view value) -> Result<> {
      if (value.data() == nullptr && !options_.tombstones) return {};
      headers_.clear();
      add_context_headers();
      headers_.push_back({kPositionHeader, position_});
      return producer_->send(context, to, {.partition = partition, .key = key, .value = value}, headers_);
    };
    RETURN_IF_ERROR(copied->delete_rest(context, *reader_, topic, emit));
  }
  return {};
}

Result<> KafkaWriter::write(Context& context, const ChangeBatch& batch, bool) {
  const std::string topic = names_.name_of(batch.schema->id);
  if (!batch.origins.empty()) note_first_change((*batch.transactions)[batch.origins.front().transaction]);
  const auto emit = [&](const DebeziumRecord& record) { return send(context, topic, &batch, record); };
  for (size_t row = 0; row < batch.rows();) {
    RETURN_IF_ERROR(encoder_.encode(batch, topic, row, emit));
  }
  fault_point("after_write");
  return {};
}

Result<> KafkaWriter::truncate(Context& context, const Truncation& truncation) {
  note_first_change(truncation.transaction);
  for (size_t i = 0; i < truncation.tables.size(); ++i) {
    const std::string topic = names_.name_of(truncation.tables[i]->id);
    const auto emit = [&](const DebeziumRecord& record) { return send(context, topic, nullptr, record); };
    RETURN_IF_ERROR(encoder_.encode_truncation(truncation, i, topic, emit));
  }
  return {};
}

Result<> KafkaWriter::write_schema_change(Context& context, const SchemaChangeEvent& event, const Position& before) {
  committed_ = before;
  note_first_change(event.transaction);
  const auto emit = [&](const DebeziumRecord& record) { return send(context, {}, nullptr, record); };
  RETURN_IF_ERROR(encoder_.encode_schema_change(event, emit));
  return producer_->flush(context);
}

// Says that the job is alive, if it is time to.
Result<> KafkaWriter::beat(Context& context) {
  const MonotonicTime now = monotonic_now();
  if (options_.heartbeat_interval.count() == 0 || now - last_beat_ < options_.heartbeat_interval) return {};
  last_beat_ = now;
  const DebeziumOptions& events = encoder_.options();
  const HeartbeatRecord record = debezium_heartbeat(events.topic_prefix, events.schemas, wall_clock_ms());
  const std::string topic =
      options_.heartbeat_topic.value_or(valid_topic_name(options_.heartbeat_prefix + "." + events.topic_prefix));
  position_.clear();
  headers_.clear();
  add_context_headers();
  return send_to(context, topic, -1, {.key = record.key, .value = record.value});
}

Result<> KafkaWriter::commit(Context& context, const LedgerEntry&) {
  if (copying_) {
    RETURN_IF_ERROR(delete_vanished(context));
  } else {
    const auto emit = [&](const DebeziumRecord& record) { return send(context, {}, nullptr, record); };
    RETURN_IF_ERROR(encoder_.end_transaction(emit));
    RETURN_IF_ERROR(beat(context));
  }
  fault_point(copying_ ? "before_chunk_commit" : "before_commit");
  RETURN_IF_ERROR(producer_->flush(context));
  fault_point(copying_ ? "after_chunk_commit" : "after_commit");
  return {};
}

}  // namespace sluice
