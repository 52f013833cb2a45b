// SPDX-License-Identifier: Apache-2.0
#include "languages/pipeline_options.h"

#include <array>

namespace sluice {
namespace {

constexpr std::array kBehaviors = {
    std::pair{std::string_view("exception"), SchemaBehavior::kException},
    std::pair{std::string_view("evolve"), SchemaBehavior::kEvolve},
    std::pair{std::string_view("try_evolve"), SchemaBehavior::kTryEvolve},
    std::pair{std::string_view("lenient"), SchemaBehavior::kLenient},
    std::pair{std::string_view("ignore"), SchemaBehavior::kIgnore},
};

}  // namespace

// tidy: one table, read from top to bottom.
std::span<const Option<PipelineOptions>> PipelineOptions::options() {
  using P = PipelineOptions;
  using O = Option<PipelineOptions>;
  static const O kOptions[] = {
      {{.name = "name",
        .summary = "Name of the job; it also names the job's position in the target.",
        .optional = true},
       &P::name},
      {{.name = "parallelism",
        .summary = "Readers during the copy and writer lanes afterwards.",
        .default_value = "1",
        .min = 1,
        .max = 256},
       &P::parallelism},
      {{.name = "apply",
        .summary = "parallel writes by several lanes, each row's changes in order; transactional lets the target show "
                   "only whole source transactions, in the order of their commits, once the copy is done.",
        .default_value = "parallel",
        .allowed = {"parallel", "transactional"}},
       &P::apply},
      {{.name = "execution.runtime-mode",
        .summary =
            "STREAMING goes on with the log; BATCH needs a source that only copies (scan.startup.mode: snapshot).",
        .default_value = "STREAMING",
        .allowed = {"STREAMING", "BATCH"}},
       &P::runtime_mode},
      {{.name = "schema.change.behavior",
        .summary = "What a schema change of the source does to the target.",
        .default_value = "lenient",
        .allowed = {"exception", "evolve", "try_evolve", "lenient", "ignore"}},
       &P::schema_behavior},
      {{.name = "log.lost.behavior",
        .summary =
            "What the job does when the source no longer has changes that the target lacks (a slot that is lost or "
            "was made again, a purged binary log): stop, or resynchronize: compare the tables with the source "
            "chunk by chunk, repair the rows that differ, remove those that only the target has, and go on. The "
            "target tables must then be this job's alone.",
        .default_value = "stop",
        .allowed = {"stop", "resynchronize"}},
       &P::lost_log},
      {{.name = "route-mode",
        .summary = "Whether a table goes to the targets of all matching routes or of the first one.",
        .default_value = "ALL_MATCH",
        .allowed = {"ALL_MATCH", "FIRST_MATCH"}},
       &P::route_mode},
      {{.name = "local-time-zone",
        .summary = "IANA name or offset for time functions in transforms; systemDefault is the machine's zone.",
        .default_value = "systemDefault"},
       &P::local_time_zone},
      {{.name = "transform.semantics",
        .summary = "How expressions treat NULL and types: as standard SQL does, or as Flink CDC does.",
        .default_value = "sql",
        .allowed = {"sql", "flink"}},
       &P::semantics},
      {{.name = "transform.decimal.precision.mode",
        .summary = "Accepted for compatibility; see the warning it gives.",
        .optional = true,
        .allowed = {"UP_TO_19", "UP_TO_38"}},
       &P::decimal_mode},
      {{.name = "sink.partitioning.strategy",
        .summary = "Accepted for compatibility; rows are spread over lanes by key where the sink allows it.",
        .optional = true,
        .allowed = {"SINK_DEFINED", "PRIMARY_KEY", "TABLE_ID"}},
       &P::partitioning},
      {{.name = "read-limit.rows-per-second",
        .summary = "Most rows read per second; 0 means no limit.",
        .default_value = "0",
        .min = 0},
       &P::rows_per_second},
      {{.name = "read-limit.bytes-per-second",
        .summary = "Most bytes read per second; 0 means no limit.",
        .default_value = "0",
        .min = 0},
       &P::bytes_per_second},
      {{.name = "channel.bytes",
        .summary = "Most bytes that wait between two stages.",
        .default_value = "8388608",
        .min = 64 << 10,
        .max = int64_t{1} << 40},
       &P::channel_bytes},
      {{.name = "commit.interval",
        .summary = "Longest wait before changes are committed in the target.",
        .default_value = "5ms",
        .min = 0,
        .max = 3600000},
       &P::commit_interval},
      {{.name = "restart.delay-max",
        .summary = "Longest pause before a restart; pauses double from 100 ms up to it.",
        .default_value = "30s",
        .min = 0,
        .max = 86400000},
       &P::restart_delay_max},
      {{.name = "restart.attempts",
        .summary = "Restarts without progress in between before the job gives up; -1 means no limit.",
        .default_value = "-1",
        .min = -1},
       &P::restart_attempts},
      {{.name = "change-log.retained-limit",
        .summary = "When the source keeps more bytes of log than this for a target that does not take them, or while "
                   "tables are copied, changes go to a change log in the state directory, so that the source can "
                   "drop them (PostgreSQL); 0: never.",
        .default_value = "1073741824",
        .min = 0},
       &P::change_log_retained_limit},
      {{.name = "change-log.max-bytes",
        .summary = "Most bytes in the change log; when it is full, the source keeps its log again.",
        .default_value = "10737418240",
        .min = 1 << 20},
       &P::change_log_max_bytes},
      {{.name = "verify.hash",
        .summary =
            "How target and source are compared: rows brings the rows of both over the network; servers has both "
            "servers hash them where their types allow it and brings only rows of chunks that differ, which "
            "costs the servers several times the CPU (for links slower than about 30 MB/s).",
        .default_value = "rows",
        .allowed = {"rows", "servers"}},
       &P::verify_hash},
      {{.name = "verify.interval",
        .summary = "Pause between two verifications of the target beside the running job; 0 means none.",
        .default_value = "0",
        .min = 0,
        .max = 31536000000},
       &P::verify_interval},
      {{.name = "verify.rows-per-second",
        .summary = "Most rows that such a verification reads from the source per second; 0 means no limit.",
        .default_value = "20000",
        .min = 0},
       &P::verify_rows_per_second},
      {{.name = "signal.enabled.channels",
        .summary =
            "Where signals to the running job come from: source (the table signal.data.collection), file, kafka (a "
            "topic), and rest (POST /jobs/NAME/signals at the address of --metrics).",
        .default_value = "source",
        .allowed = {"source", "file", "kafka", "rest"}},
       &P::signal_channels},
      {{.name = "signal.data.collection",
        .summary = "Captured table whose new rows (id, type, data) are signals, as in Debezium: database.table, "
                   "PostgreSQL: schema.table.",
        .default_value = ""},
       &P::signal_table},
      {{.name = "signal.file",
        .summary = "File with one signal a line, as JSON; what was read is removed from it.",
        .default_value = "file-signals.txt"},
       &P::signal_file},
      {{.name = "signal.kafka.topic",
        .summary = "Topic with signals, for the sink kafka: its first partition; keys are the sink's topic.prefix. "
                   "PREFIX-signal if absent.",
        .default_value = ""},
       &P::signal_topic},
      {{.name = "signal.kafka.bootstrap.servers",
        .summary = "Brokers of that topic, HOST:PORT,HOST:PORT; those of the sink if absent.",
        .default_value = ""},
       &P::signal_servers},
      {{.name = "signal.kafka.groupId",
        .summary =
            "Where this group has committed the job begins to read the topic, else at its first record; then the "
            "ledger says where.",
        .default_value = "kafka-signal"},
       &P::signal_group},
      {{.name = "signal.poll.interval.ms",
        .summary = "Milliseconds between two looks into the file.",
        .default_value = "5000",
        .min = 1,
        .max = 86400000},
       &P::signal_poll_interval_ms},
      {{.name = "incremental.snapshot.chunk.size",
        .summary = "Rows read at once when a signal has tables copied again.",
        .default_value = "1024",
        .min = 1,
        .max = 1000000},
       &P::snapshot_chunk_size},
      {{.name = "notification.enabled.channels",
        .summary = "Where the progress of such copies is told, as Debezium's notifications: log, sink (a topic of the "
                   "sink kafka).",
        .default_value = "",
        .allowed = {"log", "sink"}},
       &P::notification_channels},
      {{.name = "notification.sink.topic.name",
        .summary = "Topic of the notifications that go to the sink.",
        .default_value = ""},
       &P::notification_topic},
      {{.name = "schema-operator.rpc-timeout",
        .summary = "Accepted for compatibility.",
        .ignored_because = "Schema changes are applied in the order of the log, without calls between processes."},
       std::monostate()},
      {{.name = "operator.uid.prefix",
        .summary = "Accepted for compatibility.",
        .ignored_because = "State is kept by the job's name and table names."},
       std::monostate()},
      {{.name = "schema.operator.uid",
        .summary = "Accepted for compatibility.",
        .ignored_because = "State is kept by the job's name and table names."},
       std::monostate()},
  };
  return kOptions;
}

void take_signal_options(const PipelineOptions& options, PipelineSpec& spec) {
  spec.signal_channels = options.signal_channels;
  spec.signal_table = options.signal_table;
  spec.signal_file = options.signal_file;
  spec.signal_topic = options.signal_topic;
  spec.signal_servers = options.signal_servers;
  spec.signal_group = options.signal_group;
  spec.signal_poll_interval = std::chrono::milliseconds(options.signal_poll_interval_ms);
  spec.snapshot_chunk_size = options.snapshot_chunk_size;
  spec.notification_channels = options.notification_channels;
  spec.notification_topic = options.notification_topic;
}

PipelineSpec to_pipeline_spec(const PipelineOptions& options) {
  PipelineSpec spec;
  spec.name = options.name;
  spec.parallelism = options.parallelism;
  for (const auto& [name, behavior] : kBehaviors) {
    if (name == options.schema_behavior) spec.schema_behavior = behavior;
  }
  spec.apply = options.apply == "transactional" ? ApplyMode::kTransactional : ApplyMode::kParallel;
  spec.lost_log = options.lost_log == "resynchronize" ? LostLog::kResynchronize : LostLog::kStop;
  spec.route_first_match = options.route_mode == "FIRST_MATCH";
  spec.local_time_zone = options.local_time_zone == "systemDefault" ? "" : options.local_time_zone;
  spec.flink_semantics = options.semantics == "flink";
  spec.rows_per_second = options.rows_per_second;
  spec.bytes_per_second = options.bytes_per_second;
  spec.channel_bytes = options.channel_bytes;
  spec.commit_interval = options.commit_interval;
  spec.restart_delay_max = options.restart_delay_max;
  spec.restart_attempts = options.restart_attempts;
  spec.change_log_retained_limit = options.change_log_retained_limit;
  spec.change_log_max_bytes = options.change_log_max_bytes;
  spec.verify_hash_in_servers = options.verify_hash == "servers";
  spec.verify_interval = options.verify_interval;
  spec.verify_rows_per_second = options.verify_rows_per_second;
  take_signal_options(options, spec);
  return spec;
}

}  // namespace sluice
