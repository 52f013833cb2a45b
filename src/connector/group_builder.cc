// SPDX-License-Identifier: Apache-2.0
#include "connector/group_builder.h"

namespace sluice {

RowsOrigin GroupBuilder::next_event(const Transaction& transaction, uint64_t place) {
  if (!transaction_listed_ || transactions_->empty()) {
    first_listed_ = static_cast<uint32_t>(transactions_->size());
    transactions_->push_back(transaction);
    transaction_listed_ = true;
  } else if (transactions_->back().event_time_us != transaction.event_time_us) {
    transactions_->push_back(transaction);
  }
  if (transaction.id.empty() && place != place_) event_ = 0;
  place_ = place;
  return {.transaction = static_cast<uint32_t>(transactions_->size() - 1),
          .event = event_++,
          .first_sequence = sequence_,
          .place = place};
}

ChangeBatch& GroupBuilder::batch(const TableSchemaPtr& schema) {
  const auto [found, is_new] = index_.try_emplace(schema.get(), batches_.size());
  if (is_new) batches_.emplace_back(schema);
  return batches_[found->second];
}

bool GroupBuilder::abandon_transaction() {
  if (transaction_split_) return false;
  if (!transaction_listed_) return true;
  for (auto& batch : batches_) {
    ChangeBatch rest(batch.schema);
    for (size_t row = 0; row < batch.rows(); ++row) {
      if (batch.origins[row].transaction < first_listed_) rest.append_row_from(batch, row);
    }
    batch = std::move(rest);
  }
  begin_transaction();
  return true;
}

void GroupBuilder::take(std::vector<StreamElement>& out) {
  for (auto& batch : batches_) {
    if (batch.rows() == 0) continue;
    batch.transactions = transactions_;
    out.push_back(std::move(batch));
    handed_on_ = true;
  }
  if (transaction_listed_) transaction_split_ = true;
  batches_.clear();
  index_.clear();
  transactions_ = std::make_shared<TransactionList>();
  bytes_ = 0;
}

}  // namespace sluice
