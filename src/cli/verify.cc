// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/job_file.h"
#include "engine/job.h"
#include "verify/verifier.h"

namespace sluice {
namespace {

constexpr int kEqual = 0;
constexpr int kDifferent = 1;
constexpr int kUnknown = 2;

int fail(const Error& error) {
  fmt::print(stderr, "{}\n", error.describe());
  return kUnknown;
}

// Writes corrections in transactions of the job's own, which makes the job ours: a process that runs it is fenced.
class Repairer {
 public:
  static Result<std::unique_ptr<Repairer>> open(Context& context, LoadedJob& job, const std::string& state_dir) {
    auto repairer = std::make_unique<Repairer>(context);
    ASSIGN_OR_RETURN(repairer->ledger_, JobLedger::open(context, *job.sink, job_name(job.spec), state_dir));
    ASSIGN_OR_RETURN(repairer->entry_, repairer->ledger_->repair_entry(context));
    ASSIGN_OR_RETURN(repairer->writer_,
                     job.sink->open_writer(context, repairer->ledger_->job(), repairer->ledger_->epoch()));
    return repairer;
  }
  explicit Repairer(Context& context) : context_(context) {}

  Result<> write(const ChangeBatch& rows) {
    RETURN_IF_ERROR(writer_->write(context_, rows, false));
    RETURN_IF_ERROR(ledger_->commit(context_, *writer_, entry_));
    rows_ += rows.rows();
    return {};
  }
  uint64_t rows() const { return rows_; }

 private:
  Context& context_;
  std::unique_ptr<JobLedger> ledger_;
  LedgerEntry entry_;
  std::unique_ptr<SinkWriter> writer_;
  uint64_t rows_ = 0;
};

void print_verdict(const TableVerdict& verdict) {
  if (verdict.equal()) {
    fmt::print("{}: equal, {} rows\n", verdict.target.text(), verdict.rows);
    return;
  }
  const bool settled = verdict.missing + verdict.surplus + verdict.different > 0;
  fmt::print("{}: {}, {} rows at the source; {} missing, {} surplus, {} with other values, {} still changing\n",
             verdict.target.text(), settled ? "DIFFERENT" : "cannot tell yet", verdict.rows, verdict.missing,
             verdict.surplus, verdict.different, verdict.unsettled);
}

int exit_code(const std::vector<TableVerdict>& verdicts) {
  if (std::ranges::all_of(verdicts, &TableVerdict::equal)) return kEqual;
  fmt::print(
      "Changes that are on their way count too: if the job is not running, or is behind, let it catch up first "
      "(sluice run --until-caught-up).\n");
  const auto settled_difference = [](const TableVerdict& verdict) {
    return verdict.missing + verdict.surplus + verdict.different > 0;
  };
  return std::ranges::any_of(verdicts, settled_difference) ? kDifferent : kUnknown;
}

}  // namespace

int verify_command(const Command& command, const ConnectorRegistry& registry, Context& context) {
  Problems problems;
  auto job = load_job(command.file, registry, problems);
  if (!problems.all().empty()) fmt::print(stderr, "{}", problems.text());
  if (!job) return error_code_info(ErrorCode::kConfig).exit_code;
  if (const auto opened = job->source->open(context); !opened) return fail(opened.error());
  if (const auto opened = job->sink->open(context); !opened) return fail(opened.error());

  // The job is taken over only when there is something to correct.
  std::unique_ptr<Repairer> repairer;
  RepairSink repair;
  if (command.repair) {
    repair = [&](const ChangeBatch& rows) -> Result<> {
      if (!repairer) {
        ASSIGN_OR_RETURN(repairer, Repairer::open(context, *job, command.state_dir));
      }
      return repairer->write(rows);
    };
  }
  auto verdicts = verify_tables(context, *job->source, *job->sink, *job->transform, {}, repair);
  if (verdicts && repairer) {
    for (const auto& verdict : *verdicts) print_verdict(verdict);
    fmt::print("repaired {} rows; a job that was running has been stopped: start it again; comparing once more\n",
               repairer->rows());
    verdicts = verify_tables(context, *job->source, *job->sink, *job->transform, {}, {});
  }
  if (!verdicts) return fail(verdicts.error());
  for (const auto& verdict : *verdicts) print_verdict(verdict);
  return exit_code(*verdicts);
}

}  // namespace sluice
