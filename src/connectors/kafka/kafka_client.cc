// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/kafka_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"

namespace sluice {
namespace {

constexpr int kPollMs = 50;
constexpr int kRequestMs = 1000;
constexpr std::chrono::seconds kReachTimeout{15};
constexpr std::chrono::seconds kTopicTimeout{30};
// Acknowledgements are taken in once for so many records.
constexpr unsigned kRecordsPerPoll = 64;
// What the client holds before send() waits: a few round trips of a fast broker.
constexpr const char* kQueueKilobytes = "16384";

struct ConfDelete {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDelete>;

void log_client(const rd_kafka_t*, int level, const char*, const char* text) {
  constexpr int kWarning = 4;
  if (level <= kWarning) {
    log_debug("kafka client: {}", text);
  }
}

Error error_of(rd_kafka_resp_err_t code, std::string_view text) {
  switch (static_cast<int>(code)) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return Error(ErrorCode::kTarget, fmt::format("a record is larger than Kafka takes ({})", text),
                   "Raise properties.message.max.bytes here and max.message.bytes of the topic.");
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION: return Error(ErrorCode::kAccess, std::string(text));
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: return Error(ErrorCode::kTarget, std::string(text));
    default: return Error(ErrorCode::kConnect, std::string(text));
  }
}
Error error_of(rd_kafka_resp_err_t code) { return error_of(code, rd_kafka_err2str(code)); }

Result<> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> problem;
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), problem.data(), problem.size()) == RD_KAFKA_CONF_OK)
    return {};
  return Error(ErrorCode::kConfig, problem.data());
}

Result<Conf> make_conf(const KafkaProperties& properties, const KafkaProperties& ours) {
  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : properties) {
    RETURN_IF_ERROR(set(conf.get(), name, value).context("properties." + name));
  }
  for (const auto& [name, value] : ours) {
    if (!properties.contains(name)) RETURN_IF_ERROR(set(conf.get(), name, value));
  }
  rd_kafka_conf_set_log_cb(conf.get(), log_client);
  return conf;
}

struct TopicDelete {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};
struct QueueDelete {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
struct EventDelete {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
struct AdminDelete {
  void operator()(rd_kafka_AdminOptions_t* options) const { rd_kafka_AdminOptions_destroy(options); }
};
struct MetadataDelete {
  void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
};
struct MessageDelete {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
struct PartitionsDelete {
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};

KafkaReadRecord record_of(const rd_kafka_message_t& message) {
  return {.offset = message.offset,
          .key = {static_cast<const char*>(message.key), message.key_len},
          .value = {static_cast<const char*>(message.payload), message.len},
          .message = &message};
}

Error stopped() { return Error(ErrorCode::kStopped, "stopped while writing to Kafka"); }

}  // namespace

// The first record that did not arrive.
struct KafkaProducer::Deliveries {
  mutable std::mutex mutex;
  std::optional<Error> failure;

  static void report(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    auto& self = *static_cast<Deliveries*>(opaque);
    std::lock_guard lock(self.mutex);
    if (self.failure) return;
    self.failure = error_of(message->err)
                       .context(fmt::format("writing to topic {}, partition {}", rd_kafka_topic_name(message->rkt),
                                            message->partition));
  }
};

std::vector<KafkaPropertyProblem> kafka_property_problems(const KafkaProperties& properties) {
  std::vector<KafkaPropertyProblem> problems;
  const Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : properties) {
    auto taken = set(conf.get(), name, value);
    if (taken) continue;
    problems.push_back({name, taken.error().message(),
                        "The names are librdkafka's, https://github.com/confluentinc/librdkafka CONFIGURATION.md; "
                        "stores of Java's keys have others there (ssl.ca.location, ssl.keystore.location)."});
  }
  return problems;
}

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaProperties& properties) {
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer());
  producer->deliveries_ = std::make_unique<Deliveries>();
  ASSIGN_OR_RETURN(Conf conf, make_conf(properties, {{"client.id", "sluice"},
                                                     {"enable.idempotence", "true"},
                                                     {"acks", "all"},
                                                     // A record that cannot be written stops those behind it, of the
                                                     // same keys perhaps; none is given up because of its age.
                                                     {"enable.gapless.guarantee", "true"},
                                                     {"message.timeout.ms", "0"},
                                                     {"linger.ms", "5"},
                                                     {"compression.codec", "lz4"},
                                                     {"queue.buffering.max.kbytes", kQueueKilobytes},
                                                     {"topic.metadata.refresh.interval.ms", "60000"}}));
  rd_kafka_conf_set_dr_msg_cb(conf.get(), Deliveries::report);
  rd_kafka_conf_set_opaque(conf.get(), producer->deliveries_.get());
  std::array<char, 512> problem;
  producer->client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), problem.data(), problem.size());
  if (producer->client_ == nullptr) return Error(ErrorCode::kConfig, fmt::format("Kafka client: {}", problem.data()));
  conf.release();  // the client's now
  return producer;
}

