// SPDX-License-Identifier: Apache-2.0
#include "engine/keys_in_flight.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice {
namespace {

class KeysInFlightTest : public testing::Test {
 protected:
  TableSchemaPtr table(const std::string& name, bool keyed = true) const {
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", name};
    schema->columns.resize(1);
    schema->columns[0].type.kind = TypeKind::kInt64;
    if (keyed) schema->key = {0};
    return schema;
  }
  // Inserts; a negative number and the one behind it are an update from one key to the other.
  std::string add(KeysInFlight& keys, uint64_t run, uint64_t durable, const std::vector<int64_t>& ids,
                  const TableSchemaPtr& schema) {
    ChangeBatch batch(schema);
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool after = i > 0 && ids[i - 1] < 0;
      batch.kinds.push_back(ids[i] < 0 ? RowKind::kUpdateBefore : after ? RowKind::kUpdateAfter : RowKind::kInsert);
      batch.columns[0].append_int(std::abs(ids[i]));
    }
    const size_t waiting = keys.add(batch, run, durable);
    std::string told;
    for (size_t i = 0; i < ids.size(); ++i) told += keys.waiting_rows()[i] ? 'w' : '.';
    EXPECT_EQ(static_cast<size_t>(std::ranges::count(told, 'w')), waiting);
    return told;
  }
  std::string add(KeysInFlight& keys, uint64_t run, uint64_t durable, const std::vector<int64_t>& ids) {
    return add(keys, run, durable, ids, t_);
  }

  const TableSchemaPtr t_ = table("t");
};

TEST_F(KeysInFlightTest, a_row_waits_for_the_run_that_has_its_key) {
  KeysInFlight keys(Partitioner(1, true));
  EXPECT_EQ(add(keys, 1, 0, {1, 2, 1}), "...");
  EXPECT_EQ(add(keys, 2, 0, {3, 2, 4}), ".w.");
  EXPECT_EQ(add(keys, 2, 0, {1, 2}, table("other")), "..");
  EXPECT_EQ(add(keys, 3, 1, {1, 2, 3}), ".ww") << "1 is durable, 2 and 3 are in run 2";
  EXPECT_EQ(add(keys, 4, 3, {1, 2, 3}), "...");
}

TEST_F(KeysInFlightTest, a_key_that_waits_waits_to_the_end_of_its_run) {
  KeysInFlight keys(Partitioner(1, true));
  EXPECT_EQ(add(keys, 1, 0, {1}), ".");
  EXPECT_EQ(add(keys, 2, 0, {1}), "w");
  EXPECT_EQ(add(keys, 2, 1, {1, 2}), "w.") << "the first change of 1 has not been made yet";
}

TEST_F(KeysInFlightTest, an_update_that_leaves_out_a_part_of_its_key_has_it_from_the_row_before) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "pairs"};
  schema->columns.resize(2);
  for (Column& column : schema->columns) column.type.kind = TypeKind::kInt64;
  schema->key = {0, 1};
  KeysInFlight keys(Partitioner(1, true));
  ChangeBatch moved(schema);
  moved.kinds = {RowKind::kUpdateBefore, RowKind::kUpdateAfter};
  moved.columns[0].append_int(1);
  moved.columns[0].append_absent();
  moved.columns[1].append_int(2);
  moved.columns[1].append_int(3);
  EXPECT_EQ(keys.add(moved, 1, 0), 0u);
  ChangeBatch removed(schema);
  removed.kinds = {RowKind::kDelete};
  removed.columns[0].append_int(1);
  removed.columns[1].append_int(3);
  EXPECT_EQ(keys.add(removed, 2, 0), 1u);
}

TEST_F(KeysInFlightTest, both_keys_of_an_update_wait_together) {
  KeysInFlight keys(Partitioner(1, true));
  EXPECT_EQ(add(keys, 1, 0, {1}), ".");
  EXPECT_EQ(add(keys, 2, 0, {7, -7, 1, 7, 2}), ".www.");
  EXPECT_EQ(add(keys, 2, 0, {-2, 3, 3}), "...");
  EXPECT_EQ(add(keys, 3, 1, {-8, 7, 8, -2, 2}), "wwwww");
}

TEST_F(KeysInFlightTest, a_table_whose_key_says_too_little_is_one_row) {
  KeysInFlight keys(Partitioner(1, true));
  const auto keyless = table("keyless", false);
  EXPECT_EQ(add(keys, 1, 0, {1}, keyless), ".");
  EXPECT_EQ(add(keys, 2, 0, {2, 3}, keyless), "ww");
  EXPECT_EQ(add(keys, 3, 2, {2}, keyless), ".");
}

TEST_F(KeysInFlightTest, nothing_passes_a_barrier) {
  KeysInFlight keys(Partitioner(1, true));
  EXPECT_EQ(add(keys, 1, 0, {1}), ".");
  keys.add_barrier(1);
  EXPECT_EQ(add(keys, 1, 0, {2}), "w");
  EXPECT_EQ(add(keys, 2, 0, {3, 4}), "ww");
  EXPECT_EQ(add(keys, 2, 1, {3, 5}), "w.");
  EXPECT_EQ(add(keys, 3, 1, {4, 6}), "w.") << "run 2 has 4, barrier or not";
}

TEST_F(KeysInFlightTest, too_many_keys_are_a_barrier_and_are_forgotten) {
  KeysInFlight keys(Partitioner(1, true), 3);
  EXPECT_EQ(add(keys, 1, 0, {1, 2, 3}), "...");
  EXPECT_EQ(add(keys, 1, 0, {4}), "w");
  EXPECT_EQ(add(keys, 2, 0, {9}), "w");
  EXPECT_EQ(add(keys, 3, 2, {1, 2}), "..");
}

}  // namespace
}  // namespace sluice
