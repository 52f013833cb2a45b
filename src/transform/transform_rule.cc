// SPDX-License-Identifier: Apache-2.0
#include "transform/transform_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "transform/binder.h"
#include "transform/router.h"
#include "transform/row_metadata.h"

namespace sluice {

namespace {

constexpr const char* kWholeRows =
    "Have the source log whole rows (MySQL: binlog_row_image=FULL, PostgreSQL: REPLICA IDENTITY FULL) and copy again "
    "with --reset: what is in the log stays as it is.";

// The projected table while it is put together.
struct Draft {
  TableSchema schema;
  std::vector<Projector::Output> outputs;

  std::optional<uint32_t> find(std::string_view name) const {
    for (uint32_t i = 0; i < schema.columns.size(); ++i) {
      if (schema.columns[i].name == name) return i;
    }
    return std::nullopt;
  }
  // A name that occurs again takes the place of the first.
  void put(Column column, Projector::Output output) {
    if (const auto index = find(column.name)) {
      schema.columns[*index] = std::move(column);
      outputs[*index] = std::move(output);
    } else {
      schema.columns.push_back(std::move(column));
      outputs.push_back(std::move(output));
    }
  }
};

Result<> add_item(const ProjectionItem& item, const TableSchema& source, const Dialect& dialect, Draft& draft) {
  if (item.star) {
    for (uint32_t i = 0; i < source.columns.size(); ++i) {
      draft.put(source.columns[i], {make_column(i, source.columns[i].type), {}});
    }
    return {};
  }
  const bool itself = item.expression.kind == SyntaxKind::kColumn && item.expression.name == item.alias;
  if (is_reserved_metadata(item.alias) && !itself) {
    return type_mistake(fmt::format("'{}' is a metadata column and cannot be redefined", item.alias));
  }
  ASSIGN_OR_RETURN(auto expression, Binder(source, dialect, nullptr).bind(item.expression));
  if (expression->is_interval()) return type_mistake("an interval cannot be a column");
  Column column;
  if (const auto index = expression->source_column()) {
    column = source.columns[*index];
  } else {
    column.type = expression->type();
    column.type.source_type.clear();
    column.type.structure.reset();  // tables have JSON
  }
  column.name = item.alias;
  draft.put(std::move(column), {std::move(expression), {}});
  return {};
}

// The key named by the rule, or the source's own if all its columns are still there.
Result<> set_key(const std::vector<std::string>& names, const TableSchema& source, Draft& draft) {
  for (const auto& name : names) {
    const auto index = draft.find(name);
    if (!index) {
      return Error(ErrorCode::kConfig, fmt::format("primary key column '{}' is not in the projection", name),
                   "Name columns that the projection yields in primary-keys.");
    }
    draft.schema.key.push_back(*index);
  }
  if (names.empty()) {
    for (const auto key : source.key) {
      auto index = draft.find(source.columns[key].name);
      for (uint32_t i = 0; !index && i < draft.outputs.size(); ++i) {
        if (draft.outputs[i].expression->source_column() == key) index = i;
      }
      if (!index) {
        return Error(ErrorCode::kConfig,
                     fmt::format("the projection leaves out '{}' of the primary key", source.columns[key].name),
                     "Project the column, or name another key with primary-keys.");
      }
      draft.schema.key.push_back(*index);
    }
  }
  for (const auto key : draft.schema.key) draft.schema.columns[key].type.nullable = false;
  return {};
}

}  // namespace

BoundRule::BoundRule(Projector projector, ExpressionPtr filter, std::string filter_origin, bool soft_delete)
    : projector_(std::move(projector)),
      filter_(std::move(filter)),
      filter_origin_(std::move(filter_origin)),
      soft_delete_(soft_delete) {}

Result<> BoundRule::select(ChangeBatch& batch, int64_t now) {
  selection_.all = true;
  selection_.keep.assign(batch.rows(), 1);
  entering_.clear();
  if (filter_ != nullptr) RETURN_IF_ERROR(filter_rows(batch, now));
  selection_.kinds = batch.kinds;
  if (soft_delete_) {
    for (auto& kind : selection_.kinds) {
      if (kind != RowKind::kDelete) continue;
      kind = RowKind::kInsert;
      selection_.all = false;
    }
  }
  return {};
}

Result<> BoundRule::filter_rows(ChangeBatch& batch, int64_t now) {
  const size_t rows = batch.rows();
  auto result = filter_->evaluate(Frame{&batch, rows, nullptr, now});
  if (!result) return std::move(result).error().context(filter_origin_);
  const ColumnVector& passed = **result;
  for (size_t row = 0; row < rows; ++row) {
    if (passed.presence(row) == Presence::kAbsent) {
      return Error(ErrorCode::kUnsupported, filter_origin_ + ": the log does not carry a column that the filter needs",
                   kWholeRows);
    }
    if (passed.has_value(row) && passed.int_at(row) != 0) continue;
    selection_.keep[row] = 0;
    selection_.all = false;
  }
  if (selection_.all) return {};
  size_t kept = 0;
  for (size_t row = 0; row + 1 < rows; kept += selection_.keep[row], ++row) {
    if (batch.kinds[row] != RowKind::kUpdateBefore) continue;
    if (selection_.keep[row + 1] == 0) {
      batch.kinds[row] = RowKind::kDelete;
    } else if (selection_.keep[row] == 0) {
      batch.kinds[row + 1] = RowKind::kInsert;
      entering_.push_back(kept);
    }
  }
  return {};
}

Result<ChangeBatch> BoundRule::apply(ChangeBatch batch, int64_t now) {
  RETURN_IF_ERROR(select(batch, now));
  ASSIGN_OR_RETURN(auto projected, projector_.apply(std::move(batch), selection_, now));
  for (const size_t row : entering_) {
    for (size_t column = 0; column < projected.columns.size(); ++column) {
      if (projected.columns[column].presence(row) != Presence::kAbsent) continue;
      return Error(ErrorCode::kUnsupported,
                   fmt::format("{}: an update moves a row into the filter, and the log does not carry its column {}",
                               filter_origin_, schema()->columns[column].name),
                   kWholeRows);
    }
  }
  return projected;
}

TransformRule::TransformRule(TransformSpec spec, Dialect dialect, TableSelector selector)
    : spec_(std::move(spec)), dialect_(std::move(dialect)), selector_(std::move(selector)) {}

std::string TransformRule::place() const { return fmt::format("{}:{}", spec_.location.file, spec_.location.line); }

std::unique_ptr<TransformRule> TransformRule::compile(const TransformSpec& spec, const Dialect& dialect,
                                                      Problems& problems) {
  const auto report = [&](std::string key, const Error& error) {
    problems.error(spec.location, std::move(key), error.message(), std::string(error.advice()));
  };
  auto selector = TableSelector::compile(spec.source_table);
  auto projection = parse_projection(spec.projection.empty() ? "*" : spec.projection);
  auto filter = spec.filter.empty() ? Result<SyntaxNode>(SyntaxNode{}) : parse_expression(spec.filter);
  if (!selector) report("source-table", selector.error());
  if (!projection) report("projection", projection.error());
  if (!filter) report("filter", filter.error());
  const size_t before = problems.all().size();
  for (const auto& item : projection ? *projection : std::vector<ProjectionItem>()) {
    if (!item.star) check_calls(item.expression, spec.location, "projection", problems);
  }
  if (filter) check_calls(*filter, spec.location, "filter", problems);
  if (!selector || !projection || !filter || problems.all().size() > before) return nullptr;
  std::unique_ptr<TransformRule> rule(new TransformRule(spec, dialect, std::move(*selector)));
  rule->projection_ = std::move(*projection);
  if (!spec.filter.empty()) rule->filter_ = std::move(*filter);
  return rule;
}

void TransformRule::check_use(const std::vector<TableId>& tables, Problems& problems) const {
  if (std::any_of(tables.begin(), tables.end(), [this](const TableId& table) { return matches(table); })) return;
  report_unused_rule("transform", spec_.source_table, spec_.location, tables, problems);
}

Result<std::unique_ptr<BoundRule>> TransformRule::bind(const TableSchemaPtr& source) const {
  const std::string of_table = fmt::format(" of {}", source->id.text());
  Draft draft;
  draft.schema.id = source->id;
  draft.schema.comment = source->comment;
  for (const auto& item : projection_) {
    auto added = add_item(item, *source, dialect_, draft);
    if (!added) {
      return std::move(added).error().context(fmt::format("{}: projecting '{}'{}", place(), item.text, of_table));
    }
    const auto index = item.star ? std::nullopt : draft.find(item.alias);
    if (!index) continue;
    draft.outputs[*index].origin =
        fmt::format("{}: computing column {}{} as '{}'", place(), item.alias, of_table, item.text);
  }
  auto keyed = set_key(spec_.primary_keys, *source, draft);
  if (!keyed) return std::move(keyed).error().context(fmt::format("{}: projecting {}", place(), source->id.text()));
  ExpressionPtr filter;
  const std::string filter_origin = fmt::format("{}: filtering {} by '{}'", place(), source->id.text(), spec_.filter);
  if (filter_) {
    auto bound = Binder(*source, dialect_, &projection_).bind_condition(*filter_);
    if (!bound) return std::move(bound).error().context(filter_origin);
    filter = std::move(*bound);
  }
  auto schema = std::make_shared<const TableSchema>(std::move(draft.schema));
  return std::make_unique<BoundRule>(Projector(std::move(schema), std::move(draft.outputs)), std::move(filter),
                                     filter_origin, spec_.soft_delete);
}

}  // namespace sluice
