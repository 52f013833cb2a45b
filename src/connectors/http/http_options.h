// SPDX-License-Identifier: Apache-2.0
// Options of the sink `type: http`; url, timeout, retries and batches have the names of Debezium Server's sink of that
// name.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "codec/event_options.h"

namespace sluice {

struct HttpSinkOptions : EventOptions {
  std::string url;
  std::map<std::string, std::string> headers;
  int64_t batch_events = 0;
  int64_t batch_bytes = 0;
  std::chrono::milliseconds timeout{0};
  int64_t retries = 0;
  std::chrono::milliseconds retry_interval{0};
  int64_t connections = 1;
  std::optional<std::string> signature_secret;

  static std::span<const Option<HttpSinkOptions>> options();
  // What options() cannot say.
  void check(const Settings& settings, Problems& problems);
};

}  // namespace sluice
