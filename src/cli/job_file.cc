// SPDX-License-Identifier: Apache-2.0
#include "cli/job_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "connector/event_sink.h"
#include "connector/event_topics.h"
#include "languages/job_language.h"

namespace sluice {
namespace {

constexpr size_t kLargestJobFile = 16 << 20;

// `what` the file is to whoever named it.
std::optional<std::string> read_whole(const std::string& path, std::string_view what, Problems& problems) {
  const auto refuse = [&](const std::string& why) {
    problems.error({path, 0}, "", fmt::format("{} cannot be read: {}", what, why),
                   "Check the path and its permissions.");
    return std::nullopt;
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return refuse(std::strerror(errno));
  std::string text;
  char block[65536];
  for (size_t got; (got = std::fread(block, 1, sizeof block, file.get())) > 0;) {
    text.append(block, got);
    if (text.size() > kLargestJobFile) return refuse("it is larger than 16 MiB");
  }
  if (std::ferror(file.get()) != 0) return refuse(std::strerror(errno));
  return text;
}

// The connector that a block names, if it can stand there.
const ConnectorInfo* find_connector(const ConnectorSpec& spec, bool as_source, const ConnectorRegistry& registry,
                                    Problems& problems) {
  if (spec.type.empty()) return nullptr;  // reported by the parser
  const auto can_stand = [&](const ConnectorInfo& info) {
    return static_cast<bool>(as_source ? static_cast<bool>(info.make_source) : static_cast<bool>(info.make_sink));
  };
  const ConnectorInfo* info = registry.find(spec.type);
  if (info != nullptr && can_stand(*info)) return info;
  std::vector<std::string_view> possible;
  for (const ConnectorInfo& other : registry.all()) {
    if (can_stand(other)) possible.push_back(other.type);
  }
  const std::string_view closest = closest_name(spec.type, possible);
  const std::string_view role = as_source ? "source" : "sink";
  problems.error(spec.location, "",
                 info == nullptr ? fmt::format("'{}' has the unknown type '{}'", role, spec.type)
                                 : fmt::format("type '{}' cannot be a {}", spec.type, role),
                 closest.empty() ? fmt::format("Possible are {}.", fmt::join(possible, ", "))
                                 : fmt::format("Did you mean '{}'?", closest));
  return nullptr;
}

void check_can_resynchronize(const LoadedJob& job, Problems& found) {
  if (job.sink && !job.sink->can_be_read()) {
    found.error(job.spec.sink.location, "",
                fmt::format("log.lost.behavior: resynchronize needs a sink that can be compared, which '{}' cannot",
                            job.spec.sink.type),
                "Leave the key 'log.lost.behavior' out of the pipeline, or choose a database as the sink.");
  }
  if (job.source && !(job.source->wants_snapshot() && job.source->wants_stream())) {
    found.error(job.spec.source.location, "",
                "log.lost.behavior: resynchronize needs a job that copies the rows and then follows the log",
                "Leave the key 'log.lost.behavior' out of the pipeline, or scan.startup.mode out of the source.");
  }
}

// Channels of signals and notifications that need topics.
void check_channels(const LoadedJob& job, Problems& found) {
  const PipelineSpec& pipeline = job.spec.pipeline;
  const auto has = [](const std::vector<std::string>& list, std::string_view what) {
    return std::ranges::find(list, what) != list.end();
  };
  const bool topics = dynamic_cast<const EventTopics*>(job.sink.get()) != nullptr;
  if (has(pipeline.signal_channels, "kafka") && !topics) {
    found.error(job.spec.sink.location, "",
                fmt::format("signal.enabled.channels: kafka needs the sink kafka, not '{}'", job.spec.sink.type),
                "Choose among the channels source, file and rest.");
  }
  if (!has(pipeline.notification_channels, "sink")) return;
  if (!topics) {
    found.error(job.spec.sink.location, "",
                fmt::format("notification.enabled.channels: sink needs the sink kafka, not '{}'", job.spec.sink.type),
                "Choose the channel log.");
  } else if (pipeline.notification_topic.empty()) {
    found.error(job.spec.sink.location, "", "notification.enabled.channels: sink needs the name of a topic",
                "Give it as notification.sink.topic.name, in the pipeline block.");
  }
}

// Who asks for logical messages must not lose them in silence.
void check_messages(const LoadedJob& job, Problems& found) {
  if (dynamic_cast<const EventSink*>(job.sink.get()) != nullptr) return;
  for (const Setting& setting : job.spec.source.settings.entries) {
    if (!setting.key.starts_with("message.prefix.")) continue;
    found.error(setting.location, setting.key,
                fmt::format("logical messages need the sink kafka, not '{}'", job.spec.sink.type),
                "Leave the options message.prefix.* out of the source.");
  }
}

std::optional<LoadedJob> load(const JobText& text, const ConnectorExtras& extras, const ConnectorRegistry& registry,
                              Problems& problems) {
  Problems found;
  LoadedJob job;
  if (auto spec = parse_job(text, extras, found)) {
    job.spec = std::move(*spec);
    if (const ConnectorInfo* info = find_connector(job.spec.source, true, registry, found)) {
      job.source = info->make_source(job.spec.source.settings, found);
    }
    if (const ConnectorInfo* info = find_connector(job.spec.sink, false, registry, found)) {
      job.sink = info->make_sink(job.spec.sink.settings, found);
    }
    if (job.spec.pipeline.apply == ApplyMode::kTransactional && job.sink &&
        job.sink->guarantee() != Guarantee::kExactlyOnce) {
      found.error(
          job.spec.sink.location, "",
          fmt::format("apply: transactional needs a sink with transactions, which '{}' has not", job.spec.sink.type),
          "Leave the key 'apply' out of the pipeline, or choose a database as the sink.");
    }
    if (job.spec.pipeline.lost_log == LostLog::kResynchronize) check_can_resynchronize(job, found);
    if (job.sink) check_channels(job, found);
    if (job.sink) check_messages(job, found);
    job.transform = JobTransform::create(job.spec, found);
  }
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  if (!good) return std::nullopt;
  SLUICE_CHECK(job.source && job.sink && job.transform);
  return job;
}

}  // namespace

std::optional<LoadedJob> load_job_text(const std::string& path, std::string_view text,
                                       const ConnectorRegistry& registry, Problems& problems) {
  return load({path, text}, {}, registry, problems);
}

std::optional<LoadedJob> load_job(const std::string& path, const ConnectorPaths& more,
                                  const ConnectorRegistry& registry, Problems& problems) {
  const auto text = read_whole(path, "the job file", problems);
  if (!text) return std::nullopt;
  JobText sink{more.sink, {}};
  JobText offsets{more.offsets, {}};
  std::string texts[2];
  for (const bool is_sink : {true, false}) {
    JobText& each = is_sink ? sink : offsets;
    if (each.file.empty()) continue;
    auto read = read_whole(each.file, is_sink ? "the file of --sink" : "the file of --take-over", problems);
    if (!read) return std::nullopt;
    std::string& content = texts[is_sink ? 0 : 1];
    content = std::move(*read);
    each.text = content;
  }
  return load({path, *text},
              {.sink = more.sink.empty() ? nullptr : &sink, .offsets = more.offsets.empty() ? nullptr : &offsets},
              registry, problems);
}

}  // namespace sluice
