// SPDX-License-Identifier: Apache-2.0
#include "transform/job_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/clock.h"
#include "transform/projector.h"
#include "transform/router.h"
#include "transform/schema_evolution.h"
#include "transform/transform_rule.h"

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

// Brings rows of one shape into the wider one of a shared target.
Result<Projector> make_conversion(const TableSchema& from, const TableSchemaPtr& to, const Dialect& dialect) {
  std::vector<Projector::Output> outputs;
  for (const auto& column : to->columns) {
    Projector::Output output;
    output.origin = fmt::format("converting column {} of {} for {}", column.name, from.id.text(), to->id.text());
    const auto found = std::find_if(from.columns.begin(), from.columns.end(),
                                    [&](const Column& one) { return one.name == column.name; });
    if (found == from.columns.end()) {
      output.expression = make_null(column.type);
    } else {
      output.expression = make_column(static_cast<uint32_t>(found - from.columns.begin()), found->type);
      const DataType& type = found->type;
      const bool same = type.kind == column.type.kind && type.scale == column.type.scale;
      if (!same) {
        auto cast = make_cast(std::move(output.expression), column.type, CastMode::kCast, dialect);
        if (!cast) return std::move(cast).error().context(output.origin);
        output.expression = std::move(*cast);
      }
    }
    outputs.push_back(std::move(output));
  }
  return Projector(to, std::move(outputs));
}

// Where the rows of one source table go.
struct Plan {
  struct Output {
    TargetTable* target;
    TableSchemaPtr converted_to;            // the target's schema that `conversion` was made for
    std::unique_ptr<Projector> conversion;  // null: the rows fit as they are
  };
  TableSchemaPtr source;
  std::unique_ptr<BoundRule> rule;  // null: rows pass unchanged
  std::vector<Output> outputs;

  const TableSchemaPtr& projected() const { return rule != nullptr ? rule->schema() : source; }
};

ColumnRenames renames_of(const SchemaChange& change) {
  ColumnRenames renames;
  if (change.kind != SchemaChangeKind::kRenameColumn) return renames;
  for (size_t i = 0; i < change.columns.size() && i < change.new_names.size(); ++i) {
    renames.emplace_back(change.columns[i], change.new_names[i]);
  }
  return renames;
}

class RuleTransform final : public JobTransform {
 public:
  RuleTransform(std::unique_ptr<Router> router, std::vector<std::unique_ptr<TransformRule>> rules, Dialect dialect)
      : router_(std::move(router)), rules_(std::move(rules)), dialect_(std::move(dialect)) {}

  Result<std::vector<TableSchemaPtr>> targets(const TableSchemaPtr& source) override {
    ASSIGN_OR_RETURN(const Plan* plan, plan_for(source));
    std::vector<TableSchemaPtr> schemas;
    for (const auto& output : plan->outputs) schemas.push_back(output.target->schema);
    return schemas;
  }

  void check_use(const std::vector<TableId>& tables, Problems& problems) const override {
    for (const auto& rule : rules_) rule->check_use(tables, problems);
    router_->check_use(tables, problems);
  }

