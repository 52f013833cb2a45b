// SPDX-License-Identifier: Apache-2.0
// Files of Debezium's connectors, as its tutorial has them, are jobs as they are: into Kafka and into another sink.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/kafka/kafka_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using namespace std::string_view_literals;

// A HashMap<byte[],byte[]> of one entry as Java serializes it: what FileOffsetBackingStore writes.
std::string offsets_file(const std::string& key, const std::string& value) {
  const auto bytes = [](const std::string& text) {
    const size_t size = text.size();
    return std::string({0, 0, static_cast<char>(size >> 8), static_cast<char>(size & 0xFF)}) + text;
  };
  return std::string(
             "\xAC\xED\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xDA\xC1\xC3\x16\x60\xD1\x03\x00\x02"
             "F\x00\x0AloadFactorI\x00\x09thresholdxp\x3F\x40\x00\x00\x00\x00\x00\x0Cw\x08\x00\x00\x00\x10"
             "\x00\x00\x00\x01ur\x00\x02[B\xAC\xF3\x17\xF8\x06\x08T\xE0\x02\x00\x00xp"sv) +
         bytes(key) + std::string("uq\x00\x7E\x00\x02"sv) + bytes(value) + "x";
}

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
  // The command, for PostgreSQL with a worker's file.
  std::vector<std::string> run_into_kafka(const std::string& file) const {
    std::vector<std::string> command = {"run", file, "--until-caught-up"};
    if (!postgres()) return command;
    const std::string worker = pipeline_->folder().write(
        "connect-standalone.properties",
        fmt::format("bootstrap.servers={}\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n"
                    "value.converter=org.apache.kafka.connect.json.JsonConverter\nplugin.path=/plugins\n",
                    broker().address()));
    command.insert(command.end(), {"--sink", worker});
    return command;
  }
  // Where a connector that has handed on everything until now would stand.
  std::string offset_of_now() const {
    const auto value = [&](const std::string& query) { return source_->value(query, database_).value(); };
    if (postgres()) {
      return fmt::format(R"({{"lsn_commit":{0},"lsn_proc":{0},"lsn":{0},"txId":700,"ts_usec":1}})",
                         value("SELECT pg_current_wal_lsn() - '0/0'"));
    }
    return fmt::format(R"({{"ts_sec":1,"file":"mysql-bin.000001","pos":4,"gtids":"{}"}})",
                       value(GetParam() == "mysql" ? "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')"
                                                   : "SELECT @@GLOBAL.gtid_binlog_pos"));
  }
  std::string write_offsets(const std::string& offset) const {
    return pipeline_->folder().write(
        "offsets.dat",
        offsets_file(fmt::format(R"(["inventory-connector-{}",{{"server":"dbserver1"}}])", database_), offset));
  }
  // Keys and values of a topic as they are.
  std::vector<std::string> records(const std::string& topic) const {
    auto messages = broker().read(topic);
    EXPECT_TRUE(messages.has_value()) << messages.error().describe();
    std::vector<std::string> out;
    if (!messages) return out;
    for (const auto& message : *messages) out.push_back(*message.key + " " + message.value.value_or("tombstone"));
    return out;
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
  const std::vector<std::string> command = run_into_kafka(file);
  ASSERT_EQ(sluice(command), 0);
  EXPECT_THAT(err_, testing::Not(HasSubstr("warning")));
  sql("INSERT INTO customers VALUES (1002, 'george.bailey@foobar.com')");
  ASSERT_EQ(sluice(command), 0);
  EXPECT_THAT(events("customers"),
              testing::UnorderedElementsAre(R"(r {"id":1001,"email":"sally.thomas@acme.com"})",
                                            R"(c {"id":1002,"email":"george.bailey@foobar.com"})"));
  EXPECT_THAT(events("orders"), ElementsAre(R"(r {"id":1,"customer":1001})"));
}

