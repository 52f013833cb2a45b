// SPDX-License-Identifier: Apache-2.0
// A Kafka 4 broker of one node (KRaft, no ZooKeeper), from the jars that tools/kafka_broker.sh fetches, and what tests
// read from it. Topics are not created by themselves.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "support/port.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace sluice::support {

struct KafkaMessage {
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;  // nothing: a tombstone
  std::map<std::string, std::string> headers;
};

class KafkaServer {
 public:
  // Why there can be no broker here; empty if there can.
  static std::string unavailable();
  static Result<std::unique_ptr<KafkaServer>> start();
  ~KafkaServer();
  KafkaServer(const KafkaServer&) = delete;
  KafkaServer& operator=(const KafkaServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(lease_.port()); }
  void kill9() { process_->kill9(); }
  void pause() { process_->pause(); }
  void resume() { process_->resume(); }
  Result<> restart();  // on the same folder and ports; returns when it answers
  std::string log() const { return process_->err(); }

  // Topics whose names begin so, with their numbers of partitions.
  Result<std::map<std::string, int>> topics(const std::string& prefix) const;
  // Sets an option of a topic, and all others back.
  Result<> configure(const std::string& topic, const std::string& option, const std::string& value) const;
  // Appends a record that was written at this time, in milliseconds.
  Result<> write(const std::string& topic, int partition, std::string_view value, int64_t time_ms) const;
  // Everything that the topic holds now, partition after partition.
  Result<std::vector<KafkaMessage>> read(const std::string& topic) const;

 private:
  KafkaServer() = default;
  Result<> launch();
  ProcessOptions java(std::vector<std::string> arguments) const;

  PortLease lease_;
  PortLease controller_lease_;
  TempFolder folder_;
  std::unique_ptr<Process> process_;
};

}  // namespace sluice::support
