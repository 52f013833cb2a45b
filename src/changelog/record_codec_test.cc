// SPDX-License-Identifier: Apache-2.0
#include "changelog/record_codec.h"

#include <gtest/gtest.h>

#include <limits>

#include "changelog/crc32c.h"
#include "changelog/numbered_fields.h"

namespace sluice {
namespace {

TableSchemaPtr schema_of_everything() {
  TableSchema schema;
  schema.id = {"shop", "orders"};
  schema.columns = {{.name = "id", .type = {.kind = TypeKind::kInt64, .nullable = false}},
                    {.name = "price", .type = {.kind = TypeKind::kDouble}},
                    {.name = "note", .type = {.kind = TypeKind::kString, .length = 20}, .default_expression = "''"}};
  schema.key = {0};
  schema.comment = "all";
  return std::make_shared<const TableSchema>(std::move(schema));
}

ChangeBatch some_changes(const TableSchemaPtr& schema) {
  ChangeBatch batch(schema);
  batch.transactions =
      std::make_shared<const TransactionList>(TransactionList{{.start = {"v1;lsn=0/10"}, .id = "", .commit_time_ms = 5},
                                                              {.start = {"v1;lsn=0/20"},
                                                               .id = "0-1-7",
                                                               .commit_time_ms = -6,
                                                               .event_time_us = 77,
                                                               .server_id = 3,
                                                               .thread = 4,
                                                               .number = 5,
                                                               .previous_commit = 6}});
  const auto add = [&](RowKind kind, uint32_t transaction, uint32_t row) {
    batch.kinds.push_back(kind);
    batch.origins.push_back({.transaction = transaction,
                             .event = row / 2,
                             .row = row,
                             .sequence = 100000 + row,
                             .place = (uint64_t{1} << 40) + row});
  };
  add(RowKind::kInsert, 0, 0);
  add(RowKind::kUpdateBefore, 0, 1);
  add(RowKind::kUpdateAfter, 0, 1);
  add(RowKind::kDelete, 1, 0);
  for (const int64_t id :
       {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0}, std::numeric_limits<int64_t>::max()}) {
    batch.columns[0].append_int(id);
  }
  batch.columns[1].append_double(std::numeric_limits<double>::quiet_NaN());
  batch.columns[1].append_null();
  batch.columns[1].append_double(-0.0);
  batch.columns[1].append_absent();
  batch.columns[2].append_bytes(std::string_view("a\0b", 3));
  batch.columns[2].append_bytes("");
  batch.columns[2].append_absent();
  batch.columns[2].append_null();
  return batch;
}

void expect_equal(const ChangeBatch& a, const ChangeBatch& b) {
  EXPECT_EQ(*a.schema, *b.schema);
  EXPECT_EQ(a.kinds, b.kinds);
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (size_t column = 0; column < a.columns.size(); ++column) {
    ASSERT_EQ(a.columns[column].size(), b.columns[column].size());
    for (size_t row = 0; row < a.rows(); ++row) {
      EXPECT_TRUE(a.columns[column].equal_at(row, b.columns[column], row)) << column << " " << row;
    }
  }
  ASSERT_EQ(a.origins.size(), b.origins.size());
  for (size_t row = 0; row < a.rows(); ++row) {
    EXPECT_EQ(a.origins[row].transaction, b.origins[row].transaction);
    EXPECT_EQ(a.origins[row].event, b.origins[row].event);
    EXPECT_EQ(a.origins[row].row, b.origins[row].row);
    EXPECT_EQ(a.origins[row].sequence, b.origins[row].sequence);
    EXPECT_EQ(a.origins[row].place, b.origins[row].place);
  }
  ASSERT_EQ(a.transactions->size(), b.transactions->size());
  for (size_t i = 0; i < a.transactions->size(); ++i) {
    EXPECT_EQ((*a.transactions)[i].start, (*b.transactions)[i].start);
    EXPECT_EQ((*a.transactions)[i].id, (*b.transactions)[i].id);
    EXPECT_EQ((*a.transactions)[i].commit_time_ms, (*b.transactions)[i].commit_time_ms);
    EXPECT_EQ((*a.transactions)[i].event_time_us, (*b.transactions)[i].event_time_us);
    EXPECT_EQ((*a.transactions)[i].server_id, (*b.transactions)[i].server_id);
    EXPECT_EQ((*a.transactions)[i].thread, (*b.transactions)[i].thread);
    EXPECT_EQ((*a.transactions)[i].number, (*b.transactions)[i].number);
    EXPECT_EQ((*a.transactions)[i].previous_commit, (*b.transactions)[i].previous_commit);
  }
}

std::vector<StreamElement> through_bytes(const std::vector<StreamElement>& elements) {
  ElementEncoder encoder;
  ElementDecoder decoder;
  std::vector<StreamElement> out;
  for (const auto& element : elements) {
    std::vector<Record> records;
    encoder.encode(element, records);
    for (const auto& record : records) {
      auto decoded = decoder.decode(record.type, record.payload);
      EXPECT_TRUE(decoded.has_value()) << decoded.error().message();
      if (decoded && *decoded) out.push_back(std::move(**decoded));
    }
  }
  return out;
}

TEST(RecordCodecTest, batches_come_back_with_null_absent_origins_and_transactions) {
  const auto schema = schema_of_everything();
  const ChangeBatch first = some_changes(schema);
  const auto out = through_bytes({first, first, some_changes(schema)});
  ASSERT_EQ(out.size(), 3U);
  for (const auto& element : out) expect_equal(std::get<ChangeBatch>(element), first);
  // One schema is one object, as where it came from.
  EXPECT_EQ(std::get<ChangeBatch>(out[0]).schema, std::get<ChangeBatch>(out[2]).schema);
}

TEST(RecordCodecTest, group_ends_and_schema_changes_come_back) {
  SchemaChangeEvent event;
  event.position.text = "v1;lsn=0/31";
  event.ddl = "ALTER TABLE";
  const auto schema = schema_of_everything();
  event.changes = {{.kind = SchemaChangeKind::kRenameColumn,
                    .before = schema,
                    .after = schema,
                    .columns = {"note", ""},
                    .new_names = {"remark", "x"}},
                   {.kind = SchemaChangeKind::kDropTable, .before = schema}};
  event.tracked = {{{"shop", "orders"}, "{}"}, {{"", "gone"}, ""}};
  event.needs_copy = {{"shop", "orders"}};
  event.transaction = {.start = {"v1;lsn=0/28"}, .event_time_us = 17, .number = 5, .previous_commit = 9};
  event.place = 41;
  const auto out = through_bytes({GroupEnd{.position = {"v1;lsn=0/30"}, .source_time_ms = 1700000000123}, event});
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(std::get<GroupEnd>(out[0]).position.text, "v1;lsn=0/30");
  EXPECT_EQ(std::get<GroupEnd>(out[0]).source_time_ms, 1700000000123);
  const auto& back = std::get<SchemaChangeEvent>(out[1]);
  EXPECT_EQ(back.position, event.position);
  EXPECT_EQ(back.ddl, event.ddl);
  EXPECT_EQ(back.transaction.start, event.transaction.start);
  EXPECT_EQ(back.transaction.event_time_us, 17);
  EXPECT_EQ(back.transaction.number, 5);
  EXPECT_EQ(back.transaction.previous_commit, 9U);
  EXPECT_EQ(back.place, 41U);
  EXPECT_EQ(back.tracked, event.tracked);
  EXPECT_EQ(back.needs_copy, event.needs_copy);
  ASSERT_EQ(back.changes.size(), 2U);
  EXPECT_EQ(back.changes[0].kind, SchemaChangeKind::kRenameColumn);
  EXPECT_EQ(*back.changes[0].before, *schema);
  EXPECT_EQ(back.changes[0].columns, event.changes[0].columns);
  EXPECT_EQ(back.changes[0].new_names, event.changes[0].new_names);
  EXPECT_EQ(back.changes[1].after, nullptr);
}

TEST(RecordCodecTest, states_come_back) {
  LogState state;
  state.job = "12ab";
  state.position.text = "v1;lsn=0/1";
  state.tables = {{{"a", "t"}, "detail"}, {{"a", "forgotten"}, ""}};
  state.chunks = {{.chunk = {.table = {"a", "t"}, .index = 3, .lower = "10", .upper = std::nullopt, .by_key = false},
                   .position = {"v1;lsn=0/2"}}};
  state.first = true;
  const auto back = decode_state(encode_state(state));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->job, state.job);
  EXPECT_EQ(back->position, state.position);
  EXPECT_EQ(back->tables, state.tables);
  EXPECT_TRUE(back->first);
  ASSERT_EQ(back->chunks.size(), 1U);
  EXPECT_EQ(back->chunks[0].chunk.lower, "10");
  EXPECT_EQ(back->chunks[0].chunk.upper, std::nullopt);
  EXPECT_FALSE(back->chunks[0].chunk.by_key);
  EXPECT_EQ(back->start().tables.size(), 1U) << "a forgotten table is not told to the source";
}

