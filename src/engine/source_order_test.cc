// SPDX-License-Identifier: Apache-2.0
#include "engine/source_order.h"

#include <gmock/gmock.h>

#include <utility>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::Pair;

class SourceOrderTest : public testing::Test {
 protected:
  // Rows of a table, named by their sequence numbers; a number twice is an update.
  SourceOrder::Batch rows(const std::string& table, const std::vector<uint32_t>& sequences) {
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", table};
    schema->columns.resize(1);
    auto batch = std::make_shared<ChangeBatch>(std::move(schema));
    batch->transactions = transactions_;
    for (const uint32_t sequence : sequences) {
      batch->kinds.push_back(RowKind::kInsert);
      batch->columns[0].append_bytes("x");
      batch->origins.push_back({.sequence = sequence});
    }
    return batch;
  }
  std::vector<std::pair<std::string, size_t>> taken() {
    std::vector<std::pair<std::string, size_t>> result;
    for (const auto& batch : order_.take()) result.emplace_back(batch->schema->id.table, batch->rows());
    return result;
  }

  std::shared_ptr<const TransactionList> transactions_ = std::make_shared<TransactionList>();
  SourceOrder order_;
};

TEST_F(SourceOrderTest, cuts_batches_where_rows_of_another_table_stand_between) {
  order_.hold(rows("child", {1, 2, 5, 5, 9}));
  order_.hold(rows("parent", {0, 3, 4, 8}));
  EXPECT_THAT(taken(), ElementsAre(Pair("parent", 1), Pair("child", 2), Pair("parent", 2), Pair("child", 2),
                                   Pair("parent", 1), Pair("child", 1)));
  EXPECT_TRUE(order_.empty());
}

TEST_F(SourceOrderTest, keeps_batches_that_follow_one_another_whole) {
  const auto first = rows("a", {0, 1, 2});
  const auto second = rows("b", {3, 4});
  order_.hold(second);
  order_.hold(first);
  EXPECT_THAT(order_.take(), ElementsAre(first, second));
}

TEST_F(SourceOrderTest, numbers_of_what_was_handed_on_later_mean_another_order) {
  order_.hold(rows("a", {7}));
  EXPECT_TRUE(order_.belongs(*rows("b", {1})));
  transactions_ = std::make_shared<TransactionList>();
  EXPECT_FALSE(order_.belongs(*rows("b", {1})));
}

}  // namespace
}  // namespace sluice
