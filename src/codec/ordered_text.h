// SPDX-License-Identifier: Apache-2.0
// Lines of text about row changes, put into the source's order: the batches of a group come table by table. Used by one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/change_batch.h"

namespace sluice {

class OrderedText {
 public:
  // Where whole lines about the row change at `row` are to be appended.
  std::string& place(const ChangeBatch& batch, size_t row);
  // Where whole lines are to be appended that stand behind all that is held and in front of all that comes.
  std::string& place_between_groups();
  size_t bytes() const { return text_.size(); }
  bool empty() const { return text_.empty(); }
  // True if what is held can be written before `batch` is taken in: no group is held in part.
  bool is_whole_before(const ChangeBatch& batch) const;
  // Everything, in order; valid until the next call of a member that is not const.
  std::string_view in_order();
  void clear();

 private:
  // Lines of neighbouring changes with the same place in the order, up to the next piece.
  struct Piece {
    uint64_t order;  // group, then sequence in it
    size_t begin;
  };
  uint32_t group_number(const std::shared_ptr<const TransactionList>& transactions);

  std::string text_;
  std::vector<Piece> pieces_;
  std::vector<std::shared_ptr<const TransactionList>> groups_;
  bool in_order_ = true;
};

}  // namespace sluice