TEST(RecordCodecTest, a_field_of_a_newer_version_is_passed_over_and_a_record_of_one_is_refused) {
  std::string payload;
  append_field(77, "what a later version knows", payload);
  append_field(1, "v1;lsn=0/30", payload);
  append_field(78, uint64_t{1} << 60, payload);
  ElementDecoder decoder;
  const auto end = decoder.decode(RecordType::kGroupEnd, payload);
  ASSERT_TRUE(end.has_value() && *end);
  EXPECT_EQ(std::get<GroupEnd>(**end).position.text, "v1;lsn=0/30");
  const auto unknown = decoder.decode(static_cast<RecordType>(99), payload);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code(), ErrorCode::kUnsupported);
}

// Written down, so that what this version writes stays readable.
TEST(RecordCodecTest, the_bytes_of_a_group_end_are_those_of_version_1) {
  ElementEncoder encoder;
  std::vector<Record> records;
  encoder.encode(GroupEnd{.position = {"p"}, .source_time_ms = 1}, records);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(static_cast<int>(records[0].type), 5);
  EXPECT_EQ(records[0].payload, std::string("\x0a\x01p\x10\x02", 5));
}

TEST(Crc32cTest, is_that_of_the_standard_with_and_without_the_processor) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    bytes.push_back(static_cast<char>(i * 37));
    EXPECT_EQ(crc32c(bytes), crc32c_by_table(bytes));
  }
}

}  // namespace
}  // namespace sluice
