// SPDX-License-Identifier: Apache-2.0
#include "integration/sources/source_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "base/clock.h"
#include "data/value_text.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

constexpr std::chrono::seconds kDeadline{60};
// "up to about 64 KiB to 1 MiB of rows", and some latitude for what about means.
constexpr size_t kMostBatchBytes = 4 << 20;

std::string text_of(const Row& row) {
  std::string text;
  for (const Cell& cell : row) text += (cell ? *cell : "NULL") + "|";
  return text;
}

}  // namespace

Cell cell_of(const ChangeBatch& batch, size_t column, size_t row) {
  const ColumnVector& values = batch.columns[column];
  if (values.presence(row) == Presence::kNull) return kNullCell;
  if (values.presence(row) == Presence::kAbsent) return kAbsentCell;
  std::string text;
  append_value_text(values, batch.schema->columns[column].type, row, text);
  return text;
}

Row row_of(const ChangeBatch& batch, size_t row) {
  Row cells;
  for (size_t column = 0; column < batch.columns.size(); ++column) cells.push_back(cell_of(batch, column, row));
  return cells;
}

Row TableModel::key_of(const TableSchema& schema, const Row& row) {
  if (schema.key.empty()) return row;
  Row key;
  for (const uint32_t column : schema.key) key.push_back(row[column]);
  return key;
}

void TableModel::add_read(const ChangeBatch& batch) {
  Table& table = tables_[batch.schema->id];
  for (size_t i = 0; i < batch.rows(); ++i) {
    EXPECT_EQ(batch.kinds[i], RowKind::kRead);
    Row row = row_of(batch, i);
    Row key = key_of(*batch.schema, row);
    EXPECT_TRUE(batch.schema->key.empty() || !table.rows.contains(key)) << "read twice: " << text_of(row);
    table.rows.emplace(std::move(key), std::move(row));
  }
}

void TableModel::apply(const LoggedChange& change) {
  Table& table = tables_[change.schema->id];
  const std::string place = change.schema->id.text() + " in " + change.transaction.start.text;
  Row old;
  if (change.kind != RowKind::kInsert) {
    const auto found = table.rows.find(key_of(*change.schema, change.before));
    if (found == table.rows.end()) {
      ADD_FAILURE() << place << " changes a row that is not there: " << text_of(change.before);
      return;
    }
    old = std::move(found->second);
    table.rows.erase(found);
    for (size_t i = 0; i < old.size(); ++i) {
      EXPECT_TRUE(change.before[i] == kAbsentCell || change.before[i] == old[i])
          << place << ": " << text_of(change.before) << " was " << text_of(old);
    }
  }
  if (change.kind == RowKind::kDelete) return;
  Row row = change.after;
  for (size_t i = 0; i < row.size() && !old.empty(); ++i) {
    if (row[i] == kAbsentCell) row[i] = old[i];
  }
  Row key = key_of(*change.schema, row);
  EXPECT_TRUE(change.schema->key.empty() || !table.rows.contains(key)) << place << " doubles " << text_of(row);
  table.rows.emplace(std::move(key), std::move(row));
}

std::vector<Row> TableModel::rows(const TableId& table) const {
  std::vector<Row> rows;
  const auto found = tables_.find(table);
  if (found == tables_.end()) return rows;
  for (const auto& [key, row] : found->second.rows) rows.push_back(row);
  std::ranges::sort(rows);
  return rows;
}

LogFollower::LogFollower(Context& context, Source& source, LogStart start) : context_(context), source_(source) {
  auto reader = source.open_log_reader(context, std::move(start));
  EXPECT_OK(reader);
  if (reader) reader_ = std::move(*reader);
}

bool LogFollower::poll_until(const std::function<bool()>& condition) {
  const MonotonicTime deadline = monotonic_now() + kDeadline;
  while (!condition()) {
    if (monotonic_now() > deadline) {
      ADD_FAILURE() << "the log did not come in time; it is at " << (ends.empty() ? "" : ends.back().position.text);
      return false;
    }
    std::vector<StreamElement> elements;
    const auto polled = reader_ ? reader_->poll(context_, elements) : Result<>(Error(ErrorCode::kInternal, "no log"));
    EXPECT_OK(polled);
    if (!polled) return false;
    for (auto& element : elements) take(std::move(element));
  }
  return true;
}

