// SPDX-License-Identifier: Apache-2.0
#include "api/metrics_text.h"

#include <fmt/format.h>

#include <functional>
#include <iterator>

namespace sluice {
namespace {

using Jobs = std::vector<std::pair<std::string, ProgressReport>>;

constexpr JobPhase kPhases[] = {JobPhase::kStarting,  JobPhase::kCopying,    JobPhase::kResynchronizing,
                                JobPhase::kStreaming, JobPhase::kRestarting, JobPhase::kFinished,
                                JobPhase::kFailed};

std::string label_value(std::string_view text) {
  std::string value;
  for (const char c : text) {
    if (c == '\\' || c == '"') value.push_back('\\');
    if (c == '\n') {
      value += "\\n";
    } else {
      value.push_back(c);
    }
  }
  return value;
}

class MetricsWriter {
 public:
  explicit MetricsWriter(const Jobs& jobs) : jobs_(jobs) {}

  void header(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  // `more` are further labels: ",table=\"shop.orders\"".
  template <typename Value>
  void sample(std::string_view name, std::string_view job, std::string_view more, Value value) {
    fmt::format_to(std::back_inserter(text_), "{}{{job=\"{}\"{}}} {}\n", name, label_value(job), more, value);
  }
  void each_job(std::string_view name, std::string_view type, std::string_view help,
                const std::function<uint64_t(const ProgressReport&)>& value) {
    header(name, type, help);
    for (const auto& [job, report] : jobs_) sample(name, job, "", value(report));
  }
  void each_table(std::string_view name, std::string_view type, std::string_view help,
                  const std::function<uint64_t(const TableProgress&)>& value) {
    header(name, type, help);
    for (const auto& [job, report] : jobs_) {
      for (const auto& [table, progress] : report.tables) {
        sample(name, job, fmt::format(",table=\"{}\"", label_value(table.text())), value(progress));
      }
    }
  }
  std::string take() { return std::move(text_); }

 private:
  const Jobs& jobs_;
  std::string text_;
};

void write_phases(MetricsWriter& out, const Jobs& jobs) {
  out.header("sluice_job_phase", "gauge", "1 for the phase the job is in.");
  for (const auto& [job, report] : jobs) {
    for (const JobPhase phase : kPhases) {
      out.sample("sluice_job_phase", job, fmt::format(",phase=\"{}\"", job_phase_name(phase)),
                 report.phase == phase ? 1 : 0);
    }
  }
}

// Only for jobs whose source tells commit times.
void write_latency(MetricsWriter& out, const Jobs& jobs) {
  out.header("sluice_lag_seconds", "gauge", "Age of the last applied transaction when it became visible.");
  for (const auto& [job, report] : jobs) {
    if (report.lag_ms >= 0) out.sample("sluice_lag_seconds", job, "", static_cast<double>(report.lag_ms) / 1000);
  }
  constexpr const char* kLatency = "sluice_commit_latency_seconds";
  out.header(kLatency, "histogram", "From the commit at the source to visible in the target.");
  for (const auto& [job, report] : jobs) {
    if (report.lag_ms < 0) continue;
    uint64_t total = 0;
    for (size_t i = 0; i < report.latency.size(); ++i) {
      total += report.latency[i];
      const double bound = static_cast<double>(uint64_t{1} << i) / 1000;
      out.sample("sluice_commit_latency_seconds_bucket", job, fmt::format(",le=\"{}\"", bound), total);
    }
    out.sample("sluice_commit_latency_seconds_bucket", job, ",le=\"+Inf\"", total);
    out.sample("sluice_commit_latency_seconds_sum", job, "", static_cast<double>(report.latency_sum_ms) / 1000);
    out.sample("sluice_commit_latency_seconds_count", job, "", total);
  }
}

// Only for jobs that are verified beside.
void write_verification(MetricsWriter& out, const Jobs& jobs) {
  out.header("sluice_verifications_total", "counter", "Times target and source have been compared beside the job.");
  for (const auto& [job, report] : jobs) out.sample("sluice_verifications_total", job, "", report.verifications);
  const auto last = [&](std::string_view name, std::string_view help,
                        const std::function<void(const std::string&, const VerifyOutcome&)>& write) {
    out.header(name, "gauge", help);
    for (const auto& [job, report] : jobs) {
      if (report.verifications > 0) write(job, report.verified);
    }
  };
  last("sluice_verified_tables", "Tables of the last comparison by its result.",
       [&](const std::string& job, const VerifyOutcome& outcome) {
         out.sample("sluice_verified_tables", job, ",result=\"equal\"", outcome.equal_tables);
         out.sample("sluice_verified_tables", job, ",result=\"different\"", outcome.different_tables);
         out.sample("sluice_verified_tables", job, ",result=\"unsettled\"", outcome.unsettled_tables);
       });
  last("sluice_verified_rows", "Rows of the last comparison.",
       [&](const std::string& job, const VerifyOutcome& outcome) {
         out.sample("sluice_verified_rows", job, "", outcome.rows);
       });
  last("sluice_verified_differences", "Rows that differed in the last comparison.",
       [&](const std::string& job, const VerifyOutcome& outcome) {
         out.sample("sluice_verified_differences", job, "", outcome.differences);
       });
  last("sluice_verified_timestamp_seconds", "When the last comparison ended, since 1970.",
       [&](const std::string& job, const VerifyOutcome& outcome) {
         out.sample("sluice_verified_timestamp_seconds", job, "", outcome.ended_ms / 1000);
       });
}

// Only for jobs whose source keeps its log for them.
void write_kept_log(MetricsWriter& out, const Jobs& jobs) {
  const auto each = [&](std::string_view name, std::string_view help,
                        const std::function<uint64_t(const ProgressReport&)>& value) {
    out.header(name, "gauge", help);
    for (const auto& [job, report] : jobs) {
      if (report.kept_log >= 0) out.sample(name, job, "", value(report));
    }
  };
  each("sluice_source_log_retained_bytes", "Log that the source keeps for the job.",
       [](const ProgressReport& report) { return static_cast<uint64_t>(report.kept_log); });
  each("sluice_source_log_unacknowledged_bytes", "Log behind what the job has acknowledged to the source.",
       [](const ProgressReport& report) { return static_cast<uint64_t>(report.unacknowledged_log); });
  each("sluice_change_log_bytes", "Changes in the change log, which the target lacks.",
       [](const ProgressReport& report) { return report.change_log; });
}

}  // namespace

std::string metrics_text(const Jobs& jobs) {
  MetricsWriter out(jobs);
  write_phases(out, jobs);
  out.each_table("sluice_rows_estimated", "gauge",
                 "Rows of the table when its copy was planned, as the source guesses.",
                 [](const TableProgress& table) { return table.rows_estimated; });
  out.each_table("sluice_rows_copied_total", "counter", "Rows of the first copy.",
                 [](const TableProgress& table) { return table.rows_copied; });
  out.each_table("sluice_changes_total", "counter", "Row changes read from the log.",
                 [](const TableProgress& table) { return table.changes; });
  out.each_job("sluice_chunks", "gauge", "Chunks of the first copy.",
               [](const ProgressReport& report) { return report.chunks_total; });
  out.each_job("sluice_chunks_copied", "gauge", "Chunks of the first copy that are in the target.",
               [](const ProgressReport& report) { return report.chunks_copied; });
  out.each_job("sluice_bytes_total", "counter", "Bytes of rows and changes in memory.",
               [](const ProgressReport& report) { return report.bytes; });
  out.each_job("sluice_commits_total", "counter", "Transactions committed in the target.",
               [](const ProgressReport& report) { return report.commits; });
  out.each_job("sluice_restarts_total", "counter", "Times the job began again after an error.",
               [](const ProgressReport& report) { return report.restarts; });
  out.each_job(
      "sluice_whole_transactions", "gauge",
      "1 while apply: transactional holds: the target shows whole source transactions only.",
      [](const ProgressReport& report) {
        return uint64_t{report.phase == JobPhase::kStreaming && report.whole_transactions == Wholeness::kHolds};
      });
  write_latency(out, jobs);
  write_verification(out, jobs);
  write_kept_log(out, jobs);
  return out.take();
}

}  // namespace sluice
