// SPDX-License-Identifier: Apache-2.0
#include "connector/known_changes.h"

#include <gmock/gmock.h>

namespace sluice {
namespace {

using testing::ElementsAre;

constexpr std::optional<int> kGone = std::nullopt;  // absent

class KnownChangesTest : public testing::Test {
 protected:
  KnownChangesTest() {
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", "t"};
    schema->columns = {{.name = "id", .type = {.kind = TypeKind::kInt32}},
                       {.name = "v", .type = {.kind = TypeKind::kInt32}}};
    schema->key = {0};
    batch_.emplace(schema);
  }
  void add(RowKind kind, std::optional<int> id, std::optional<int> v) {
    batch_->kinds.push_back(kind);
    size_t column = 0;
    for (const auto& value : {id, v}) {
      ColumnVector& values = batch_->columns[column++];
      value ? values.append_int(*value) : values.append_absent();
    }
    batch_->origins.push_back({});
  }
  std::vector<int64_t> column(size_t number) const {
    std::vector<int64_t> values;
    for (size_t row = 0; row < batch_->rows(); ++row) values.push_back(batch_->columns[number].int_at(row));
    return values;
  }
  std::optional<ChangeBatch> batch_;
};

TEST_F(KnownChangesTest, keeps_what_is_not_known) {
  add(RowKind::kInsert, 1, 10);
  add(RowKind::kDelete, 2, 20);
  add(RowKind::kUpdateBefore, 3, 30);
  add(RowKind::kUpdateAfter, 3, 31);
  ASSERT_TRUE(drop_known_changes(*batch_, {true, false, false, false}));
  EXPECT_THAT(batch_->kinds, ElementsAre(RowKind::kDelete, RowKind::kUpdateBefore, RowKind::kUpdateAfter));
  EXPECT_THAT(column(0), ElementsAre(2, 3, 3));
  EXPECT_EQ(batch_->origins.size(), 3u);
}

TEST_F(KnownChangesTest, an_update_that_leaves_a_chunk_is_a_delete_or_an_insert_of_the_whole_row) {
  add(RowKind::kUpdateBefore, 1, 10);
  add(RowKind::kUpdateAfter, 101, kGone);
  add(RowKind::kUpdateBefore, 2, 20);
  add(RowKind::kUpdateAfter, 102, 21);
  ASSERT_TRUE(drop_known_changes(*batch_, {true, false, false, true}));
  EXPECT_THAT(batch_->kinds, ElementsAre(RowKind::kInsert, RowKind::kDelete));
  EXPECT_THAT(column(0), ElementsAre(101, 2));
  EXPECT_THAT(column(1), ElementsAre(10, 20));
}

TEST_F(KnownChangesTest, a_row_that_the_log_does_not_carry_whole_is_never_inserted) {
  add(RowKind::kUpdateBefore, 1, kGone);
  add(RowKind::kUpdateAfter, 101, kGone);
  const auto dropped = drop_known_changes(*batch_, {true, false});
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(dropped.error().message(), testing::HasSubstr("'v'"));
  EXPECT_EQ(batch_->rows(), 2u);
}

}  // namespace
}  // namespace sluice