KafkaProducer::~KafkaProducer() {
  for (const auto& [name, handle] : topics_) rd_kafka_topic_destroy(handle);
  if (client_ == nullptr) return;
  rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_destroy(client_);
}

Result<> KafkaProducer::delivery_failure() const {
  std::lock_guard lock(deliveries_->mutex);
  if (deliveries_->failure) return Error(*deliveries_->failure);
  return {};
}

Result<> KafkaProducer::reach(Context& context) {
  const MonotonicTime end = monotonic_now() + kReachTimeout;
  for (;;) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(client_, 0, nullptr, &metadata, kRequestMs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(metadata);
      return {};
    }
    if (context.stop_requested()) return stopped();
    if (monotonic_now() > end) return error_of(code).context("asking the Kafka brokers for their topics");
  }
}

// Zero if there is no such topic.
Result<int32_t> KafkaProducer::partitions(Context& context, const std::string& name) {
  rd_kafka_topic_t*& handle = topics_[name];
  if (handle == nullptr) handle = rd_kafka_topic_new(client_, name.c_str(), nullptr);
  if (handle == nullptr) return error_of(rd_kafka_last_error()).context("topic " + name);
  const MonotonicTime end = monotonic_now() + kTopicTimeout;
  for (;;) {
    const rd_kafka_metadata_t* got = nullptr;
    const auto code = rd_kafka_metadata(client_, 0, handle, &got, kRequestMs);
    const std::unique_ptr<const rd_kafka_metadata_t, MetadataDelete> metadata(got);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
      const rd_kafka_metadata_topic_t& topic = metadata->topics[0];
      if (topic.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return 0;
      if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0) return topic.partition_cnt;
      if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR && topic.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        return error_of(topic.err).context("topic " + name);
      }
    }
    if (!context.wait_for(std::chrono::milliseconds(kPollMs))) return stopped();
    if (monotonic_now() > end) return error_of(code).context("asking for topic " + name);
  }
}

Result<> KafkaProducer::create(Context& context, const std::string& name, const KafkaProperties& settings) {
  const auto number = [&](const char* key) {
    const auto found = settings.find(key);
    return found == settings.end() ? -1 : static_cast<int>(std::strtol(found->second.c_str(), nullptr, 10));
  };
  std::array<char, 512> problem;
  const std::unique_ptr<rd_kafka_NewTopic_t, TopicDelete> topic(rd_kafka_NewTopic_new(
      name.c_str(), number("partitions"), number("replication.factor"), problem.data(), problem.size()));
  if (!topic) return Error(ErrorCode::kConfig, fmt::format("topic {}: {}", name, problem.data()));
  for (const auto& [key, value] : settings) {
    if (key == "partitions" || key == "replication.factor") continue;
    rd_kafka_NewTopic_set_config(topic.get(), key.c_str(), value.c_str());
  }
  const std::unique_ptr<rd_kafka_queue_t, QueueDelete> queue(rd_kafka_queue_new(client_));
  const std::unique_ptr<rd_kafka_AdminOptions_t, AdminDelete> options(
      rd_kafka_AdminOptions_new(client_, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  const int wait_ms = static_cast<int>(std::chrono::milliseconds(kTopicTimeout).count());
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), wait_ms, problem.data(), problem.size());
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(client_, topics, 1, options.get(), queue.get());
  std::unique_ptr<rd_kafka_event_t, EventDelete> event;
  while (!event) {
    if (context.stop_requested()) return stopped();
    event.reset(rd_kafka_queue_poll(queue.get(), kPollMs));
  }
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(rd_kafka_event_error(event.get()), rd_kafka_event_error_string(event.get()))
        .context("creating topic " + name);
  }
  size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(result, &count);
  for (size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* const text = rd_kafka_topic_result_error_string(results[i]);
    return error_of(code, text != nullptr ? text : rd_kafka_err2str(code)).context("creating topic " + name);
  }
  return {};
}

