// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "languages/job_language.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

// As Debezium's tutorial has it.
constexpr std::string_view kTutorial = R"({
  "name": "inventory-connector",
  "config": {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "tasks.max": "1",
    "database.hostname": "mysql",
    "database.port": "3306",
    "database.user": "debezium",
    "database.password": "dbz",
    "database.server.id": "184054",
    "topic.prefix": "dbserver1",
    "database.include.list": "inventory",
    "schema.history.internal.kafka.bootstrap.servers": "kafka:9092",
    "schema.history.internal.kafka.topic": "schemahistory.inventory"
  }
})";

constexpr std::string_view kPostgres =
    "name=pg\nconnector.class=PostgresConnector\ndatabase.hostname=h\ndatabase.user=u\ndatabase.dbname=shop\n"
    "topic.prefix=p\nplugin.name=pgoutput\n";

struct Parsed {
  JobSpec spec;
  std::string problems;
  std::vector<std::string> source() const { return lines(spec.source.settings); }
  std::vector<std::string> sink() const { return lines(spec.sink.settings); }
  static std::vector<std::string> lines(const Settings& settings) {
    std::vector<std::string> out;
    for (const Setting& setting : settings.entries) out.push_back(setting.key + "=" + setting.value);
    return out;
  }
};

Parsed parse(const std::string& file, std::string_view text, const JobText* sink = nullptr,
             const JobText* offsets = nullptr) {
  Problems problems;
  auto spec = parse_job({file, text}, {sink, offsets}, problems);
  return {spec ? std::move(*spec) : JobSpec(), problems.text()};
}

Parsed postgres(std::string_view more, const JobText* sink = nullptr, const JobText* offsets = nullptr) {
  return parse("pg.properties", std::string(kPostgres) + std::string(more), sink, offsets);
}

TEST(ConnectorFileTest, the_tutorials_connector_is_a_job_into_its_kafka) {
  const Parsed parsed = parse("register-mysql.json", kTutorial);
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.spec.pipeline.name, "inventory-connector");
  EXPECT_EQ(parsed.spec.source.type, "mysql");
  EXPECT_THAT(parsed.source(),
              ElementsAre("hostname=mysql", "port=3306", "username=debezium", "password=dbz", "server-id=184054",
                          "tables=/(?:inventory)\\..*/", "treat-tinyint1-as-boolean.enabled=false"));
  EXPECT_EQ(parsed.spec.sink.type, "kafka");
  EXPECT_THAT(parsed.sink(), ElementsAre("topic.prefix=dbserver1", "debezium.include.schema.changes=true",
                                         "properties.bootstrap.servers=kafka:9092"));
}

TEST(ConnectorFileTest, the_bare_configuration_is_one_too) {
  const Parsed parsed =
      parse("c", R"({"connector.class":"MariaDb", "name": "n", "database.hostname":"h","topic.prefix":"p",
      "database.user":"u","bootstrap.servers":"k:1","decimal.handling.mode":"string","database.ssl.mode":"verify-full",
      "database.port": 3307, "snapshot.mode": "no_data", "snapshot.delay.ms": null})");
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.spec.pipeline.name, "n");
  EXPECT_THAT(parsed.source(), IsSupersetOf({"port=3307", "tables=/.*/", "scan.startup.mode=latest-offset",
                                             "ssl.mode=verify_identity"}));
  EXPECT_THAT(parsed.sink(), ElementsAre("topic.prefix=p", "decimal.handling.mode=string",
                                         "debezium.include.schema.changes=true", "properties.bootstrap.servers=k:1"));
}

TEST(ConnectorFileTest, schema_changes_are_told_unless_the_file_says_otherwise) {
  const std::string text =
      "connector.class=MySql\nname=n\ntopic.prefix=p\ndatabase.hostname=h\ndatabase.user=u\nbootstrap.servers=k:1\n"
      "include.schema.changes=false\n";
  const Parsed parsed = parse("c.properties", text);
  EXPECT_EQ(parsed.problems, "");
  EXPECT_THAT(parsed.sink(), testing::Contains("debezium.include.schema.changes=false"));
  const JobText sink{"sink.yaml", "sink:\n  type: sqlite\n  path: shop.db\n"};
  EXPECT_THAT(parse("c.properties", text, &sink).problems, HasSubstr("option 'include.schema.changes' does not apply"));
}

TEST(ConnectorFileTest, a_properties_file_of_postgres_has_debeziums_defaults) {
  const Parsed parsed = postgres("bootstrap.servers=k:1\n");
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.spec.source.type, "postgres");
  EXPECT_THAT(parsed.source(), ElementsAre("hostname=h", "username=u", "database=shop", "tables=/.*/",
                                           "slot.name=debezium", "message.prefix.include.list=.*"));
}

