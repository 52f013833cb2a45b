// SPDX-License-Identifier: Apache-2.0
#include "transform/projector.h"

#include <set>
#include <utility>

namespace sluice {

Projector::Projector(TableSchemaPtr schema, std::vector<Output> outputs)
    : schema_(std::move(schema)), outputs_(std::move(outputs)), moves_(outputs_.size(), 0) {
  std::set<uint32_t> moved;
  for (size_t i = outputs_.size(); i-- > 0;) {
    const auto source = outputs_[i].expression->source_column();
    moves_[i] = source && moved.insert(*source).second ? 1 : 0;
  }
}

Result<ColumnVector> Projector::project(Output& output, size_t column, ChangeBatch& batch,
                                        const RowSelection& selection, const Frame& frame, bool move) {
  auto result = output.expression->evaluate(frame);
  if (!result) return std::move(result).error().context(output.origin);
  if (selection.all) {
    if (move) return std::move(batch.columns[*output.expression->source_column()]);
    return output.expression->take(*result, frame.rows);
  }
  ColumnVector kept(schema_->columns[column].type.kind);
  for (size_t row = 0; row < frame.rows; ++row) {
    if (selection.keep[row] != 0) kept.append_from(**result, row);
  }
  return kept;
}

Result<ChangeBatch> Projector::apply(ChangeBatch batch, const RowSelection& selection, int64_t now) {
  Frame frame{&batch, batch.rows(), selection.all ? nullptr : selection.keep.data(), now};
  ChangeBatch out(schema_);
  // Source columns move last: until then expressions read them.
  for (const bool moving : {false, true}) {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const bool moves = moves_[i] != 0;
      if (moves != moving) continue;
      ASSIGN_OR_RETURN(out.columns[i], project(outputs_[i], i, batch, selection, frame, moves));
    }
  }
  out.transactions = std::move(batch.transactions);
  if (selection.all) {
    out.kinds = std::move(batch.kinds);
    out.origins = std::move(batch.origins);
    return out;
  }
  for (size_t row = 0; row < frame.rows; ++row) {
    if (selection.keep[row] == 0) continue;
    out.kinds.push_back(selection.kinds[row]);
    if (!batch.origins.empty()) out.origins.push_back(batch.origins[row]);
  }
  return out;
}

}  // namespace sluice
