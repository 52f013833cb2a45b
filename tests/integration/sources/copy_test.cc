// SPDX-License-Identifier: Apache-2.0
// What every source must do when tables are found and copied.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "integration/sources/source_fixture.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

TEST_P(SourceTest, finds_the_captured_tables_and_no_others) {
  create_simple("one");
  execute(
      fmt::format("CREATE TABLE {} (a INT NOT NULL, b VARCHAR(9) NOT NULL, c INT, PRIMARY KEY (b, a))", name("two")));
  execute(fmt::format("CREATE TABLE {} (x INT, y VARCHAR(10))", name("keyless")));
  create_simple("other");
  execute(fmt::format("CREATE VIEW {} AS SELECT * FROM {}", name("one_view"), name("one")));
  const auto source = open({.tables = fmt::format("{0}.one\\.*,{0}.two,{0}.keyless,{0}.later", schema_)});
  EXPECT_TRUE(source->wants_snapshot());
  EXPECT_TRUE(source->wants_stream());
  EXPECT_TRUE(source->captures(id("one")));
  EXPECT_TRUE(source->captures(id("later"))) << "whether it exists or not";
  EXPECT_FALSE(source->captures(id("other")));
  EXPECT_FALSE(source->captures({"elsewhere", "one"}));

  const auto tables = discover(*source);
  std::set<std::string> names;
  for (const auto& [table, found] : tables) names.insert(table.table);
  ASSERT_THAT(names, testing::ElementsAre("keyless", "one", "two"));
  const TableSchema& two = *tables.at(id("two")).schema;
  EXPECT_EQ(two.key, (std::vector<uint32_t>{1, 0}));
  ASSERT_EQ(two.columns.size(), 3u);
  EXPECT_EQ(two.columns[0].name, "a");
  EXPECT_EQ(two.columns[0].type.kind, TypeKind::kInt32);
  EXPECT_FALSE(two.columns[0].type.nullable);
  EXPECT_EQ(two.columns[1].type.kind, TypeKind::kString);
  EXPECT_EQ(two.columns[1].type.length, 9u);
  EXPECT_TRUE(two.columns[2].type.nullable);
  EXPECT_TRUE(tables.at(id("keyless")).schema->key.empty());
}

// A table of no columns would be made in the target, and stand in the way of the real one.
TEST_P(SourceTest, tables_that_come_and_go_are_found_whole_or_not_at_all) {
  create_simple("one");
  const auto source = open({.tables = fmt::format("{0}.one,{0}.guest", schema_)});
  std::atomic<bool> done{false};
  std::atomic<int> rounds{0};
  const std::string guest = name("guest");
  std::thread host([&] {
    for (; !done && rounds < 100'000; ++rounds) {
      execute(fmt::format("CREATE TABLE {} (a INT PRIMARY KEY, b INT, c INT)", guest));
      execute(fmt::format("DROP TABLE {}", guest));
    }
  });
  int found_guest = 0;
  for (int look = 0; look < 2'000 && !HasFailure() && (look < 200 || rounds < 200); ++look) {
    for (const auto& [table, found] : discover(*source)) {
      EXPECT_EQ(found.schema->columns.size(), 3u) << table.text();
      if (table.table != "guest") continue;
      ++found_guest;
      EXPECT_EQ(found.schema->key, std::vector<uint32_t>{0});
    }
  }
  done = true;
  host.join();
  fmt::print("found {} times in {} rounds\n", found_guest, rounds.load());
}

TEST_P(SourceTest, says_what_is_wrong_and_no_password) {
  create_simple("one");
  const auto nothing = open({.tables = schema_ + ".nowhere"})->discover(context_);
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().code(), ErrorCode::kConfig) << nothing.error().describe();
  EXPECT_THAT(nothing.error().describe(), HasSubstr(schema_ + ".nowhere"));

  const auto refused = source_under_test(GetParam()).make(schema_, {.password = "Wrong-9y"})->open(context_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kAccess) << refused.error().describe();
  EXPECT_THAT(refused.error().describe(), testing::Not(HasSubstr("Wrong-9y")));

  const PortLease nobody;
  const auto unreachable = source_under_test(GetParam()).make(schema_, {.port = nobody.port()})->open(context_);
  ASSERT_FALSE(unreachable.has_value());
  EXPECT_EQ(unreachable.error().code(), ErrorCode::kConnect) << unreachable.error().describe();
  EXPECT_THAT(unreachable.error().describe(), HasSubstr(std::to_string(nobody.port())));
}

