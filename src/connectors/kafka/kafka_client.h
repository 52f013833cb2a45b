// SPDX-License-Identifier: Apache-2.0
// librdkafka: a producer that gives every record to all replicas once and in order, what it needs to know of topics,
// and reading ranges of a topic. Errors say which broker or topic. Used by one thread each.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"

namespace sluice {

using KafkaProperties = std::map<std::string, std::string>;

struct KafkaPropertyProblem {
  std::string name;
  std::string message;
  std::string advice;
};
// What librdkafka does not know or take.
std::vector<KafkaPropertyProblem> kafka_property_problems(const KafkaProperties& properties);

struct KafkaHeader {
  std::string_view name;
  std::string_view value;
};

// Views with data() null are null.
struct KafkaRecord {
  int32_t partition = 0;
  std::string_view key;
  std::string_view value;
};

// A topic as the producer knows it.
struct KafkaTopic {
  std::string name;
  int32_t partitions = 0;
  rd_kafka_topic_t* handle = nullptr;  // of the producer
};

class KafkaProducer {
 public:
  static Result<std::unique_ptr<KafkaProducer>> open(const KafkaProperties& properties);
  // What was not sent is not sent any more.
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  // Waits for a broker.
  Result<> reach(Context& context);
  // Creates the topic if it is not there. `settings`: partitions, replication.factor, and those of the topic.
  Result<KafkaTopic> topic(Context& context, const std::string& name, const KafkaProperties& settings);
  // Hands a record over, waiting for room; everything is copied.
  Result<> send(Context& context, const KafkaTopic& topic, const KafkaRecord& record,
                std::span<const KafkaHeader> headers);
  // Waits until all replicas have everything.
  Result<> flush(Context& context);

 private:
  KafkaProducer() = default;
  Result<int32_t> partitions(Context& context, const std::string& name);
  Result<> create(Context& context, const std::string& name, const KafkaProperties& settings);
  Result<> delivery_failure() const;

  struct Deliveries;
  std::unique_ptr<Deliveries> deliveries_;  // outlives the client, which calls back into it
  rd_kafka_t* client_ = nullptr;
  std::map<std::string, rd_kafka_topic_t*> topics_;
  unsigned sent_ = 0;
};

// Partition of a record with this key: Kafka's own default, murmur2 of the bytes.
int32_t kafka_partition(std::string_view key, int32_t partitions);

// A record that was read; views are valid during the call.
struct KafkaReadRecord {
  int64_t offset = 0;
  std::string_view key;
  std::string_view value;
  const rd_kafka_message_t* message = nullptr;
  // Of the last header with this name.
  std::optional<std::string_view> header(const char* name) const;
};

class KafkaReader {
 public:
  static Result<std::unique_ptr<KafkaReader>> open(const KafkaProperties& properties);
  ~KafkaReader();
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;

  struct Range {
    int64_t begin = 0;
    int64_t end = 0;
  };
  // All that is there of what was written at or behind a time, in milliseconds; zero: of everything.
  Result<Range> range(Context& context, const std::string& topic, int32_t partition, int64_t since_ms);
  // Everything from `begin` to before `end`.
  Result<> read(Context& context, const std::string& topic, int32_t partition, Range range,
                const std::function<Result<>(const KafkaReadRecord&)>& take);

  // Begins to follow a partition from this offset on; without one: from where the group `group.id` has committed, or as
  // `auto.offset.reset` says.
  Result<> follow(const std::string& topic, int32_t partition, std::optional<int64_t> from);
  // Takes the next record if it has come; does not wait. False: there is none.
  Result<bool> poll(const std::function<void(const KafkaReadRecord&)>& take);
  // Tells the group that everything before the offset is done; does not wait.
  Result<> commit(int64_t offset);

 private:
  KafkaReader() = default;
  rd_kafka_t* client_ = nullptr;
  std::string followed_;  // a topic
  int32_t followed_partition_ = 0;
};

}  // namespace sluice
