// SPDX-License-Identifier: Apache-2.0
#include "connector/relational_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TableSchemaPtr keyed_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "orders"};
  schema->columns = {{.name = "id", .type = {.kind = TypeKind::kInt64, .nullable = false}},
                     {.name = "name", .type = {.kind = TypeKind::kString}},
                     {.name = "amount", .type = {.kind = TypeKind::kInt32}}};
  schema->key = {0};
  return schema;
}

constexpr int64_t kAbsentNumber = -999;

class BatchBuilder {
 public:
  BatchBuilder& add(RowKind kind, int64_t id, const std::string& name, int64_t amount) {
    batch.kinds.push_back(kind);
    batch.columns[0].append_int(id);
    if (name == "?") {
      batch.columns[1].append_absent();
    } else {
      batch.columns[1].append_bytes(name);
    }
    if (amount == kAbsentNumber) {
      batch.columns[2].append_absent();
    } else {
      batch.columns[2].append_int(amount);
    }
    return *this;
  }
  BatchBuilder& insert(int64_t id, const std::string& name = "x") { return add(RowKind::kInsert, id, name, 1); }
  BatchBuilder& erase(int64_t id) { return add(RowKind::kDelete, id, "?", kAbsentNumber); }
  BatchBuilder& update(int64_t from, int64_t to, const std::string& name = "y", int64_t amount = 2) {
    add(RowKind::kUpdateBefore, from, "?", kAbsentNumber);
    return add(RowKind::kUpdateAfter, to, name, amount);
  }
  ChangeBatch batch{keyed_schema()};
};

size_t reduce_all(NetChanges& net, const ChangeBatch& batch) {
  auto next = net.reduce(batch, 0);
  EXPECT_TRUE(next.has_value());
  return *next;
}

TEST(NetChangesTest, last_change_of_a_key_wins) {
  BatchBuilder b;
  b.insert(1, "a").update(1, 1, "b").update(1, 1, "c").insert(2);
  NetChanges net;
  EXPECT_EQ(reduce_all(net, b.batch), b.batch.rows());
  EXPECT_THAT(net.upserts(), ElementsAre(4, 5));
  EXPECT_THAT(net.deletes(), IsEmpty());
}

TEST(NetChangesTest, delete_then_insert_is_an_upsert_and_insert_then_delete_a_delete) {
  BatchBuilder b;
  b.erase(1).insert(1).insert(2).erase(2);
  NetChanges net;
  reduce_all(net, b.batch);
  EXPECT_THAT(net.upserts(), ElementsAre(1));
  EXPECT_THAT(net.deletes(), ElementsAre(3));
}

TEST(NetChangesTest, changed_key_deletes_the_old_row) {
  BatchBuilder b;
  b.update(1, 2).update(2, 3);
  NetChanges net;
  reduce_all(net, b.batch);
  EXPECT_THAT(net.deletes(), ElementsAre(0, 2));
  EXPECT_THAT(net.upserts(), ElementsAre(3));
}

TEST(NetChangesTest, swapped_keys_keep_both_rows) {
  BatchBuilder b;
  b.update(1, 99).update(2, 1).update(99, 2);
  NetChanges net;
  reduce_all(net, b.batch);
  EXPECT_THAT(net.deletes(), ElementsAre(4));  // 99 is gone, 1 and 2 are written
  EXPECT_THAT(net.upserts(), ElementsAre(3, 5));
}

// 'a' wanders from row 1 to row 2 by way of 'c': no list may bring it to row 2 before row 1 has given it up.
TEST(NetChangesTest, in_order_no_list_runs_ahead_of_the_changes) {
  BatchBuilder b;
  b.insert(1, "a").insert(2, "b").update(1, 1, "c").update(2, 2, "a").erase(1).update(2, 3, "a").insert(4);
  NetChanges net;
  EXPECT_EQ(*net.reduce(b.batch, 0, true), 2u);
  EXPECT_THAT(net.upserts(), ElementsAre(0, 1));
  EXPECT_EQ(*net.reduce(b.batch, 2, true), 6u);
  EXPECT_THAT(net.upserts(), ElementsAre(3, 5));
  EXPECT_EQ(*net.reduce(b.batch, 6, true), 9u);
  EXPECT_THAT(net.deletes(), ElementsAre(6));
  EXPECT_THAT(net.moves(), ElementsAre(8));
  EXPECT_EQ(*net.reduce(b.batch, 9, true), 10u);
  EXPECT_THAT(net.upserts(), ElementsAre(9));
}

TEST(NetChangesTest, in_order_partial_updates_of_other_columns_begin_a_new_round) {
  BatchBuilder b;
  b.update(1, 1, "?", 5).update(2, 2, "?", 6).update(3, 3, "z", kAbsentNumber);
  NetChanges net;
  EXPECT_EQ(*net.reduce(b.batch, 0, true), 4u);
  ASSERT_EQ(net.partial().size(), 1u);
  EXPECT_THAT(net.partial()[0].rows, ElementsAre(1, 3));
  EXPECT_EQ(*net.reduce(b.batch, 4, true), 6u);
}

