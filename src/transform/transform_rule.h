// SPDX-License-Identifier: Apache-2.0
// One entry of a job's `transform` block: which tables it is for, and what it makes of their rows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/job_spec.h"
#include "config/setting.h"
#include "connector/table_selector.h"
#include "transform/casts.h"
#include "transform/expression_syntax.h"
#include "transform/projector.h"

namespace sluice {

// A rule typed against one schema of one table. Used by one thread.
class BoundRule {
 public:
  BoundRule(Projector projector, ExpressionPtr filter, std::string filter_origin, bool soft_delete);

  // What rows look like afterwards, still under the source table's id.
  const TableSchemaPtr& schema() const { return projector_.schema(); }
  // The rows that pass the filter, projected; possibly none. An update that only one of its images passes becomes a
  // delete or an insert; kUnsupported if that insert lacks a column, since no row with holes may be made.
  Result<ChangeBatch> apply(ChangeBatch batch, int64_t now);

 private:
  // Changes the kinds of `batch` to those that the filter makes of them; soft delete is only in `selection_`.
  Result<> select(ChangeBatch& batch, int64_t now);
  Result<> filter_rows(ChangeBatch& batch, int64_t now);

  Projector projector_;
  ExpressionPtr filter_;  // null: every row passes
  std::string filter_origin_;
  bool soft_delete_;
  RowSelection selection_;
  std::vector<size_t> entering_;  // rows of the result that an update moved into the filter
};

class TransformRule {
 public:
  // Mistakes that need no schema are added to `problems`; the result is then null.
  static std::unique_ptr<TransformRule> compile(const TransformSpec& spec, const Dialect& dialect, Problems& problems);

  bool matches(const TableId& table) const { return selector_.matches(table); }
  // A mistake if it matches none of the tables.
  void check_use(const std::vector<TableId>& tables, Problems& problems) const;
  // kConfig, beginning with the rule's place, if the rule does not fit the schema.
  Result<std::unique_ptr<BoundRule>> bind(const TableSchemaPtr& source) const;

 private:
  TransformRule(TransformSpec spec, Dialect dialect, TableSelector selector);
  std::string place() const;  // "shop.yaml:7"

  TransformSpec spec_;
  Dialect dialect_;
  TableSelector selector_;
  std::vector<ProjectionItem> projection_;
  std::optional<SyntaxNode> filter_;
};

}  // namespace sluice
