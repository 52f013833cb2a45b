// SPDX-License-Identifier: Apache-2.0
// Topics that are not of tables: those of notifications, and of signals to a job.
#pragma once

#include "connector/event_topics.h"
#include "connectors/kafka/kafka_client.h"

namespace sluice {

class KafkaNotifier {
 public:
  // `settings`: of a topic that is created; `schemas`: records tell their schemas.
  static Result<std::unique_ptr<KafkaNotifier>> open(const KafkaProperties& properties, KafkaProperties settings,
                                                     bool schemas);
  Result<> notify(Context& context, const std::string& topic, std::string_view id, std::string_view text);

 private:
  KafkaNotifier(KafkaProperties settings, bool schemas) : settings_(std::move(settings)), schemas_(schemas) {}
  const KafkaProperties settings_;
  const bool schemas_;
  std::unique_ptr<KafkaProducer> producer_;
};

// The topic's first partition.
Result<std::unique_ptr<TopicReader>> open_kafka_topic(KafkaProperties properties, const TopicToRead& topic);

}  // namespace sluice
