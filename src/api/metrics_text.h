// SPDX-License-Identifier: Apache-2.0
// What jobs have done so far, in the text format of Prometheus:
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/progress.h"

namespace sluice {

constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// By job name.
std::string metrics_text(const std::vector<std::pair<std::string, ProgressReport>>& jobs);

}  // namespace sluice
