// SPDX-License-Identifier: Apache-2.0
#include "connector/known_changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "connector/relational_batch.h"

namespace sluice {
namespace {

// The after image `row`, with what it leaves out taken from the before image.
Result<> append_insert(const ChangeBatch& batch, size_t row, ChangeBatch& out) {
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    const size_t at = value_row(batch, column, row);
    if (batch.columns[column].presence(at) == Presence::kAbsent) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("a row of table {} moved between two parts of its copy that were read at different "
                               "times, and the log does not carry its column '{}'",
                               batch.schema->id.text(), batch.schema->columns[column].name),
                   "Start the job with --reset; whole rows in the log (binlog_row_image=FULL, REPLICA IDENTITY FULL) "
                   "avoid this.");
    }
    out.columns[column].append_from(batch.columns[column], at);
  }
  out.kinds.push_back(RowKind::kInsert);
  if (!batch.origins.empty()) out.origins.push_back(batch.origins[row]);
  return {};
}

}  // namespace

Result<> drop_known_changes(ChangeBatch& batch, const std::vector<bool>& known) {
  ChangeBatch rest(batch.schema);
  for (size_t row = 0; row < batch.rows(); ++row) {
    if (batch.kinds[row] != RowKind::kUpdateBefore) {
      if (!known[row]) rest.append_row_from(batch, row);
      continue;
    }
    const bool before = !known[row];
    const bool after = !known[row + 1];
    if (before) rest.append_row_from(batch, row);
    if (before && after) rest.append_row_from(batch, row + 1);
    if (before && !after) rest.kinds.back() = RowKind::kDelete;
    if (after && !before) RETURN_IF_ERROR(append_insert(batch, row + 1, rest));
    ++row;
  }
  rest.transactions = batch.transactions;
  batch = std::move(rest);
  return {};
}

void drop_covered_transactions(ChangeBatch& batch, const std::function<bool(const Transaction&)>& covered) {
  if (!batch.transactions || batch.origins.empty()) return;
  std::vector<bool> known;
  for (const auto& transaction : *batch.transactions) known.push_back(covered(transaction));
  if (std::ranges::find(known, true) == known.end()) return;
  ChangeBatch rest(batch.schema);
  rest.transactions = batch.transactions;
  for (size_t row = 0; row < batch.rows(); ++row) {
    if (!known[batch.origins[row].transaction]) rest.append_row_from(batch, row);
  }
  batch = std::move(rest);
}

}  // namespace sluice
