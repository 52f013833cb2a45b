// SPDX-License-Identifier: Apache-2.0
#include "support/kafka_server.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <filesystem>

#include "support/wait.h"

namespace sluice::support {
namespace {

constexpr int kRequestMs = 10000;
constexpr std::chrono::seconds kStartTimeout{120};

std::string jar_folder() { return cache_folder() + "/kafka"; }

struct ClientDelete {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, ClientDelete>;

Result<Client> producer(const std::string& address) {
  std::array<char, 512> problem;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", address.c_str(), problem.data(), problem.size());
  rd_kafka_conf_set(conf, "log_level", "0", problem.data(), problem.size());
  Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem.data(), problem.size()));
  if (!client) return Error(ErrorCode::kInternal, problem.data());
  return client;
}

Result<Client> consumer(const std::string& address) {
  std::array<char, 512> problem;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const std::pair<const char*, const char*> settings[] = {{"bootstrap.servers", address.c_str()},
                                                          {"group.id", "test"},
                                                          {"enable.auto.commit", "false"},
                                                          {"enable.partition.eof", "true"},
                                                          {"log_level", "0"}};
  for (const auto& [name, value] : settings) rd_kafka_conf_set(conf, name, value, problem.data(), problem.size());
  Client client(rd_kafka_new(RD_KAFKA_CONSUMER, conf, problem.data(), problem.size()));
  if (!client) return Error(ErrorCode::kInternal, problem.data());
  return client;
}

Error failed(rd_kafka_resp_err_t code, std::string_view doing) {
  return Error(ErrorCode::kConnect, fmt::format("{}: {}", doing, rd_kafka_err2str(code)));
}

std::optional<std::string> bytes_of(const void* data, size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(data), size);
}

KafkaMessage copy_of(const rd_kafka_message_t& message) {
  KafkaMessage copy{.partition = message.partition,
                    .offset = message.offset,
                    .key = bytes_of(message.key, message.key_len),
                    .value = bytes_of(message.payload, message.len)};
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return copy;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    copy.headers[name] = bytes_of(value, size).value_or("");
  }
  return copy;
}

}  // namespace

std::string KafkaServer::unavailable() {
  if (!std::filesystem::exists(jar_folder() + "/kafka_broker.xml")) {
    return "there is no Kafka broker in the cache folder; tools/kafka_broker.sh makes it and ./dev test calls it";
  }
  if (!run_command({"java", "-version"})) return "there is no Java; ./dev test installs openjdk-17-jre-headless";
  return {};
}

KafkaServer::~KafkaServer() {
  if (process_) process_->kill9();
}

ProcessOptions KafkaServer::java(std::vector<std::string> arguments) const {
  // One small broker: what starts soon matters, not what runs fast after an hour.
  std::vector<std::string> command = {"java",
                                      "-Xmx256m",
                                      "-XX:+UseSerialGC",
                                      "-XX:TieredStopAtLevel=1",
                                      "-XX:-UsePerfData",
                                      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                      "-cp",
                                      jar_folder() + "/*"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {.command = std::move(command), .output_folder = folder_.path(), .folder = folder_.path()};
}

Result<std::unique_ptr<KafkaServer>> KafkaServer::start() {
  std::unique_ptr<KafkaServer> server(new KafkaServer());
  const int port = server->lease_.port();
  const int controller = server->controller_lease_.port();
  server->folder_.write("server.properties",
                        fmt::format("process.roles=broker,controller\n"
                                    "node.id=1\n"
                                    "controller.quorum.voters=1@127.0.0.1:{1}\n"
                                    "listeners=PLAINTEXT://127.0.0.1:{0},CONTROLLER://127.0.0.1:{1}\n"
                                    "controller.listener.names=CONTROLLER\n"
                                    "log.dirs={2}\n"
                                    "auto.create.topics.enable=false\n"
                                    "num.partitions=3\n"
                                    "offsets.topic.replication.factor=1\n"
                                    "transaction.state.log.replication.factor=1\n"
                                    "transaction.state.log.min.isr=1\n",
                                    port, controller, server->folder_.file("data")));
  ASSIGN_OR_RETURN(const auto format,
                   Process::spawn(server->java({"kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ",
                                                "-c", "server.properties"})));
  if (format->wait(kStartTimeout) != 0) {
    return Error(ErrorCode::kState, "formatting Kafka's folder failed: " + tail(format->err()));
  }
  RETURN_IF_ERROR(server->launch());
  return server;
}

Result<> KafkaServer::launch() {
  ASSIGN_OR_RETURN(process_, Process::spawn(java({"kafka.Kafka", "server.properties"})));
  const bool up = wait_until([this] { return !process_->running() || topics("").has_value(); }, kStartTimeout);
  if (!up || !process_->running()) return Error(ErrorCode::kConnect, "Kafka did not start: " + tail(process_->err()));
  return {};
}

Result<> KafkaServer::restart() {
  if (process_->running()) process_->kill9();
  return launch();
}

Result<std::map<std::string, int>> KafkaServer::topics(const std::string& prefix) const {
  ASSIGN_OR_RETURN(const Client client, consumer(address()));
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code = rd_kafka_metadata(client.get(), 1, nullptr, &metadata, kRequestMs);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(code, "asking for topics");
  std::map<std::string, int> found;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const std::string name = metadata->topics[i].topic;
    if (name.starts_with(prefix)) found[name] = metadata->topics[i].partition_cnt;
  }
  rd_kafka_metadata_destroy(metadata);
  return found;
}

