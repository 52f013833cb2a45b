// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_writer.h"

#include <fmt/format.h>

#include "base/fault.h"
#include "base/log.h"

namespace sluice {

Result<std::unique_ptr<KafkaWriter>> KafkaWriter::open(const KafkaSinkOptions& options, const KafkaTopicNames& names,
                                                       const Source& source, const std::string& job) {
  std::unique_ptr<KafkaWriter> writer(new KafkaWriter(options, names, source, job));
  ASSIGN_OR_RETURN(writer->producer_, KafkaProducer::open(options.properties));
  return writer;
}

Result<> KafkaWriter::begin(Context&, const LedgerEntry& entry) {
  copying_ = entry.name.starts_with("chunk/");
  if (copying_) chunk_ = entry.name;
  encoder_.mark_copied_rows(copying_ ? "true" : "incremental");
  if (committed_.empty()) committed_.text = entry.position;
  return {};
}

Result<KafkaWriter::Target*> KafkaWriter::target_of(Context& context, const TableId& table) {
  if (const auto known = targets_.find(table); known != targets_.end()) return &known->second;
  const std::string name = names_.name_of(table);
  Target target;
  ASSIGN_OR_RETURN(target.topic, producer_->topic(context, name, options_.creation));
  const auto [tail, is_new] = tails_.try_emplace(name);
  if (is_new) {
    if (!reader_) {
      ASSIGN_OR_RETURN(reader_, KafkaReader::open(options_.properties));
    }
    const auto committed = [&](const Transaction& transaction) { return source_.covers(committed_, transaction); };
    auto read = copying_ ? KafkaTail::read_copy(context, *reader_, target.topic, head_)
                         : KafkaTail::read_stream(context, *reader_, target.topic, head_, committed);
    if (!read) {
      tails_.erase(tail);
      return std::move(read).error();
    }
    tail->second = std::move(*read);
    if (tail->second.size() > 0) {
      log_info("topic {} holds {} records that the ledger does not know of; they are not written again", name,
               tail->second.size());
    }
  }
  target.tail = &tail->second;
  return &targets_.emplace(table, std::move(target)).first->second;
}

void KafkaWriter::make_position(const ChangeBatch& batch, const DebeziumRecord& record) {
  position_ = head_;
  if (batch.origins.empty()) {
    position_ += kCopyMark;
    position_ += chunk_;
    return;
  }
  const RowOrigin& origin = batch.origins[record.row];
  const Transaction& transaction = (*batch.transactions)[origin.transaction];
  // A place means nothing on another server, where a GTID may have to be found again.
  const uint64_t place = transaction.id.empty() ? origin.place : 0;
  fmt::format_to(std::back_inserter(position_), "{};{};{};{};{};{}", origin.event, origin.row, record.part, place,
                 transaction.id, transaction.start.text);
}

Result<> KafkaWriter::send(Context& context, Target& target, const ChangeBatch& batch, const DebeziumRecord& record) {
  if (record.value.data() == nullptr && !options_.tombstones) return {};
  const bool hashed = options_.partition_strategy == "hash-by-key" && record.key.data() != nullptr;
  const int32_t partition = hashed ? kafka_partition(record.key, target.topic.partitions) : 0;
  make_position(batch, record);
  if (!batch.origins.empty()) {
    if (target.tail->take(partition, position_)) return {};
  } else if (CopiedRows* const copied = target.tail->copied(chunk_)) {
    if (copied->take(partition, record.key, record.value)) return {};
  }
  headers_.clear();
  if (!record.new_key.empty()) headers_.push_back({"__debezium.newkey", record.new_key});
  if (!record.old_key.empty()) headers_.push_back({"__debezium.oldkey", record.old_key});
  return produce(context, target, {.partition = partition, .key = record.key, .value = record.value});
}

// Adds the headers that all records have.
Result<> KafkaWriter::produce(Context& context, const Target& target, const KafkaRecord& record) {
  if (options_.extended_headers) {
    headers_.push_back({"__debezium.context.connectorLogicalName", encoder_.options().topic_prefix});
    headers_.push_back({"__debezium.context.taskId", "0"});
    headers_.push_back({"__debezium.context.connectorName", connector_});
  }
  headers_.push_back({kPositionHeader, position_});
  return producer_->send(context, target.topic, record, headers_);
}

// Rows of the chunk that an earlier attempt wrote and that this one did not meet any more.
Result<> KafkaWriter::delete_vanished(Context& context) {
  for (auto& [table, target] : targets_) {
    CopiedRows* const copied = target.tail->copied(chunk_);
    if (copied == nullptr) continue;
    position_ = head_ + std::string(kCopyMark) + chunk_;
    const auto emit = [&](int32_t partition, std::string_view key, std::string_view value) -> Result<> {
      if (value.data() == nullptr && !options_.tombstones) return {};
      headers_.clear();
      return produce(context, target, {.partition = partition, .key = key, .value = value});
    };
    RETURN_IF_ERROR(copied->delete_rest(context, *reader_, target.topic.name, emit));
  }
  return {};
}

Result<> KafkaWriter::write(Context& context, const ChangeBatch& batch, bool) {
  ASSIGN_OR_RETURN(Target* const target, target_of(context, batch.schema->id));
  const auto emit = [&](const DebeziumRecord& record) { return send(context, *target, batch, record); };
  for (size_t row = 0; row < batch.rows();) {
    RETURN_IF_ERROR(encoder_.encode(batch, target->topic.name, row, emit));
  }
  fault_point("after_write");
  return {};
}

Result<> KafkaWriter::commit(Context& context, const LedgerEntry&) {
  if (copying_) RETURN_IF_ERROR(delete_vanished(context));
  fault_point(copying_ ? "before_chunk_commit" : "before_commit");
  RETURN_IF_ERROR(producer_->flush(context));
  fault_point(copying_ ? "after_chunk_commit" : "after_commit");
  return {};
}

}  // namespace sluice
