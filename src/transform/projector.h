// SPDX-License-Identifier: Apache-2.0
// Turns batches of one schema into batches of another: each target column is a source column or an expression over it.
#pragma once

#include <string>
#include <vector>

#include "transform/expression.h"

namespace sluice {

// Which rows stay, and as what.
struct RowSelection {
  bool all = true;             // every row stays and keeps its kind; the members below are unused
  std::vector<uint8_t> keep;   // one byte a row
  std::vector<RowKind> kinds;  // one a row; of the kept ones
};

class Projector {
 public:
  struct Output {
    ExpressionPtr expression;
    std::string origin;  // for messages: "x.yaml:7: computing column total of shop.orders as 'price * qty'"
  };

  // `outputs` parallel to the schema's columns.
  Projector(TableSchemaPtr schema, std::vector<Output> outputs);

  const TableSchemaPtr& schema() const { return schema_; }
  // Columns that pass unchanged are moved, not copied, if all rows stay.
  Result<ChangeBatch> apply(ChangeBatch batch, const RowSelection& selection, int64_t now);

 private:
  Result<ColumnVector> project(Output& output, size_t column, ChangeBatch& batch, const RowSelection& selection,
                               const Frame& frame, bool move);

  TableSchemaPtr schema_;
  std::vector<Output> outputs_;
  std::vector<uint8_t> moves_;  // per output: the last one that passes its source column
};

}  // namespace sluice
