// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/kafka/kafka_client.h"

namespace sluice {
namespace {

constexpr size_t kLongestTopicName = 249;

void refuse(const Settings& settings, std::string_view key, std::string message, std::string advice,
            Problems& problems) {
  problems.error(settings.location, std::string(key), std::move(message), std::move(advice));
}

}  // namespace

// tidy: a table
std::span<const Option<KafkaSinkOptions>> KafkaSinkOptions::options() {
  using O = Option<KafkaSinkOptions>;
  static const auto kOptions = with_event_options<KafkaSinkOptions>({
      O{{.name = "properties.*",
         .summary = "Properties of the Kafka client (librdkafka); properties.bootstrap.servers is required."},
        &KafkaSinkOptions::properties},
      O{{.name = "topic", .summary = "One topic for the events of all tables.", .optional = true},
        &KafkaSinkOptions::topic},
      O{{.name = "sink.tableId-to-topic.mapping",
         .summary = "Topics of single tables: TABLES:TOPIC;TABLES:TOPIC. The first match counts.",
         .optional = true},
        &KafkaSinkOptions::topic_mapping},
      O{{.name = "partition.strategy",
         .summary = "hash-by-key chooses the partition as Kafka Connect does, all-to-zero takes the first.",
         .default_value = "hash-by-key",
         .allowed = {"hash-by-key", "all-to-zero"}},
        &KafkaSinkOptions::partition_strategy},
      O{{.name = "key.format", .summary = "Form of the keys.", .default_value = "json", .allowed = {"json", "csv"}},
        &KafkaSinkOptions::key_format},
      O{{.name = "value.format",
         .summary = "Form of the values: debezium is what Debezium and Kafka Connect's JsonConverter write.",
         .default_value = "debezium",
         .allowed = {"debezium", "debezium-json", "canal-json"}},
        &KafkaSinkOptions::value_format},
      O{{.name = "sink.delivery-guarantee",
         .summary = "Accepted from Flink CDC; events always come at least once, and not again after a restart if they "
                    "are in the topic.",
         .default_value = "at-least-once",
         .allowed = {"at-least-once", "none", "exactly-once"}},
        &KafkaSinkOptions::guarantee},
      O{{.name = "topic.creation.default.*",
         .summary = "Of topics that are created: partitions, replication.factor, and any setting of a topic "
                    "(cleanup.policy). Without them the broker's defaults."},
        &KafkaSinkOptions::creation},
      O{{.name = "tombstones.on.delete",
         .summary = "Whether a deletion is followed by a record without value, which lets compaction forget the key.",
         .default_value = "true"},
        &KafkaSinkOptions::tombstones},
      O{{.name = "extended.headers.enabled",
         .summary = "Whether records carry the headers __debezium.context.*.",
         .default_value = "true"},
        &KafkaSinkOptions::extended_headers},
      O{{.name = "debezium.include.schema.changes",
         .summary = "Whether statements that change tables while the job follows the log are told in the topic PREFIX. "
                    "Not of PostgreSQL. Debezium's default, and that of a connector's file, is true.",
         .default_value = "false"},
        &KafkaSinkOptions::schema_changes},
      O{{.name = "provide.transaction.metadata",
         .summary = "Whether each event of the log tells its place in its transaction, and a topic where transactions "
                    "begin and end.",
         .default_value = "false"},
        &KafkaSinkOptions::transaction_metadata},
      O{{.name = "topic.transaction",
         .summary = "That topic is PREFIX.transaction, with this as the last part.",
         .default_value = "transaction"},
        &KafkaSinkOptions::transaction_topic},
      O{{.name = "heartbeat.interval.ms",
         .summary = "How often a record says that the job is alive while it follows the log; 0: never.",
         .default_value = "0"},
        &KafkaSinkOptions::heartbeat_interval},
      O{{.name = "topic.heartbeat.prefix",
         .summary = "These records go to the topic THIS.PREFIX.",
         .default_value = "__debezium-heartbeat",
         .aliases = {"heartbeat.topics.prefix"}},
        &KafkaSinkOptions::heartbeat_prefix},
      O{{.name = "topic.heartbeat.name", .summary = "Their topic's whole name.", .optional = true},
        &KafkaSinkOptions::heartbeat_topic},
      O{{.name = "transforms",
         .summary = "Single message transforms that every event goes through, by names; transforms.NAME.type and "
                    "further options as in Kafka Connect.",
         .optional = true},
        &KafkaSinkOptions::transforms},
      O{{.name = "transforms.*", .summary = "Their types and options."}, &KafkaSinkOptions::transform_options},
      O{{.name = "predicates", .summary = "Names of conditions that transforms refer to.", .optional = true},
        &KafkaSinkOptions::predicates},
      O{{.name = "predicates.*", .summary = "Their types and options."}, &KafkaSinkOptions::predicate_options},
  });
  return kOptions;
}

void KafkaSinkOptions::check(const Settings& settings, Problems& problems) const {
  if (!properties.contains("bootstrap.servers")) {
    refuse(settings, "properties.bootstrap.servers", "the brokers are not given",
           "properties.bootstrap.servers: HOST:PORT,HOST:PORT", problems);
  }
  for (const std::string_view key : {"enable.idempotence", "acks", "request.required.acks"}) {
    const auto found = properties.find(std::string(key));
    if (found == properties.end() || found->second == "all" || found->second == "-1" || found->second == "true")
      continue;
    refuse(settings, fmt::format("properties.{}", key), "an event could be lost or come twice",
           "Leave it out: the producer is idempotent and waits for all replicas.", problems);
  }
  for (const auto& problem : kafka_property_problems(properties)) {
    refuse(settings, "properties." + problem.name, problem.message, problem.advice, problems);
  }
  if (key_format != "json") {
    refuse(settings, "key.format", "csv is not there yet", "Keys are Debezium's: key.format: json.", problems);
  }
  if (value_format != "debezium") {
    refuse(settings, "value.format", fmt::format("{} (Flink CDC's own form) is not there yet", value_format),
           "value.format: debezium writes Debezium's whole envelope, which Flink's debezium-json format reads too.",
           problems);
  }
  if (guarantee == "exactly-once") {
    refuse(settings, "sink.delivery-guarantee", "transactions of Kafka are not there yet",
           "Leave it out: what is in a topic is not written again after a restart; see the README.", problems);
  }
  auto names = KafkaTopicNames::make(*this);
  if (!names) {
    refuse(settings, "sink.tableId-to-topic.mapping", names.error().message(), std::string(names.error().advice()),
           problems);
  }
  if (topic_prefix && valid_topic_name(*topic_prefix) != *topic_prefix) {
    refuse(settings, "topic.prefix", fmt::format("'{}' is not allowed in the name of a topic", *topic_prefix),
           "Use letters, digits, '.', '_' and '-'.", problems);
  }
}

DebeziumOptions KafkaSinkOptions::events(const SourceDescription& source, const std::string& job) const {
  DebeziumOptions result = EventOptions::events(source, job);
  if (transforms) result.schemas = true;  // they work with schemas
  if (transaction_metadata) result.transaction_topic = valid_topic_name(result.topic_prefix + "." + transaction_topic);
  return result;
}

Result<KafkaTopicNames> KafkaTopicNames::make(const KafkaSinkOptions& options) {
  KafkaTopicNames names;
  names.topic_ = options.topic;
  if (options.topic_prefix) names.prefix_ = *options.topic_prefix + ".";
  std::string_view rest = options.topic_mapping ? std::string_view(*options.topic_mapping) : std::string_view();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view entry = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (entry.empty()) continue;
    const size_t colon = entry.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == entry.size()) {
      return Error(ErrorCode::kConfig, fmt::format("'{}' names no topic", entry), "Entries are TABLES:TOPIC.");
    }
    ASSIGN_OR_RETURN(auto selector, TableSelector::compile(entry.substr(0, colon)));
    names.mapping_.emplace_back(std::move(selector), std::string(entry.substr(colon + 1)));
  }
  return names;
}

std::string KafkaTopicNames::name_of(const TableId& table) const {
  for (const auto& [selector, topic] : mapping_) {
    if (selector.matches(table)) return topic;
  }
  return topic_ ? *topic_ : valid_topic_name(prefix_ + table.text());
}

std::string valid_topic_name(std::string_view name) {
  std::string out(name.substr(0, kLongestTopicName));
  for (char& c : out) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!allowed) c = '_';
  }
  return out;
}

}  // namespace sluice
