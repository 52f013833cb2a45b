// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_topics.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "codec/connect_schema.h"

namespace sluice {
namespace {

// Enough for one look; the rest is for the next.
constexpr size_t kMostRecords = 100;
// The topic may be made later.
constexpr const char* kLookForTopicMs = "5000";

std::string key_schema() {
  return connect_schema_json({.type = "struct",
                              .name = "io.debezium.connector.common.NotificationKey",
                              .fields = connect_field_json("string", false, "id")},
                             false, "", "");
}

std::string value_schema() {
  std::string fields;
  for (const std::string_view name : {"id", "type", "aggregate_type"}) {
    fields += connect_field_json("string", false, name) + ",";
  }
  fields += R"({"type":"map","keys":{"type":"string","optional":false},"values":{"type":"string","optional":false},)"
            R"("optional":true,"field":"additional_data"},)" +
            connect_field_json("int64", false, "timestamp");
  return connect_schema_json(
      {.type = "struct", .name = "io.debezium.connector.common.Notification", .fields = std::move(fields)}, false, "",
      "");
}

std::string with_schema(const std::string& schema, std::string_view payload) {
  return fmt::format(R"({{"schema":{},"payload":{}}})", schema, payload);
}

class KafkaTopicReader final : public TopicReader {
 public:
  explicit KafkaTopicReader(std::unique_ptr<KafkaReader> reader) : reader_(std::move(reader)) {}

  Result<std::vector<Record>> poll() override {
    if (failed_) return *std::exchange(failed_, std::nullopt);
    std::vector<Record> records;
    const auto take = [&](const KafkaReadRecord& record) {
      records.push_back({std::string(record.key), std::string(record.value), record.offset});
    };
    for (bool more = true; more && records.size() < kMostRecords;) {
      auto polled = reader_->poll(take);
      more = polled && *polled;
      if (polled) continue;
      // The client is past the records that were taken: the error waits.
      if (records.empty()) return std::move(polled).error();
      failed_ = std::move(polled).error();
    }
    return records;
  }
  Result<> commit(int64_t offset) override { return reader_->commit(offset); }

 private:
  const std::unique_ptr<KafkaReader> reader_;
  std::optional<Error> failed_;  // for the next poll
};

}  // namespace

Result<std::unique_ptr<KafkaNotifier>> KafkaNotifier::open(const KafkaProperties& properties, KafkaProperties settings,
                                                           bool schemas) {
  std::unique_ptr<KafkaNotifier> notifier(new KafkaNotifier(std::move(settings), schemas));
  ASSIGN_OR_RETURN(notifier->producer_, KafkaProducer::open(properties));
  return notifier;
}

Result<> KafkaNotifier::notify(Context& context, const std::string& topic, std::string_view id, std::string_view text) {
  ASSIGN_OR_RETURN(const KafkaTopic made, producer_->topic(context, topic, settings_));
  std::string key = nlohmann::json({{"id", id}}).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string value(text);
  if (schemas_) {
    key = with_schema(key_schema(), key);
    value = with_schema(value_schema(), value);
  }
  const int32_t partition = kafka_partition(key, made.partitions);
  RETURN_IF_ERROR(producer_->send(context, made, {.partition = partition, .key = key, .value = value}, {}));
  return producer_->flush(context);
}

Result<std::unique_ptr<TopicReader>> open_kafka_topic(KafkaProperties properties, const TopicToRead& topic) {
  if (!topic.servers.empty()) {
    properties.erase("metadata.broker.list");
    properties["bootstrap.servers"] = topic.servers;
  }
  properties["group.id"] = topic.group;
  properties["auto.offset.reset"] = "earliest";
  properties.try_emplace("topic.metadata.refresh.interval.ms", kLookForTopicMs);
  ASSIGN_OR_RETURN(auto reader, KafkaReader::open(properties));
  RETURN_IF_ERROR(reader->follow(topic.name, 0, topic.from));
  return std::unique_ptr<TopicReader>(std::make_unique<KafkaTopicReader>(std::move(reader)));
}

}  // namespace sluice
