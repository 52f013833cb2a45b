// SPDX-License-Identifier: Apache-2.0
#include "codec/event_options.h"

#include <fmt/format.h>

#include "codec/column_rules.h"

namespace sluice {
namespace {

TimeMode time_mode(const std::optional<std::string>& name, EventSource source) {
  if (!name) return source == EventSource::kPostgres ? TimeMode::kAdaptive : TimeMode::kAdaptiveTimeMicroseconds;
  if (*name == "adaptive") return TimeMode::kAdaptive;
  if (*name == "connect") return TimeMode::kConnect;
  if (*name == "isostring") return TimeMode::kIsostring;
  if (*name == "microseconds") return TimeMode::kMicroseconds;
  if (*name == "nanoseconds") return TimeMode::kNanoseconds;
  return TimeMode::kAdaptiveTimeMicroseconds;
}

}  // namespace

// tidy: a table
std::span<const Option<EventOptions>> EventOptions::options() {
  using O = Option<EventOptions>;
  static const O kOptions[] = {
      O{{.name = "topic.prefix",
         .summary = "Debezium's logical name of the source, with which the names of topics and schemas begin: "
                    "PREFIX.DATABASE.TABLE, of PostgreSQL PREFIX.SCHEMA.TABLE. Without it Kafka's topics have the "
                    "table's name alone.",
         .optional = true},
        &EventOptions::topic_prefix},
      O{{.name = "schemas.enable",
         .summary = "Whether each key and value carries its schema.",
         .default_value = "true",
         .aliases = {"value.converter.schemas.enable", "debezium-json.include-schema.enabled"}},
        &EventOptions::schemas},
      O{{.name = "decimal.handling.mode",
         .summary = "Decimals as bytes of the unscaled number, as doubles or as text.",
         .default_value = "precise",
         .allowed = {"precise", "double", "string"}},
        &EventOptions::decimals},
      O{{.name = "time.precision.mode",
         .summary = "How dates and times are counted; Debezium's default for the source.",
         .optional = true,
         .allowed = {"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"}},
        &EventOptions::times},
      O{{.name = "binary.handling.mode",
         .summary = "Bytes as bytes (Base64 in JSON) or as text.",
         .default_value = "bytes",
         .allowed = {"bytes", "base64", "base64-url-safe", "hex"}},
        &EventOptions::binaries},
      O{{.name = "bigint.unsigned.handling.mode",
         .summary = "BIGINT UNSIGNED as a signed number, which wraps, or as a decimal.",
         .default_value = "long",
         .allowed = {"long", "precise"}},
        &EventOptions::unsigned_bigint},
      O{{.name = "interval.handling.mode",
         .summary = "PostgreSQL's intervals in microseconds, or as ISO 8601.",
         .default_value = "numeric",
         .allowed = {"numeric", "string"}},
        &EventOptions::intervals},
      O{{.name = "hstore.handling.mode",
         .summary = "PostgreSQL's hstore as text of JSON, or as a map.",
         .default_value = "json",
         .allowed = {"json", "map"}},
        &EventOptions::hstores},
      O{{.name = "unavailable.value.placeholder",
         .summary = "Stands for a value that did not change and that the log does not carry.",
         .default_value = "__debezium_unavailable_value"},
        &EventOptions::placeholder},
      O{{.name = "skipped.operations",
         .summary = "Operations that make no events: c, u, d, t (TRUNCATE); or none.",
         .default_value = "t"},
        &EventOptions::skipped},
      O{{.name = "skip.messages.without.change",
         .summary = "Whether updates that change no column of the event make none.",
         .default_value = "false"},
        &EventOptions::skip_unchanged},
      O{{.name = "column.include.list",
         .summary = "Columns that events have, as regular expressions for schema.table.column; those of keys always "
                    "are there.",
         .optional = true},
        &EventOptions::column_include},
      O{{.name = "column.exclude.list", .summary = "Columns that events do not have.", .optional = true},
        &EventOptions::column_exclude},
      O{{.name = "column.truncate.*", .summary = "column.truncate.to.N.chars: columns of text that are cut."},
        &EventOptions::column_truncate},
      O{{.name = "column.mask.*",
         .summary = "column.mask.with.N.chars, column.mask.hash[.v2].ALGORITHM.with.salt.SALT: columns of text that "
                    "are masked, but not in keys."},
        &EventOptions::column_mask},
      O{{.name = "column.propagate.source.type",
         .summary = "Columns whose schemas tell the type in the source: __debezium.source.column.type, length, scale, "
                    "name. Not of PostgreSQL.",
         .optional = true},
        &EventOptions::column_propagate},
      O{{.name = "datatype.propagate.source.type",
         .summary = "The same by types, as regular expressions for schema.TYPE.",
         .optional = true},
        &EventOptions::type_propagate},
      O{{.name = "message.key.columns",
         .summary = "Columns that make the key instead of the table's own: TABLES:COLUMN,COLUMN;...",
         .optional = true},
        &EventOptions::key_columns},
  };
  return kOptions;
}

void EventOptions::check_events(const Settings& settings, Problems& problems) {
  for (const std::string& operation : skipped) {
    if (operation == "c" || operation == "u" || operation == "d" || operation == "t") continue;
    if (operation == "none" && skipped.size() == 1) continue;
    problems.error(settings.location, "skipped.operations", fmt::format("'{}' cannot be skipped", operation),
                   "Operations are c, u, d and t; none stands alone.");
  }
  columns = ColumnRules::make(settings, problems);
}

DebeziumOptions EventOptions::events(const SourceDescription& source, const std::string& job) const {
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
  result.schemas = schemas;
  result.placeholder = placeholder;
  result.columns = columns;
  for (const std::string& operation : skipped) {
    if (operation != "none") result.skipped += operation;
  }
  result.skip_unchanged = skip_unchanged;
  return result;
}

}  // namespace sluice
