// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.h"

#include <fmt/format.h>

#include "cli/job_file.h"
#include "engine/job.h"
#include "engine/plan.h"

namespace sluice {
namespace {

Result<> explain_table(Context& context, LoadedJob& job, const SourceTable& table) {
  const TableSchema& schema = *table.schema;
  ASSIGN_OR_RETURN(const uint64_t rows, job.source->estimate_rows(context, schema.id));
  fmt::print("{}: {} columns, key {}, about {} rows", schema.id.text(), schema.columns.size(),
             schema.key.empty() ? "none (rows are identified by all their values)"
                                : fmt::format("of {} columns", schema.key.size()),
             rows);
  if (job.source->wants_snapshot()) {
    ASSIGN_OR_RETURN(const auto chunks, job.source->split(context, table.schema));
    fmt::print(", {} chunks", chunks.size());
  }
  fmt::print("\n");
  ASSIGN_OR_RETURN(const auto targets, job.transform->targets(table.schema));
  for (const auto& target : targets) {
    ASSIGN_OR_RETURN(const auto existing, job.sink->find_table(context, target->id));
    if (existing) {
      ASSIGN_OR_RETURN(const bool empty, job.sink->is_empty(context, target->id));
      fmt::print("  -> {}: exists{}\n", target->id.text(),
                 empty ? "" : ", with rows: a first copy replaces those with the same key and leaves the others");
      continue;
    }
    fmt::print("  -> {}: will be created\n", target->id.text());
    const SchemaChange create{
        .kind = SchemaChangeKind::kCreateTable, .before = nullptr, .after = target, .columns = {}, .new_names = {}};
    for (const auto& statement : job.sink->ddl_for(create)) fmt::print("       {};\n", statement);
  }
  return {};
}

Result<> explain(Context& context, LoadedJob& job) {
  RETURN_IF_ERROR(job.source->open(context));
  RETURN_IF_ERROR(job.sink->open(context));
  fmt::print("job '{}': {} -> {}\n", job_name(job.spec), job.spec.source.type, job.spec.sink.type);
  fmt::print("guarantee: {} ({})\n",
             job.sink->guarantee() == Guarantee::kExactlyOnce ? "exactly-once" : "at-least-once",
             job.sink->guarantee_reason());
  const bool whole = job.source->wants_stream() && job.spec.pipeline.apply == ApplyMode::kTransactional;
  fmt::print(
      "target shows: {}\n",
      whole ? "while rows are copied, any mixture; then, from the place of the log where the copy ended (the job says "
              "when), only whole source transactions in the order of their commits"
            : "changes of one row in their order; of a source transaction sometimes a part (apply: transactional "
              "shows it whole)");
  fmt::print("{}", make_plan(job.spec, *job.source, *job.sink).text());
  ASSIGN_OR_RETURN(const auto tables, job.source->discover(context));
  for (const auto& table : tables) RETURN_IF_ERROR(explain_table(context, job, table));
  return {};
}

}  // namespace

int explain_command(const Command& command, const ConnectorRegistry& registry, Context& context) {
  Problems problems;
  auto job = load_job(command.file, command.connector_files, registry, problems);
  if (!problems.all().empty()) fmt::print(stderr, "{}", problems.text());
  if (!job) return error_code_info(ErrorCode::kConfig).exit_code;
  const auto explained = explain(context, *job);
  if (explained) return 0;
  fmt::print(stderr, "{}\n", explained.error().describe());
  return error_code_info(explained.error().code()).exit_code;
}

}  // namespace sluice
