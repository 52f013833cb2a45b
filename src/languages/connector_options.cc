// SPDX-License-Identifier: Apache-2.0
#include "languages/connector_options.h"

namespace sluice {
namespace {

constexpr uint8_t kMy = 3;  // MySQL and MariaDB
constexpr uint8_t kPg = 4;
constexpr uint8_t kAll = 7;

constexpr std::string_view kOnePass = "rows are handed on as they are read, in chunks of the job's own size";
constexpr std::string_view kNoHistory = "table definitions are kept with the position; there is no schema history";
constexpr std::string_view kNoSignals = "signals are read with the sink's properties";
constexpr std::string_view kNoQueue = "what waits is limited in bytes: channel.bytes of the block pipeline";
constexpr std::string_view kRestarts =
    "restarts are governed by restart.attempts and restart.delay-max of the pipeline";
constexpr std::string_view kNothingSkipped = "what cannot be carried stops the job, nothing is skipped";
constexpr std::string_view kNoStores = "Java key stores cannot be read";
constexpr std::string_view kOwnLocks = "each reader's snapshot is exact without it";
constexpr std::string_view kNoKeepAlive = "connections are watched by heartbeats";
constexpr std::string_view kNotThere = "it is not there yet";

// tidy: one table
constexpr ConnectorOption kOptions[] = {
    {"connector.class", kAll, Fate::kHandled},
    {"name", kAll, Fate::kHandled},
    {"tasks.max", kAll, Fate::kNoEffect, "one reader follows the log whatever it says", "1"},
    {"key.converter", kAll, Fate::kHandled},
    {"key.converter.*", kAll, Fate::kHandled},
    {"value.converter", kAll, Fate::kHandled},
    {"value.converter.*", kAll, Fate::kHandled},
    {"header.converter", kAll, Fate::kNoEffect, "headers are text, those with keys JSON"},
    {"header.converter.*", kAll, Fate::kNoEffect, "headers are text, those with keys JSON"},
    {"config.action.reload", kAll, Fate::kNoEffect, "a job reads its file when it starts"},
    {"errors.*", kAll, Fate::kNoEffect, kRestarts},
    {"exactly.once.support", kAll, Fate::kNoEffect, "what is in a topic is not written again after a restart"},
    {"transaction.boundary", kAll, Fate::kNoEffect, "Kafka's transactions are not used"},
    {"transaction.boundary.interval.ms", kAll, Fate::kNoEffect, "Kafka's transactions are not used"},
    {"offsets.storage.topic", kAll, Fate::kNoEffect, "the position is kept in the state directory"},
    {"offset.*", kAll, Fate::kNoEffect, "the position is kept in the state directory or in the target"},
    {"producer.override.*", kAll, Fate::kHandled},
    {"bootstrap.servers", kAll, Fate::kHandled},
    {"topic.creation.enable", kAll, Fate::kNoEffect, "topics that are missing are always made", "true"},
    {"topic.creation.groups", kAll, Fate::kRefused, "only topic.creation.default.* is there"},
    {"topic.creation.default.*", kAll, Fate::kEvents},
    {"topic.creation.*", kAll, Fate::kRefused, "only topic.creation.default.* is there"},
    {"transforms", kAll, Fate::kEvents},
    {"transforms.*", kAll, Fate::kEvents},
    {"predicates", kAll, Fate::kEvents},
    {"predicates.*", kAll, Fate::kEvents},
    {"topic.prefix", kAll, Fate::kHandled},
    {"database.hostname", kAll, Fate::kSource, "hostname"},
    {"database.port", kAll, Fate::kSource, "port"},
    {"database.user", kAll, Fate::kSource, "username"},
    {"database.password", kAll, Fate::kSource, "password"},
    {"database.dbname", kPg, Fate::kSource, "database"},
    {"database.include.list", kMy, Fate::kHandled},
    {"database.exclude.list", kMy, Fate::kHandled},
    {"schema.include.list", kPg, Fate::kHandled},
    {"schema.exclude.list", kPg, Fate::kHandled},
    {"table.include.list", kAll, Fate::kHandled},
    {"table.exclude.list", kAll, Fate::kHandled},
    {"table.ignore.builtin", kMy, Fate::kRefused, "the server's own tables are never captured", "true"},
    {"column.include.list", kAll, Fate::kEvents},
    {"column.exclude.list", kAll, Fate::kEvents},
    {"column.truncate.*", kAll, Fate::kEvents},
    {"column.mask.*", kAll, Fate::kEvents},
    {"column.propagate.source.type", kMy, Fate::kEvents},
    {"datatype.propagate.source.type", kMy, Fate::kEvents},
    {"column.propagate.source.type", kPg, Fate::kRefused, kNotThere},
    {"datatype.propagate.source.type", kPg, Fate::kRefused, kNotThere},
    {"message.key.columns", kAll, Fate::kEvents},
    {"decimal.handling.mode", kAll, Fate::kEvents},
    {"time.precision.mode", kAll, Fate::kEvents},
    {"binary.handling.mode", kAll, Fate::kEvents},
    {"bigint.unsigned.handling.mode", kMy, Fate::kEvents},
    {"interval.handling.mode", kPg, Fate::kEvents},
    {"hstore.handling.mode", kPg, Fate::kEvents},
    {"money.fraction.digits", kPg, Fate::kNoEffect, "money has the digits of the database's locale", "2"},
    {"include.unknown.datatypes", kPg, Fate::kNoEffect, "every type that the source knows is carried", "false"},
    {"unavailable.value.placeholder", kAll, Fate::kEvents},
    {"tombstones.on.delete", kAll, Fate::kEvents},
    {"extended.headers.enabled", kAll, Fate::kEvents},
    {"include.schema.changes", kMy, Fate::kEvents},
    {"include.schema.changes", kPg, Fate::kNoEffect, "PostgreSQL's log holds no statements", "false"},
    {"include.schema.comments", kAll, Fate::kRefused, "comments are not carried in schemas", "false"},
    {"include.query", kMy, Fate::kRefused, "the text of statements is not carried", "false"},
    {"skipped.operations", kAll, Fate::kEvents},
    {"skip.messages.without.change", kAll, Fate::kEvents},
    {"provide.transaction.metadata", kAll, Fate::kEvents},
    {"transaction.metadata.factory", kAll, Fate::kRefused, "only Debezium's own form of transaction metadata is there"},
    {"max.queue.size", kAll, Fate::kNoEffect, kNoQueue},
    {"max.queue.size.in.bytes", kAll, Fate::kNoEffect, kNoQueue},
    {"max.batch.size", kAll, Fate::kNoEffect, kNoQueue},
    {"poll.interval.ms", kAll, Fate::kNoEffect, "changes are handed on as they come"},
    {"snapshot.mode", kAll, Fate::kHandled},
    {"snapshot.mode.*", kAll, Fate::kNoEffect, "it belongs to a snapshot.mode that is not there"},
    {"snapshot.locking.mode", kAll, Fate::kNoEffect, kOwnLocks},
    {"snapshot.locking.mode.custom.name", kAll, Fate::kNoEffect, kOwnLocks},
    {"snapshot.isolation.mode", kPg, Fate::kNoEffect, kOwnLocks},
    {"snapshot.lock.timeout.ms", kAll, Fate::kNoEffect, kOwnLocks},
    {"snapshot.delay.ms", kAll, Fate::kNoEffect, "the copy begins when the job is started", "0"},
    {"streaming.delay.ms", kAll, Fate::kNoEffect, "the log is followed as soon as the copy is done", "0"},
    {"snapshot.fetch.size", kAll, Fate::kNoEffect, kOnePass},
    {"snapshot.max.threads", kAll, Fate::kNoEffect, "parallelism of the block pipeline says how many read", "1"},
    {"snapshot.max.threads.multiplier", kAll, Fate::kNoEffect, kOnePass},
    {"legacy.snapshot.max.threads", kAll, Fate::kNoEffect, kOnePass},
    {"snapshot.tables.order.by.row.count", kAll, Fate::kNoEffect, kOnePass},
    {"snapshot.include.collection.list", kAll, Fate::kRefused, "every captured table is copied"},
    {"snapshot.select.statement.overrides", kAll, Fate::kRefused, "a copy reads whole tables; a transform can filter"},
    {"snapshot.select.statement.overrides.*", kAll, Fate::kRefused, "a copy reads whole tables"},
    {"snapshot.query.mode", kAll, Fate::kRefused, "a copy reads whole tables", "select_all"},
    {"snapshot.query.mode.custom.name", kAll, Fate::kRefused, "a copy reads whole tables"},
    {"min.row.count.to.stream.results", kMy, Fate::kNoEffect, kOnePass},
    {"incremental.snapshot.chunk.size", kAll, Fate::kPipeline},
    {"incremental.snapshot.*", kAll, Fate::kNoEffect, "snapshots need no marks, and follow schema changes"},
    {"signal.enabled.channels", kAll, Fate::kPipeline},
    {"signal.data.collection", kAll, Fate::kPipeline},
    {"signal.file", kAll, Fate::kPipeline},
    {"signal.kafka.topic", kAll, Fate::kPipeline},
    {"signal.kafka.bootstrap.servers", kAll, Fate::kPipeline},
    {"signal.kafka.groupId", kAll, Fate::kPipeline},
    {"signal.kafka.poll.timeout.ms", kAll, Fate::kNoEffect, "nothing waits for signals", "100"},
    {"signal.poll.interval.ms", kAll, Fate::kPipeline},
    {"signal.*", kAll, Fate::kNoEffect, kNoSignals},
    {"notification.enabled.channels", kAll, Fate::kPipeline},
    {"notification.sink.topic.name", kAll, Fate::kPipeline},
    {"notification.*", kAll, Fate::kNoEffect, "notifications go to a topic or the log"},
    {"read.only", kAll, Fate::kNoEffect, "nothing is written to the source"},
    {"heartbeat.interval.ms", kMy, Fate::kEvents},
    {"heartbeat.interval.ms", kPg, Fate::kHandled},
    {"heartbeat.action.query", kMy, Fate::kNoEffect, "positions move on without it"},
    {"heartbeat.action.query", kPg, Fate::kSource, "heartbeat.action.query"},
    {"heartbeat.topics.prefix", kAll, Fate::kEvents},
    {"topic.heartbeat.prefix", kAll, Fate::kEvents},
    {"topic.heartbeat.name", kAll, Fate::kEvents},
    {"topic.transaction", kAll, Fate::kEvents},
    {"topic.naming.strategy", kMy, Fate::kRefused, "only Debezium's default names of topics are there",
     "io.debezium.schema.DefaultTopicNamingStrategy"},
    {"topic.naming.strategy", kPg, Fate::kRefused, "only Debezium's default names of topics are there",
     "io.debezium.schema.SchemaTopicNamingStrategy"},
    {"topic.delimiter", kAll, Fate::kRefused, "the parts of a topic's name are always separated by '.'", "."},
    {"topic.cache.size", kAll, Fate::kNoEffect, "names of topics are kept as long as the job runs"},
    {"topic.regex", kAll, Fate::kRefused, "only Debezium's default names of topics are there"},
    {"topic.replacement", kAll, Fate::kRefused, "only Debezium's default names of topics are there"},
    {"schema.name.adjustment.mode", kAll, Fate::kRefused, "names are those of the source", "none"},
    {"field.name.adjustment.mode", kAll, Fate::kRefused, "names are those of the source", "none"},
    {"event.processing.failure.handling.mode", kAll, Fate::kNoEffect, kNothingSkipped, "fail"},
    {"event.converting.failure.handling.mode", kAll, Fate::kNoEffect, kNothingSkipped, "fail"},
    {"event.deserialization.failure.handling.mode", kMy, Fate::kNoEffect, kNothingSkipped, "fail"},
    {"inconsistent.schema.handling.mode", kMy, Fate::kNoEffect, kNothingSkipped, "fail"},
    {"retriable.restart.connector.wait.ms", kAll, Fate::kNoEffect, kRestarts},
    {"database.query.timeout.ms", kAll, Fate::kNoEffect, kNoKeepAlive},
    {"query.fetch.size", kAll, Fate::kNoEffect, kOnePass},
    {"connection.validation.timeout.ms", kAll, Fate::kNoEffect, kNoKeepAlive},
    {"executor.shutdown.timeout.ms", kAll, Fate::kNoEffect, "a stop takes less than five seconds"},
    {"custom.metric.tags", kAll, Fate::kNoEffect, "metrics are those of --metrics"},
    {"custom.sanitize.pattern", kAll, Fate::kNoEffect, "values of options are never logged"},
    {"guardrail.collections.max", kAll, Fate::kNoEffect, "the number of tables costs no memory to speak of", "0"},
    {"guardrail.collections.limit.action", kAll, Fate::kNoEffect, "there is no guardrail"},
    {"converters", kAll, Fate::kRefused, "converters are Java classes", ""},
    {"post.processors", kAll, Fate::kRefused, "post processors are Java classes", ""},
    {"driver.*", kAll, Fate::kNoEffect, "there is no JDBC driver"},
    {"database.initial.statements", kAll, Fate::kNoEffect, "there is no JDBC connection"},
    {"schema.history.internal.*", kMy, Fate::kHandled},
    {"schema.history.internal", kMy, Fate::kNoEffect, kNoHistory,
     "io.debezium.storage.kafka.history.KafkaSchemaHistory"},
    {"database.server.id", kMy, Fate::kSource, "server-id"},
    {"database.server.id.offset", kMy, Fate::kNoEffect, "the copy reads without being a replica"},
    {"connect.timeout.ms", kMy, Fate::kSource, "connect.timeout"},
    {"connect.keep.alive", kMy, Fate::kNoEffect, kNoKeepAlive},
    {"connect.keep.alive.interval.ms", kMy, Fate::kNoEffect, kNoKeepAlive},
    {"database.ssl.mode", kMy, Fate::kHandled},
    {"database.ssl.keystore", kMy, Fate::kRefused, kNoStores},
    {"database.ssl.keystore.password", kMy, Fate::kRefused, kNoStores},
    {"database.ssl.truststore", kMy, Fate::kRefused, kNoStores},
    {"database.ssl.truststore.password", kMy, Fate::kRefused, kNoStores},
    {"database.protocol", kMy, Fate::kNoEffect, "there is no JDBC driver"},
    {"database.jdbc.driver", kMy, Fate::kNoEffect, "there is no JDBC driver"},
    {"gtid.source.includes", kMy, Fate::kRefused, "transactions of every server are read"},
    {"gtid.source.excludes", kMy, Fate::kRefused, "transactions of every server are read"},
    {"gtid.source.filter.dml.events", kMy, Fate::kNoEffect, "transactions of every server are read"},
    {"gtid.ignore.on.recovery", kMy, Fate::kRefused, "positions always count GTIDs where the server has them", "false"},
    {"binlog.buffer.size", kMy, Fate::kNoEffect, "only committed transactions are in the log", "0"},
    {"binlog.net.read.timeout", kMy, Fate::kNoEffect, kNoKeepAlive},
    {"binlog.net.write.timeout", kMy, Fate::kNoEffect, kNoKeepAlive},
    {"enable.time.adjuster", kMy, Fate::kNoEffect, "the server stores years with four digits", "true"},
    {"ddl.parser.type", kMy, Fate::kNoEffect, "there is one parser"},
    {"use.nongraceful.disconnect", kMy, Fate::kNoEffect, "connections are closed at once"},
    {"plugin.name", kPg, Fate::kHandled},
    {"slot.name", kPg, Fate::kHandled},
    {"slot.drop.on.stop", kPg, Fate::kSource, "slot.drop.on.stop"},
    {"slot.failover", kPg, Fate::kSource, "slot.failover"},
    {"slot.stream.params", kPg, Fate::kNoEffect, "pgoutput takes none of them"},
    {"slot.max.retries", kPg, Fate::kNoEffect, kRestarts},
    {"slot.retry.delay.ms", kPg, Fate::kNoEffect, kRestarts},
    {"publication.name", kPg, Fate::kSource, "publication.name"},
    {"publication.autocreate.mode", kPg, Fate::kSource, "publication.autocreate.mode"},
    {"publish.via.partition.root", kPg, Fate::kSource, "publish.via.partition.root"},
    {"replica.identity.autoset.values", kPg, Fate::kRefused, "nothing is altered at the source; use ALTER TABLE"},
    {"database.sslmode", kPg, Fate::kSource, "ssl.mode"},
    {"database.sslrootcert", kPg, Fate::kSource, "ssl.ca"},
    {"database.sslcert", kPg, Fate::kSource, "ssl.cert"},
    {"database.sslkey", kPg, Fate::kSource, "ssl.key"},
    {"database.sslpassword", kPg, Fate::kRefused, "keys with a password cannot be read"},
    {"database.sslfactory", kPg, Fate::kRefused, "there is no JDBC driver"},
    {"database.tcpKeepAlive", kPg, Fate::kNoEffect, kNoKeepAlive},
    {"status.update.interval.ms", kPg, Fate::kSource, "status.update.interval"},
    {"xmin.fetch.interval.ms", kPg, Fate::kRefused, "xmin is not carried", "0"},
    {"flush.lsn.source", kPg, Fate::kRefused, "the slot moves with what is durable", "true"},
    {"lsn.flush.mode", kPg, Fate::kNoEffect, "the slot moves with what is durable", "connector"},
    {"lsn.flush.timeout.ms", kPg, Fate::kNoEffect, "the slot moves with what is durable"},
    {"lsn.flush.timeout.action", kPg, Fate::kNoEffect, "the slot moves with what is durable"},
    {"offset.mismatch.strategy", kPg, Fate::kNoEffect, "a slot that is not the job's stops it"},
    {"schema.refresh.mode", kPg, Fate::kNoEffect, "table definitions are those of the log"},
    {"message.prefix.include.list", kPg, Fate::kSource, "message.prefix.include.list"},
    {"message.prefix.exclude.list", kPg, Fate::kSource, "message.prefix.exclude.list"},
};

bool has(const ConnectorOption& option, ConnectorKind kind) { return (option.kinds & static_cast<uint8_t>(kind)) != 0; }

}  // namespace

const ConnectorOption* find_connector_option(std::string_view name, ConnectorKind kind) {
  const ConnectorOption* prefix = nullptr;
  for (const ConnectorOption& option : kOptions) {
    if (!has(option, kind)) continue;
    if (option.name == name) return &option;
    if (prefix == nullptr && option.name.ends_with(".*") &&
        name.starts_with(option.name.substr(0, option.name.size() - 1))) {
      prefix = &option;
    }
  }
  return prefix;
}

std::vector<std::string_view> connector_option_names(ConnectorKind kind) {
  std::vector<std::string_view> names;
  for (const ConnectorOption& option : kOptions) {
    if (has(option, kind) && !option.name.ends_with(".*")) names.push_back(option.name);
  }
  return names;
}

}  // namespace sluice
