// SPDX-License-Identifier: Apache-2.0
// Any bytes give a job, errors with messages, or both; nothing throws.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "languages/pipeline_yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::Problems problems;
  const auto spec = sluice::parse_pipeline_yaml("fuzz.yaml", {reinterpret_cast<const char*>(data), size}, problems);
  SLUICE_CHECK(spec.has_value() || problems.has_errors());
  for (const auto& problem : problems.all()) SLUICE_CHECK(!problem.message.empty());
  return 0;
}
