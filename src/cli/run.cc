// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <deque>
#include <optional>
#include <set>

#include "api/metrics_text.h"
#include "base/log.h"
#include "cli/background_verify.h"
#include "cli/job_file.h"
#include "cli/progress_display.h"
#include "engine/job.h"
#include "net/http_server.h"
#include "signals/signal.h"
#include "verify/resynchronize.h"

namespace sluice {
namespace {

// How long a signal over HTTP waits for its job.
constexpr std::chrono::seconds kPatience{5};
constexpr int kHttpThreads = 4;

struct RunningJob {
  RunningJob(LoadedJob loaded, JobOptions job_options, TaskPool& tasks)
      : name(job_name(loaded.spec)),
        options(std::move(job_options)),
        job(std::move(loaded.spec), std::move(loaded.source), std::move(loaded.sink), tasks) {}
  const std::string name;
  const JobOptions options;
  Job job;
  std::optional<LoadedJob> verification;  // the same job once more, for verifying it beside; unset: not asked for
  std::unique_ptr<BackgroundVerify> verify;
  std::optional<Error> failure;  // unset if it was stopped or reached its end
};
using RunningJobs = std::deque<RunningJob>;

// False if any file has a mistake; all of them are shown.
bool load_jobs(const Command& command, const ConnectorRegistry& registry, TaskPool& tasks, RunningJobs& jobs) {
  bool good = true;
  std::set<std::string> names;
  for (const auto& file : command.files) {
    Problems problems;
    auto loaded = load_job(file, command.connector_files, registry, problems);
    if (loaded && !names.insert(job_name(loaded->spec)).second) {
      problems.error({.file = file, .line = 0, .column = 0}, "pipeline.name",
                     fmt::format("another of these jobs has the name '{}' too", job_name(loaded->spec)),
                     "Give each job a pipeline.name of its own: their ledgers go by it.");
      loaded.reset();
    }
    if (!problems.all().empty()) fmt::print(stderr, "{}", problems.text());
    good = good && loaded;
    if (!loaded) continue;
    std::optional<LoadedJob> verification;
    if (loaded->spec.pipeline.verify_interval.count() > 0)
      verification = load_job(file, command.connector_files, registry, problems);
    jobs.emplace_back(std::move(*loaded),
                      JobOptions{.state_dir = state_directory(command, file),
                                 .until_caught_up = command.until_caught_up,
                                 .reset = command.reset,
                                 .accept_changes = command.accept_changes,
                                 .resynchronize = resynchronize},
                      tasks);
    jobs.back().verification = std::move(verification);
  }
  return good;
}

HttpReply text_reply(int status, std::string_view text) {
  return {.content_type = "text/plain; charset=utf-8", .body = fmt::format("{}\n", text), .status = status};
}

HttpReply take_signal(Job& job, const HttpRequest& request) {
  // No web page of elsewhere can send this here unasked.
  if (!request.content_type.starts_with("application/json")) {
    return text_reply(415, "send it with Content-Type: application/json");
  }
  const auto& channels = job.spec().pipeline.signal_channels;
  if (std::ranges::find(channels, "rest") == channels.end()) {
    return text_reply(403,
                      "this job takes no signals over HTTP: add rest to signal.enabled.channels in its pipeline block");
  }
  auto signal = parse_signal(request.body);
  if (!signal) return text_reply(400, signal.error().message());
  const auto taken = job.inbox().deliver(std::move(*signal), kPatience);
  if (taken) return text_reply(200, "the job has taken the signal");
  const ErrorCode code = taken.error().code();
  return text_reply(code == ErrorCode::kConnect     ? 503
                    : code == ErrorCode::kTransient ? 504
                                                    : 400,
                    taken.error().message());
}

// GET /metrics, and POST /jobs/NAME/signals.
Result<std::unique_ptr<HttpServer>> serve_http(const std::string& address, RunningJobs& jobs) {
  const auto handle = [&jobs](const HttpRequest& request) {
    if (request.method != "POST" && request.path == "/metrics") {
      std::vector<std::pair<std::string, ProgressReport>> reports;
      for (auto& running : jobs) reports.emplace_back(running.name, running.job.progress().report());
      return HttpReply{.content_type = kMetricsContentType, .body = metrics_text(reports)};
    }
    for (auto& running : jobs) {
      if (request.method == "POST" && request.path == fmt::format("/jobs/{}/signals", running.name)) {
        return take_signal(running.job, request);
      }
    }
    return text_reply(404, "there are GET /metrics and POST /jobs/NAME/signals");
  };
  ASSIGN_OR_RETURN(auto server, HttpServer::start(address, handle, kHttpThreads));
  log_info("metrics at http://{}:{}/metrics", server->host(), server->port());
  return server;
}

// A job that fails leaves the others alone.
void run_all(RunningJobs& jobs, TaskPool& tasks, Context& context) {
  std::vector<std::pair<std::string, const Progress*>> shown;
  for (auto& running : jobs) shown.emplace_back(running.name, &running.job.progress());
  const ProgressDisplay display(std::move(shown), context);
  const bool alone = jobs.size() == 1;
  Context all(&context);
  std::atomic<size_t> left = jobs.size();
  for (auto& running : jobs) {
    const LogLabel label(alone ? "" : running.name);
    if (running.verification) {
      running.verify =
          std::make_unique<BackgroundVerify>(std::move(*running.verification), running.job.progress(), context);
    }
    running.job.run(context, running.options, [&, alone](Result<> result) {
      running.verify.reset();
      if (!result && !context.stop_requested()) {
        running.failure = std::move(result).error();
        if (!alone) log_error("{}", running.failure->describe());
      }
      if (--left == 0) all.request_stop();
    });
  }
  while (all.wait_for(std::chrono::hours(1))) continue;
  tasks.wake_all();
  for (auto& running : jobs) running.job.join();
}

}  // namespace

int run_command(const Command& command, const ConnectorRegistry& registry, Context& context) {
  TaskPool tasks;
  RunningJobs jobs;
  if (!load_jobs(command, registry, tasks, jobs)) return error_code_info(ErrorCode::kConfig).exit_code;
  std::unique_ptr<HttpServer> metrics;
  if (!command.metrics.empty()) {
    auto served = serve_http(command.metrics, jobs);
    if (!served) {
      fmt::print(stderr, "{}\n", served.error().describe());
      return error_code_info(served.error().code()).exit_code;
    }
    metrics = std::move(served).value();
  }
  run_all(jobs, tasks, context);
  int exit_code = 0;
  for (auto& running : jobs) {
    if (jobs.size() > 1) fmt::print(stderr, "{}:\n", running.name);
    fmt::print(stderr, "{}", progress_summary(running.job.progress().report()));
    if (!running.failure) continue;
    fmt::print(stderr, "{}\n", running.failure->describe());
    if (exit_code == 0) exit_code = error_code_info(running.failure->code()).exit_code;
  }
  return exit_code;
}

}  // namespace sluice
