// SPDX-License-Identifier: Apache-2.0
// Jobs from each source into one broker, shared by the tests of the program, and the events they wrote.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "integration/pipelines/pipeline_fixture.h"
#include "support/kafka_server.h"

namespace sluice::support {

using Json = nlohmann::ordered_json;

// "mariadb", "mysql", "postgres_source".
class KafkaTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;
  bool postgres() const { return source_->kind() == "postgres"; }
  // A job of a fresh database; topics are named after it. `lines` are more options of the sink, with DATABASE for the
  // database's name.
  std::unique_ptr<Pipeline> job(std::string lines = {});
  // Until the fault point has killed it.
  static void run_killed(const Pipeline& pipeline, const std::string& fault);
  void sql(const std::string& statements) { execute(*source_, statements, database_); }
  std::string topic(const std::string& table) const { return "it." + database_ + "." + table; }
  std::vector<KafkaMessage> read(const std::string& table) const;
  static KafkaServer& broker();

  DatabaseServer* source_ = nullptr;
  std::string database_;
};

std::string source_name(const testing::TestParamInfo<std::string>& info);
// The change event of a message: its payload if it has a schema.
Json event_of(const KafkaMessage& message);

}  // namespace sluice::support
