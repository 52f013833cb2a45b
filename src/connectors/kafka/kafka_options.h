// SPDX-License-Identifier: Apache-2.0
// Options of the sink `type: kafka`: Flink CDC's where its pipeline sink has them, Debezium's and Kafka Connect's for
// what their events and topics are like.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/event_options.h"
#include "config/option.h"
#include "connector/source.h"
#include "connector/table_selector.h"

namespace sluice {

struct KafkaSinkOptions : EventOptions {
  std::map<std::string, std::string> properties;  // of librdkafka, which are mostly those of Kafka's clients
  std::optional<std::string> topic;
  std::optional<std::string> topic_mapping;
  std::string partition_strategy;
  std::string key_format;
  std::string value_format;
  std::string guarantee;
  std::map<std::string, std::string> creation;  // topic.creation.default.*
  bool tombstones = true;
  bool extended_headers = true;
  bool schema_changes = false;
  bool transaction_metadata = false;
  std::string transaction_topic;  // behind the prefix
  std::chrono::milliseconds heartbeat_interval{0};
  std::string heartbeat_prefix;
  std::optional<std::string> heartbeat_topic;
  // Read by TransformChain from `given`.
  std::optional<std::string> transforms;
  std::map<std::string, std::string> transform_options;
  std::optional<std::string> predicates;
  std::map<std::string, std::string> predicate_options;
  Settings given;

  static std::span<const Option<KafkaSinkOptions>> options();
  // What options() cannot say; also asks librdkafka about the properties.
  void check(const Settings& settings, Problems& problems) const;
  DebeziumOptions events(const SourceDescription& source, const std::string& job) const;
};

// Which topic a table's events go to.
class KafkaTopicNames {
 public:
  static Result<KafkaTopicNames> make(const KafkaSinkOptions& options);
  std::string name_of(const TableId& table) const;

 private:
  std::optional<std::string> topic_;
  std::string prefix_;
  std::vector<std::pair<TableSelector, std::string>> mapping_;
};

// Kafka allows letters, digits, '.', '_' and '-'; everything else becomes '_', as Debezium has it.
std::string valid_topic_name(std::string_view name);

}  // namespace sluice
