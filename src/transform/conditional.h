// SPDX-License-Identifier: Apache-2.0
// Expressions that compute some of their arguments for some rows only, so that a row that needs no value cannot fail in
// it.
#pragma once

#include <memory>

#include "transform/expression.h"

namespace sluice {

// Three-valued AND (or OR) of boolean arguments; later arguments are computed only for rows that are still undecided.
ExpressionPtr make_logical(bool conjunction, ExpressionList arguments);

// The value behind the first condition that is true; `otherwise` last. All values have the given type's storage.
ExpressionPtr make_case(DataType type, ExpressionList conditions, ExpressionList values, ExpressionPtr otherwise);

// The first argument that is not NULL.
ExpressionPtr make_coalesce(DataType type, ExpressionList arguments);

// Computes `subject` once and lets every expression that slot() made stand for it inside the body.
class Let {
 public:
  explicit Let(ExpressionPtr subject);
  ExpressionPtr slot();
  ExpressionPtr finish(ExpressionPtr body) &&;

 private:
  std::shared_ptr<const ColumnVector*> column_;  // what the slots show
  ExpressionPtr subject_;
};

}  // namespace sluice