TEST(ConnectorFileTest, lists_are_anchored_expressions_and_both_levels_must_match) {
  const Parsed parsed = postgres(
      "bootstrap.servers=k:1\nschema.include.list=inv,shop\ntable.include.list=inv\\\\.a, shop.[a-c]{1\\\\,2}\n"
      "schema.exclude.list=x\n");
  EXPECT_THAT(parsed.problems, HasSubstr("'schema.include.list' and 'schema.exclude.list' exclude each other"));
  EXPECT_THAT(
      parsed.source(),
      IsSupersetOf({"tables=/(?:inv)\\..*/&/inv\\.a/,/(?:shop)\\..*/&/inv\\.a/,/(?:inv)\\..*/&/shop.[a-c]{1\\,2}/,"
                    "/(?:shop)\\..*/&/shop.[a-c]{1\\,2}/",
                    "tables.exclude=/(?:x)\\..*/"}));
}

TEST(ConnectorFileTest, debezium_servers_file_names_kafka_itself) {
  const Parsed parsed =
      parse("application.properties",
            "debezium.sink.type=kafka\ndebezium.sink.kafka.producer.bootstrap.servers=k:1\n"
            "debezium.source.connector.class=io.debezium.connector.mysql.MySqlConnector\n"
            "debezium.source.database.hostname=h\ndebezium.source.database.user=u\ndebezium.source.topic.prefix=p\n"
            "debezium.format.schemas.enable=false\nquarkus.http.port=8080\n");
  EXPECT_EQ(parsed.problems,
            "application.properties:8: warning: option 'quarkus.http.port' does not apply\n"
            "  hint: It is for Debezium Server itself or for another of its sinks.\n");
  EXPECT_THAT(parsed.sink(), ElementsAre("topic.prefix=p", "debezium.include.schema.changes=true",
                                         "schemas.enable=false", "properties.bootstrap.servers=k:1"));
}

TEST(ConnectorFileTest, without_kafka_and_without_a_sink_the_way_out_is_told) {
  EXPECT_THAT(postgres("").problems, HasSubstr("pg.properties:1: the file does not say where the changes go\n"
                                               "  hint: Give --sink: a file with a block 'sink'"));
}

TEST(ConnectorFileTest, another_sink_gets_rows_and_options_of_events_do_not_apply) {
  const JobText sink{"sink.yaml",
                     "sink:\n  type: sqlite\n  path: shop.db\nroute:\n  - source-table: public.a\n    sink-table: b\n"
                     "pipeline:\n  parallelism: 3\n"};
  const Parsed parsed = postgres("decimal.handling.mode=double\n", &sink);
  EXPECT_EQ(parsed.problems,
            "pg.properties:8: warning: option 'decimal.handling.mode' does not apply\n"
            "  hint: It forms events, and the sink 'sqlite' gets rows.\n");
  EXPECT_EQ(parsed.spec.file, "pg.properties");
  EXPECT_EQ(parsed.spec.sink.type, "sqlite");
  EXPECT_THAT(parsed.sink(), ElementsAre("path=shop.db"));
  EXPECT_EQ(parsed.spec.routes.size(), 1u);
  EXPECT_EQ(parsed.spec.pipeline.parallelism, 3);
  EXPECT_EQ(parsed.spec.pipeline.name, "pg");
}

TEST(ConnectorFileTest, a_kafka_sink_of_its_own_file_wins_over_the_connector) {
  const JobText sink{
      "sink.yaml", "sink:\n  type: kafka\n  properties.bootstrap.servers: other:9\n  decimal.handling.mode: string\n"};
  const Parsed parsed = postgres("decimal.handling.mode=double\nbootstrap.servers=k:1\n", &sink);
  EXPECT_EQ(parsed.problems, "");
  EXPECT_THAT(parsed.sink(),
              ElementsAre("properties.bootstrap.servers=other:9", "decimal.handling.mode=string", "topic.prefix=p"));
}

TEST(ConnectorFileTest, a_workers_file_says_which_kafka_and_how_events_are_written) {
  const JobText worker{
      "worker.properties",
      "bootstrap.servers=k:1\nproducer.linger.ms=5\ngroup.id=connect\n"
      "key.converter=org.apache.kafka.connect.json.JsonConverter\nkey.converter.schemas.enable=false\n"
      "value.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=false\n"};
  const Parsed parsed = postgres("", &worker);
  EXPECT_EQ(parsed.problems, "");
  EXPECT_THAT(parsed.sink(), ElementsAre("topic.prefix=p", "schemas.enable=false", "properties.linger.ms=5",
                                         "properties.bootstrap.servers=k:1"));
  EXPECT_THAT(
      postgres("value.converter=io.confluent.connect.avro.AvroConverter\n", &worker).problems,
      HasSubstr("pg.properties:8: 'value.converter': 'io.confluent.connect.avro.AvroConverter' is not there yet"));
  EXPECT_THAT(postgres("value.converter=org.apache.kafka.connect.json.JsonConverter\n", &worker).problems,
              HasSubstr("keys and values must both have their schemas, or both not"));
}

