// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

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

std::string_view result_of(const TableVerdict& verdict) {
  if (verdict.equal()) return "equal";
  return verdict.differences() > 0 ? "different" : "unknown";
}

std::string_view kind_of(const Difference& difference) {
  if (difference.target.count == 0) return "missing in target";
  return difference.source.count == 0 ? "only in target" : "different";
}

void print_difference(const TableVerdict& verdict, const NamedDifference& named) {
  std::string key;
  for (const auto& [column, value] : named.key) {
    key += fmt::format("{}{}={}", key.empty() ? "" : ", ", column, value.value_or("NULL"));
  }
  std::string how;
  if (!named.columns.empty()) how = fmt::format(" in {}", fmt::join(named.columns, ", "));
  const auto& [source, target] = named.difference;
  if (source.count > 1 || target.count > 1) {
    how += fmt::format(" ({} times in the source, {} in the target)", source.count, target.count);
  }
  fmt::print(stderr, "{}: {}: {}{}\n", verdict.target.text(), kind_of(named.difference), key, how);
}

void print_json(const TableVerdict& verdict) {
  const auto line = [](const nlohmann::ordered_json& json) {
    fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  };
  for (const auto& named : verdict.named) {
    nlohmann::ordered_json key = nlohmann::ordered_json::object();
    for (const auto& [column, value] : named.key) key[column] = value ? nlohmann::ordered_json(*value) : nullptr;
    line({{"table", verdict.target.text()},
          {"difference", kind_of(named.difference)},
          {"key", std::move(key)},
          {"columns", named.columns},
          {"in_source", named.difference.source.count},
          {"in_target", named.difference.target.count}});
  }
  line({{"table", verdict.target.text()},
        {"result", result_of(verdict)},
        {"rows", verdict.rows},
        {"missing", verdict.missing},
        {"only_in_target", verdict.surplus},
        {"different", verdict.different},
        {"unsettled", verdict.unsettled}});
}

void print_text(const TableVerdict& verdict) {
  if (verdict.equal()) {
    fmt::print("{}: equal, {} rows\n", verdict.target.text(), verdict.rows);
    return;
  }
  fmt::print("{}: {}, {} rows at the source; {} missing, {} surplus, {} with other values, {} still changing{}\n",
             verdict.target.text(), verdict.differences() > 0 ? "DIFFERENT" : "cannot tell yet", verdict.rows,
             verdict.missing, verdict.surplus, verdict.different, verdict.unsettled,
             verdict.copying ? " (its first copy has not ended)" : "");
  std::fflush(stdout);
}

void print_verdicts(const std::vector<TableVerdict>& verdicts, bool json) {
  for (const auto& verdict : verdicts) {
    if (json) {
      print_json(verdict);
    } else {
      print_text(verdict);
    }
    for (const auto& named : verdict.named) print_difference(verdict, named);
    if (!verdict.named.empty() && verdict.named.size() < verdict.differences()) {
      fmt::print(stderr, "{}: and {} more\n", verdict.target.text(), verdict.differences() - verdict.named.size());
    }
  }
}

int exit_code(const std::vector<TableVerdict>& verdicts) {
  if (std::ranges::all_of(verdicts, &TableVerdict::equal)) return kEqual;
  if (std::ranges::any_of(verdicts, [](const TableVerdict& verdict) { return verdict.unsettled > 0; })) {
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
  auto job = load_job(command.file, registry, problems);
  if (!problems.all().empty()) fmt::print(stderr, "{}", problems.text());
  if (!job) return error_code_info(ErrorCode::kConfig).exit_code;
  if (const auto opened = job->source->open(context); !opened) return fail(opened.error());
  if (const auto opened = job->sink->open(context); !opened) return fail(opened.error());

  const std::string name = job_name(job->spec);
  std::optional<Repairer> repairer;
  if (command.repair) repairer.emplace(context, *job, command.state_dir);
  auto verdicts =
      verify_tables(context, *job->source, *job->sink, *job->transform, name, {}, repairer ? &*repairer : nullptr);
  if (verdicts && repairer && repairer->took_over()) {
    print_verdicts(*verdicts, command.json);
    fmt::print(stderr,
               "repaired {} rows; a job that was running has been stopped: start it again; comparing once more\n",
               repairer->rows());
    verdicts =
        verify_tables(context, *job->source, *job->sink, *job->transform, name, {.rows_may_be_ahead = true}, nullptr);
  }
  if (!verdicts) return fail(verdicts.error());
  print_verdicts(*verdicts, command.json);
  return exit_code(*verdicts);
}

}  // namespace sluice
