// SPDX-License-Identifier: Apache-2.0
#include "languages/connector_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/option.h"
#include "config/properties.h"
#include "config/secrets.h"
#include "languages/connect_offsets.h"
#include "languages/connector_options.h"
#include "languages/pipeline_options.h"
#include "languages/pipeline_yaml.h"

namespace sluice {
namespace {

const Setting* find(const Settings& settings, std::string_view key) {
  const auto found = std::ranges::find(settings.entries, key, &Setting::key);
  return found == settings.entries.end() ? nullptr : &*found;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

struct ConnectorClass {
  std::string_view name;  // in the package io.debezium.connector
  ConnectorKind kind;
};
constexpr std::array kClasses = {
    ConnectorClass{"mysql.MySqlConnector", ConnectorKind::kMysql},
    ConnectorClass{"mariadb.MariaDbConnector", ConnectorKind::kMariadb},
    ConnectorClass{"postgresql.PostgresConnector", ConnectorKind::kPostgres},
};

// By the whole name, the class alone, or that without "Connector", as Kafka Connect has it.
std::optional<ConnectorKind> kind_of(std::string_view name) {
  for (const auto& [known, kind] : kClasses) {
    const std::string_view simple = known.substr(known.find('.') + 1);
    if (name == fmt::format("io.debezium.connector.{}", known) || name == simple ||
        name == simple.substr(0, simple.size() - std::string_view("Connector").size())) {
      return kind;
    }
  }
  return std::nullopt;
}

constexpr std::string_view kSchemaChanges = "include.schema.changes";

// What snapshot.mode is called here; empty: not there.
std::string_view startup_mode(std::string_view mode, bool postgres) {
  if (mode == "initial" || mode == "when_needed") return "initial";
  if (mode == "initial_only") return "snapshot";
  if (mode == "no_data" || mode == "schema_only") return "latest-offset";
  if (mode == "never") return postgres ? "latest-offset" : "earliest-offset";
  return {};
}

class ConnectorReader {
 public:
  ConnectorReader(ConnectorFile file, ConnectorKind kind, Problems& problems)
      : file_(std::move(file)), settings_(file_.settings), kind_(kind), problems_(problems) {}

  std::optional<JobSpec> read(const ConnectorExtras& extras) {
    if (!read_sink_file(extras.sink)) return std::nullopt;
    spec_.file = settings_.location.file;
    spec_.source.location = spec_.source.settings.location = settings_.location;
    spec_.source.type = postgres() ? "postgres" : "mysql";
    for (const Setting& setting : settings_.entries) take(setting);
    for (const std::string_view key : {"database.hostname", "database.user", "database.dbname"}) {
      if (key == "database.dbname" && !postgres()) continue;
      require(key, "The connector cannot reach its database without it.", spec_.source);
    }
    make_tables();
    make_source_details();
    make_beginning(extras.offsets);
    if (const Setting* name = find(settings_, "name"); name != nullptr && spec_.pipeline.name.empty()) {
      spec_.pipeline.name = name->value;
    }
    make_signals();
    make_sink();
    return std::move(spec_);
  }

 private:
  bool postgres() const { return kind_ == ConnectorKind::kPostgres; }
  bool into_kafka() const { return spec_.sink.type == "kafka"; }

  bool read_sink_file(const JobText* sink) {
    if (sink == nullptr) {
      spec_.sink.type = "kafka";
      spec_.sink.location = spec_.sink.settings.location = settings_.location;
      return true;
    }
    if (sink->file.ends_with(".properties")) {
      worker_ = parse_properties(sink->file, sink->text, problems_);
      for (Setting& setting : worker_.entries) resolve_references(setting, problems_);
      spec_.sink.type = "kafka";
      spec_.sink.location = spec_.sink.settings.location = {sink->file, 1};
      return true;
    }
    const auto root = parse_yaml(sink->file, sink->text, problems_);
    auto spec = root ? parse_pipeline(sink->file, *root, false, problems_) : std::nullopt;
    if (!spec) return false;
    own_sink_ = true;
    spec_ = std::move(*spec);
    return true;
  }

  void require(std::string_view key, std::string_view why, ConnectorSpec& connector) {
    if (const Setting* given = find(settings_, key); given != nullptr && !given->value.empty()) return;
    problems_.error(settings_.location, std::string(key), fmt::format("required option '{}' is missing", key),
                    std::string(why));
    connector.type.clear();
  }

  void take(const Setting& setting) {
    const ConnectorOption* option = find_connector_option(setting.key, kind_);
    if (option == nullptr) return unknown(setting);
    switch (option->fate) {
      case Fate::kHandled: break;
      case Fate::kSource: add_to_source(option->note, setting.value, setting); break;
      case Fate::kEvents: events_.push_back(setting); break;
      case Fate::kPipeline: pipeline_.entries.push_back(setting); break;
      case Fate::kNoEffect:
        if (lower(setting.value) != lower(option->harmless) || setting.value.empty() != option->harmless.empty()) {
          no_effect(setting, option->note);
        }
        break;
      case Fate::kRefused:
        if (lower(setting.value) == lower(option->harmless)) break;
        problems_.error(setting.location, setting.key,
                        fmt::format("option '{}' cannot be followed: {}", setting.key, option->note),
                        option->harmless.empty() ? "Leave it out if the events may be without it."
                                                 : fmt::format("Leave it out, or set it to {}.", option->harmless));
        break;
    }
  }

  void unknown(const Setting& setting) {
    const auto names = connector_option_names(kind_);
    const std::string_view closest = closest_name(setting.key, names);
    problems_.error(setting.location, setting.key, fmt::format("unknown option '{}' of this connector", setting.key),
                    closest.empty() ? "Debezium has no such option for this connector."
                                    : fmt::format("Did you mean '{}'?", closest));
  }

  void no_effect(const Setting& setting, std::string_view why) {
    problems_.warn(
        setting.location, setting.key, fmt::format("option '{}' does not apply", setting.key),
        fmt::format("{}{}.", static_cast<char>(std::toupper(static_cast<unsigned char>(why[0]))), why.substr(1)));
  }

  void add_to_source(std::string_view key, std::string value, const Setting& from) {
    spec_.source.settings.entries.push_back({std::string(key), std::move(value), from.location, from.from_reference});
  }

  // Channels that are not there are left out; the others listen.
  void make_signals() {
    if (pipeline_.entries.empty()) return;
    pipeline_.location = settings_.location;
    for (Setting& setting : pipeline_.entries) {
      if (!setting.key.ends_with(".enabled.channels")) continue;
      const bool signals = setting.key.starts_with("signal.");
      std::string known;
      for (const std::string& channel : split_list(lower(setting.value))) {
        const bool is_known =
            signals ? channel == "source" || channel == "file" || channel == "rest" : channel == "log";
        if (is_known || (into_kafka() && channel == (signals ? "kafka" : "sink"))) {
          known += (known.empty() ? "" : ",") + channel;
        } else {
          problems_.warn(setting.location, setting.key, fmt::format("there is no channel '{}' here", channel),
                         signals ? "Signals come from a table of the source (source), a file, over HTTP (rest), and, "
                                   "with the sink kafka, from a topic (kafka)."
                                 : "Notifications go to the log and, with the sink kafka, to a topic (sink).");
        }
      }
      setting.value = known;
    }
    take_signal_options(parse_options<PipelineOptions>(pipeline_, "the connector", problems_), spec_.pipeline);
  }

  // The signal table is captured, named or not.
  void add_signal_table(std::vector<std::string>& include) const {
    const Setting* table = find(settings_, "signal.data.collection");
    if (table == nullptr || include.empty()) return;
    std::string pattern;
    for (const char c : table->value) pattern += c == '.' ? "\\." : std::string(1, c);
    include.push_back(std::move(pattern));
  }

  // Debezium's lists are anchored expressions for the whole name: both that of the database (PostgreSQL: the schema)
  // and that of the table must be included, and neither excluded.
  void make_tables() {
    const std::string space = postgres() ? "schema" : "database";
    const auto patterns = [&](const std::string& key) {
      const Setting* list = find(settings_, key);
      if (list == nullptr) return std::vector<std::string>();
      spec_.source.settings.location = list->location;
      return split_list(list->value);
    };
    const auto in_space = [](const std::string& pattern) { return fmt::format("(?:{})\\..*", pattern); };
    std::vector<std::string> include;
    const auto spaces = patterns(space + ".include.list");
    const auto tables = patterns("table.include.list");
    for (const auto& table : tables) {
      if (spaces.empty()) include.push_back(table);
      for (const auto& one : spaces) include.push_back(in_space(one) + "/&/" + table);
    }
    for (const auto& one : spaces) {
      if (tables.empty()) include.push_back(in_space(one));
    }
    add_signal_table(include);
    if (include.empty()) include.emplace_back(".*");
    std::vector<std::string> exclude = patterns("table.exclude.list");
    for (const auto& one : patterns(space + ".exclude.list")) exclude.push_back(in_space(one));
    for (const std::string& list : {std::string("table"), space}) check_exclusive(list);
    const Setting from{"", "", spec_.source.settings.location};
    add_to_source("tables", joined(include), from);
    if (!exclude.empty()) add_to_source("tables.exclude", joined(exclude), from);
  }

  // Each between slashes, with commas escaped.
  static std::string joined(const std::vector<std::string>& patterns) {
    std::string out;
    for (const std::string& pattern : patterns) {
      out += out.empty() ? "/" : ",/";
      for (const char c : pattern) out.append(c == ',' ? "\\," : std::string(1, c));
      out += '/';
    }
    return out;
  }

  void check_exclusive(const std::string& list) {
    const Setting* exclude = find(settings_, list + ".exclude.list");
    if (exclude == nullptr || find(settings_, list + ".include.list") == nullptr) return;
    problems_.error(exclude->location, exclude->key,
                    fmt::format("'{0}.include.list' and '{0}.exclude.list' exclude each other", list),
                    "Keep one of the two, as Debezium demands.");
  }

  void make_source_details() {
    const Setting begin{"", "", settings_.location};
    if (!postgres()) add_to_source("treat-tinyint1-as-boolean.enabled", "false", begin);
    if (const Setting* mode = find(settings_, "database.ssl.mode")) make_ssl_mode(*mode);
    if (!postgres()) return;
    const Setting* slot = find(settings_, "slot.name");
    add_to_source("slot.name", slot == nullptr ? "debezium" : slot->value, slot == nullptr ? begin : *slot);
    if (const Setting* plugin = find(settings_, "plugin.name"); plugin != nullptr && plugin->value != "pgoutput") {
      no_effect(*plugin, "the slot's plugin is always pgoutput, which every server has");
    }
    if (into_kafka() && find(settings_, "message.prefix.include.list") == nullptr) {
      add_to_source("message.prefix.include.list", ".*", begin);
    }
    if (const Setting* beat = find(settings_, "heartbeat.interval.ms"); beat != nullptr && beat->value != "0") {
      add_to_source("heartbeat.interval", beat->value, *beat);
      if (into_kafka()) events_.push_back(*beat);
    }
  }

  void make_beginning(const JobText* offsets) {
    if (offsets != nullptr) return begin_at(*offsets);
    if (const Setting* mode = find(settings_, "snapshot.mode")) make_startup(*mode);
  }

  // Where Kafka Connect says that the connector stands.
  void begin_at(const JobText& offsets) {
    const Location at{offsets.file, 0};
    const auto refuse = [&](const Error& error) {
      problems_.error(at, "", error.message(), std::string(error.advice()));
    };
    const auto all = parse_connect_offsets(offsets.text);
    if (!all) return refuse(all.error());
    const Setting* prefix = find(settings_, "topic.prefix");
    const Setting* name = find(settings_, "name");
    std::vector<const ConnectOffset*> found;
    std::string others;
    for (const ConnectOffset& offset : *all) {
      if (prefix != nullptr && offset.server == prefix->value) found.push_back(&offset);
      others += fmt::format("{}'{}'", others.empty() ? "" : ", ", offset.server);
    }
    if (found.size() > 1 && name != nullptr) {
      std::erase_if(found, [&](const ConnectOffset* offset) { return offset->connector != name->value; });
    }
    if (found.size() != 1) {
      problems_.error(at, "",
                      fmt::format("it has {} offsets of topic.prefix '{}'", found.empty() ? "no" : "several",
                                  prefix == nullptr ? "" : prefix->value),
                      others.empty() ? "It is empty." : fmt::format("It has those of {}.", others));
      return;
    }
    const auto taken = take_over(found[0]->offset, postgres());
    if (!taken) return refuse(taken.error());
    for (const auto& [key, value] : taken->options) add_to_source(key, value, {"", "", at});
    if (!taken->warning.empty())
      problems_.warn(at, "", taken->warning, "The transaction's events come again from its beginning.");
  }

  void make_startup(const Setting& mode) {
    const std::string word = lower(mode.value);
    const std::string_view startup = startup_mode(word, postgres());
    if (!startup.empty()) {
      add_to_source("scan.startup.mode", std::string(startup), mode);
      if (word == "when_needed") {
        problems_.warn(mode.location, mode.key, "'when_needed' is followed as initial",
                       "When the log that is needed is gone, the job stops; --reset copies again.");
      }
      return;
    }
    problems_.error(mode.location, mode.key, fmt::format("'{}' cannot be followed", mode.value),
                    word == "always" ? "Use initial; 'sluice run --reset' copies again."
                    : word == "recovery" || word == "schema_only_recovery"
                        ? "There is no schema history that could be lost: use initial, or --take-over."
                        : "Possible are initial, initial_only, no_data and when_needed.");
  }

  void make_ssl_mode(const Setting& mode) {
    std::string word = lower(mode.value);
    // MariaDB's words, and Debezium's that MySQL's client spells otherwise.
    constexpr std::pair<std::string_view, std::string_view> kWords[] = {
        {"disable", "disabled"}, {"trust", "required"},  {"verify-ca", "verify_ca"}, {"verify-full", "verify_identity"},
        {"prefer", "preferred"}, {"require", "required"}};
    for (const auto& [theirs, ours] : kWords) {
      if (word == theirs) word = ours;
    }
    add_to_source("ssl.mode", word, mode);
  }

  void add_to_sink(std::string_view key, const Setting& from) {
    Settings& sink = spec_.sink.settings;
    if (find(sink, key) != nullptr) return;  // the sink's own file says otherwise
    sink.entries.push_back({std::string(key), from.value, from.location, from.from_reference});
  }

  void make_sink() {
    if (!into_kafka()) {
      for (const Setting& setting : events_) leave_out(setting);
      return;
    }
    require("topic.prefix", "It is the first part of every topic's name.", spec_.sink);
    if (const Setting* prefix = find(settings_, "topic.prefix")) add_to_sink("topic.prefix", *prefix);
    for (const Setting& setting : events_) {
      const bool renamed = setting.key == kSchemaChanges;  // Flink CDC's option of that name is another one
      add_to_sink(renamed ? fmt::format("debezium.{}", setting.key) : setting.key, setting);
    }
    if (!postgres()) {
      add_to_sink(fmt::format("debezium.{}", kSchemaChanges),
                  Setting{std::string(kSchemaChanges), "true", settings_.location});
    }
    make_format();
    if (!own_sink_) make_producer();
  }

  // An option of events where rows are wanted. The row instead of the envelope is what such a sink gets anyway; what
  // other transforms do would be missed.
  void leave_out(const Setting& setting) {
    const bool of_rows = setting.key.starts_with("column.") || setting.key == "skipped.operations";
    if (of_rows && setting.value != "t") {
      problems_.error(
          setting.location, setting.key,
          fmt::format("option '{}' is for events, and the sink '{}' gets rows", setting.key, spec_.sink.type),
          "Leave it out; a projection or filter in a block 'transform' of the sink's file changes rows.");
      return;
    }
    const bool of_transform = setting.key.starts_with("transforms") || setting.key.starts_with("predicates");
    if (!of_transform || setting.value.ends_with("ExtractNewRecordState")) {
      no_effect(setting, fmt::format("it forms events, and the sink '{}' gets rows", spec_.sink.type));
    } else if (setting.key.ends_with(".type") && setting.key.starts_with("transforms.")) {
      problems_.error(
          setting.location, setting.key,
          fmt::format("transform '{}' changes events, and the sink '{}' gets rows", setting.value, spec_.sink.type),
          "Leave it out; blocks 'route' and 'transform' of the sink's file change names and rows.");
    }
  }

  // The properties of the producer: the connector's, else the worker's, else those of the Kafka that keeps the schema
  // history.
  void make_producer() {
    const auto take_all = [&](const Settings& settings, std::string_view prefix) {
      for (const Setting& setting : settings.entries) {
        if (setting.key.starts_with(prefix)) add_property(setting.key.substr(prefix.size()), setting);
      }
    };
    take_all(settings_, "producer.override.");
    take_all(worker_, "producer.");
    for (const Settings* settings : {static_cast<const Settings*>(&worker_), &settings_}) {
      if (const Setting* servers = find(*settings, "bootstrap.servers")) add_property("bootstrap.servers", *servers);
    }
    const Setting* history = find(settings_, "schema.history.internal.kafka.bootstrap.servers");
    const bool brokers_known = find(spec_.sink.settings, "properties.bootstrap.servers") != nullptr;
    if (!brokers_known && history != nullptr) {
      add_property("bootstrap.servers", *history);
      add_history_access();
    } else if (!brokers_known) {
      problems_.error(
          settings_.location, "", "the file does not say where the changes go",
          file_.other_sink.empty()
              ? "Give --sink: a file with a block 'sink', or the .properties of a Kafka Connect worker."
              : fmt::format("There is no sink '{}' of Debezium Server; --sink names another.", file_.other_sink));
      spec_.sink.type.clear();
    }
  }

  // How the schema history's clients log in.
  void add_history_access() {
    for (const Setting& setting : settings_.entries) {
      for (const std::string_view client : {"schema.history.internal.producer.", "schema.history.internal.consumer."}) {
        if (!setting.key.starts_with(client)) continue;
        const std::string key = setting.key.substr(client.size());
        if (key.starts_with("security.") || key.starts_with("sasl.") || key.starts_with("ssl."))
          add_property(key, setting);
      }
    }
  }

  // The names are librdkafka's, of which most are Java's.
  void add_property(const std::string& key, const Setting& from) {
    constexpr std::array kOfJava = {
        "key.serializer",      "value.serializer", "buffer.memory",       "max.block.ms",      "partitioner.class",
        "interceptor.classes", "metric.reporters", "delivery.timeout.ms", "send.buffer.bytes", "receive.buffer.bytes"};
    if (std::ranges::find(kOfJava, key) != kOfJava.end()) return no_effect(from, "it is for Kafka's Java client");
    if (key == "sasl.jaas.config") return add_login(from);
    add_to_sink("properties." + (key == "max.request.size" ? "message.max.bytes" : key), from);
  }

  // '... required username="connect" password="secret";'
  void add_login(const Setting& from) {
    for (const auto& [name, property] :
         {std::pair("username", "sasl.username"), std::pair("password", "sasl.password")}) {
      const std::string begin = fmt::format("{}=\"", name);
      const size_t at = from.value.find(begin);
      const size_t end = at == std::string::npos ? at : from.value.find('"', at + begin.size());
      if (end == std::string::npos) {
        problems_.error(from.location, from.key, fmt::format("'{}' holds no {}", from.key, name),
                        "Give properties.sasl.username and properties.sasl.password in the sink's file.");
        return;
      }
      Setting part = from;
      part.value = from.value.substr(at + begin.size(), end - at - begin.size());
      add_to_sink(fmt::format("properties.{}", property), part);
    }
  }

  // Keys and values are JSON; the sink has one switch for the schemas of both.
  void make_format() {
    const Setting* key = schemas_of("key.converter");
    const Setting* value = schemas_of("value.converter");
    if (value != nullptr) add_to_sink("schemas.enable", *value);
    const bool keys = key == nullptr || lower(key->value) == "true";
    const bool values = value == nullptr || lower(value->value) == "true";
    if (keys != values) {
      const Setting& at = key != nullptr ? *key : *value;
      problems_.error(at.location, at.key, "keys and values must both have their schemas, or both not",
                      "Set key.converter.schemas.enable and value.converter.schemas.enable to the same.");
    }
  }

  // The setting of schemas.enable that counts: of the connector if it names a converter, else of the worker.
  const Setting* schemas_of(const std::string& converter) {
    const Settings* from =
        find(settings_, converter) != nullptr || find(worker_, converter) == nullptr ? &settings_ : &worker_;
    if (const Setting* name = find(*from, converter); name != nullptr && !name->value.ends_with("JsonConverter")) {
      problems_.error(name->location, name->key, fmt::format("'{}' is not there yet", name->value),
                      "Events are written as org.apache.kafka.connect.json.JsonConverter does.");
    }
    check_converter_option(*from, converter + ".decimal.format", "BASE64");
    check_converter_option(*from, converter + ".replace.null.with.default", "true");
    return find(*from, converter + ".schemas.enable");
  }

  void check_converter_option(const Settings& from, const std::string& key, std::string_view only) {
    const Setting* setting = find(from, key);
    if (setting == nullptr || lower(setting->value) == lower(only)) return;
    problems_.error(setting->location, key, fmt::format("option '{}' can only be {}", key, only), "Leave it out.");
  }

  ConnectorFile file_;
  const Settings& settings_;
  const ConnectorKind kind_;
  Problems& problems_;
  JobSpec spec_;
  Settings worker_;
  bool own_sink_ = false;        // its options are in the sink's file
  std::vector<Setting> events_;  // options that form events
  Settings pipeline_;            // options of the pipeline block
};

// Adds the option unless it is null, which JSON may have for one that is not given.
void add_option(const std::string& file, const YamlEntry& entry, Settings& settings, Problems& problems) {
  const YamlNode& value = entry.value;
  if (value.kind == YamlNode::Kind::kNull) return;
  if (value.kind != YamlNode::Kind::kScalar) {
    problems.error({file, entry.line}, entry.key,
                   fmt::format("option '{}' must be a value, not {}", entry.key, yaml_kind_name(value.kind)),
                   "Lists are one text with commas.");
    return;
  }
  settings.entries.push_back({entry.key, value.text, {file, entry.line}});
}

// What an option of Debezium Server is called in a connector; empty: it is none of the connector's.
std::string connector_key(std::string_view key) {
  constexpr std::pair<std::string_view, std::string_view> kPrefixes[] = {
      {"debezium.source.", ""},
      {"debezium.sink.kafka.producer.", "producer.override."},
      {"debezium.format.value.", "value.converter."},
      {"debezium.format.key.", "key.converter."},
      {"debezium.transforms", "transforms"},
      {"debezium.predicates", "predicates"},
  };
  for (const auto& [prefix, name] : kPrefixes) {
    if (key.starts_with(prefix)) return fmt::format("{}{}", name, key.substr(prefix.size()));
  }
  return {};
}

void take_server_option(Setting setting, ConnectorFile& out, Problems& problems) {
  if (std::string key = connector_key(setting.key); !key.empty()) {
    setting.key = std::move(key);
    out.settings.entries.push_back(std::move(setting));
  } else if (setting.key == "debezium.sink.type") {
    if (setting.value != "kafka") out.other_sink = setting.value;
  } else if (setting.key == "debezium.format.value" || setting.key == "debezium.format.key") {
    if (setting.value == "json") return;
    problems.error(setting.location, setting.key, fmt::format("format '{}' is not there yet", setting.value),
                   "Events are written as JSON.");
  } else if (setting.key == "debezium.format.schemas.enable") {
    for (const char* key_of : {"key.converter.schemas.enable", "value.converter.schemas.enable"}) {
      setting.key = key_of;
      out.settings.entries.push_back(setting);
    }
  } else {
    problems.warn(setting.location, setting.key, fmt::format("option '{}' does not apply", setting.key),
                  "It is for Debezium Server itself or for another of its sinks.");
  }
}

}  // namespace

ConnectorFile connector_json(const std::string& file, const YamlNode& root, Problems& problems) {
  ConnectorFile out;
  out.settings.location = {file, std::max(root.line, 1)};
  const YamlNode* config = root.find("config");
  if (config == nullptr || root.find("connector.class") != nullptr) {
    for (const YamlEntry& entry : root.entries) add_option(file, entry, out.settings, problems);
    return out;
  }
  for (const YamlEntry& entry : root.entries) {
    if (entry.key == "name") {
      add_option(file, entry, out.settings, problems);
    } else if (entry.key == "config" && config->kind != YamlNode::Kind::kMap) {
      problems.error({file, entry.line}, "config",
                     fmt::format("'config' must be a map, not {}", yaml_kind_name(config->kind)));
    } else if (entry.key != "config") {
      problems.warn({file, entry.line}, entry.key, fmt::format("'{}' does not apply", entry.key),
                    "It is not about the connector's configuration.");
    }
  }
  for (const YamlEntry& entry : config->entries) {
    if (entry.key != "name" || root.find("name") == nullptr) add_option(file, entry, out.settings, problems);
  }
  return out;
}

ConnectorFile connector_properties(const JobText& job, Problems& problems) {
  Settings all = parse_properties(job.file, job.text, problems);
  const bool server = std::ranges::any_of(
      all.entries, [](const Setting& setting) { return setting.key.starts_with("debezium.source."); });
  ConnectorFile out;
  if (!server) {
    out.settings = std::move(all);
    return out;
  }
  out.settings.location = all.location;
  for (Setting& setting : all.entries) take_server_option(std::move(setting), out, problems);
  return out;
}

std::optional<JobSpec> parse_connector(ConnectorFile file, const ConnectorExtras& extras, Problems& problems) {
  for (Setting& setting : file.settings.entries) resolve_references(setting, problems);
  const Setting* name = find(file.settings, "connector.class");
  if (name == nullptr) {
    problems.error(file.settings.location, "connector.class", "required option 'connector.class' is missing",
                   "io.debezium.connector.mysql.MySqlConnector, .mariadb.MariaDbConnector or "
                   ".postgresql.PostgresConnector.");
    return std::nullopt;
  }
  const auto kind = kind_of(name->value);
  if (!kind) {
    std::vector<std::string> names;
    for (const auto& known : kClasses) names.push_back(fmt::format("io.debezium.connector.{}", known.name));
    const std::string_view closest = closest_name(name->value, {names.begin(), names.end()});
    problems.error(name->location, name->key, fmt::format("connector '{}' is not there", name->value),
                   closest.empty() ? fmt::format("Possible are {}.", fmt::join(names, ", "))
                                   : fmt::format("Did you mean '{}'?", closest));
    return std::nullopt;
  }
  return ConnectorReader(std::move(file), *kind, problems).read(extras);
}

}  // namespace sluice
