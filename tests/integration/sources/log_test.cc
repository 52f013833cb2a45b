// SPDX-License-Identifier: Apache-2.0
// What every source must do when its log is followed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "integration/sources/source_fixture.h"

namespace sluice::support {
namespace {

TEST_P(SourceTest, the_log_goes_on_behind_any_group_end_without_loss_or_repetition) {
  create_simple("a", 5);
  create_simple("b");
  const auto source = open();
  const LogStart start = log_start(*source);
  TableModel model;
  {
    auto readers = open_readers(*source, 1);
    for (const auto& [table, found] : discover(*source)) {
      for (const auto& chunk : split(*source, found.schema)) {
        for (const auto& batch : read_chunk(*readers[0], chunk, found.schema)) model.add_read(batch);
      }
    }
  }
  Writer writer(server(), {name("a"), name("b")}, 1, 0);
  auto log = std::make_unique<LogFollower>(context_, *source, start);
  // Some transactions that come alone, and some that come together; one of them larger than a batch.
  for (int i = 0; i < 12; ++i) {
    writer.commit_one();
    ASSERT_TRUE(log->catch_up());
  }
  std::string large = "BEGIN;";
  for (int part = 0; part < 12; ++part) {
    large += fmt::format("INSERT INTO {} VALUES ", name(part % 2 == 0 ? "a" : "b"));
    for (int row = 0; row < 2000; ++row) {
      large += fmt::format("{}({}, {}, 'abcdefghijklmnopqrstuvwxyz0123456789')", row == 0 ? "" : ",",
                           10'000'000 + part * 2000 + row, part);
    }
    large += ";";
  }
  execute(large + "COMMIT");
  for (int i = 0; i < 40; ++i) writer.commit_one();
  ASSERT_TRUE(log->catch_up());
  ASSERT_GT(log->ends.size(), 10u);
  for (const auto& change : log->changes) model.apply(change);
  EXPECT_EQ(model.rows(id("a")), server_rows("a"));
  EXPECT_EQ(model.rows(id("b")), server_rows("b"));

  const auto whole = std::move(log->changes);
  const auto ends = std::move(log->ends);
  log.reset();
  for (size_t i = 0; i < ends.size(); i += i + 4 < ends.size() ? 3 : 1) {
    SCOPED_TRACE(ends[i].position.text);
    LogFollower again(context_, *source, log_start(*source, ends[i].position));
    ASSERT_TRUE(again.catch_up());
    ASSERT_EQ(again.changes.size(), whole.size() - ends[i].changes);
    for (size_t c = 0; c < again.changes.size(); ++c) ASSERT_EQ(again.changes[c], whole[ends[i].changes + c]) << c;
  }
}

// However much waits, and wherever its parts are cut.
TEST_P(SourceTest, a_backlog_comes_in_groups_that_end) {
  execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v VARCHAR(1000) NOT NULL)", name("a")));
  const auto source = open();
  const LogStart start = log_start(*source);
  constexpr int kTransactions = 100;
  constexpr int kRows = 100;
  for (int i = 0; i < kTransactions; ++i) {
    std::string insert = fmt::format("INSERT INTO {} VALUES ", name("a"));
    for (int row = 0; row < kRows; ++row) {
      insert += fmt::format("{}({}, REPEAT('x', 900))", row == 0 ? "" : ",", i * kRows + row);
    }
    execute(insert);
  }
  LogFollower log(context_, *source, start);
  ASSERT_TRUE(log.catch_up());
  ASSERT_EQ(log.changes.size(), static_cast<size_t>(kTransactions * kRows));
  size_t largest = 0;
  size_t before = 0;
  for (const auto& end : log.ends) {
    largest = std::max(largest, end.changes - before);
    before = end.changes;
  }
  // 9 MB are 100 transactions.
  EXPECT_LE(largest, static_cast<size_t>(kTransactions * kRows / 4));
}

TEST_P(SourceTest, positions_and_transactions_are_ordered_along_the_log) {
  create_simple("a");
  const auto source = open();
  const Position first = *source->current_position(context_);
  LogFollower log(context_, *source, log_start(*source));
  Writer writer(server(), {name("a")}, 1, 0);
  std::vector<Position> current;
  for (int i = 0; i < 8; ++i) {
    writer.commit_one();
    current.push_back(*source->current_position(context_));
    ASSERT_TRUE(log.catch_up());
  }
  EXPECT_TRUE(source->covers(first, first));
  EXPECT_FALSE(source->covers(first, log.ends.back().position));
  EXPECT_TRUE(source->covers(log.ends.back().position, first));
  // Where something was committed between two places, only the later one covers the other.
  for (size_t i = 0; i < log.ends.size(); ++i) {
    for (size_t j = 0; j < log.ends.size(); ++j) {
      if (i < j && log.ends[i].changes == log.ends[j].changes) continue;
      EXPECT_EQ(source->covers(log.ends[i].position, log.ends[j].position), i >= j)
          << log.ends[i].position.text << " " << log.ends[j].position.text;
    }
    for (size_t c = 0; c < log.changes.size(); ++c) {
      EXPECT_EQ(source->covers(log.ends[i].position, log.changes[c].transaction), c < log.ends[i].changes)
          << log.ends[i].position.text << " " << log.changes[c].transaction.start.text;
    }
  }
  for (size_t i = 1; i < current.size(); ++i) {
    EXPECT_TRUE(source->covers(current[i], current[i - 1]));
    const bool rolled_back = i % 6 == 5;
    EXPECT_TRUE(rolled_back || !source->covers(current[i - 1], current[i])) << current[i].text;
  }
  // A reader's position is one of the log too.
  const auto readers = open_readers(*source, 1);
  EXPECT_TRUE(source->covers(readers[0]->position(), log.ends.back().position));
  writer.commit_one();
  ASSERT_TRUE(log.catch_up());
  EXPECT_FALSE(source->covers(readers[0]->position(), log.ends.back().position));
}

TEST_P(SourceTest, the_start_position_leaves_out_what_was_and_brings_what_comes) {
  create_simple("a");
  execute(fmt::format("INSERT INTO {} VALUES (1, 1, 'before')", name("a")));
  const auto source = open({.startup = "latest-offset"});
  EXPECT_FALSE(source->wants_snapshot());
  EXPECT_TRUE(source->wants_stream());
  const LogStart start = log_start(*source);
  execute(fmt::format("INSERT INTO {} VALUES (2, 2, 'after')", name("a")));
  LogFollower log(context_, *source, start);
  ASSERT_TRUE(log.catch_up());
  ASSERT_EQ(log.changes.size(), 1u);
  EXPECT_EQ(log.changes[0].after, (Row{"2", "2", "after"}));
  EXPECT_FALSE(open({.startup = "snapshot"})->wants_stream());
}

// Chunks of one table read at different places, as after a kill, while rows move between them.
TEST_P(SourceTest, the_log_leaves_out_what_each_chunk_has) {
  std::vector<std::string> keys;
  for (const KeyType& type : source_under_test(GetParam()).key_types()) {
    const auto table = fmt::format("key_{}", keys.size());
    execute(fmt::format("CREATE TABLE {} (k {} NOT NULL PRIMARY KEY, n INT)", name(table), type.definition));
    std::string rows;
    for (int i = 0; i < 100; ++i) rows += fmt::format("{}({}, 0)", i == 0 ? "" : ",", type.literal(i));
    execute(fmt::format("INSERT INTO {} VALUES {}", name(table), rows));
    execute(source_under_test(GetParam()).analyze(name(table)));
    keys.push_back(type.definition);
  }
  const auto types = source_under_test(GetParam()).key_types();
  const auto change_everything = [&](int round) {
    for (size_t t = 0; t < types.size(); ++t) {
      const auto table = name(fmt::format("key_{}", t));
      const auto key = types[t].literal;
      std::string sql = "BEGIN;";
      for (int i = 0; i < 20; ++i) {
        // Every other key moves, mostly into another chunk; some go, some come.
        const int from = (round * 20 + i) % 100;
        if (i % 4 == 0) {
          sql += fmt::format("UPDATE {} SET k = {} WHERE k = {};", table, key(100 + round * 20 + i), key(from));
        } else if (i % 4 == 1) {
          sql += fmt::format("DELETE FROM {} WHERE k = {};", table, key(from));
          sql += fmt::format("INSERT INTO {} VALUES ({}, {});", table, key(100 + round * 20 + i), round);
        } else {
          sql += fmt::format("UPDATE {} SET n = {} WHERE k = {};", table, 1 + round, key(from));
        }
      }
      execute(sql + "COMMIT");
    }
  };
  const auto source = open({.chunk_rows = 15});
  const auto tables = discover(*source);
  LogStart start;
  TableModel model;
  std::map<TableId, std::vector<SnapshotChunk>> plan;
  for (const auto& [table, found] : tables) {
    plan[table] = split(*source, found.schema);
    start.tables.emplace_back(table, found.detail);
  }
  for (int round = 0; round < 3; ++round) {
    auto readers = open_readers(*source, 1);
    for (const auto& [table, chunks] : plan) {
      for (const auto& chunk : chunks) {
        if (chunk.index % 3 != static_cast<uint32_t>(round)) continue;
        for (const auto& batch : read_chunk(*readers[0], chunk, tables.at(table).schema)) model.add_read(batch);
        start.chunks.push_back({chunk, readers[0]->position()});
      }
    }
    if (start.position.empty()) start.position = readers[0]->position();
    readers.clear();
    change_everything(round);
  }
  LogFollower log(context_, *source, start);
  ASSERT_TRUE(log.catch_up());
  change_everything(3);
  ASSERT_TRUE(log.catch_up());
  for (const auto& change : log.changes) model.apply(change);
  for (size_t t = 0; t < keys.size(); ++t) {
    SCOPED_TRACE(keys[t]);
    const auto table = fmt::format("key_{}", t);
    // Read again in one piece: the server's own text of a key may not be ours.
    TableModel now;
    auto readers = open_readers(*source, 1);
    const SnapshotChunk whole{.table = id(table)};
    for (const auto& batch : read_chunk(*readers[0], whole, tables.at(id(table)).schema)) now.add_read(batch);
    EXPECT_EQ(model.rows(id(table)), now.rows(id(table)));
  }
}

TEST_P(SourceTest, a_log_without_changes_of_ours_goes_on) {
  create_simple("a");
  create_simple("other");
  const auto source = open({.tables = name("a")});
  LogFollower log(context_, *source, log_start(*source));
  for (int i = 0; i < 3; ++i) {
    execute(fmt::format("INSERT INTO {} VALUES ({}, 0, 'x')", name("other"), i));
    ASSERT_TRUE(log.catch_up());
  }
  EXPECT_TRUE(log.changes.empty());
  EXPECT_GE(log.ends.size(), 3u);
}

TEST_P(SourceTest, what_was_acknowledged_need_not_be_asked_for_again) {
  create_simple("a");
  const auto source = open();
  const LogStart start = log_start(*source);
  Writer writer(server(), {name("a")}, 1, 0);
  Position acknowledged;
  {
    LogFollower log(context_, *source, start);
    for (int i = 0; i < 3; ++i) {
      writer.commit_one();
      ASSERT_TRUE(log.catch_up());
      EXPECT_OK(log.reader().acknowledge(log.ends.back().position));
    }
    // Again, and earlier ones: late lanes may repeat themselves.
    EXPECT_OK(log.reader().acknowledge(log.ends.back().position));
    EXPECT_OK(log.reader().acknowledge(log.ends.front().position));
    acknowledged = log.ends.back().position;
    writer.commit_one();
    ASSERT_TRUE(log.catch_up());
  }
  writer.commit_one();
  LogFollower log(context_, *source, log_start(*source, acknowledged));
  ASSERT_TRUE(log.catch_up());
  std::set<std::string> transactions;
  for (const auto& change : log.changes) transactions.insert(change.transaction.start.text + change.transaction.id);
  EXPECT_EQ(transactions.size(), 2u);
}

TEST_P(SourceTest, a_changed_table_is_told_before_its_rows_and_again_after_a_restart) {
  create_simple("a");
  const auto source = open();
  const LogStart start = log_start(*source);
  execute(fmt::format("INSERT INTO {} VALUES (1, 1, 'old')", name("a")));
  execute(fmt::format("ALTER TABLE {} ADD COLUMN w INT", name("a")));
  execute(fmt::format("INSERT INTO {} VALUES (2, 2, 'new', 22)", name("a")));
  Position behind;
  std::vector<std::pair<TableId, std::string>> tracked;
  const auto expect_change = [&](const SchemaChangeEvent& event) {
    ASSERT_EQ(event.changes.size(), 1u);
    EXPECT_EQ(event.changes[0].kind, SchemaChangeKind::kAddColumns);
    EXPECT_EQ(event.changes[0].columns, std::vector<std::string>{"w"});
    ASSERT_NE(event.changes[0].after, nullptr);
    EXPECT_EQ(event.changes[0].after->columns.size(), 4u);
  };
  Position before;
  {
    LogFollower log(context_, *source, start);
    ASSERT_TRUE(log.poll_until([&] { return log.changes.size() == 2; }));
    ASSERT_EQ(log.schema_changes.size(), 1u);
    expect_change(log.schema_changes[0]);
    EXPECT_EQ(log.changes[0].schema->columns.size(), 3u);
    EXPECT_EQ(log.changes[1].schema->columns.size(), 4u);
    EXPECT_EQ(log.changes[1].after, (Row{"2", "2", "new", "22"}));
    for (const auto& end : log.ends) {
      if (end.changes == 1 && end.schema_changes == 0) before = end.position;
    }
    behind = log.schema_changes[0].position;
    tracked = log.schema_changes[0].tracked;
  }
  ASSERT_FALSE(before.empty()) << "the group before the change must end";
  {
    LogFollower log(context_, *source, {.position = before, .tables = start.tables});
    ASSERT_TRUE(log.poll_until([&] { return log.changes.size() == 1; }));
    ASSERT_EQ(log.schema_changes.size(), 1u);
    expect_change(log.schema_changes[0]);
    EXPECT_EQ(log.changes[0].after, (Row{"2", "2", "new", "22"}));
  }
  LogFollower log(context_, *source, {.position = behind, .tables = tracked});
  ASSERT_TRUE(log.poll_until([&] { return log.changes.size() == 1; }));
  EXPECT_TRUE(log.schema_changes.empty());
  EXPECT_EQ(log.changes[0].after, (Row{"2", "2", "new", "22"}));
}

TEST_P(SourceTest, a_value_is_the_same_in_the_copy_and_in_the_log) {
  const auto types = source_under_test(GetParam()).value_types();
  std::string definitions = "id INT PRIMARY KEY";
  std::string names;
  size_t rows = 1;
  for (size_t t = 0; t < types.size(); ++t) {
    definitions += fmt::format(", c{} {}", t, types[t].definition);
    names += fmt::format(", c{}", t);
    rows = std::max(rows, types[t].literals.size() + 1);
  }
  execute(fmt::format("CREATE TABLE {} ({})", name("t"), definitions));
  for (size_t row = 0; row < rows; ++row) {
    std::string values = std::to_string(row);
    for (const ValueType& type : types) {
      values += ", " + (row < type.literals.size() ? type.literals[row] : std::string("NULL"));
    }
    execute(fmt::format("INSERT INTO {} VALUES ({})", name("t"), values));
  }
  const auto source = open();
  const auto tables = discover(*source);
  const TableSchemaPtr schema = tables.at(id("t")).schema;
  auto readers = open_readers(*source, 1);
  TableModel copied;
  for (const auto& batch : read_chunk(*readers[0], {.table = id("t")}, schema)) copied.add_read(batch);
  LogFollower log(context_, *source, log_start(*source, readers[0]->position()));
  readers.clear();
  execute(fmt::format("INSERT INTO {0} (id{1}) SELECT id + 1000{1} FROM {0}", name("t"), names));
  execute(fmt::format("UPDATE {} SET id = id + 1000 WHERE id >= 1000", name("t")));
  ASSERT_TRUE(log.catch_up());
  TableModel streamed;
  for (const auto& change : log.changes) streamed.apply(change);

  const auto expected = copied.rows(id("t"));
  const auto actual = streamed.rows(id("t"));
  ASSERT_EQ(expected.size(), rows);
  ASSERT_EQ(actual.size(), rows);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 1; column < schema->columns.size(); ++column) {
      EXPECT_EQ(actual[row][column], expected[row][column]) << types[column - 1].definition << " in row " << row;
      const size_t number = std::stoul(*expected[row][0]);
      EXPECT_EQ(expected[row][column].has_value(), number < types[column - 1].literals.size());
    }
  }
}

