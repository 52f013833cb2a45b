// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "cli/job_file.h"
#include "cli/verify_report.h"
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

// Writes corrections in transactions of the job's own, which makes the job ours: a process that runs it is fenced. It
// is taken over only when there is something to correct.
class Repairer : public Repair {
 public:
  Repairer(Context& context, LoadedJob& job, std::string state_dir)
      : context_(context), job_(job), state_dir_(std::move(state_dir)) {}

  Result<> take_over() override {
    if (writer_) return {};
    ASSIGN_OR_RETURN(ledger_, JobLedger::open(context_, *job_.sink, job_name(job_.spec), state_dir_));
    ASSIGN_OR_RETURN(entry_, ledger_->repair_entry(context_));
    ASSIGN_OR_RETURN(writer_, job_.sink->open_writer(context_, ledger_->job(), ledger_->epoch()));
    return {};
  }
  Result<> write(const ChangeBatch& rows) override {
    RETURN_IF_ERROR(writer_->write(context_, rows, false));
    RETURN_IF_ERROR(ledger_->commit(context_, *writer_, entry_));
    rows_ += rows.rows();
    return {};
  }
  bool took_over() const { return writer_ != nullptr; }
  uint64_t rows() const { return rows_; }

 private:
  Context& context_;
  LoadedJob& job_;
  const std::string state_dir_;
  std::unique_ptr<JobLedger> ledger_;
  LedgerEntry entry_;
  std::unique_ptr<SinkWriter> writer_;
  uint64_t rows_ = 0;
};

void print_verdicts(const std::vector<TableVerdict>& verdicts, bool json) {
  for (const auto& verdict : verdicts) {
    for (const auto& line : json ? json_lines(verdict) : std::vector{verdict_text(verdict)}) fmt::print("{}\n", line);
    std::fflush(stdout);
    for (const auto& line : difference_texts(verdict)) fmt::print(stderr, "{}\n", line);
  }
}

int exit_code(const std::vector<TableVerdict>& verdicts) {
  if (std::ranges::all_of(verdicts, &TableVerdict::equal)) return kEqual;
  if (std::ranges::any_of(verdicts, [](const TableVerdict& each) { return each.unsettled > 0; })) {
    fmt::print(stderr,
               "Some changes have not arrived: if the job is not running, or is behind, let it catch up first "
               "(sluice run --until-caught-up).\n");
  }
  const auto differs = [](const TableVerdict& verdict) { return verdict.differences() > 0; };
  return std::ranges::any_of(verdicts, differs) ? kDifferent : kUnknown;
}

}  // namespace

int verify_command(const Command& command, const ConnectorRegistry& registry, Context& context) {
  Problems problems;
  auto job = load_job(command.file, command.connector_files, registry, problems);
  if (!problems.all().empty()) fmt::print(stderr, "{}", problems.text());
  if (!job) return error_code_info(ErrorCode::kConfig).exit_code;
  if (const auto opened = job->source->open(context); !opened) return fail(opened.error());
  if (const auto opened = job->sink->open(context); !opened) return fail(opened.error());

  const std::string name = job_name(job->spec);
  std::optional<Repairer> repairer;
  if (command.repair) repairer.emplace(context, *job, command.state_dir);
  VerifyOptions options{.hash_in_servers = may_hash_in_servers(job->spec)};
  auto verdicts =
      verify_tables(context, *job->source, *job->sink, *job->transform, name, options, repairer ? &*repairer : nullptr);
  if (verdicts && repairer && repairer->took_over()) {
    print_verdicts(*verdicts, command.json);
    fmt::print(stderr,
               "repaired {} rows; a job that was running has been stopped: start it again; comparing once more\n",
               repairer->rows());
    options.rows_may_be_ahead = true;
    verdicts = verify_tables(context, *job->source, *job->sink, *job->transform, name, options, nullptr);
  }
  if (!verdicts) return fail(verdicts.error());
  print_verdicts(*verdicts, command.json);
  return exit_code(*verdicts);
}

}  // namespace sluice
