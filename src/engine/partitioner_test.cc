// SPDX-License-Identifier: Apache-2.0
#include "engine/partitioner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice {
namespace {

TableSchemaPtr people(TypeKind key_kind = TypeKind::kInt64, bool keyed = true) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"shop", "people"};
  schema->columns.resize(2);
  schema->columns[0].name = "id";
  schema->columns[0].type.kind = key_kind;
  schema->columns[1].name = "name";
  if (keyed) schema->key = {0};
  return schema;
}

void add(ChangeBatch& batch, RowKind kind, int64_t id, std::string_view name) {
  batch.kinds.push_back(kind);
  if (batch.columns[0].storage() == Storage::kInt64) {
    batch.columns[0].append_int(id);
  } else {
    batch.columns[0].append_bytes(std::to_string(id));
  }
  batch.columns[1].append_bytes(name);
  batch.origins.push_back({});
}

size_t rows_of(const std::shared_ptr<const ChangeBatch>& batch) { return batch ? batch->rows() : 0; }

TEST(Partitioner, rows_of_one_key_meet_in_one_lane_in_order) {
  Partitioner partitioner(4, true);
  ChangeBatch batch(people());
  for (int round = 0; round < 3; ++round) {
    for (int64_t id = 0; id < 100; ++id) add(batch, RowKind::kInsert, id, std::to_string(round));
  }
  const auto parts = partitioner.split(std::move(batch));
  ASSERT_TRUE(parts.has_value());
  std::map<int64_t, size_t> lane_of;
  size_t total = 0;
  for (size_t lane = 0; lane < 4; ++lane) {
    const auto& part = (*parts)[lane];
    ASSERT_GT(rows_of(part), 0u);
    std::map<int64_t, int> round_of;
    for (size_t row = 0; row < part->rows(); ++row) {
      const int64_t id = part->columns[0].int_at(row);
      EXPECT_EQ(lane_of.try_emplace(id, lane).first->second, lane);
      EXPECT_EQ(part->columns[1].bytes_at(row), std::to_string(round_of[id]++));
    }
    total += part->rows();
  }
  EXPECT_EQ(total, 300u);
}

TEST(Partitioner, an_update_that_moves_a_row_becomes_a_delete_and_an_insert) {
  Partitioner partitioner(8, true);
  ChangeBatch batch(people());
  for (int64_t id = 0; id < 50; ++id) {
    add(batch, RowKind::kUpdateBefore, id, "old");
    add(batch, RowKind::kUpdateAfter, id + 1000, "new");
  }
  const auto parts = partitioner.split(std::move(batch));
  ASSERT_TRUE(parts.has_value());
  size_t deletes = 0;
  size_t updates = 0;
  for (const auto& part : *parts) {
    for (size_t row = 0; row < rows_of(part); ++row) {
      if (part->kinds[row] == RowKind::kDelete) ++deletes;
      if (part->kinds[row] == RowKind::kUpdateBefore) {
        ++updates;
        EXPECT_EQ(part->kinds[row + 1], RowKind::kUpdateAfter);
      }
    }
  }
  EXPECT_EQ(deletes + updates, 50u);
  EXPECT_GT(deletes, 20u);
}

TEST(Partitioner, tables_without_a_key_keep_to_one_lane) {
  Partitioner partitioner(4, true);
  ChangeBatch batch(people(TypeKind::kInt64, false));
  for (int64_t id = 0; id < 100; ++id) add(batch, RowKind::kInsert, id, "x");
  const auto parts = partitioner.split(std::move(batch));
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(std::ranges::count_if(*parts, [](const auto& part) { return part != nullptr; }), 1);
}

TEST(Partitioner, text_keys_keep_to_one_lane_where_the_target_may_call_them_equal) {
  Partitioner partitioner(4, false);
  ChangeBatch batch(people(TypeKind::kString));
  for (int64_t id = 0; id < 100; ++id) add(batch, RowKind::kInsert, id, "x");
  const auto parts = partitioner.split(std::move(batch));
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(std::ranges::count_if(*parts, [](const auto& part) { return part != nullptr; }), 1);
}

// Asked for keys that are decimals of any number of digits.
struct ConfinesDecimals : ConfinesTables {
  bool confines(const TableSchema& schema) const override {
    return schema.columns[schema.key[0]].type.kind == TypeKind::kDecimal;
  }
  Result<std::set<TableId>> confined_tables(Context&, std::span<const TableSchemaPtr>) override {
    return std::set<TableId>();
  }
};

size_t lanes_used(const Partitioner& partitioner, TypeKind kind) {
  ChangeBatch batch(people(kind));
  for (int64_t id = 0; id < 100; ++id) add(batch, RowKind::kInsert, id, "x");
  std::set<size_t> lanes;
  for (size_t row = 0; row < batch.rows(); ++row) lanes.insert(partitioner.lane_of(batch, row));
  return lanes.size();
}

TEST(Partitioner, tables_that_the_target_confines_keep_to_one_lane) {
  const ConfinesDecimals target;
  EXPECT_EQ(lanes_used(Partitioner(4, true, &target), TypeKind::kDecimal), 1u);
  EXPECT_EQ(lanes_used(Partitioner(4, true, &target), TypeKind::kInt64), 4u);
  EXPECT_EQ(lanes_used(Partitioner(4, true, &target, {{"shop", "people"}}), TypeKind::kInt64), 1u);
  EXPECT_EQ(lanes_used(Partitioner(4, true, &target, {{"shop", "others"}}), TypeKind::kInt64), 4u);
  // Rows that were spread before it was asked stay where they are until all lanes are at one place.
  EXPECT_EQ(lanes_used(Partitioner(4, true), TypeKind::kDecimal), 4u);
}

TEST(Partitioner, an_update_that_leaves_its_key_out_stays_in_its_lane) {
  Partitioner partitioner(64, true);
  ChangeBatch batch(people());
  for (int64_t id = 0; id < 20; ++id) {
    add(batch, RowKind::kUpdateBefore, id, "old");
    add(batch, RowKind::kUpdateAfter, id, "new");
    batch.columns[0].pop_back();
    batch.columns[0].append_absent();
  }
  const auto parts = partitioner.split(std::move(batch));
  ASSERT_TRUE(parts.has_value()) << parts.error().message();
  EXPECT_GT(std::ranges::count_if(*parts, [](const auto& part) { return part != nullptr; }), 1);
  for (const auto& part : *parts) EXPECT_EQ(rows_of(part) % 2, 0u);
}

TEST(Partitioner, refuses_to_move_a_row_of_which_it_knows_only_a_part) {
  Partitioner partitioner(64, true);
  ChangeBatch batch(people());
  add(batch, RowKind::kUpdateBefore, 1, "old");
  add(batch, RowKind::kUpdateAfter, 2, "new");
  batch.columns[1].pop_back();
  batch.columns[1].append_absent();
  const auto parts = partitioner.split(std::move(batch));
  ASSERT_FALSE(parts.has_value());
  EXPECT_EQ(parts.error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace sluice
