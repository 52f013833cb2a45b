// SPDX-License-Identifier: Apache-2.0
// Any bytes as a connector's JSON, as its .properties and as the file of its sink give a job, errors with messages, or
// both; nothing throws.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "languages/job_language.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const sluice::JobText as_sink{"sink.yaml", text};
  const sluice::JobText as_worker{"worker.properties", text};
  const sluice::JobText connector{"c.properties", "connector.class=MySql\ntopic.prefix=p\ndatabase.user=u"};
  const auto check = [](const sluice::JobText& job, const sluice::JobText* sink) {
    sluice::Problems problems;
    const auto spec = sluice::parse_job(job, sink, problems);
    SLUICE_CHECK(spec.has_value() || problems.has_errors());
    for (const auto& problem : problems.all()) SLUICE_CHECK(!problem.message.empty());
  };
  check({"c.json", text}, nullptr);
  check({"c.properties", text}, nullptr);
  check(connector, &as_sink);
  check(connector, &as_worker);
  return 0;
}
