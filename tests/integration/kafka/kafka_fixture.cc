// SPDX-License-Identifier: Apache-2.0
#include "integration/kafka/kafka_fixture.h"

#include <fmt/format.h>

namespace sluice::support {

KafkaServer& KafkaTest::broker() {
  static const std::unique_ptr<KafkaServer> server = [] {
    auto started = KafkaServer::start();
    if (!started) ADD_FAILURE() << started.error().describe();
    return started ? std::move(*started) : nullptr;
  }();
  return *server;
}

void KafkaTest::SetUp() {
  if (const auto why = KafkaServer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  if (GetParam() == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
  source_ = Servers::shared().get(GetParam());
  ASSERT_NE(source_, nullptr);
  broker();
  ASSERT_FALSE(HasFailure());
}

void KafkaTest::run_killed(const Pipeline& pipeline, const std::string& fault) {
  constexpr int kKilled = 128 + 9;
  const auto process =
      pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state")}, {{"SLUICE_FAULT", fault}});
  ASSERT_EQ(process->wait().value_or(-1), kKilled) << fault << "\n" << tail(process->err(), 30);
}

std::unique_ptr<Pipeline> KafkaTest::job(std::string lines) {
  database_ = fresh_database(*source_, "events_" + source_->kind().substr(0, 2) + GetParam().substr(0, 2));
  constexpr std::string_view kName = "DATABASE";
  for (size_t at = 0; (at = lines.find(kName, at)) != std::string::npos;) lines.replace(at, kName.size(), database_);
  auto pipeline = std::make_unique<Pipeline>(*source_, "kafka", database_);
  pipeline->sink_options(
      fmt::format("properties.bootstrap.servers: {}\ntopic.prefix: it\n{}", broker().address(), lines));
  return pipeline;
}

std::vector<KafkaMessage> KafkaTest::read(const std::string& table) const {
  auto messages = broker().read(topic(table));
  EXPECT_TRUE(messages.has_value()) << messages.error().describe();
  return messages ? std::move(*messages) : std::vector<KafkaMessage>();
}

std::string source_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

Json event_of(const KafkaMessage& message) {
  if (!message.value) return nullptr;
  Json value = Json::parse(*message.value);
  return value.contains("payload") ? value["payload"] : value;
}

}  // namespace sluice::support
