// SPDX-License-Identifier: Apache-2.0
#include "codec/ordered_text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

ChangeBatch batch_of(const std::shared_ptr<const TransactionList>& group, std::vector<uint32_t> sequences) {
  ChangeBatch batch(std::make_shared<const TableSchema>());
  batch.transactions = group;
  batch.kinds.resize(sequences.empty() ? 1 : sequences.size());
  for (const uint32_t sequence : sequences) batch.origins.push_back({.sequence = sequence});
  return batch;
}

TEST(OrderedTextTest, puts_the_tables_of_a_group_into_the_order_of_their_changes) {
  const auto first = std::make_shared<const TransactionList>();
  const auto second = std::make_shared<const TransactionList>();
  OrderedText text;
  const ChangeBatch a = batch_of(first, {1, 4});
  const ChangeBatch b = batch_of(first, {2, 3});
  const ChangeBatch later = batch_of(second, {1});
  text.place(a, 0) += "1\n";
  text.place(a, 1) += "4\n";
  EXPECT_FALSE(text.is_whole_before(b));
  text.place(b, 0) += "2\n";
  text.place(b, 1) += "3\n";
  EXPECT_TRUE(text.is_whole_before(later));
  text.place(later, 0) += "5\n";
  EXPECT_EQ(text.in_order(), "1\n2\n3\n4\n5\n");
  EXPECT_EQ(text.in_order(), "1\n2\n3\n4\n5\n");
  text.clear();
  EXPECT_TRUE(text.empty());
}

// A row that was copied beside the stream is newer than the changes before it.
TEST(OrderedTextTest, rows_of_a_copy_stay_behind_the_groups_before_them) {
  const auto group = std::make_shared<const TransactionList>();
  const auto copy = std::make_shared<const TransactionList>();
  const auto next = std::make_shared<const TransactionList>();
  OrderedText text;
  text.place(batch_of(group, {7}), 0) += "changed\n";
  text.place(batch_of(copy, {}), 0) += "copied\n";
  text.place(batch_of(next, {1}), 0) += "changed again\n";
  EXPECT_EQ(text.in_order(), "changed\ncopied\nchanged again\n");
}

TEST(OrderedTextTest, what_is_told_between_groups_stays_between_them) {
  const auto group = std::make_shared<const TransactionList>();
  const auto next = std::make_shared<const TransactionList>();
  OrderedText text;
  text.place(batch_of(group, {7}), 0) += "second\n";
  text.place(batch_of(group, {6}), 0) += "first\n";
  text.place_between_groups() += "emptied\n";
  text.place(batch_of(next, {1}), 0) += "filled\n";
  EXPECT_EQ(text.in_order(), "first\nsecond\nemptied\nfilled\n");
}

}  // namespace
}  // namespace sluice