// Created first and asked for afterwards: a broker that makes topics by itself would do so when it is asked.
Result<KafkaTopic> KafkaProducer::topic(Context& context, const std::string& name, const KafkaProperties& settings) {
  auto created = create(context, name, settings);
  if (!created && created.error().code() != ErrorCode::kAccess) return std::move(created).error();
  const MonotonicTime end = monotonic_now() + kTopicTimeout;
  for (;;) {
    ASSIGN_OR_RETURN(const int32_t count, partitions(context, name));
    if (count > 0) return KafkaTopic{.name = name, .partitions = count, .handle = topics_[name]};
    RETURN_IF_ERROR(created);
    if (!context.wait_for(std::chrono::milliseconds(kPollMs))) return stopped();
    if (monotonic_now() > end) {
      return Error(ErrorCode::kConnect, fmt::format("topic {} was created and is not there", name));
    }
  }
}

Result<> KafkaProducer::send(Context& context, const KafkaTopic& topic, const KafkaRecord& record,
                             std::span<const KafkaHeader> headers) {
  const auto bytes = [](std::string_view text) { return const_cast<char*>(text.data()); };
  rd_kafka_headers_t* const list = rd_kafka_headers_new(headers.size());
  for (const KafkaHeader& header : headers) {
    rd_kafka_header_add(list, header.name.data(), static_cast<ssize_t>(header.name.size()), header.value.data(),
                        static_cast<ssize_t>(header.value.size()));
  }
  for (;;) {
    const auto code = rd_kafka_producev(
        client_, RD_KAFKA_V_RKT(topic.handle), RD_KAFKA_V_PARTITION(record.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(bytes(record.key), record.key.size()),
        RD_KAFKA_V_VALUE(bytes(record.value), record.value.size()), RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    auto failed = delivery_failure();
    const bool full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (failed && full && !context.stop_requested()) {
      rd_kafka_poll(client_, kPollMs);
      continue;
    }
    rd_kafka_headers_destroy(list);
    RETURN_IF_ERROR(failed);
    if (full) return stopped();
    return error_of(code).context("writing to topic " + topic.name);
  }
  if (++sent_ % kRecordsPerPoll == 0) rd_kafka_poll(client_, 0);
  return {};
}

Result<> KafkaProducer::flush(Context& context) {
  for (;;) {
    const auto code = rd_kafka_flush(client_, kPollMs);
    RETURN_IF_ERROR(delivery_failure());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    std::array<char, 512> problem;
    if (const auto fatal = rd_kafka_fatal_error(client_, problem.data(), problem.size());
        fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Error(ErrorCode::kConnect, fmt::format("Kafka: {}", problem.data()));
    }
    if (context.stop_requested()) return stopped();
  }
}

int32_t kafka_partition(std::string_view key, int32_t partitions) {
  return rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), partitions, nullptr, nullptr);
}

std::optional<std::string_view> KafkaReadRecord::header(const char* name) const {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  const void* found = nullptr;
  size_t size = 0;
  if (rd_kafka_header_get_last(headers, name, &found, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return std::string_view(static_cast<const char*>(found), size);
}

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaProperties& properties) {
  std::unique_ptr<KafkaReader> reader(new KafkaReader());
  KafkaProperties ours = {{"client.id", "sluice"},
                          {"group.id", "sluice"},
                          {"enable.auto.commit", "false"},
                          {"auto.offset.reset", "error"},
                          {"enable.partition.eof", "true"}};
  ASSIGN_OR_RETURN(Conf conf, make_conf(properties, ours));
  std::array<char, 512> problem;
  reader->client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), problem.data(), problem.size());
  if (reader->client_ == nullptr) return Error(ErrorCode::kConfig, fmt::format("Kafka client: {}", problem.data()));
  conf.release();
  rd_kafka_poll_set_consumer(reader->client_);
  return reader;
}

