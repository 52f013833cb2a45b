// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

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

// ", the source keeps 12 MB of log, the change log has 3 MB".
std::string kept_text(const ProgressReport& report) {
  std::string text;
  if (report.kept_log >= 0) text += fmt::format(", the source keeps {} MB of log", report.kept_log >> 20);
  if (report.change_log > 0) text += fmt::format(", the change log has {} MB", report.change_log >> 20);
  return text;
}

std::string line_of(const ProgressReport& report, uint64_t rate) {
  if (report.phase != JobPhase::kStreaming) {
    const double share = report.chunks_total == 0
                             ? 0
                             : static_cast<double>(report.chunks_copied) / static_cast<double>(report.chunks_total);
    const auto filled = static_cast<size_t>(share * 20);
    return fmt::format("{} [{}{}] {:3.0f}% {} of about {} rows, {} rows/s", job_phase_name(report.phase),
                       std::string(filled, '#'), std::string(20 - filled, '.'), share * 100,
                       grouped(report.rows_copied), grouped(report.rows_estimated), grouped(rate)) +
           kept_text(report);
  }
  return fmt::format("streaming {} changes, {} changes/s, lag {}{}", grouped(report.changes), grouped(rate),
                     report.lag_ms < 0 ? "-" : fmt::format("{} ms", report.lag_ms),
                     report.whole_transactions == Wholeness::kNotYet ? "; not yet whole transactions" : "") +
         kept_text(report);
}

}  // namespace

ProgressDisplay::ProgressDisplay(std::vector<std::pair<std::string, const Progress*>> jobs, Context& context)
    : context_(&context), terminal_(isatty(STDERR_FILENO) == 1 && jobs.size() == 1) {
  for (auto& [name, progress] : jobs) jobs_.push_back({.name = std::move(name), .progress = progress});
  thread_ = std::thread([this] { run(); });
}

ProgressDisplay::~ProgressDisplay() {
  context_.request_stop();
  thread_.join();
  if (terminal_ && drawn_) fmt::print(stderr, "\r\033[K");
}

void ProgressDisplay::run() {
  MonotonicTime last = monotonic_now();
  while (context_.wait_for(terminal_ ? kTerminalRefresh : kLineInterval)) {
    const MonotonicTime now = monotonic_now();
    show(std::chrono::duration<double>(now - last).count());
    last = now;
  }
}

void ProgressDisplay::show(double seconds) {
  for (Shown& job : jobs_) {
    const ProgressReport report = job.progress->report();
    if (report.phase == JobPhase::kFinished || report.phase == JobPhase::kFailed) continue;
    const uint64_t rows = report.rows_copied + report.changes;
    const auto rate = static_cast<uint64_t>(static_cast<double>(rows - job.rows_before) / seconds);
    job.rows_before = rows;
    const std::string name = jobs_.size() > 1 ? fmt::format("[{}] ", job.name) : "";
    fmt::print(stderr, "{}{}{}{}", terminal_ ? "\r\033[K" : "", name, line_of(report, rate), terminal_ ? "" : "\n");
  }
  std::fflush(stderr);
  drawn_ = true;
}

std::string progress_summary(const ProgressReport& report) {
  if (report.position.empty() && report.rows_copied == 0) return {};
  std::string text = fmt::format("copied {} rows, applied {} changes in {} commits, {} restarts; position {}\n",
                                 grouped(report.rows_copied), grouped(report.changes), grouped(report.commits),
                                 report.restarts, report.position.empty() ? "-" : report.position);
  if (report.lag_ms >= 0) {
    text += fmt::format("commit at the source to visible in the target: p50 {}, p99 {}{}\n",
                        latency_text(report.latency, 0.5), latency_text(report.latency, 0.99),
                        report.exact_source_clock ? "" : " (the source tells commit times in whole seconds)");
  }
  return text;
}

}  // namespace sluice
