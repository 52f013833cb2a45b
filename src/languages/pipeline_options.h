// SPDX-License-Identifier: Apache-2.0
// The keys of a job file's block `pipeline`, declared once.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/job_spec.h"
#include "config/option.h"
#include "config/setting.h"

namespace sluice {

struct PipelineOptions {
  std::string name;
  int64_t parallelism = 1;
  std::string apply;
  std::string runtime_mode;
  std::string schema_behavior;
  std::string lost_log;
  std::string route_mode;
  std::string local_time_zone;
  std::string semantics;
  std::string partitioning;
  std::string decimal_mode;
  int64_t rows_per_second = 0;
  int64_t bytes_per_second = 0;
  int64_t channel_bytes = 0;
  std::chrono::milliseconds commit_interval{0};
  std::chrono::milliseconds restart_delay_max{0};
  int64_t restart_attempts = -1;
  int64_t change_log_retained_limit = 0;
  int64_t change_log_max_bytes = 0;
  std::string verify_hash;
  std::chrono::milliseconds verify_interval{0};
  int64_t verify_rows_per_second = 0;
  std::vector<std::string> signal_channels;
  std::string signal_table;
  std::string signal_file;
  std::string signal_topic;
  std::string signal_servers;
  std::string signal_group;
  int64_t signal_poll_interval_ms = 0;
  int64_t snapshot_chunk_size = 0;
  std::vector<std::string> notification_channels;
  std::string notification_topic;

  static std::span<const Option<PipelineOptions>> options();
};

PipelineSpec to_pipeline_spec(const PipelineOptions& options);
// Only what is about signals and notifications.
void take_signal_options(const PipelineOptions& options, PipelineSpec& spec);

}  // namespace sluice
