// SPDX-License-Identifier: Apache-2.0
// Writes the changes of one lane, or the rows of chunks one after the other, as events.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codec/debezium_event.h"
#include "connector/sink.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_tail.h"

namespace sluice {

class KafkaWriter : public SinkWriter {
 public:
  static Result<std::unique_ptr<KafkaWriter>> open(const KafkaSinkOptions& options, const KafkaTopicNames& names,
                                                   const Source& source, const std::string& job);

  Result<> begin(Context& context, const LedgerEntry& entry) override;
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;

 private:
  struct Target {
    KafkaTopic topic;
    KafkaTail* tail = nullptr;
  };
  KafkaWriter(const KafkaSinkOptions& options, const KafkaTopicNames& names, const Source& source,
              const std::string& job)
      : options_(options),
        names_(names),
        source_(source),
        connector_(source.describe().connector),
        head_(position_head(job)),
        encoder_(options.events(source.describe(), job)) {}
  Result<Target*> target_of(Context& context, const TableId& table);
  Result<> send(Context& context, Target& target, const ChangeBatch& batch, const DebeziumRecord& record);
  Result<> produce(Context& context, const Target& target, const KafkaRecord& record);
  Result<> delete_vanished(Context& context);
  void make_position(const ChangeBatch& batch, const DebeziumRecord& record);

  const KafkaSinkOptions& options_;
  const KafkaTopicNames& names_;
  const Source& source_;
  const std::string connector_;
  const std::string head_;  // of positions
  DebeziumEncoder encoder_;
  std::unique_ptr<KafkaProducer> producer_;
  std::unique_ptr<KafkaReader> reader_;  // from when tails are read
  std::map<TableId, Target> targets_;
  std::map<std::string, KafkaTail> tails_;  // by topic
  bool copying_ = false;
  std::string chunk_;   // whose rows are being written
  Position committed_;  // of the lane, before anything was written
  std::string position_;
  std::vector<KafkaHeader> headers_;
};

}  // namespace sluice
