// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_connector.h"

#include "codec/record_transform.h"
#include "connector/event_sink.h"
#include "connectors/kafka/kafka_topics.h"
#include "connectors/kafka/kafka_writer.h"

namespace sluice {
namespace {

class KafkaSink final : public Sink, public EventSink, public EventTopics {
 public:
  KafkaSink(KafkaSinkOptions options, KafkaTopicNames names) : options_(std::move(options)), names_(std::move(names)) {}

  Result<> open(Context& context) override {
    ASSIGN_OR_RETURN(producer_, KafkaProducer::open(options_.properties));
    changes_.reset();  // what this attempt tells again is looked for in the topic
    return producer_->reach(context);
  }
  void set_source(const Source& source) override { source_ = &source; }
  Guarantee guarantee() const override { return Guarantee::kAtLeastOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override {
    return std::unique_ptr<Ledger>();
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string& job, uint64_t) override {
    job_ = job;
    ASSIGN_OR_RETURN(auto writer, KafkaWriter::open(options_, names_, *source_, job));
    return std::unique_ptr<SinkWriter>(std::move(writer));
  }
  // What a crash left behind is told by one position.
  int max_writers() const override { return 1; }

  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }

  // Each event carries its schema; only what cannot be carried is said early, and the topic made.
  Result<> apply(Context& context, const SchemaChange& change) override {
    if (!change.after) return {};
    RETURN_IF_ERROR(DebeziumEncoder(options_.events(source_->describe(), "")).check(*change.after));
    // A transform may name the topic otherwise.
    if (change.kind != SchemaChangeKind::kCreateTable || options_.transforms) return {};
    ASSIGN_OR_RETURN(const KafkaTopic topic,
                     producer_->topic(context, names_.name_of(change.after->id), options_.creation));
    return {};
  }
  bool keeps_source_order() const override { return options_.transaction_metadata; }
  std::optional<std::chrono::milliseconds> heartbeat_interval() const override {
    if (options_.heartbeat_interval.count() == 0) return std::nullopt;
    return options_.heartbeat_interval;
  }
  bool tells_truncation() const override { return options_.tells_truncation(); }
  Result<> write_schema_change(Context& context, const SchemaChangeEvent& event, const Position& before) override {
    if (!options_.schema_changes || event.ddl.empty()) return {};
    if (!changes_) {
      ASSIGN_OR_RETURN(changes_, KafkaWriter::open(options_, names_, *source_, job_));
    }
    Result<> written = changes_->write_schema_change(context, event, before);
    if (!written) changes_.reset();
    return written;
  }
  std::vector<std::string> ddl_for(const SchemaChange& change) const override {
    if (change.kind != SchemaChangeKind::kCreateTable) return {};
    return {"topic " + names_.name_of(change.after->id)};
  }
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

  std::string topic_prefix(const std::string& job) const override { return options_.topic_prefix.value_or(job); }
  Result<> notify(Context& context, const std::string& topic, std::string_view id, std::string_view text) override {
    if (!notifier_) {
      ASSIGN_OR_RETURN(notifier_, KafkaNotifier::open(options_.properties, options_.creation, options_.schemas));
    }
    auto told = notifier_->notify(context, topic, id, text);
    if (!told) notifier_.reset();  // a producer that failed once does not go on
    return told;
  }
  Result<std::unique_ptr<TopicReader>> read_topic(const TopicToRead& topic) override {
    return open_kafka_topic(options_.properties, topic);
  }

 private:
  const KafkaSinkOptions options_;
  const KafkaTopicNames names_;
  const Source* source_ = nullptr;
  std::unique_ptr<KafkaProducer> producer_;  // for topics
  std::unique_ptr<KafkaNotifier> notifier_;  // once there was a notification
  std::string job_;
  std::unique_ptr<KafkaWriter> changes_;  // of schema changes, once there was one
};

std::unique_ptr<Sink> make_kafka_sink(const Settings& settings, Problems& problems) {
  Problems found;
  auto options = parse_options<KafkaSinkOptions>(settings, "the kafka sink", found);
  options.check(settings, found);
  options.given = settings;
  options.check_events(settings, found);
  TransformChain::make(settings, found);
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  if (!good) return nullptr;
  auto names = KafkaTopicNames::make(options);
  return std::make_unique<KafkaSink>(std::move(options), std::move(*names));
}

}  // namespace

ConnectorInfo kafka_connector() {
  return {.type = "kafka",
          .summary = "Writes Debezium's change events into Kafka's topics.",
          .make_source = {},
          .make_sink = make_kafka_sink,
          .source_options = {},
          .sink_options = [] { return option_help<KafkaSinkOptions>(); }};
}

}  // namespace sluice