// Chunks lie end to end, open at both ends and nowhere else.
void expect_sound(const std::vector<SnapshotChunk>& chunks, const TableId& table) {
  ASSERT_FALSE(chunks.empty());
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].table, table);
    EXPECT_EQ(chunks[i].index, i);
    EXPECT_EQ(chunks[i].lower.has_value(), i > 0);
    EXPECT_EQ(chunks[i].upper.has_value(), i + 1 < chunks.size());
    EXPECT_TRUE(i == 0 || chunks[i].lower == chunks[i - 1].upper);
  }
}

TEST_P(SourceTest, chunks_hold_every_row_once_whatever_the_key) {
  constexpr int kRows = 150;
  const auto types = source_under_test(GetParam()).key_types();
  std::map<std::string, std::string> definitions;
  const auto add = [&](const std::string& table, const std::string& definition, const std::string& columns) {
    definitions[table] = definition;
    execute(fmt::format("CREATE TABLE {} {}", name(table), columns));
  };
  const auto fill = [&](const std::string& table, int first, int end, const auto& values) {
    std::string sql;
    for (int i = first; i < end; ++i) sql += fmt::format("{}({}, {})", sql.empty() ? "" : ",", values(i), i);
    execute(fmt::format("INSERT INTO {} VALUES {}", name(table), sql));
    execute(source_under_test(GetParam()).analyze(name(table)));
  };
  for (size_t t = 0; t < types.size(); ++t) {
    const auto table = fmt::format("key_{}", t);
    add(table, types[t].definition, fmt::format("(k {} NOT NULL, n INT, PRIMARY KEY (k))", types[t].definition));
    fill(table, 25, 25 + kRows, types[t].literal);
  }
  add("pairs", "many equal first columns", "(a INT NOT NULL, b INT NOT NULL, n INT, PRIMARY KEY (a, b))");
  fill("pairs", 0, kRows, [](int i) { return fmt::format("{}, {}", i < 60 ? 7 : i / 40, i); });
  add("same", "one first column", "(a VARCHAR(9) NOT NULL, b INT NOT NULL, n INT, PRIMARY KEY (a, b))");
  fill("same", 0, kRows, [](int i) { return fmt::format("'same', {}", i); });
  add("keyless", "no key, equal rows", "(a INT, n INT)");
  fill("keyless", 0, kRows, [](int i) { return i % 5 == 0 ? "NULL" : std::to_string(i % 3); });
  add("empty", "no rows", "(k INT PRIMARY KEY, n INT)");
  add("single", "one row", "(k INT PRIMARY KEY, n INT)");
  fill("single", 0, 1, [](int) { return "2147483647"; });
  add("edges", "the ends of the type", "(k INT PRIMARY KEY, n INT)");
  fill("edges", 0, 3, [](int i) { return std::to_string(i == 0 ? INT32_MIN : i == 1 ? INT32_MAX : 0); });

  const auto source = open({.chunk_rows = 10});
  std::map<TableId, std::vector<SnapshotChunk>> plan;
  auto tables = discover(*source);
  ASSERT_EQ(tables.size(), definitions.size());
  for (const auto& [table, found] : tables) {
    SCOPED_TRACE(table.text());
    plan[table] = split(*source, found.schema);
    expect_sound(plan[table], table);
  }
  EXPECT_GT(plan.at(id("key_1")).size(), 5u) << "150 rows, 10 a chunk";
  EXPECT_GT(plan.at(id("key_5")).size(), source_under_test(GetParam()).cuts_text_keys() ? 5u : 0u);
  EXPECT_EQ(plan.at(id("empty")).size(), 1u);
  // Rows beyond the ends that the plan has seen belong to the chunks at its ends.
  for (size_t t = 0; t < types.size(); ++t) {
    fill(fmt::format("key_{}", t), 0, 25, types[t].literal);
    fill(fmt::format("key_{}", t), 25 + kRows, 200, types[t].literal);
  }

  auto readers = open_readers(*source, 2);
  ASSERT_EQ(readers.size(), 2u);
  size_t next = 0;
  for (const auto& [table, chunks] : plan) {
    SCOPED_TRACE(table.text() + ": " + definitions[table.table]);
    std::vector<int64_t> numbers;
    for (const auto& chunk : chunks) {
      for (const auto& batch : read_chunk(*readers[next++ % 2], chunk, tables.at(table).schema)) {
        for (size_t row = 0; row < batch.rows(); ++row) numbers.push_back(batch.columns.back().int_at(row));
      }
    }
    std::ranges::sort(numbers);
    const std::string count = table.table.starts_with("key_") ? "200"
                              : table.table == "empty"        ? "0"
                              : table.table == "single"       ? "1"
                              : table.table == "edges"        ? "3"
                                                              : std::to_string(kRows);
    EXPECT_EQ(std::to_string(numbers.size()), count);
    for (size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], static_cast<int64_t>(i));
  }
}

