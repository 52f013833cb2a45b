// SPDX-License-Identifier: Apache-2.0
#include "codec/ordered_text.h"

#include <algorithm>

namespace sluice {

// Groups in the order of their first row. A group is known by its transaction list, which is kept meanwhile so that no
// other one takes its address.
uint32_t OrderedText::group_number(const std::shared_ptr<const TransactionList>& transactions) {
  for (size_t i = groups_.size(); i > 0; --i) {
    if (groups_[i - 1] == transactions) return static_cast<uint32_t>(i);
  }
  groups_.push_back(transactions);
  return static_cast<uint32_t>(groups_.size());
}

std::string& OrderedText::place(const ChangeBatch& batch, size_t row) {
  // Rows of a copy stand where they came.
  const uint64_t sequence = batch.origins.empty() ? 0 : batch.origins[row].sequence;
  const uint64_t order = uint64_t{group_number(batch.transactions)} << 32 | sequence;
  in_order_ = in_order_ && (pieces_.empty() || pieces_.back().order <= order);
  if (pieces_.empty() || pieces_.back().order != order) pieces_.push_back({order, text_.size()});
  return text_;
}

std::string& OrderedText::place_between_groups() {
  groups_.push_back(std::make_shared<const TransactionList>());
  pieces_.push_back({uint64_t{groups_.size()} << 32, text_.size()});
  return text_;
}

bool OrderedText::is_whole_before(const ChangeBatch& batch) const {
  return groups_.empty() || groups_.back() != batch.transactions;
}

std::string_view OrderedText::in_order() {
  if (in_order_) return text_;
  struct Part {
    uint64_t order;
    std::string_view text;
  };
  std::vector<Part> parts;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const size_t end = i + 1 < pieces_.size() ? pieces_[i + 1].begin : text_.size();
    parts.push_back({pieces_[i].order, std::string_view(text_).substr(pieces_[i].begin, end - pieces_[i].begin)});
  }
  std::ranges::stable_sort(parts, {}, &Part::order);
  std::string ordered;
  ordered.reserve(text_.size());
  for (const Part& part : parts) ordered += part.text;
  text_.swap(ordered);
  // The pieces lie otherwise by now.
  pieces_ = {{parts.back().order, 0}};
  in_order_ = true;
  return text_;
}

void OrderedText::clear() {
  text_.clear();
  pieces_.clear();
  groups_.clear();
  in_order_ = true;
}

}  // namespace sluice
