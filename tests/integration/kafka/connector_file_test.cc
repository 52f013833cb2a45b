// SPDX-License-Identifier: Apache-2.0
// Files of Debezium's connectors, as its tutorial has them, are jobs as they are: into Kafka and into another sink.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/kafka/kafka_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ConnectorFile : public KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = fresh_database(*source_, "inventory_" + GetParam().substr(0, 2));
    pipeline_ = std::make_unique<Pipeline>(*source_, "sqlite", database_);
    sql("CREATE TABLE customers (id int PRIMARY KEY, email varchar(40) NOT NULL)");
    sql("CREATE TABLE orders (id int PRIMARY KEY, customer int)");
    sql("INSERT INTO customers VALUES (1001, 'sally.thomas@acme.com')");
    sql("INSERT INTO orders VALUES (1, 1001)");
  }
  void TearDown() override {
    if (pipeline_) drop_database(*source_, database_);
  }

  // Kafka Connect's JSON. PostgreSQL's connector names no Kafka: a worker's file does.
  std::string json(const std::string& more = {}) const {
    std::string text = fmt::format(R"({{
  "name": "inventory-connector-{0}",
  "config": {{
    "tasks.max": "1",
    "database.hostname": "127.0.0.1",
    "database.port": "{1}",
    "database.user": "{2}",
    "database.password": "{3}",
    "topic.prefix": "dbserver1",
)",
                                   database_, source_->port(), source_->username(), source_->password());
    if (postgres()) {
      text += fmt::format(R"(    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "database.dbname": "{0}",
    "schema.include.list": "{0}",
    "plugin.name": "pgoutput",
    "slot.name": "{0}")",
                          database_);
    } else {
      text += fmt::format(R"(    "connector.class": "io.debezium.connector.{}",
    "database.server.id": "184054",
    "database.include.list": "{}",
    "schema.history.internal.kafka.bootstrap.servers": "{}",
    "schema.history.internal.kafka.topic": "schemahistory.inventory")",
                          GetParam() == "mysql" ? "mysql.MySqlConnector" : "mariadb.MariaDbConnector", database_,
                          broker().address());
    }
    return text + more + "\n  }\n}\n";
  }
  // The exit code; what was printed is added to a failing test.
  int sluice(std::vector<std::string> arguments) {
    if (arguments[0] != "validate") {
      arguments.insert(arguments.end(), {"--state", pipeline_->folder().file("state")});
    }
    const auto process = pipeline_->start(arguments);
    const int code = process->wait(std::chrono::minutes(3)).value_or(-1);
    err_ = process->err();
    out_ = process->out();
    if (code != 0) fmt::print(stderr, "{}\n{}\n", out_, err_);
    return code;
  }
  std::vector<std::string> events(const std::string& table) const {
    auto messages = broker().read(fmt::format("dbserver1.{}.{}", database_, table));
    EXPECT_TRUE(messages.has_value()) << messages.error().describe();
    std::vector<std::string> out;
    if (!messages) return out;
    for (const auto& message : *messages) {
      const Json event = event_of(message);
      out.push_back(event.is_null() ? "tombstone" : event["op"].get<std::string>() + " " + event["after"].dump());
    }
    return out;
  }

  std::unique_ptr<Pipeline> pipeline_;
  std::string out_;
  std::string err_;
};
INSTANTIATE_TEST_SUITE_P(Sources, ConnectorFile, testing::Values("mariadb", "mysql", "postgres_source"), source_name);

TEST_P(ConnectorFile, of_the_tutorial_is_a_job_into_kafka) {
  const std::string file = pipeline_->folder().write("register.json", json());
  std::vector<std::string> command = {"run", file, "--until-caught-up"};
  if (postgres()) {
    const std::string worker = pipeline_->folder().write(
        "connect-standalone.properties",
        fmt::format("bootstrap.servers={}\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n"
                    "value.converter=org.apache.kafka.connect.json.JsonConverter\nplugin.path=/plugins\n",
                    broker().address()));
    command.insert(command.end(), {"--sink", worker});
  }
  ASSERT_EQ(sluice(command), 0);
  EXPECT_THAT(err_, testing::Not(HasSubstr("warning")));
  sql("INSERT INTO customers VALUES (1002, 'george.bailey@foobar.com')");
  ASSERT_EQ(sluice(command), 0);
  EXPECT_THAT(events("customers"), ElementsAre(R"(r {"id":1001,"email":"sally.thomas@acme.com"})",
                                               R"(c {"id":1002,"email":"george.bailey@foobar.com"})"));
  EXPECT_THAT(events("orders"), ElementsAre(R"(r {"id":1,"customer":1001})"));
}

TEST_P(ConnectorFile, goes_into_another_sink_and_is_verified) {
  const std::string file = pipeline_->folder().write(
      "register.json",
      json(fmt::format(",\n    \"table.include.list\": \"{}.CUST.*\",\n    \"max.batch.size\": \"4096\"", database_)));
  const std::string sink = pipeline_->folder().write(
      "sink.yaml", fmt::format("sink:\n  type: sqlite\n  path: {}\n", pipeline_->folder().file("copy.db")));
  ASSERT_EQ(sluice({"validate", file, "--sink", sink, "--connect"}), 0);
  EXPECT_THAT(out_, HasSubstr("ready, 1 table\n"));
  EXPECT_THAT(out_, HasSubstr("warning: option 'max.batch.size' does not apply"));
  ASSERT_EQ(sluice({"explain", file, "--sink", sink}), 0);
  EXPECT_THAT(out_, HasSubstr(fmt::format("job 'inventory-connector-{}': ", database_)));
  ASSERT_EQ(sluice({"run", file, "--sink", sink, "--until-caught-up"}), 0);
  sql("UPDATE customers SET email = 'sally@acme.com' WHERE id = 1001");
  ASSERT_EQ(sluice({"run", file, "--sink", sink, "--until-caught-up"}), 0);
  EXPECT_THAT(pipeline_->target_rows("id, email", "customers", "id"), ElementsAre("1001|sally@acme.com"));
  EXPECT_EQ(sluice({"verify", file, "--sink", sink}), 0);
}

}  // namespace
}  // namespace sluice::support