// The same rows by every path: those that a reader's position covers are in its chunks, all others are in the log
// behind it. The model refuses whatever comes twice or never.
TEST_P(SourceTest, a_reader_reads_exactly_what_was_committed_at_its_position) {
  create_simple("a", 300);
  create_simple("b", 100);
  const auto source = open({.chunk_rows = 200});
  const auto tables = discover(*source);
  BusyWriters writers(server(), {name("a"), name("b")}, 2);
  ASSERT_TRUE(writers.wait_for_commits(10));
  std::map<TableId, std::vector<SnapshotChunk>> plan;
  for (const auto& [table, found] : tables) plan[table] = split(*source, found.schema);
  auto readers = open_readers(*source, 3);
  ASSERT_EQ(readers.size(), 3u);
  ASSERT_TRUE(writers.wait_for_commits(30));

  std::vector<TableModel> models(readers.size());
  std::vector<LogStart> starts(readers.size());
  for (size_t r = 0; r < readers.size(); ++r) {
    for (const auto& [table, found] : tables) {
      starts[r].tables.emplace_back(table, found.detail);
      for (const auto& chunk : plan[table]) {
        for (const auto& batch : read_chunk(*readers[r], chunk, found.schema)) models[r].add_read(batch);
        // A reader may move on between two chunks; then the log leaves out what they have.
        const Position& at = readers[r]->position();
        starts[r].chunks.push_back({chunk, at});
        if (starts[r].position.empty() || source->covers(starts[r].position, at)) starts[r].position = at;
        if (r == 1) ASSERT_OK(readers[r]->release_locks(context_));
      }
    }
    const auto moved = [&](const FinishedChunk& chunk) { return chunk.position != starts[r].position; };
    if (std::ranges::none_of(starts[r].chunks, moved)) starts[r].chunks.clear();
  }
  readers.clear();
  ASSERT_TRUE(writers.wait_for_commits(10));
  writers.stop();

  for (size_t r = 0; r < models.size(); ++r) {
    SCOPED_TRACE(r);
    const Position at = starts[r].position;
    const bool moved = !starts[r].chunks.empty();
    LogFollower log(context_, *source, std::move(starts[r]));
    ASSERT_TRUE(log.catch_up());
    EXPECT_FALSE(log.changes.empty());
    for (const auto& change : log.changes) {
      EXPECT_TRUE(moved || !source->covers(at, change.transaction)) << change.transaction.start.text;
      models[r].apply(change);
    }
    EXPECT_EQ(models[r].rows(id("a")), server_rows("a"));
    EXPECT_EQ(models[r].rows(id("b")), server_rows("b"));
    if (HasFailure()) break;
  }
}

