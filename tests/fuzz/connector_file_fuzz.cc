// SPDX-License-Identifier: Apache-2.0
// Any bytes as a connector's JSON, as its .properties, as the file of its sink and as Kafka Connect's offsets give a
// job, errors with messages, or both; nothing throws.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "languages/job_language.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const sluice::JobText as_sink{"sink.yaml", text};
  const sluice::JobText as_worker{"worker.properties", text};
  const sluice::JobText as_offsets{"offsets.dat", text};
  const sluice::JobText connector{"c.properties", "connector.class=MySql\ntopic.prefix=p\ndatabase.user=u"};
  const auto check = [](const sluice::JobText& job, const sluice::ConnectorExtras& extras) {
    sluice::Problems problems;
    const auto spec = sluice::parse_job(job, extras, problems);
    SLUICE_CHECK(spec.has_value() || problems.has_errors());
    for (const auto& problem : problems.all()) SLUICE_CHECK(!problem.message.empty());
  };
  check({"c.json", text}, {});
  check({"c.properties", text}, {});
  check(connector, {.sink = &as_sink});
  check(connector, {.sink = &as_worker});
  check(connector, {.offsets = &as_offsets});
  return 0;
}
