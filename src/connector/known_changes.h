// SPDX-License-Identifier: Apache-2.0
// While a log overlaps a copy: leaves out the changes that the copied rows already contain. Pure; any thread.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "data/change_batch.h"

namespace sluice {

// `known[row]` says whether the copy of the chunk that this image's key belongs to contains the change. An update may
// move a row from one chunk to another, so each half is judged alone: what is left of it is a delete or an insert. An
// insert must carry the whole row: kUnsupported, with `batch` unchanged, if neither image has a column.
Result<> drop_known_changes(ChangeBatch& batch, const std::vector<bool>& known);

// Takes out the rows of source transactions that `covered` names; a batch that does not tell its transactions stays.
void drop_covered_transactions(ChangeBatch& batch, const std::function<bool(const Transaction&)>& covered);

}  // namespace sluice