KafkaReader::~KafkaReader() {
  if (client_ == nullptr) return;
  rd_kafka_consumer_close(client_);
  rd_kafka_destroy(client_);
}

Result<KafkaReader::Range> KafkaReader::range(Context& context, const std::string& topic, int32_t partition,
                                              int64_t since_ms) {
  const std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionsDelete> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* const place = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  const MonotonicTime end = monotonic_now() + kReachTimeout;
  for (;;) {
    Range range;
    auto code =
        rd_kafka_query_watermark_offsets(client_, topic.c_str(), partition, &range.begin, &range.end, kRequestMs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (since_ms == 0 || range.begin >= range.end) return range;
      place->offset = since_ms;
      code = rd_kafka_offsets_for_times(client_, list.get(), kRequestMs);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = place->err;
      // Records of old brokers have no time.
      if (code == RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT) return range;
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        range.begin = place->offset < 0 ? range.end : std::clamp(place->offset, range.begin, range.end);
        return range;
      }
    }
    if (context.stop_requested()) return stopped();
    if (monotonic_now() > end) return error_of(code).context(fmt::format("asking how long topic {} is", topic));
  }
}

Result<> KafkaReader::read(Context& context, const std::string& topic, int32_t partition, Range range,
                           const std::function<Result<>(const KafkaReadRecord&)>& take) {
  if (range.begin >= range.end) return {};
  const std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionsDelete> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = range.begin;
  const auto assigned = rd_kafka_assign(client_, list.get());
  if (assigned != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(assigned).context("reading topic " + topic);
  const MonotonicTime patience = monotonic_now() + kTopicTimeout;
  int64_t at = range.begin;
  while (at < range.end) {
    if (context.stop_requested()) return stopped();
    const std::unique_ptr<rd_kafka_message_t, MessageDelete> message(rd_kafka_consumer_poll(client_, kPollMs));
    if (!message) {
      if (at == range.begin && monotonic_now() > patience) {
        return Error(ErrorCode::kConnect, fmt::format("topic {} is not sent by its broker", topic));
      }
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_of(message->err, rd_kafka_message_errstr(message.get())).context("reading topic " + topic);
    }
    at = message->offset + 1;
    if (message->offset >= range.end) break;
    RETURN_IF_ERROR(take(record_of(*message)));
  }
  rd_kafka_assign(client_, nullptr);
  return {};
}

Result<> KafkaReader::follow(const std::string& topic, int32_t partition, std::optional<int64_t> from) {
  followed_ = topic;
  followed_partition_ = partition;
  const std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionsDelete> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset =
      from.value_or(RD_KAFKA_OFFSET_STORED);
  const auto assigned = rd_kafka_assign(client_, list.get());
  if (assigned == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return error_of(assigned).context("reading topic " + topic);
}

Result<bool> KafkaReader::poll(const std::function<void(const KafkaReadRecord&)>& take) {
  for (;;) {
    const std::unique_ptr<rd_kafka_message_t, MessageDelete> message(rd_kafka_consumer_poll(client_, 0));
    if (!message) return false;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) continue;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_of(message->err, rd_kafka_message_errstr(message.get())).context("reading topic " + followed_);
    }
    take(record_of(*message));
    return true;
  }
}

Result<> KafkaReader::commit(int64_t offset) {
  const std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionsDelete> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), followed_.c_str(), followed_partition_)->offset = offset;
  const auto committed = rd_kafka_commit(client_, list.get(), 1);
  if (committed == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return error_of(committed).context("committing how far topic " + followed_ + " was read");
}

}  // namespace sluice