TEST_P(ConnectorFile, has_its_transforms_applied) {
  const std::string file = pipeline_->folder().write("register.json", json(R"json(,
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "transforms": "unwrap,route,cast",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.unwrap.delete.tombstone.handling.mode": "rewrite-with-tombstone",
    "transforms.unwrap.add.fields": "op",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "([^.]+)\\.([^.]+)\\.([^.]+)",
    "transforms.route.replacement": "$2-$3",
    "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
    "transforms.cast.spec": "id:string",
    "transforms.cast.predicate": "customers",
    "predicates": "customers",
    "predicates.customers.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    "predicates.customers.pattern": ".*-customers")json"));
  const std::vector<std::string> command = run_into_kafka(file);
  ASSERT_EQ(sluice(command), 0);
  sql("DELETE FROM customers WHERE id = 1001");
  ASSERT_EQ(sluice(command), 0);
  const std::string email = postgres() ? R"("")" : R"("sally.thomas@acme.com")";  // of the key alone, the rest is empty
  EXPECT_THAT(records(database_ + "-customers"),
              ElementsAre(R"({"id":1001} {"id":"1001","email":"sally.thomas@acme.com","__op":"r","__deleted":"false"})",
                          R"({"id":1001} {"id":"1001","email":)" + email + R"(,"__op":"d","__deleted":"true"})",
                          R"({"id":1001} tombstone)"));
  EXPECT_THAT(records(database_ + "-orders"),
              ElementsAre(R"({"id":1} {"id":1,"customer":1001,"__op":"r","__deleted":"false"})"));
  const auto topics = broker().topics("dbserver1." + database_);
  ASSERT_TRUE(topics.has_value());
  EXPECT_TRUE(topics->empty());
}

TEST_P(ConnectorFile, says_which_columns_events_show_and_how) {
  sql("CREATE TABLE people (id int PRIMARY KEY, email varchar(40), card varchar(20), secret varchar(9), city "
      "varchar(9))");
  if (postgres()) sql("ALTER TABLE people REPLICA IDENTITY FULL");
  const auto name = [&](const std::string& column) { return database_ + ".people." + column; };
  const std::string file = pipeline_->folder().write(
      "register.json", json(fmt::format(R"json(,
    "key.converter": "JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "JsonConverter",
    "value.converter.schemas.enable": "false",
    "column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K": "{}",
    "column.truncate.to.4.chars": "{}",
    "column.exclude.list": "{}",
    "message.key.columns": "{}.people:city,id",
    "skip.messages.without.change": "true")json",
                                        name("email"), name("card"), name("secret"), database_)));
  const auto command = run_into_kafka(file);
  ASSERT_EQ(sluice(command), 0);
  sql("INSERT INTO people VALUES (1, 'abc', '1234-5678', 'x', 'Ulm')");
  sql("UPDATE people SET secret = 'y'");
  sql("UPDATE people SET city = 'Bonn'");
  ASSERT_EQ(sluice(command), 0);
  std::vector<std::string> told;
  auto messages = broker().read(fmt::format("dbserver1.{}.people", database_));
  ASSERT_TRUE(messages.has_value());
  for (const auto& message : *messages) {
    const Json event = event_of(message);
    told.push_back(*message.key + " " + (event.is_null() ? "tombstone" : event["op"].get<std::string>()));
    if (event.is_null() || event["after"].is_null()) continue;
    EXPECT_EQ(event["after"].size(), 4u);
    EXPECT_EQ(event["after"]["card"], "1234");
    EXPECT_EQ(event["after"]["email"], "4255bb5ea51a54b309aed2ddfe79083bcd1e000f");
  }
  EXPECT_THAT(told, testing::UnorderedElementsAre(R"({"city":"Ulm","id":1} c)", R"({"city":"Ulm","id":1} d)",
                                                  R"({"city":"Ulm","id":1} tombstone)", R"({"city":"Bonn","id":1} c)"));
}

TEST_P(ConnectorFile, goes_on_where_the_connector_stopped) {
  if (postgres()) {
    sql("CREATE PUBLICATION dbz_publication FOR ALL TABLES");
    sql(fmt::format("SELECT pg_create_logical_replication_slot('{}', 'pgoutput')", database_));
  }
  sql("INSERT INTO customers VALUES (1002, 'handed on by the connector')");
  const std::string offset = offset_of_now();
  sql("INSERT INTO customers VALUES (1003, 'while nothing ran')");
  const std::string file = pipeline_->folder().write("register.json", json());
  std::vector<std::string> command = run_into_kafka(file);
  command.insert(command.end(), {"--take-over", write_offsets(R"({"snapshot":"INITIAL","snapshot_completed":false})")});
  EXPECT_EQ(sluice(command), 3);
  EXPECT_THAT(err_, HasSubstr("offsets.dat: the connector's initial snapshot was not finished"));
  write_offsets(offset);
  ASSERT_EQ(sluice(command), 0);
  sql("INSERT INTO customers VALUES (1004, 'later')");
  ASSERT_EQ(sluice(command), 0);
  EXPECT_THAT(events("customers"),
              ElementsAre(R"(c {"id":1003,"email":"while nothing ran"})", R"(c {"id":1004,"email":"later"})"));
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
