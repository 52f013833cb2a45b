// SPDX-License-Identifier: Apache-2.0
#include "transform/job_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "transform/router.h"
#include "transform/schema_evolution.h"

namespace sluice {

namespace {

TableSchemaPtr with_id(const TableSchemaPtr& schema, const TableId& id) {
  if (schema->id == id) return schema;
  auto copy = std::make_shared<TableSchema>(*schema);
  copy->id = id;
  return copy;
}

// A target table and what flows into it. With one source it has that source's shape; with several, a shape that holds
// the rows of all, which never narrows.
struct TargetTable {
  TableId id;
  TableSchemaPtr schema;
  std::map<TableId, TableSchemaPtr> parts;  // by source table: its rows as they arrive here

  bool only_source(const TableId& source) const { return parts.size() == 1 && parts.contains(source); }

  // Takes a new or changed source in.
  Result<> add(const TableId& source, const TableSchemaPtr& part) {
    if (parts.empty() || only_source(source)) {
      schema = with_id(part, id);
    } else {
      const auto other =
          std::find_if(parts.begin(), parts.end(), [&](const auto& entry) { return entry.first != source; });
      ASSIGN_OR_RETURN(auto merged, merge_schemas(*schema, other->first, *part, source));
      if (!(merged == *schema)) schema = std::make_shared<const TableSchema>(std::move(merged));
    }
    parts[source] = part;
    return {};
  }
};

// Where the rows of one source table go.
struct Plan {
  TableSchemaPtr source;
  struct Output {
    TargetTable* target;
  };
  std::vector<Output> outputs;
};

class RoutedTransform final : public JobTransform {
 public:
  explicit RoutedTransform(std::unique_ptr<Router> router) : router_(std::move(router)) {}

  Result<std::vector<TableSchemaPtr>> targets(const TableSchemaPtr& source) override {
    ASSIGN_OR_RETURN(const Plan* plan, plan_for(source));
    std::vector<TableSchemaPtr> schemas;
    for (const auto& output : plan->outputs) schemas.push_back(output.target->schema);
    return schemas;
  }

  Result<> apply(ChangeBatch batch, std::vector<ChangeBatch>& out) override {
    ASSIGN_OR_RETURN(Plan * plan, plan_for(batch.schema));
    for (size_t i = 0; i < plan->outputs.size(); ++i) {
      const bool last = i + 1 == plan->outputs.size();
      RETURN_IF_ERROR(emit(plan->outputs[i], last ? std::move(batch) : ChangeBatch(batch), out));
    }
    return {};
  }

  Result<std::vector<SchemaChange>> apply(const SchemaChange& change) override {
    if (change.kind == SchemaChangeKind::kDropTable || change.kind == SchemaChangeKind::kTruncateTable) {
      return apply_to_whole_table(change);
    }
    std::map<TableId, TableSchemaPtr> before;  // targets that existed
    if (change.before != nullptr) {
      ASSIGN_OR_RETURN(const Plan* plan, plan_for(change.before));
      for (const auto& output : plan->outputs) before[output.target->id] = output.target->schema;
    } else {
      for (const auto& [id, target] : targets_) {
        if (!target->only_source(change.after->id)) before[id] = target->schema;
      }
    }
    ASSIGN_OR_RETURN(const Plan* plan, plan_for(change.after));
    std::vector<SchemaChange> changes;
    for (const auto& output : plan->outputs) {
      const auto found = before.find(output.target->id);
      if (found == before.end()) {
        changes.push_back({SchemaChangeKind::kCreateTable, nullptr, output.target->schema, {}, {}});
        continue;
      }
      if (output.target->only_source(change.after->id)) {
        changes.push_back(change);
        changes.back().before = found->second;
        changes.back().after = output.target->schema;
        continue;
      }
      for (auto& step : diff_schemas(found->second, output.target->schema, {})) changes.push_back(std::move(step));
    }
    return changes;
  }

 private:
  // Dropping or emptying one of several sources leaves a shared target alone: the rows of the others stay.
  Result<std::vector<SchemaChange>> apply_to_whole_table(const SchemaChange& change) {
    ASSIGN_OR_RETURN(const Plan* plan, plan_for(change.before));
    const TableId source = change.before->id;
    const bool drop = change.kind == SchemaChangeKind::kDropTable;
    std::vector<SchemaChange> changes;
    for (const auto& output : plan->outputs) {
      TargetTable& target = *output.target;
      if (target.only_source(source)) {
        changes.push_back({change.kind, target.schema, drop ? nullptr : target.schema, {}, {}});
      }
      if (drop) {
        target.parts.erase(source);
        if (target.parts.empty()) targets_.erase(TableId(target.id));
      }
    }
    if (drop) plans_.erase(source);
    return changes;
  }

  Result<> emit(Plan::Output& output, ChangeBatch batch, std::vector<ChangeBatch>& out) {
    batch.schema = output.target->schema;
    out.push_back(std::move(batch));
    return {};
  }

  Result<Plan*> plan_for(const TableSchemaPtr& source) {
    auto& plan = plans_[source->id];
    if (plan != nullptr && plan->source != source && *plan->source == *source) plan->source = source;
    if (plan != nullptr && plan->source == source) return plan.get();
    auto fresh = std::make_unique<Plan>();
    fresh->source = source;
    ASSIGN_OR_RETURN(const auto ids, router_->targets(source->id));
    for (const auto& id : ids) {
      auto& target = targets_[id];
      if (target == nullptr) target = std::make_unique<TargetTable>(TargetTable{id, nullptr, {}});
      RETURN_IF_ERROR(target->add(source->id, source));
      fresh->outputs.push_back({target.get()});
    }
    plan = std::move(fresh);
    return plan.get();
  }

  std::unique_ptr<Router> router_;
  std::map<TableId, std::unique_ptr<Plan>> plans_;  // by source table, for its latest schema
  std::map<TableId, std::unique_ptr<TargetTable>> targets_;
};

}  // namespace

std::unique_ptr<JobTransform> JobTransform::create(const JobSpec& spec, Problems& problems) {
  auto router = Router::compile(spec.routes, spec.pipeline.route_first_match, problems);
  if (router == nullptr) return nullptr;
  return std::make_unique<RoutedTransform>(std::move(router));
}

}  // namespace sluice