TEST_P(SourceTest, a_chunk_of_a_table_with_another_definition_is_refused) {
  for (const char* table : {"added", "later", "renamed", "dropped", "same"}) create_simple(table, 3);
  const auto source = open();
  const auto tables = discover(*source);
  std::map<TableId, SnapshotChunk> chunks;
  for (const auto& [table, found] : tables) chunks[table] = split(*source, found.schema).front();
  execute(fmt::format("ALTER TABLE {} ADD COLUMN w INT", name("added")));
  execute("DROP TABLE " + name("dropped"));
  auto readers = open_readers(*source, 1);
  const auto begin = [&](ChunkReader& reader, const std::string& table) {
    auto begun = reader.begin(context_, chunks.at(id(table)), tables.at(id(table)).schema);
    return begun ? std::string("begun") : std::string(error_code_info(begun.error().code()).name);
  };
  const std::string changed(error_code_info(ErrorCode::kSchemaChanged).name);
  EXPECT_EQ(begin(*readers[0], "added"), changed);
  EXPECT_EQ(begin(*readers[0], "dropped"), changed);
  // Altered while the reader's transaction is open already.
  execute(fmt::format("ALTER TABLE {} ADD COLUMN w INT", name("later")));
  EXPECT_EQ(begin(*readers[0], "later"), source_under_test(GetParam()).reads_past_added_columns() ? "begun" : changed);
  execute(fmt::format("ALTER TABLE {} RENAME COLUMN n TO w", name("renamed")));
  EXPECT_EQ(begin(*readers[0], "renamed"), changed);
  EXPECT_EQ(begin(*readers[0], "same"), "begun");
  const auto lost = source->split(context_, tables.at(id("dropped")).schema);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code(), ErrorCode::kSchemaChanged) << lost.error().describe();
}

TEST_P(SourceTest, a_table_can_be_altered_once_a_reader_has_released_its_locks) {
  create_simple("a", 3);
  create_simple("b", 3);
  const auto source = open();
  const auto tables = discover(*source);
  const auto chunk_of = [&](const char* table) { return split(*source, tables.at(id(table)).schema).front(); };
  auto readers = open_readers(*source, 1);
  EXPECT_OK(readers[0]->release_locks(context_));
  EXPECT_EQ(read_chunk(*readers[0], chunk_of("a"), tables.at(id("a")).schema).front().rows(), 3u);
  ASSERT_OK(readers[0]->release_locks(context_));
  std::atomic<bool> altered{false};
  std::jthread alter([&] {
    EXPECT_OK(server().execute(fmt::format("ALTER TABLE {} RENAME COLUMN n TO w", name("a"))));
    altered = true;
  });
  EXPECT_TRUE(wait_until([&] { return altered.load(); }));
  if (!altered) readers.clear();
  alter.join();
  ASSERT_FALSE(readers.empty());
  const auto changed = readers[0]->begin(context_, chunk_of("a"), tables.at(id("a")).schema);
  ASSERT_FALSE(changed.has_value());
  EXPECT_EQ(changed.error().code(), ErrorCode::kSchemaChanged) << changed.error().describe();
  EXPECT_EQ(read_chunk(*readers[0], chunk_of("b"), tables.at(id("b")).schema).front().rows(), 3u);
}

TEST_P(SourceTest, estimates_rows) {
  create_simple("many", 3000);
  create_simple("empty");
  execute(source_under_test(GetParam()).analyze(name("many")));
  const auto source = open();
  const auto many = source->estimate_rows(context_, id("many"));
  ASSERT_OK(many);
  EXPECT_GT(*many, 1000u);
  EXPECT_LT(*many, 9000u);
  const auto missing = source->estimate_rows(context_, id("nowhere"));
  ASSERT_OK(missing);
  EXPECT_EQ(*missing, 0u);
}

}  // namespace
}  // namespace sluice::support
