// SPDX-License-Identifier: Apache-2.0
#include "cli/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/job_file.h"

namespace sluice {
namespace {

// id, type and data, by their places.
constexpr size_t kSignalColumns = 3;

class ConnectionCheck {
 public:
  ConnectionCheck(LoadedJob& job, Context& context, ValidationReport& report)
      : job_(job), context_(context), report_(report) {}

  // Source and sink are both tried, so that one run shows what is wrong with either.
  void run() {
    check_source();
    const auto opened = job_.sink->open(context_);
    if (opened) {
      report_.text += fmt::format("sink {}: ready\n", job_.spec.sink.type);
    } else {
      refuse("sink", job_.spec.sink.type, opened.error());
    }
  }

 private:
  void refuse(std::string_view role, std::string_view type, const Error& error) {
    report_.text += fmt::format("{} {}: {}\n", role, type, error.describe());
    if (report_.exit_code == 0) report_.exit_code = error_code_info(error.code()).exit_code;
  }

  void check_source() {
    const std::string& type = job_.spec.source.type;
    const auto opened = job_.source->open(context_);
    if (!opened) return refuse("source", type, opened.error());
    const auto position = job_.source->current_position(context_);
    if (!position) return refuse("source", type, position.error());
    const auto tables = job_.source->discover(context_);
    if (!tables) return refuse("source", type, tables.error());
    std::vector<TableId> ids;
    for (const SourceTable& table : *tables) {
      ids.push_back(table.schema->id);
      const auto targets = job_.transform->targets(table.schema);
      if (!targets) refuse("table", table.schema->id.text(), targets.error());
    }
    Problems unused;
    job_.transform->check_use(ids, unused);
    check_signal_table(*tables, unused);
    report_.text += unused.text();
    if (unused.has_errors() && report_.exit_code == 0) {
      report_.exit_code = error_code_info(ErrorCode::kConfig).exit_code;
    }
    report_.text += fmt::format("source {}: ready, {} table{}\n", type, tables->size(), tables->size() == 1 ? "" : "s");
  }

  void check_signal_table(const std::vector<SourceTable>& tables, Problems& problems) const {
    const PipelineSpec& pipeline = job_.spec.pipeline;
    if (pipeline.signal_table.empty() || std::ranges::count(pipeline.signal_channels, "source") == 0) return;
    const auto table = std::ranges::find_if(
        tables, [&](const SourceTable& each) { return each.schema->id.text() == pipeline.signal_table; });
    if (table != tables.end() && table->schema->columns.size() >= kSignalColumns) return;
    problems.warn(job_.spec.source.location, "signal.data.collection",
                  fmt::format("the table '{}' {}: no signals come from it", pipeline.signal_table,
                              table == tables.end() ? "is none of the captured tables" : "has less than three columns"),
                  "Create it with the columns id, type and data, and name it among the source's tables.");
  }

  LoadedJob& job_;
  Context& context_;
  ValidationReport& report_;
};

}  // namespace

ValidationReport validate_job(const Command& command, const ConnectorRegistry& registry, Context& context) {
  ValidationReport report;
  Problems problems;
  auto job = load_job(command.file, command.connector_files, registry, problems);
  report.text = problems.text();
  if (!job) {
    report.exit_code = error_code_info(ErrorCode::kConfig).exit_code;
    return report;
  }
  if (command.connect) ConnectionCheck(*job, context, report).run();
  if (report.exit_code == 0) report.text += fmt::format("{}: no mistakes\n", command.file);
  return report;
}

int validate_command(const Command& command, const ConnectorRegistry& registry, Context& context) {
  const ValidationReport report = validate_job(command, registry, context);
  fmt::print(stdout, "{}", report.text);
  return report.exit_code;
}

}  // namespace sluice
