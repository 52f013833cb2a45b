// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/kafka/kafka_client.h"

namespace sluice {
namespace {

constexpr size_t kLongestTopicName = 249;

TimeMode time_mode(const std::optional<std::string>& name, EventSource source) {
  if (!name) return source == EventSource::kPostgres ? TimeMode::kAdaptive : TimeMode::kAdaptiveTimeMicroseconds;
  if (*name == "adaptive") return TimeMode::kAdaptive;
  if (*name == "connect") return TimeMode::kConnect;
  if (*name == "isostring") return TimeMode::kIsostring;
  if (*name == "microseconds") return TimeMode::kMicroseconds;
  if (*name == "nanoseconds") return TimeMode::kNanoseconds;
  return TimeMode::kAdaptiveTimeMicroseconds;
}

void refuse(const Settings& settings, std::string_view key, std::string message, std::string advice,
            Problems& problems) {
  problems.error(settings.location, std::string(key), std::move(message), std::move(advice));
}

}  // namespace

// tidy: a table
std::span<const Option<KafkaSinkOptions>> KafkaSinkOptions::options() {
  using O = Option<KafkaSinkOptions>;
  static const O kOptions[] = {
      O{{.name = "properties.*",
         .summary = "Properties of the Kafka client (librdkafka); properties.bootstrap.servers is required."},
        &KafkaSinkOptions::properties},
      O{{.name = "topic", .summary = "One topic for the events of all tables.", .optional = true},
        &KafkaSinkOptions::topic},
      O{{.name = "topic.prefix",
         .summary = "Debezium's logical name of the source: topics are PREFIX.DATABASE.TABLE, of PostgreSQL "
                    "PREFIX.SCHEMA.TABLE. Without it topics have the table's name alone.",
         .optional = true},
        &KafkaSinkOptions::topic_prefix},
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
      O{{.name = "schemas.enable",
         .summary = "Whether each key and value carries its schema.",
         .default_value = "true",
         .aliases = {"value.converter.schemas.enable", "debezium-json.include-schema.enabled"}},
        &KafkaSinkOptions::schemas},
      O{{.name = "decimal.handling.mode",
         .summary = "Decimals as bytes of the unscaled number, as doubles or as text.",
         .default_value = "precise",
         .allowed = {"precise", "double", "string"}},
        &KafkaSinkOptions::decimals},
      O{{.name = "time.precision.mode",
         .summary = "How dates and times are counted; Debezium's default for the source.",
         .optional = true,
         .allowed = {"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"}},
        &KafkaSinkOptions::times},
      O{{.name = "binary.handling.mode",
         .summary = "Bytes as bytes (Base64 in JSON) or as text.",
         .default_value = "bytes",
         .allowed = {"bytes", "base64", "base64-url-safe", "hex"}},
        &KafkaSinkOptions::binaries},
      O{{.name = "bigint.unsigned.handling.mode",
         .summary = "BIGINT UNSIGNED as a signed number, which wraps, or as a decimal.",
         .default_value = "long",
         .allowed = {"long", "precise"}},
        &KafkaSinkOptions::unsigned_bigint},
      O{{.name = "interval.handling.mode",
         .summary = "PostgreSQL's intervals in microseconds, or as ISO 8601.",
         .default_value = "numeric",
         .allowed = {"numeric", "string"}},
        &KafkaSinkOptions::intervals},
      O{{.name = "hstore.handling.mode",
         .summary = "PostgreSQL's hstore as text of JSON, or as a map.",
         .default_value = "json",
         .allowed = {"json", "map"}},
        &KafkaSinkOptions::hstores},
      O{{.name = "unavailable.value.placeholder",
         .summary = "Stands for a value that did not change and that the log does not carry.",
         .default_value = "__debezium_unavailable_value"},
        &KafkaSinkOptions::placeholder},
      O{{.name = "tombstones.on.delete",
         .summary = "Whether a deletion is followed by a record without value, which lets compaction forget the key.",
         .default_value = "true"},
        &KafkaSinkOptions::tombstones},
      O{{.name = "extended.headers.enabled",
         .summary = "Whether records carry the headers __debezium.context.*.",
         .default_value = "true"},
        &KafkaSinkOptions::extended_headers},
      O{{.name = "skipped.operations",
         .summary = "Operations that make no events: c, u, d, and t, which is never there.",
         .default_value = "t"},
        &KafkaSinkOptions::skipped},
      O{{.name = "skip.messages.without.change",
         .summary = "Whether updates that change no column of the event make none.",
         .default_value = "false"},
        &KafkaSinkOptions::skip_unchanged},
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
      O{{.name = "column.include.list",
         .summary = "Columns that events have, as regular expressions for schema.table.column; those of keys always "
                    "are there.",
         .optional = true},
        &KafkaSinkOptions::column_include},
      O{{.name = "column.exclude.list", .summary = "Columns that events do not have.", .optional = true},
        &KafkaSinkOptions::column_exclude},
      O{{.name = "column.truncate.*", .summary = "column.truncate.to.N.chars: columns of text that are cut."},
        &KafkaSinkOptions::column_truncate},
      O{{.name = "column.mask.*",
         .summary = "column.mask.with.N.chars, column.mask.hash[.v2].ALGORITHM.with.salt.SALT: columns of text that "
                    "are masked, but not in keys."},
        &KafkaSinkOptions::column_mask},
      O{{.name = "column.propagate.source.type",
         .summary = "Columns whose schemas tell the type in the source: __debezium.source.column.type, length, scale, "
                    "name. Not of PostgreSQL.",
         .optional = true},
        &KafkaSinkOptions::column_propagate},
      O{{.name = "datatype.propagate.source.type",
         .summary = "The same by types, as regular expressions for schema.TYPE.",
         .optional = true},
        &KafkaSinkOptions::type_propagate},
      O{{.name = "message.key.columns",
         .summary = "Columns that make the key instead of the table's own: TABLES:COLUMN,COLUMN;...",
         .optional = true},
        &KafkaSinkOptions::key_columns},
      O{{.name = "transforms",
         .summary = "Single message transforms that every event goes through, by names; transforms.NAME.type and "
                    "further options as in Kafka Connect.",
         .optional = true},
        &KafkaSinkOptions::transforms},
      O{{.name = "transforms.*", .summary = "Their types and options."}, &KafkaSinkOptions::transform_options},
      O{{.name = "predicates", .summary = "Names of conditions that transforms refer to.", .optional = true},
        &KafkaSinkOptions::predicates},
      O{{.name = "predicates.*", .summary = "Their types and options."}, &KafkaSinkOptions::predicate_options},
  };
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
  for (const std::string& operation : skipped) {
    if (operation == "c" || operation == "u" || operation == "d" || operation == "t") continue;
    refuse(settings, "skipped.operations", fmt::format("'{}' cannot be skipped", operation),
           "Operations are c, u, d and t; events of truncation (none) are not there yet.", problems);
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
  DebeziumOptions result;
  result.source = source.connector == "postgresql" ? EventSource::kPostgres
                  : source.connector == "mariadb"  ? EventSource::kMariadb
                                                   : EventSource::kMysql;
  result.database = source.database;
  result.topic_prefix = topic_prefix.value_or(job);
  if (decimals == "double") result.decimals = DecimalMode::kDouble;
  if (decimals == "string") result.decimals = DecimalMode::kString;
  result.times = time_mode(times, result.source);
  if (binaries == "base64") result.binaries = BinaryMode::kBase64;
  if (binaries == "base64-url-safe") result.binaries = BinaryMode::kBase64Url;
  if (binaries == "hex") result.binaries = BinaryMode::kHex;
  result.unsigned_bigint_precise = unsigned_bigint == "precise";
  result.interval_as_text = intervals == "string";
  result.hstore_as_map = hstores == "map";
  result.schemas = schemas || transforms;  // which work with schemas
  result.placeholder = placeholder;
  result.columns = columns;
  for (const std::string& operation : skipped) result.skipped += operation;
  if (transaction_metadata) result.transaction_topic = valid_topic_name(result.topic_prefix + "." + transaction_topic);
  result.skip_unchanged = skip_unchanged;
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
