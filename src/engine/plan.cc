// SPDX-License-Identifier: Apache-2.0
#include "engine/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "connector/writes_ahead.h"

namespace sluice {
namespace {

bool does_something(const TransformSpec& rule) {
  const bool all_columns = rule.projection.empty() || rule.projection == "*";
  return !all_columns || !rule.filter.empty() || !rule.primary_keys.empty() || rule.soft_delete;
}

std::string rules(std::string_view what, size_t count) {
  return fmt::format("{} ({} {})", what, count, count == 1 ? "rule" : "rules");
}

// What is done between reading and writing, chained into one stage.
std::vector<std::string> middle_nodes(const JobSpec& spec) {
  std::vector<std::string> nodes;
  if (std::ranges::any_of(spec.transforms, does_something)) {
    nodes.push_back(rules("transform", spec.transforms.size()));
  }
  if (!spec.routes.empty()) nodes.push_back(rules("route", spec.routes.size()));
  return nodes;
}

// Of the job itself: for tables and positions; for tables and the ledger.
constexpr size_t kSourceConnections = 1;
constexpr size_t kTargetConnections = 2;

// A reader and a writer work as a pair; each has a thread, and the job waits for them. A reader may open a second
// connection for definitions of tables, and one is there for a moment to bring all readers to one position.
TaskGroup copy_group(size_t pairs, std::vector<std::string> middle) {
  middle.push_back("write");
  return {.name = "copy",
          .stages = {{pairs, {"read chunks"}}, {pairs, std::move(middle)}},
          .source_connections = kSourceConnections + 2 * pairs + 1,
          .target_connections = kTargetConnections + pairs,
          .threads = 2 * pairs + 1};
}

// The reader has a second connection, for definitions of tables.
TaskGroup stream_group(size_t lanes, size_t writers, bool cut, std::vector<std::string> middle) {
  const bool ordered = writers > lanes;
  if (lanes > 1) middle.emplace_back("divide by key");
  TaskGroup group{.name = "stream",
                  .stages = {{1, {cut ? "read the change log, or the log" : "read the log"}}},
                  .source_connections = kSourceConnections + 2,
                  .target_connections = kTargetConnections + writers,
                  .threads = writers + (ordered ? 3 : 2)};
  if (middle.empty()) middle.emplace_back("hand on");
  group.stages.push_back({1, std::move(middle)});
  if (ordered) group.stages.push_back({1, {"cut into runs of transactions"}});
  group.stages.push_back({writers, {ordered ? "write, commit in the source's order" : "write"}});
  return group;
}

// A source that keeps its log for the job is asked how much it keeps; two more connections read it, when need be.
TaskGroup change_log_group(bool cut) {
  PlanStage stage{1, {"look how much log the source keeps"}};
  if (cut) stage.nodes.emplace_back("append it to the change log");
  return {.name = cut ? "change log" : "kept log",
          .stages = {std::move(stage)},
          .source_connections = cut ? 3UL : 1UL,
          .target_connections = 0,
          .threads = 1};
}

std::string stage_text(const PlanStage& stage) {
  return fmt::format("{}[{}]", stage.tasks == 1 ? std::string() : fmt::format("{} x ", stage.tasks),
                     fmt::join(stage.nodes, " -> "));
}

}  // namespace

JobPlan make_plan(const JobSpec& spec, const Source& source, const Sink& sink) {
  JobPlan plan;
  const auto wanted = static_cast<size_t>(spec.pipeline.parallelism);
  const auto most = static_cast<size_t>(sink.max_writers());
  plan.parallelism = most == 0 ? wanted : std::min(wanted, most);
  // Whole transactions become visible one after the other: one lane, which may have several writers.
  const bool whole = spec.pipeline.apply == ApplyMode::kTransactional;
  plan.lanes = whole ? 1 : plan.parallelism;
  plan.writers = whole && dynamic_cast<const WritesAhead*>(&sink) == nullptr ? 1 : plan.parallelism;

  const auto middle = middle_nodes(spec);
  const bool streams = source.wants_stream();
  // Where the source keeps its log for the job alone, the graph can be cut: the change log takes what the target does
  // not.
  const bool held = source.held_log() != nullptr;
  const bool cut = streams && held && spec.pipeline.change_log_retained_limit > 0;
  plan.graph.push_back(spec.source.type);
  if (cut) plan.graph.emplace_back("change log (when the target does not keep up)");
  plan.graph.insert(plan.graph.end(), middle.begin(), middle.end());
  plan.graph.push_back(spec.sink.type);

  if (source.wants_snapshot()) plan.groups.push_back(copy_group(plan.parallelism, middle));
  if (streams) plan.groups.push_back(stream_group(plan.lanes, plan.writers, cut, middle));
  if (held) plan.groups.push_back(change_log_group(cut));
  return plan;
}

std::string JobPlan::text() const {
  std::string text = fmt::format("plan: {}\n", fmt::join(graph, " -> "));
  for (const auto& group : groups) {
    std::vector<std::string> stages;
    for (const auto& stage : group.stages) stages.push_back(stage_text(stage));
    text += fmt::format("  {}: {}; at most {} threads, {} connections to the source, {} to the target\n", group.name,
                        fmt::join(stages, " => "), group.threads, group.source_connections, group.target_connections);
  }
  return text;
}

}  // namespace sluice