TEST(ConnectorFileTest, what_cannot_apply_is_a_warning_and_what_would_change_events_an_error) {
  const Parsed parsed = postgres(
      "bootstrap.servers=k:1\nmax.batch.size=4096\nxmin.fetch.interval.ms=5\nhstore.handling.mode=json\n"
      "hearbeat.interval.ms=5\nsnapshot.mode=always\ntasks.max=1\nskipped.operations=t\n");
  EXPECT_EQ(parsed.problems,
            "pg.properties:9: warning: option 'max.batch.size' does not apply\n"
            "  hint: What waits is limited in bytes: channel.bytes of the block pipeline.\n"
            "pg.properties:10: option 'xmin.fetch.interval.ms' cannot be followed: xmin is not carried\n"
            "  hint: Leave it out, or set it to 0.\n"
            "pg.properties:12: unknown option 'hearbeat.interval.ms' of this connector\n"
            "  hint: Did you mean 'heartbeat.interval.ms'?\n"
            "pg.properties:13: 'snapshot.mode': 'always' cannot be followed\n"
            "  hint: Use initial; 'sluice run --reset' copies again.\n");
}

TEST(ConnectorFileTest, options_of_records_beside_the_changes_reach_the_sink) {
  const Parsed parsed = postgres(
      "bootstrap.servers=k:1\nprovide.transaction.metadata=true\ntopic.transaction=tx\nheartbeat.interval.ms=5\n"
      "topic.heartbeat.prefix=beat\nskipped.operations=none\n");
  EXPECT_EQ(parsed.problems, "");
  EXPECT_THAT(parsed.sink(), testing::IsSupersetOf({"provide.transaction.metadata=true", "topic.transaction=tx",
                                                    "heartbeat.interval.ms=5", "topic.heartbeat.prefix=beat",
                                                    "skipped.operations=none"}));
  EXPECT_THAT(parsed.source(), testing::Contains("heartbeat.interval=5"));
}

TEST(ConnectorFileTest, signals_are_listened_to_where_there_is_a_channel) {
  const Parsed parsed = postgres(
      "bootstrap.servers=k:1\ntable.include.list=public.a\nsignal.enabled.channels=source,jmx,kafka\n"
      "signal.data.collection=public.signals\nsignal.kafka.topic=s\nsignal.consumer.x=1\n"
      "incremental.snapshot.chunk.size=64\nnotification.enabled.channels=jmx,sink\n"
      "notification.sink.topic.name=told\nsignal.kafka.bootstrap.servers=other:1\n");
  EXPECT_EQ(parsed.problems,
            "pg.properties:10: warning: 'signal.enabled.channels': there is no channel 'jmx' here\n"
            "  hint: Signals come from a table of the source (source), a file, over HTTP (rest), and, with the sink "
            "kafka, from a topic (kafka).\n"
            "pg.properties:13: warning: option 'signal.consumer.x' does not apply\n"
            "  hint: Signals are read with the sink's properties.\n"
            "pg.properties:15: warning: 'notification.enabled.channels': there is no channel 'jmx' here\n"
            "  hint: Notifications go to the log and, with the sink kafka, to a topic (sink).\n");
  const PipelineSpec& pipeline = parsed.spec.pipeline;
  EXPECT_THAT(pipeline.signal_channels, ElementsAre("source", "kafka"));
  EXPECT_EQ(pipeline.signal_table, "public.signals");
  EXPECT_EQ(pipeline.signal_topic + " " + pipeline.signal_servers + " " + pipeline.signal_group,
            "s other:1 kafka-signal");
  EXPECT_EQ(pipeline.snapshot_chunk_size, 64);
  EXPECT_THAT(pipeline.notification_channels, ElementsAre("sink"));
  EXPECT_EQ(pipeline.notification_topic, "told");
  EXPECT_THAT(parsed.source(), testing::Contains("tables=/public.a/,/public\\.signals/"));
}