TEST(NetChangesTest, absent_columns_are_updates_of_the_others_grouped_by_columns) {
  BatchBuilder b;
  b.update(1, 1, "?", 5).update(2, 2, "z", kAbsentNumber).update(3, 3, "?", 6);
  NetChanges net;
  EXPECT_EQ(reduce_all(net, b.batch), b.batch.rows());
  EXPECT_THAT(net.upserts(), IsEmpty());
  ASSERT_EQ(net.partial().size(), 2u);
  EXPECT_THAT(net.partial()[0].columns, ElementsAre(0, 2));
  EXPECT_THAT(net.partial()[0].rows, ElementsAre(1, 5));
  EXPECT_FALSE(net.partial()[0].insert);
  EXPECT_THAT(net.partial()[1].columns, ElementsAre(0, 1));
}

TEST(NetChangesTest, absent_after_another_change_of_the_key_begins_a_new_round) {
  BatchBuilder b;
  b.insert(1, "a").update(1, 1, "?", 5);
  NetChanges net;
  EXPECT_EQ(reduce_all(net, b.batch), 1u);
  EXPECT_THAT(net.upserts(), ElementsAre(0));
  EXPECT_EQ(*net.reduce(b.batch, 1), 3u);
  ASSERT_EQ(net.partial().size(), 1u);
  EXPECT_THAT(net.partial()[0].rows, ElementsAre(2));
}

TEST(NetChangesTest, before_image_supplies_what_the_after_image_leaves_out) {
  BatchBuilder b;
  b.add(RowKind::kUpdateBefore, 1, "kept", 1).add(RowKind::kUpdateAfter, 1, "?", 2);
  NetChanges net;
  reduce_all(net, b.batch);
  EXPECT_THAT(net.upserts(), ElementsAre(1));
  EXPECT_EQ(value_row(b.batch, 1, 1), 0u);
}

TEST(NetChangesTest, changed_key_with_absent_columns_moves_the_row) {
  BatchBuilder b;
  b.update(1, 2, "?", 5).update(2, 2, "?", 6);
  NetChanges net;
  EXPECT_EQ(reduce_all(net, b.batch), 2u);
  EXPECT_THAT(net.moves(), ElementsAre(1));
  EXPECT_THAT(net.deletes(), IsEmpty());
}

TEST(NetChangesTest, null_in_the_key_is_refused) {
  ChangeBatch batch(keyed_schema());
  batch.kinds.push_back(RowKind::kInsert);
  for (auto& column : batch.columns) column.append_null();
  NetChanges net;
  const auto result = net.reduce(batch, 0);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), ErrorCode::kData);
}

TEST(NetChangesTest, random_histories_equal_row_by_row_application) {
  std::mt19937 random(42);
  NetChanges net;
  for (int round = 0; round < 300; ++round) {
    std::map<int64_t, std::string> expected{{0, "s0"}, {1, "s1"}, {2, "s2"}};
    std::map<int64_t, std::string> actual = expected;
    BatchBuilder b;
    for (int i = 0; i < 30; ++i) {
      const auto id = static_cast<int64_t>(random() % 6);
      const std::string name = std::to_string(round) + "-" + std::to_string(i);
      if (!expected.contains(id)) {
        b.insert(id, name);
        expected[id] = name;
      } else if (random() % 3 == 0) {
        b.erase(id);
        expected.erase(id);
      } else {
        auto to = static_cast<int64_t>(random() % 6);
        if (expected.contains(to)) to = id;
        b.update(id, to, name);
        expected.erase(id);
        expected[to] = name;
      }
    }
    reduce_all(net, b.batch);
    for (const uint32_t row : net.deletes()) actual.erase(b.batch.columns[0].int_at(row));
    for (const uint32_t row : net.upserts()) {
      actual[b.batch.columns[0].int_at(row)] = std::string(b.batch.columns[1].bytes_at(row));
    }
    ASSERT_EQ(actual, expected) << "round " << round;
  }
}

TEST(KeylessStepTest, batches_appends_and_takes_other_changes_one_by_one) {
  BatchBuilder b;
  b.insert(1).insert(2).update(1, 3).erase(2).insert(4);
  const KeylessStep append = next_keyless_step(b.batch, 0);
  EXPECT_EQ(append.kind, KeylessStep::Kind::kAppend);
  EXPECT_EQ(append.end, 2u);
  EXPECT_EQ(next_keyless_step(b.batch, 2).kind, KeylessStep::Kind::kUpdate);
  EXPECT_EQ(next_keyless_step(b.batch, 4).kind, KeylessStep::Kind::kDelete);
  EXPECT_EQ(next_keyless_step(b.batch, 5).end, 6u);
  EXPECT_FALSE(check_whole_image(b.batch, 4).has_value());
  EXPECT_TRUE(check_whole_image(b.batch, 0).has_value());
}

}  // namespace
}  // namespace sluice