TEST_P(SourceTest, a_value_that_the_log_leaves_out_is_not_null) {
  execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, changed VARCHAR(10), nulled VARCHAR(10), kept TEXT)",
                      name("t")));
  std::string long_text;
  for (int i = 0; i < 3000; ++i) long_text += fmt::format("{:x}", i * 2654435761U);
  execute(fmt::format("INSERT INTO {} VALUES (1, 'a', 'b', '{}')", name("t"), long_text));
  auto session = server().connect();
  ASSERT_OK(session);
  ASSERT_OK((*session)->execute(source_under_test(GetParam()).log_partial_rows(name("t"), "kept")));
  const auto source = open();
  const LogStart start = log_start(*source);
  ASSERT_OK((*session)->execute(fmt::format("UPDATE {} SET changed = 'c', nulled = NULL WHERE id = 1", name("t"))));
  LogFollower log(context_, *source, start);
  ASSERT_TRUE(log.poll_until([&] { return log.changes.size() == 1; }));
  const LoggedChange& change = log.changes[0];
  EXPECT_EQ(change.kind, RowKind::kUpdateAfter);
  EXPECT_EQ(change.before[0], "1");
  EXPECT_EQ(change.after[1], "c");
  EXPECT_EQ(change.after[2], kNullCell);
  EXPECT_EQ(change.after[3], kAbsentCell);
}

}  // namespace
}  // namespace sluice::support