TEST(ConnectorFileTest, properties_of_javas_client_are_translated_or_left_out) {
  const Parsed parsed = postgres(
      "bootstrap.servers=k:1\nproducer.override.key.serializer=x\nproducer.override.max.request.size=5\n"
      "producer.override.sasl.jaas.config=org.Plain required username=\"me\" password=\"secret\";\n");
  EXPECT_EQ(parsed.problems,
            "pg.properties:9: warning: option 'producer.override.key.serializer' does not apply\n"
            "  hint: It is for Kafka's Java client.\n");
  EXPECT_THAT(parsed.sink(), testing::IsSupersetOf({"properties.message.max.bytes=5", "properties.sasl.username=me",
                                                    "properties.sasl.password=secret"}));
}

TEST(ConnectorFileTest, what_is_missing_and_classes_that_are_not_there_are_named) {
  EXPECT_EQ(parse("c.json", R"({"config":{"name":"x"}})").problems,
            "c.json:1: required option 'connector.class' is missing\n"
            "  hint: io.debezium.connector.mysql.MySqlConnector, .mariadb.MariaDbConnector or "
            ".postgresql.PostgresConnector.\n");
  EXPECT_THAT(parse("c.json", R"({"connector.class":"io.debezium.connector.mysql.MySQLConnector"})").problems,
              HasSubstr("Did you mean 'io.debezium.connector.mysql.MySqlConnector'?"));
  const auto problems = parse("c.json", R"({"connector.class":"MySql","bootstrap.servers":"k:1"})").problems;
  for (const char* key : {"database.hostname", "database.user", "topic.prefix"}) {
    EXPECT_THAT(problems, HasSubstr(fmt::format("required option '{}' is missing", key)));
  }
  EXPECT_THAT(parse("c.json", R"({"connector.class":"MySql","tasks.max":[1]})").problems,
              HasSubstr("option 'tasks.max' must be a value, not a list"));
}

TEST(ConnectorFileTest, another_sink_gets_no_transforms_but_the_one_that_makes_rows) {
  const JobText sink{"sink.yaml", "sink:\n  type: sqlite\n  path: shop.db\n"};
  const Parsed parsed = postgres(
      "transforms=u,r\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\n"
      "transforms.r.type=org.apache.kafka.connect.transforms.RegexRouter\ncolumn.exclude.list=public.a.b\n"
      "skipped.operations=t\n",
      &sink);
  EXPECT_THAT(parsed.problems, HasSubstr("pg.properties:9: warning: option 'transforms.u.type' does not apply"));
  EXPECT_THAT(
      parsed.problems,
      HasSubstr("pg.properties:10: 'transforms.r.type': transform 'org.apache.kafka.connect.transforms.RegexRouter' "
                "changes events, and the sink 'sqlite' gets rows"));
}

TEST(ConnectorFileTest, begins_where_kafka_connect_says_that_the_connector_stands) {
  const JobText lines{"offsets.txt",
                      "[\"pg\",{\"server\":\"p\"}]\t{\"lsn\":1}\n"
                      "[\"pg\",{\"server\":\"q\"}]\t{\"lsn\":2}\n"
                      "[\"pg\",{\"server\":\"p\"}]\t{\"lsn_proc\":4294967312,\"lsn_commit\":4294967304}\n"};
  const Parsed parsed = postgres("bootstrap.servers=k:1\nsnapshot.mode=always\n", nullptr, &lines);
  EXPECT_EQ(parsed.problems,
            "offsets.txt: warning: the connector stopped inside a transaction\n"
            "  hint: The transaction's events come again from its beginning.\n");
  EXPECT_THAT(parsed.source(),
              IsSupersetOf({"scan.startup.mode=specific-offset", "scan.startup.specific-offset.lsn=1/8"}));
  const JobText other{"offsets.txt", "[\"pg\",{\"server\":\"q\"}]\t{\"lsn\":2}\n"};
  EXPECT_THAT(postgres("bootstrap.servers=k:1\n", nullptr, &other).problems,
              HasSubstr("offsets.txt: it has no offsets of topic.prefix 'p'\n  hint: It has those of 'q'.\n"));
}

TEST(ConnectorFileTest, a_sink_beside_a_pipeline_is_refused) {
  const JobText sink{"sink.yaml", "sink:\n  type: values\n"};
  EXPECT_THAT(parse("job.yaml", "source:\n  type: mysql\nsink:\n  type: values\n", &sink).problems,
              HasSubstr("job.yaml:1: the job file is no connector's, and has a sink and a beginning of its own"));
  const JobText whole{"sink.yaml", "source:\n  type: mysql\nsink:\n  type: values\n"};
  EXPECT_THAT(postgres("", &whole).problems, HasSubstr("sink.yaml:1: unknown key 'source'"));
}

}  // namespace
}  // namespace sluice
