// SPDX-License-Identifier: Apache-2.0
// A job as its author described it, independent of the language it was written in. Parsed by languages/, run by
// engine/. Names and defaults are those of Flink CDC's pipeline YAML.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/setting.h"

namespace sluice {

struct ConnectorSpec {
  std::string type;                                 // "mysql"
  std::string name;                                 // label, may be empty
  Settings settings;                                // everything else in the block
  std::vector<std::string> include_schema_changes;  // sinks only: tags or families; empty = all
  std::vector<std::string> exclude_schema_changes;
  Location location;
};

struct RouteSpec {
  std::string source_table;  // router dialect
  std::string sink_table;
  std::string replace_symbol;
  Location location;
};

struct TransformSpec {
  std::string source_table;  // selector dialect
  std::string projection;    // empty = *
  std::string filter;
  std::vector<std::string> primary_keys;
  bool soft_delete = false;  // converter-after-transform: SOFT_DELETE
  Location location;
};

// What the target shows while changes flow: each row's changes in order, or whole source transactions in the order of
// their commits.
enum class ApplyMode : uint8_t { kParallel, kTransactional };

// What happens when the source no longer has changes that the target lacks: the job stops, or compares both and repairs
// what differs.
enum class LostLog : uint8_t { kStop, kResynchronize };

enum class SchemaBehavior : uint8_t { kException, kEvolve, kTryEvolve, kLenient, kIgnore };

struct PipelineSpec {
  std::string name;
  int64_t parallelism = 1;  // chunk readers during the copy, writer lanes afterwards
  ApplyMode apply = ApplyMode::kParallel;
  SchemaBehavior schema_behavior = SchemaBehavior::kLenient;
  LostLog lost_log = LostLog::kStop;  // log.lost.behavior
  bool exclude_given = false;         // lenient without an exclude list excludes drop/truncate table
  bool route_first_match = false;
  std::string local_time_zone;                           // empty = system
  bool flink_semantics = false;                          // transform.semantics: sql (default) | flink
  int64_t rows_per_second = 0;                           // read-limit.rows-per-second, 0 = no limit
  int64_t bytes_per_second = 0;                          // read-limit.bytes-per-second
  int64_t channel_bytes = 8 << 20;                       // channel.bytes: most bytes waiting between two stages
  std::chrono::milliseconds commit_interval{5};          // commit.interval: longest wait before a commit
  std::chrono::milliseconds restart_delay_max{30000};    // restart.delay-max: backoff doubles from 100 ms up to this
  int64_t restart_attempts = -1;                         // restart.attempts without progress in between; -1 = no limit
  int64_t change_log_retained_limit = 1 << 30;           // change-log.retained-limit: bytes at the source, 0 = never
  int64_t change_log_max_bytes = int64_t{10} << 30;      // change-log.max-bytes
  bool verify_hash_in_servers = false;                   // verify.hash: servers; else rows
  std::chrono::milliseconds verify_interval{0};          // verify.interval: pause between background checks, 0 = none
  int64_t verify_rows_per_second = 20000;                // verify.rows-per-second: of such a check, 0 = no limit
  std::vector<std::string> signal_channels;              // signal.enabled.channels: source, file, kafka, rest
  std::string signal_table;                              // signal.data.collection, may be empty
  std::string signal_file;                               // signal.file
  std::string signal_topic;                              // signal.kafka.topic, may be empty
  std::string signal_servers;                            // signal.kafka.bootstrap.servers, may be empty
  std::string signal_group;                              // signal.kafka.groupId
  std::chrono::milliseconds signal_poll_interval{5000};  // signal.poll.interval.ms
  int64_t snapshot_chunk_size = 1024;                    // incremental.snapshot.chunk.size: rows
  std::vector<std::string> notification_channels;        // notification.enabled.channels: log, sink
  std::string notification_topic;                        // notification.sink.topic.name
};

struct JobSpec {
  std::string file;
  ConnectorSpec source;
  ConnectorSpec sink;
  std::vector<RouteSpec> routes;
  std::vector<TransformSpec> transforms;
  PipelineSpec pipeline;
};

}  // namespace sluice