bool LogFollower::catch_up() {
  const auto target = source_.current_position(context_);
  EXPECT_OK(target);
  return target && poll_until([&] { return !ends.empty() && source_.covers(ends.back().position, *target); });
}

void LogFollower::take(StreamElement element) {
  if (const auto* batch = std::get_if<ChangeBatch>(&element)) return take_batch(*batch);
  end_part();
  if (auto* change = std::get_if<SchemaChangeEvent>(&element)) {
    ends.push_back({change->position, changes.size(), schema_changes.size() + 1});
    schema_changes.push_back(std::move(*change));
    return;
  }
  const Position& position = std::get<GroupEnd>(element).position;
  if (!ends.empty()) {
    EXPECT_TRUE(source_.covers(position, ends.back().position)) << position.text << " < " << ends.back().position.text;
  }
  ends.push_back({position, changes.size(), schema_changes.size()});
}

void LogFollower::take_batch(const ChangeBatch& batch) {
  ASSERT_GT(batch.rows(), 0u);
  ASSERT_EQ(batch.origins.size(), batch.rows());
  ASSERT_NE(batch.transactions, nullptr);
  for (const auto& column : batch.columns) ASSERT_EQ(column.size(), batch.rows());
  for (size_t row = 0; row < batch.rows(); ++row) {
    const RowOrigin& origin = batch.origins[row];
    ASSERT_LT(origin.transaction, batch.transactions->size());
    LoggedChange change{.kind = batch.kinds[row], .schema = batch.schema};
    change.transaction = (*batch.transactions)[origin.transaction];
    switch (batch.kinds[row]) {
      case RowKind::kInsert: change.after = row_of(batch, row); break;
      case RowKind::kDelete: change.before = row_of(batch, row); break;
      case RowKind::kUpdateBefore:
        ASSERT_LT(row + 1, batch.rows()) << "an update without its second half";
        ASSERT_EQ(batch.kinds[row + 1], RowKind::kUpdateAfter);
        change.kind = RowKind::kUpdateAfter;
        change.before = row_of(batch, row);
        change.after = row_of(batch, ++row);
        break;
      case RowKind::kUpdateAfter:
      case RowKind::kRead: FAIL() << "the log may not begin a change so";
    }
    ASSERT_FALSE(group_.contains(origin.sequence)) << "two changes have the same place in their group";
    group_.emplace(origin.sequence, std::move(change));
  }
}

void LogFollower::end_part() {
  for (auto& [sequence, change] : group_) changes.push_back(std::move(change));
  group_.clear();
}

Writer::Writer(DatabaseServer& server, std::vector<std::string> tables, int writers, int writer)
    : tables_(std::move(tables)), writers_(writers), next_id_(1'000'000 + writer) {
  auto session = server.connect();
  EXPECT_OK(session);
  session_ = std::move(*session);
}

void Writer::commit_one() {
  const int number = transactions_++;
  std::string sql = "BEGIN;";
  auto present = present_;
  for (size_t i = 0; i < tables_.size(); ++i) {
    const std::string& table = tables_[i];
    auto& ids = present[table];
    for (int row = 0; row < 2; ++row) {
      sql += fmt::format("INSERT INTO {} VALUES ({}, {}, 'row {}');", table, next_id_, number, next_id_);
      ids.push_back(next_id_);
      next_id_ += writers_;
    }
    // A fixed pattern instead of chance: every combination comes within a dozen transactions.
    const size_t chosen = static_cast<size_t>(number * 7 + static_cast<int>(i)) % ids.size();
    if (number % 2 == 0) sql += fmt::format("UPDATE {} SET n = -{} WHERE id = {};", table, number, ids[chosen]);
    if (number % 3 == 0) {
      sql += fmt::format("UPDATE {} SET id = {}, v = NULL WHERE id = {};", table, next_id_, ids[chosen]);
      ids[chosen] = next_id_;
      next_id_ += writers_;
    }
    if (number % 4 == 0) {
      sql += fmt::format("DELETE FROM {} WHERE id = {};", table, ids.back());
      ids.pop_back();
    }
  }
  const bool keep = number % 6 != 5;
  sql += keep ? "COMMIT" : "ROLLBACK";
  ASSERT_OK(session_->execute(sql));
  if (keep) present_ = std::move(present);
}