  Result<> apply(ChangeBatch batch, std::vector<ChangeBatch>& out) override {
    ASSIGN_OR_RETURN(Plan * plan, plan_for(batch.schema));
    const int64_t now = wall_clock_ms() * 1000;
    if (plan->rule != nullptr) {
      ASSIGN_OR_RETURN(batch, plan->rule->apply(std::move(batch), now));
    }
    if (batch.rows() == 0) return {};
    for (size_t i = 0; i < plan->outputs.size(); ++i) {
      const bool last = i + 1 == plan->outputs.size();
      RETURN_IF_ERROR(emit(plan->outputs[i], last ? std::move(batch) : ChangeBatch(batch), now, out));
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
        if (!target->parts.empty() && !target->only_source(change.after->id)) before[id] = target->schema;
      }
    }
    ASSIGN_OR_RETURN(const Plan* plan, plan_for(change.after));
    std::vector<SchemaChange> changes;
    for (const auto& output : plan->outputs) {
      const auto found = before.find(output.target->id);
      const TableSchemaPtr& after = output.target->schema;
      if (found == before.end()) {
        changes.push_back({SchemaChangeKind::kCreateTable, nullptr, after, {}, {}});
      } else if (plan->rule == nullptr && output.target->only_source(change.after->id)) {
        changes.push_back({change.kind, found->second, after, change.columns, change.new_names});
      } else {
        for (auto& step : diff_schemas(found->second, after, renames_of(change))) changes.push_back(std::move(step));
      }
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

  Result<> emit(Plan::Output& output, ChangeBatch batch, int64_t now, std::vector<ChangeBatch>& out) {
    const TableSchemaPtr& schema = output.target->schema;
    if (output.converted_to != schema) {
      output.converted_to = schema;
      output.conversion.reset();
      if (batch.schema->columns != schema->columns) {
        ASSIGN_OR_RETURN(auto conversion, make_conversion(*batch.schema, schema, dialect_));
        output.conversion = std::make_unique<Projector>(std::move(conversion));
      }
    }
    if (output.conversion != nullptr) {
      ASSIGN_OR_RETURN(batch, output.conversion->apply(std::move(batch), RowSelection{}, now));
    }
    batch.schema = schema;
    out.push_back(std::move(batch));
    return {};
  }

  // The plan for the table's latest schema, made when the schema is new.
  Result<Plan*> plan_for(const TableSchemaPtr& source) {
    auto& plan = plans_[source->id];
    if (plan != nullptr && plan->source != source && *plan->source == *source) plan->source = source;
    if (plan != nullptr && plan->source == source) return plan.get();
    auto fresh = std::make_unique<Plan>();
    fresh->source = source;
    const auto rule =
        std::find_if(rules_.begin(), rules_.end(), [&](const auto& one) { return one->matches(source->id); });
    if (rule != rules_.end()) {
      ASSIGN_OR_RETURN(fresh->rule, (*rule)->bind(source));
    }
    ASSIGN_OR_RETURN(const auto ids, router_->targets(source->id));
    for (const auto& id : ids) {
      auto& target = targets_[id];
      if (target == nullptr) target = std::make_unique<TargetTable>(TargetTable{id, nullptr, {}});
      RETURN_IF_ERROR(target->add(source->id, fresh->projected()));
      fresh->outputs.push_back({target.get(), nullptr, nullptr});
    }
    plan = std::move(fresh);
    return plan.get();
  }

  std::unique_ptr<Router> router_;
  std::vector<std::unique_ptr<TransformRule>> rules_;  // the first that matches a table is its rule
  Dialect dialect_;
  std::map<TableId, std::unique_ptr<Plan>> plans_;  // by source table, for its latest schema
  std::map<TableId, std::unique_ptr<TargetTable>> targets_;
};

}  // namespace

std::unique_ptr<JobTransform> JobTransform::create(const JobSpec& spec, Problems& problems) {
  Dialect dialect;
  dialect.flink = spec.pipeline.flink_semantics;
  bool sound = true;
  if (auto zone = TimeZone::find(spec.pipeline.local_time_zone)) {
    dialect.zone = std::move(*zone);
  } else {
    problems.error({spec.file, 0}, "local-time-zone", zone.error().message(), std::string(zone.error().advice()));
    sound = false;
  }
  std::vector<std::unique_ptr<TransformRule>> rules;
  for (const auto& rule : spec.transforms) {
    rules.push_back(TransformRule::compile(rule, dialect, problems));
    sound = sound && rules.back() != nullptr;
  }
  auto router = Router::compile(spec.routes, spec.pipeline.route_first_match, problems);
  if (!sound || router == nullptr) return nullptr;
  return std::make_unique<RuleTransform>(std::move(router), std::move(rules), std::move(dialect));
}

}  // namespace sluice