Result<> KafkaServer::configure(const std::string& topic, const std::string& option, const std::string& value) const {
  ASSIGN_OR_RETURN(const Client client, producer(address()));
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_ConfigResource_set_config(resource, option.c_str(), value.c_str());
  rd_kafka_queue_t* const answers = rd_kafka_queue_new(client.get());
  rd_kafka_AlterConfigs(client.get(), &resource, 1, nullptr, answers);
  rd_kafka_event_t* const answer = rd_kafka_queue_poll(answers, kRequestMs);
  auto code = answer == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(answer);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    size_t count = 0;
    const auto* const all = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(answer), &count);
    code = rd_kafka_ConfigResource_error(all[0]);
  }
  if (answer != nullptr) rd_kafka_event_destroy(answer);
  rd_kafka_queue_destroy(answers);
  rd_kafka_ConfigResource_destroy(resource);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(code, "configuring " + topic);
  return {};
}

Result<> KafkaServer::write(const std::string& topic, int partition, std::string_view value, int64_t time_ms) const {
  ASSIGN_OR_RETURN(const Client client, producer(address()));
  const auto code = rd_kafka_producev(client.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                      RD_KAFKA_V_TIMESTAMP(time_ms), RD_KAFKA_V_END);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(code, "writing to " + topic);
  const auto sent = rd_kafka_flush(client.get(), kRequestMs);
  if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(sent, "writing to " + topic);
  return {};
}

Result<std::vector<KafkaMessage>> KafkaServer::read(const std::string& topic) const {
  ASSIGN_OR_RETURN(const auto found, topics(topic));
  std::vector<KafkaMessage> messages;
  if (!found.contains(topic)) return messages;
  ASSIGN_OR_RETURN(const Client client, consumer(address()));
  rd_kafka_poll_set_consumer(client.get());
  for (int partition = 0; partition < found.at(topic); ++partition) {
    // To here: the end may run ahead of a reader.
    int64_t begin = 0;
    int64_t end = 0;
    rd_kafka_resp_err_t asked = RD_KAFKA_RESP_ERR_NO_ERROR;
    // A new partition has no leader at first.
    const bool known = wait_until([&] {
      asked = rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), partition, &begin, &end, kRequestMs);
      return asked == RD_KAFKA_RESP_ERR_NO_ERROR;
    });
    if (!known) return failed(asked, "asking how long " + topic + " is");
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = begin;
    rd_kafka_assign(client.get(), list);
    rd_kafka_topic_partition_list_destroy(list);
    while (begin < end) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(client.get(), kRequestMs);
      if (message == nullptr) return Error(ErrorCode::kConnect, "Kafka is silent: " + tail(log()));
      const auto code = message->err;
      begin = message->offset + 1;
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset < end) messages.push_back(copy_of(*message));
      rd_kafka_message_destroy(message);
      if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(code, "reading " + topic);
    }
  }
  rd_kafka_assign(client.get(), nullptr);
  rd_kafka_consumer_close(client.get());
  return messages;
}

}  // namespace sluice::support