BusyWriters::BusyWriters(DatabaseServer& server, const std::vector<std::string>& tables, int count) {
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([this, &server, tables, count, i] {
      Writer writer(server, tables, count, i);
      while (!stop_ && !testing::Test::HasFatalFailure()) {
        writer.commit_one();
        ++commits_;
      }
    });
  }
}

bool BusyWriters::wait_for_commits(int count) {
  const int wanted = commits_ + count;
  return wait_until([&] { return commits_ >= wanted; }, kDeadline);
}

void BusyWriters::stop() {
  stop_ = true;
  threads_.clear();
}

void SourceTest::SetUp() {
  if (const auto why = source_under_test(GetParam()).unavailable(); !why.empty()) GTEST_SKIP() << why;
  static int number = 0;
  schema_ = fmt::format("conform_{}", ++number);
  execute("CREATE SCHEMA " + schema_);
}

void SourceTest::create_simple(const std::string& table, int rows) {
  execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, n INT, v VARCHAR(40))", name(table)));
  std::string sql;
  for (int i = 0; i < rows; ++i) {
    sql += fmt::format("{}({}, 0, 'row {}')", i % 500 == 0 ? fmt::format("INSERT INTO {} VALUES ", name(table)) : ",",
                       i + 1, i + 1);
    if (i % 500 == 499 || i + 1 == rows) sql += ";";
  }
  if (!sql.empty()) execute(sql);
}

std::unique_ptr<Source> SourceTest::open(SourceOptions options) {
  auto source = source_under_test(GetParam()).make(schema_, options);
  EXPECT_OK(source->open(context_));
  return source;
}

std::map<TableId, SourceTable> SourceTest::discover(Source& source) {
  std::map<TableId, SourceTable> tables;
  auto discovered = source.discover(context_);
  EXPECT_OK(discovered);
  if (!discovered) return tables;
  for (auto& table : *discovered) tables.emplace(table.schema->id, std::move(table));
  return tables;
}

LogStart SourceTest::log_start(Source& source) {
  auto position = source.start_position(context_);
  EXPECT_OK(position);
  return log_start(source, *position);
}

LogStart SourceTest::log_start(Source& source, Position position) {
  LogStart start{.position = std::move(position)};
  for (const auto& [table, found] : discover(source)) start.tables.emplace_back(table, found.detail);
  return start;
}

std::vector<std::unique_ptr<ChunkReader>> SourceTest::open_readers(Source& source, int count) {
  auto readers = source.open_chunk_readers(context_, count);
  EXPECT_OK(readers);
  return readers ? std::move(*readers) : std::vector<std::unique_ptr<ChunkReader>>();
}

std::vector<SnapshotChunk> SourceTest::split(Source& source, const TableSchemaPtr& schema) {
  auto chunks = source.split(context_, schema);
  EXPECT_OK(chunks);
  return chunks ? std::move(*chunks) : std::vector<SnapshotChunk>();
}

std::vector<ChangeBatch> SourceTest::read_chunk(ChunkReader& reader, const SnapshotChunk& chunk,
                                                const TableSchemaPtr& schema) {
  std::vector<ChangeBatch> batches;
  const auto begun = reader.begin(context_, chunk, schema);
  EXPECT_OK(begun);
  for (bool more = begun.has_value(); more;) {
    ChangeBatch batch(schema);
    const auto read = reader.next(context_, batch);
    EXPECT_OK(read);
    more = read && *read;
    EXPECT_LE(batch.byte_size(), kMostBatchBytes);
    EXPECT_TRUE(batch.origins.empty());
    EXPECT_THAT(batch.kinds, testing::Each(RowKind::kRead));
    for (const auto& column : batch.columns) EXPECT_EQ(column.size(), batch.rows());
    batches.push_back(std::move(batch));
  }
  return batches;
}

std::vector<Row> SourceTest::server_rows(const std::string& table) {
  auto rows = server().query("SELECT * FROM " + name(table));
  EXPECT_OK(rows);
  std::ranges::sort(*rows);
  return std::move(*rows);
}

}  // namespace sluice::support
