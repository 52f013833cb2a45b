// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "cli/job_file.h"
#include "engine/job.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kTerminalRefresh{250};
constexpr std::chrono::milliseconds kLineInterval{5000};

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

// The upper bound of the bucket that holds the given share of the commits.
std::string latency_text(const LatencyHistogram& latency, double share) {
  uint64_t total = 0;
  for (const uint64_t count : latency) total += count;
  if (total == 0) return "-";
  uint64_t seen = 0;
  for (size_t i = 0; i < latency.size(); ++i) {
    seen += latency[i];
    if (static_cast<double>(seen) >= share * static_cast<double>(total)) return fmt::format("<{} ms", uint64_t{1} << i);
  }
  return "-";
}

// Shows progress on standard error until it is destroyed: one line that is redrawn on a terminal, else a line now and
// then.
class ProgressDisplay {
 public:
  ProgressDisplay(const Progress& progress, Context& context)
      : progress_(progress), context_(&context), terminal_(isatty(STDERR_FILENO) == 1), thread_([this] { run(); }) {}
  ~ProgressDisplay() {
    context_.request_stop();
    thread_.join();
    if (terminal_ && drawn_) fmt::print(stderr, "\r\033[K");
  }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

 private:
  void run() {
    MonotonicTime last = monotonic_now();
    uint64_t rows_before = 0;
    while (context_.wait_for(terminal_ ? kTerminalRefresh : kLineInterval)) {
      const ProgressReport report = progress_.report();
      const MonotonicTime now = monotonic_now();
      const uint64_t rows = report.rows_copied + report.changes;
      const double seconds = std::chrono::duration<double>(now - last).count();
      const auto rate = static_cast<uint64_t>(static_cast<double>(rows - rows_before) / seconds);
      rows_before = rows;
      last = now;
      const std::string line = text(report, rate);
      fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ ? "" : "\n");
      std::fflush(stderr);
      drawn_ = true;
    }
  }

  static std::string text(const ProgressReport& report, uint64_t rate) {
    if (report.phase != JobPhase::kStreaming) {
      const double share = report.chunks_total == 0
                               ? 0
                               : static_cast<double>(report.chunks_copied) / static_cast<double>(report.chunks_total);
      const auto filled = static_cast<size_t>(share * 20);
      return fmt::format("{} [{}{}] {:3.0f}% {} of about {} rows, {} rows/s", job_phase_name(report.phase),
                         std::string(filled, '#'), std::string(20 - filled, '.'), share * 100,
                         grouped(report.rows_copied), grouped(report.rows_estimated), grouped(rate));
    }
    return fmt::format("streaming {} changes, {} changes/s, lag {}", grouped(report.changes), grouped(rate),
                       report.lag_ms < 0 ? "-" : fmt::format("{} ms", report.lag_ms));
  }

  const Progress& progress_;
  Context context_;
  const bool terminal_;
  bool drawn_ = false;
  std::thread thread_;
};

void print_summary(const ProgressReport& report) {
  if (report.position.empty() && report.rows_copied == 0) return;  // it never got that far
  fmt::print(stderr, "copied {} rows, applied {} changes in {} commits, {} restarts; position {}\n",
             grouped(report.rows_copied), grouped(report.changes), grouped(report.commits), report.restarts,
             report.position.empty() ? "-" : report.position);
  if (report.lag_ms >= 0) {
    fmt::print(stderr, "commit at the source to visible in the target: p50 {}, p99 {}{}\n",
               latency_text(report.latency, 0.5), latency_text(report.latency, 0.99),
               report.exact_source_clock ? "" : " (the source tells commit times in whole seconds)");
  }
}

}  // namespace

int run_command(const Command& command, const ConnectorRegistry& registry, Context& context) {
  Problems problems;
  auto loaded = load_job(command.file, registry, problems);
  if (!problems.all().empty()) fmt::print(stderr, "{}", problems.text());
  if (!loaded) return error_code_info(ErrorCode::kConfig).exit_code;

  Job job(std::move(loaded->spec), std::move(loaded->source), std::move(loaded->sink));
  const JobOptions options{
      .state_dir = command.state_dir, .until_caught_up = command.until_caught_up, .reset = command.reset};
  Result<> result;
  {
    const ProgressDisplay display(job.progress(), context);
    result = job.run(context, options);
  }
  print_summary(job.progress().report());
  if (result || result.error().code() == ErrorCode::kStopped || context.stop_requested()) return 0;
  fmt::print(stderr, "{}\n", result.error().describe());
  return error_code_info(result.error().code()).exit_code;
}

}  // namespace sluice
