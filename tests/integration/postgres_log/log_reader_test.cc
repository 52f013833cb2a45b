// SPDX-License-Identifier: Apache-2.0
// The log reader, against a real server: what it makes of transactions, positions, schema changes and copies.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "connectors/postgres/postgres_catalog.h"
#include "connectors/postgres/postgres_held_log.h"
#include "connectors/postgres/postgres_log_reader.h"
#include "connectors/postgres/postgres_lsn.h"
#include "data/value_text.h"
#include "support/ok.h"
#include "support/postgres_server.h"
#include "support/wait.h"

namespace sluice {
namespace {

using support::PostgresServer;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// One value: "~" absent, "NULL".
std::string text_of(const ChangeBatch& batch, size_t column, size_t row) {
  const ColumnVector& values = batch.columns[column];
  if (values.presence(row) == Presence::kAbsent) return "~";
  if (!values.has_value(row)) return "NULL";
  if (values.storage() == Storage::kBytes) return std::string(values.bytes_at(row));
  std::string text;
  append_value_text(values, batch.schema->columns[column].type, row, text);
  return text;
}

std::string text_of(const ChangeBatch& batch, size_t row) {
  std::string text;
  for (size_t i = 0; i < batch.columns.size(); ++i) text += (i > 0 ? "|" : "") + text_of(batch, i, row);
  return text;
}

std::string text_of(const SchemaChange& change) {
  static const std::map<SchemaChangeKind, std::string> kWords = {
      {SchemaChangeKind::kCreateTable, "create"},    {SchemaChangeKind::kAddColumns, "add"},
      {SchemaChangeKind::kAlterColumnType, "alter"}, {SchemaChangeKind::kRenameColumn, "rename"},
      {SchemaChangeKind::kDropColumns, "drop"},      {SchemaChangeKind::kTruncateTable, "truncate"},
      {SchemaChangeKind::kDropTable, "drop table"}};
  std::string text = kWords.at(change.kind) + " " + change.table().table;
  for (const auto& column : change.columns) text += " " + column;
  return text;
}

class LogReaderTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = PostgresServer::start(
        {.arguments = {"-c", "wal_level=logical", "-c", "logical_decoding_work_mem=64kB", "-c", "autovacuum=off", "-c",
                       "max_replication_slots=40", "-c", "max_wal_senders=20"}});
    ASSERT_OK(started);
    server_ = std::move(started).value();
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    static int number = 0;
    database_ = fmt::format("log{}", ++number);
    ASSERT_OK(server_->execute(fmt::format("CREATE DATABASE {}", database_)));
    sql("CREATE PUBLICATION pub FOR ALL TABLES");
    options_.hostname = PostgresServer::host();
    options_.port = server_->port();
    options_.username = server_->username();
    options_.password = server_->password();
    options_.database = database_;
    options_.tables = database_ + ".public.\\.*";
    options_.slot_name = database_;
    options_.publication_name = "pub";
    options_.publication_mode = "disabled";
    options_.startup_mode = "initial";
    options_.connect_timeout = std::chrono::seconds(20);
    options_.heartbeat_interval = std::chrono::seconds(30);
    options_.status_interval = std::chrono::seconds(10);
    options_.tls_mode = "disable";
  }
  void TearDown() override {
    reader_.reset();
    EXPECT_TRUE(support::wait_until([this] {
      return server_->execute(fmt::format("DROP DATABASE {} WITH (FORCE)", database_)).has_value() ||
             !server_->query(fmt::format("SELECT pg_drop_replication_slot('{}')", database_)).has_value();
    }));
    (void)server_->query(fmt::format("SELECT pg_drop_replication_slot('{}')", database_));
    (void)server_->execute(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", database_));
  }

  void sql(std::string_view statement) const {
    const auto done = server_->execute(statement, database_);
    ASSERT_TRUE(done.has_value()) << done.error().describe();
  }
  std::string value(std::string_view query) const {
    const auto got = server_->value(query, database_);
    return got ? *got : "none";
  }
  Lsn lsn(std::string_view query) const {
    const auto parsed = Lsn::parse(value(query));
    return parsed ? *parsed : Lsn{};
  }
  Lsn now() const { return lsn("SELECT pg_current_wal_insert_lsn()"); }
  Lsn confirmed() const {
    return lsn(fmt::format("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{}'", database_));
  }

  // Makes the slot and remembers the tables as they are.
  void begin() {
    sql(fmt::format("SELECT pg_create_logical_replication_slot('{}', 'pgoutput')", database_));
    start_.position = confirmed().position();
    start_.tables.clear();
    auto connection = PostgresConnection::connect(context_, options_.connection());
    ASSERT_OK(connection);
    auto tables = read_postgres_tables(context_, **connection, nullptr);
    ASSERT_OK(tables);
    for (const auto& table : *tables) {
      if (table.schema->id.schema != "public") continue;
      start_.tables.emplace_back(table.schema->id, postgres_table_to_json(table));
    }
  }

  // A reader behind `start_`; the one before it is gone.
  Result<> open() {
    reader_.reset();
    auto include = TableSelector::compile(options_.tables);
    if (!include) return std::move(include).error();
    captured_ = std::make_unique<PostgresCapturedTables>(
        PostgresCapturedTables{database_, std::move(include).value(), std::nullopt});
    // The server may need a moment to see that the old one has left.
    Result<> opened;
    support::wait_until([&] {
      auto reader = open_postgres_log_reader(context_, options_, *captured_, start_);
      opened = reader ? Result<>() : Result<>(reader.error());
      if (reader) reader_ = std::move(reader).value();
      return opened.has_value() || opened.error().code() != ErrorCode::kTransient;
    });
    return opened;
  }

  // Takes in what the reader says: follows positions and tracked tables as the engine does.
  void take(std::vector<StreamElement>& elements) {
    for (auto& element : elements) {
      if (auto* batch = std::get_if<ChangeBatch>(&element)) {
        take_rows(*batch);
      } else if (auto* end = std::get_if<GroupEnd>(&element)) {
        start_.position = end->position;
        ++groups_;
      } else {
        take_change(std::get<SchemaChangeEvent>(element));
      }
    }
  }
  void take_rows(const ChangeBatch& batch) {
    ++batches_;
    for (size_t row = 0; row < batch.rows(); ++row) {
      const std::string table = batch.schema->id.table + " ";
      switch (batch.kinds[row]) {
        case RowKind::kInsert: seen_.push_back("I " + table + text_of(batch, row)); break;
        case RowKind::kDelete: seen_.push_back("D " + table + text_of(batch, row)); break;
        case RowKind::kUpdateBefore: {
          seen_.push_back("U " + table + text_of(batch, row) + " > " + text_of(batch, row + 1));
          ++row;
          break;
        }
        case RowKind::kUpdateAfter:
        case RowKind::kRead: seen_.push_back("unexpected"); break;
      }
    }
  }
  void take_change(const SchemaChangeEvent& event) {
    for (const auto& change : event.changes) {
      seen_.push_back(text_of(change));
      changes_.push_back(change);
    }
    for (const auto& id : event.needs_copy) seen_.push_back("copy " + id.table);
    for (const auto& [id, detail] : event.tracked) {
      std::erase_if(start_.tables, [&](const auto& entry) { return entry.first == id; });
      if (!detail.empty()) start_.tables.emplace_back(id, detail);
    }
    start_.position = event.position;
    events_.push_back(event);
  }

  // Polls until everything that is committed now has come, or an error.
  Result<> catch_up() {
    const Lsn goal = now();
    Result<> polled;
    const bool reached = support::wait_until([&] {
      std::vector<StreamElement> elements;
      polled = reader_->poll(context_, elements);
      take(elements);
      return !polled.has_value() || *Lsn::of(start_.position) >= goal;
    });
    if (!reached) return Error(ErrorCode::kInternal, "the reader did not reach " + goal.text());
    return polled;
  }
  std::vector<std::string> seen() { return std::exchange(seen_, {}); }

  Context context_;
  std::string database_;
  PostgresSourceOptions options_;
  std::unique_ptr<PostgresCapturedTables> captured_;
  LogStart start_;
  std::unique_ptr<LogReader> reader_;
  std::vector<std::string> seen_;
  std::vector<SchemaChange> changes_;
  std::vector<SchemaChangeEvent> events_;
  int groups_ = 0;
  int batches_ = 0;
  static std::unique_ptr<PostgresServer> server_;
};
std::unique_ptr<PostgresServer> LogReaderTest::server_;

TEST_F(LogReaderTest, rows_have_the_images_that_the_replica_identity_gives) {
  sql("CREATE TABLE t (id int PRIMARY KEY, v text, n int); CREATE TABLE f (v text); ALTER TABLE f REPLICA IDENTITY "
      "FULL;"
      "ALTER TABLE t ALTER v SET STORAGE EXTERNAL; CREATE TABLE \"Große Tabelle\" (\"ключ\" int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  sql("INSERT INTO t VALUES (1, 'a', NULL), (2, '', 5)");
  sql("UPDATE t SET v = 'b' WHERE id = 1");
  sql("UPDATE t SET id = 3 WHERE id = 2");
  sql("DELETE FROM t WHERE id = 1");
  sql("INSERT INTO f VALUES ('x'); UPDATE f SET v = NULL; DELETE FROM f");
  sql("INSERT INTO \"Große Tabelle\" VALUES (7)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1|a|NULL", "I t 2||5", "U t 1|~|~ > 1|b|NULL", "U t 2|~|~ > 3||5", "D t 1|~|~",
                                  "I f x", "U f x > NULL", "D f NULL", "I Große Tabelle 7"));
  // A value out of line is told only when it changes.
  sql("INSERT INTO t VALUES (9, repeat('y', 5000), 1)");
  ASSERT_OK(catch_up());
  (void)seen();
  sql("UPDATE t SET n = 2 WHERE id = 9");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("U t 9|~|~ > 9|~|2"));
  sql("ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET n = 3 WHERE id = 9");
  ASSERT_OK(catch_up());
  const std::string full(5000, 'y');
  EXPECT_THAT(seen(), ElementsAre("U t 9|" + full + "|2 > 9|" + full + "|3"));
}

TEST_F(LogReaderTest, a_reader_that_begins_anew_goes_on_behind_the_last_group) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  std::vector<std::string> all;
  for (int i = 0; i < 5; ++i) {
    sql(fmt::format("INSERT INTO t VALUES ({}); INSERT INTO t VALUES ({})", 2 * i, 2 * i + 1));
    sql("SELECT pg_logical_emit_message(true, 'p', 'in a transaction'), pg_logical_emit_message(false, 'p', 'alone')");
    ASSERT_OK(catch_up());
    for (auto& line : seen()) all.push_back(line);
    ASSERT_OK(open());  // nothing was acknowledged: the server would send all of it
  }
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), IsEmpty());
  EXPECT_THAT(all, SizeIs(10));
}

TEST_F(LogReaderTest, the_slot_moves_with_what_is_durable_and_past_what_is_not_captured) {
  sql("CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA other; CREATE TABLE other.u (id int)");
  begin();
  ASSERT_OK(open());
  const Lsn before = confirmed();
  sql("INSERT INTO t VALUES (1)");
  ASSERT_OK(catch_up());
  EXPECT_EQ(confirmed(), before);  // read is not durable
  ASSERT_OK(reader_->acknowledge(start_.position));
  const Lsn durable = *Lsn::of(start_.position);
  ASSERT_OK(catch_up());
  EXPECT_TRUE(support::wait_until([&] { return confirmed() >= durable; }));
  EXPECT_EQ(confirmed(), durable);
  // Changes of others move the position too, at once.
  sql("INSERT INTO other.u SELECT generate_series(1, 1000)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1"));
  ASSERT_OK(reader_->acknowledge(start_.position));
  const Lsn later = *Lsn::of(start_.position);
  ASSERT_OK(catch_up());
  EXPECT_TRUE(support::wait_until([&] { return confirmed() >= later; }));
}

TEST_F(LogReaderTest, transactions_come_in_the_order_of_their_commits_and_large_ones_in_parts) {
  sql("CREATE TABLE t (id int PRIMARY KEY, pad text); CREATE TABLE u (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  auto session = server_->connect(database_);
  ASSERT_OK(session);
  // Large enough to be streamed while it is open, and to go to a file.
  ASSERT_OK((*session)->execute("BEGIN; INSERT INTO t SELECT n, repeat('a', 500) FROM generate_series(1, 4000) n"));
  ASSERT_OK(
      (*session)->execute("SAVEPOINT s; INSERT INTO t SELECT n, repeat('b', 500) FROM generate_series(4001, 6000) n;"
                          "ROLLBACK TO s"));
  ASSERT_OK((*session)->execute("INSERT INTO t SELECT n, repeat('c', 500) FROM generate_series(6001, 8000) n"));
  sql("INSERT INTO u VALUES (1)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I u 1"));
  auto lost = server_->connect(database_);
  ASSERT_OK(lost);
  ASSERT_OK((*lost)->execute(
      "BEGIN; INSERT INTO t SELECT n, repeat('d', 500) FROM generate_series(9001, 11000) n; ROLLBACK"));
  ASSERT_OK((*session)->execute("COMMIT"));
  sql("INSERT INTO u VALUES (2)");
  groups_ = 0;
  batches_ = 0;
  ASSERT_OK(catch_up());
  const auto rows = seen();
  ASSERT_THAT(rows, SizeIs(6001));
  for (int i = 0; i < 6000; ++i) {
    const int id = i < 4000 ? i + 1 : i + 2001;
    ASSERT_EQ(rows[static_cast<size_t>(i)], fmt::format("I t {}|{}", id, std::string(500, i < 4000 ? 'a' : 'c')));
  }
  EXPECT_EQ(rows.back(), "I u 2");
  EXPECT_GT(batches_, 2);  // more than a group holds
}

TEST_F(LogReaderTest, altered_columns_are_followed_as_of_the_rows) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a int, b text)");
  begin();
  ASSERT_OK(open());
  sql("INSERT INTO t VALUES (1, 10, 'x')");
  sql("ALTER TABLE t ADD COLUMN c text DEFAULT 'it''s'");
  sql("INSERT INTO t VALUES (2, 20, 'y', 'z')");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1|10|x", "add t c", "I t 2|20|y|z"));
  EXPECT_EQ(changes_.back().after->columns[3].default_expression, "'it''s'");
  sql("ALTER TABLE t RENAME a TO aa; ALTER TABLE t DROP b; ALTER TABLE t ALTER aa TYPE bigint, ADD d int");
  sql("INSERT INTO t VALUES (3, 5000000000, 'c', NULL)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("drop t b", "rename t a", "alter t aa", "add t d", "I t 3|5000000000|c|NULL"));
  // What was tracked is enough to begin anew.
  ASSERT_OK(open());
  sql("INSERT INTO t VALUES (4, 1, 'c', 2)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 4|1|c|2"));
}

TEST_F(LogReaderTest, changes_that_the_log_does_not_tell_ask_for_a_copy) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE k (id int PRIMARY KEY, other int NOT NULL)");
  begin();
  ASSERT_OK(open());
  sql("ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp(); INSERT INTO t VALUES (1, 'x')");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), AllOf(Contains("create t"), Contains("copy t")));
  sql("ALTER TABLE t ALTER a TYPE int USING length(a); INSERT INTO t VALUES (2, 7)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), AllOf(Contains("create t"), Contains("copy t")));
  sql("ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (other); INSERT INTO k VALUES (1, 2)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), AllOf(Contains("create k"), Contains("copy k")));
}

TEST_F(LogReaderTest, a_table_that_appears_or_takes_anothers_name_is_copied) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  sql("CREATE TABLE t2 (id int PRIMARY KEY, v int); INSERT INTO t2 VALUES (1, 1)");
  auto read = catch_up();
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::kSchemaChanged) << read.error().describe();
  ASSERT_OK(open());
  // The same row, of a table that has another name by now.
  sql("DROP TABLE t; ALTER TABLE t2 RENAME TO t; INSERT INTO t VALUES (2, 2)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), AllOf(Contains("create t"), Contains("copy t")));
  sql("ALTER TABLE t RENAME TO renamed; INSERT INTO renamed VALUES (4, 4)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), AllOf(Contains("drop table t"), Contains("create renamed"), Contains("copy renamed")));
}

TEST_F(LogReaderTest, rows_are_of_the_table_whatever_it_was_called_when_they_were_logged) {
  sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
  begin();
  sql("BEGIN; ALTER TABLE t RENAME TO x; INSERT INTO x VALUES (1); ALTER TABLE x RENAME TO t; COMMIT");
  sql("ALTER TABLE u RENAME TO w; INSERT INTO w VALUES (1); ALTER TABLE w RENAME TO u; INSERT INTO u VALUES (2)");
  // These of u were logged before its copy.
  start_.chunks = {{{{"public", "u"}, 0, std::nullopt, std::nullopt}, now().position()}};
  ASSERT_OK(open());
  sql("INSERT INTO u VALUES (3)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1", "I u 3"));
}

TEST_F(LogReaderTest, rows_of_tables_that_are_not_captured_any_more_are_left_out) {
  options_.tables = database_ + ".public.t\\.*";
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  sql("CREATE TABLE t2 (id int PRIMARY KEY); INSERT INTO t2 VALUES (1); ALTER TABLE t2 RENAME TO other");
  sql("CREATE TABLE t3 (id int PRIMARY KEY); INSERT INTO t3 VALUES (1); DROP TABLE t3");
  // A table that had its name for a while does not make the first one another.
  sql("ALTER TABLE t RENAME TO t4; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (5); DROP TABLE t");
  sql("ALTER TABLE t4 RENAME TO t; INSERT INTO t VALUES (2); INSERT INTO other VALUES (2)");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 2"));
}

// Descriptors of files that a large transaction is kept in.
int transaction_files() {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone).string().find("sluice-transaction-") != std::string::npos) ++files;
  }
  return files;
}

// The publication is of all tables.
TEST_F(LogReaderTest, large_transactions_in_tables_of_no_interest_are_not_kept) {
  options_.tables = database_ + ".public.t\\.*";
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  sql("CREATE TABLE u (id int PRIMARY KEY, pad text)");
  auto session = server_->connect(database_);
  ASSERT_OK(session);
  ASSERT_OK(
      (*session)->execute("BEGIN; INSERT INTO t VALUES (1);"
                          "INSERT INTO u SELECT n, repeat('x', 1000) FROM generate_series(1, 8000) n;"
                          "INSERT INTO t VALUES (2); TRUNCATE t; INSERT INTO t VALUES (3)"));
  sql("CREATE TABLE t2 (id int PRIMARY KEY)");
  ASSERT_OK(catch_up());
  EXPECT_EQ(transaction_files(), 0);
  ASSERT_OK((*session)->execute("COMMIT"));
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("truncate t", "I t 3"));
}

// Its rows from before it got its name are left out: it is copied, or the job says that it cannot be.
TEST_F(LogReaderTest, a_table_that_is_filled_and_then_given_a_captured_name) {
  options_.tables = database_ + ".public.t\\.*";
  for (const char* mode : {"initial", "latest-offset"}) {
    options_.startup_mode = mode;
    sql("CREATE TABLE t (id int PRIMARY KEY)");
    begin();
    ASSERT_OK(open());
    sql("BEGIN; CREATE TABLE made (id int PRIMARY KEY); INSERT INTO made VALUES (1); ALTER TABLE made RENAME TO t2;"
        "INSERT INTO t2 VALUES (2); COMMIT");
    const auto read = catch_up();
    ASSERT_FALSE(read.has_value()) << mode;
    const bool copies = std::string_view(mode) == "initial";
    EXPECT_EQ(read.error().code(), copies ? ErrorCode::kSchemaChanged : ErrorCode::kUnsupported);
    EXPECT_THAT(seen(), IsEmpty());
    reader_.reset();
    sql("DROP TABLE t, t2");
    ASSERT_TRUE(support::wait_until([this] {
      return server_->query(fmt::format("SELECT pg_drop_replication_slot('{}')", database_)).has_value();
    }));
  }
}

TEST_F(LogReaderTest, a_transaction_that_alters_and_empties_tables_is_read_again_without_doing_so_twice) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a int); CREATE TABLE u (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  sql("INSERT INTO u VALUES (1)");
  sql("BEGIN; INSERT INTO t VALUES (1, 1); INSERT INTO u VALUES (2); TRUNCATE u; ALTER TABLE t ADD b int DEFAULT 7;"
      "INSERT INTO t VALUES (2, 2, 2); INSERT INTO u VALUES (3); COMMIT");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I u 1", "add t b", "truncate u", "I t 1|1|7", "I t 2|2|2", "I u 3"));
  // The process ended when the changes were done and no row of the transaction was durable.
  ASSERT_THAT(events_, SizeIs(1));
  start_.position = events_[0].position;
  ASSERT_OK(open());
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1|1|7", "I t 2|2|2", "I u 3"));
  // To confirm the changes must not confirm the rows.
  ASSERT_OK(reader_->acknowledge(events_[0].position));
  ASSERT_OK(catch_up());
  EXPECT_LT(confirmed(), *Lsn::of(events_[0].position));
  start_.position = events_[0].position;
  (void)seen();
  ASSERT_OK(open());
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1|1|7", "I t 2|2|2", "I u 3"));
}

// Its first rows have the shape that an earlier transaction told: the server tells one again only when it has changed.
TEST_F(LogReaderTest, rows_before_an_alter_have_the_shape_that_an_earlier_transaction_told) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a int, b int); CREATE TABLE w (id int PRIMARY KEY, a int);"
      "CREATE TABLE n (id int PRIMARY KEY, a int)");
  begin();
  sql("INSERT INTO t VALUES (1, 10, 100); INSERT INTO w VALUES (1, 10); INSERT INTO n VALUES (1, 10)");
  sql("BEGIN; INSERT INTO t VALUES (2, 20, 200); ALTER TABLE t DROP a; ALTER TABLE t ADD c int;"
      "INSERT INTO t VALUES (3, 300, 3000); COMMIT");
  sql("BEGIN; INSERT INTO w VALUES (2, 20); ALTER TABLE w ADD c int DEFAULT 7; INSERT INTO w VALUES (3, 30, 3); "
      "COMMIT");
  // No row has the old shape: nothing is in doubt.
  sql("BEGIN; ALTER TABLE n DROP a; ALTER TABLE n ADD b int; INSERT INTO n VALUES (2, 20); COMMIT");
  // Begins when all of it is done, so that the server's sessions have nothing to notice meanwhile.
  ASSERT_OK(open());
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 1|10|100", "I w 1|10", "I n 1|10",  //
                                  "drop t a", "add t c", "I t 2|200|NULL", "I t 3|300|3000", "add w c", "I w 2|20|7",
                                  "I w 3|30|3",  //
                                  "drop n a", "add n b", "I n 2|20"));
}

// The process ended when the changes were done and no row of the transaction was durable.
TEST_F(LogReaderTest, rows_before_an_alter_are_told_apart_when_the_transaction_is_read_again) {
  for (const char* mode : {"initial", "latest-offset"}) {
    options_.startup_mode = mode;
    sql("CREATE TABLE t (id int PRIMARY KEY, price int); CREATE TABLE r (id int PRIMARY KEY, a int);"
        "CREATE TABLE d (id int PRIMARY KEY, a int, b int)");
    begin();
    ASSERT_OK(open());
    sql("BEGIN; INSERT INTO t VALUES (1, 10); INSERT INTO r VALUES (1, 10); INSERT INTO d VALUES (1, 10, 100);"
        "ALTER TABLE t RENAME price TO old_price; ALTER TABLE t ADD price int; ALTER TABLE r RENAME a TO b;"
        "ALTER TABLE d DROP a; ALTER TABLE d ADD a int;"
        "INSERT INTO t VALUES (2, 20, 200); INSERT INTO r VALUES (2, 20); INSERT INTO d VALUES (2, 200, 20); COMMIT");
    const std::vector<std::string> rows = {"I t 1|10|NULL", "I t 2|20|200",   "I r 1|10",
                                           "I r 2|20",      "I d 1|100|NULL", "I d 2|200|20"};
    events_.clear();
    ASSERT_OK(catch_up());
    auto first = seen();
    ASSERT_THAT(events_, SizeIs(1)) << mode;
    EXPECT_THAT(events_[0].needs_copy, IsEmpty());
    ASSERT_GE(first.size(), rows.size());
    EXPECT_THAT(std::vector(first.end() - 6, first.end()), testing::ElementsAreArray(rows));
    start_.position = events_[0].position;
    ASSERT_OK(open());
    ASSERT_OK(catch_up());
    EXPECT_THAT(seen(), testing::ElementsAreArray(rows)) << mode;
    reader_.reset();
    sql("DROP TABLE t, r, d");
    ASSERT_TRUE(support::wait_until([this] {
      return server_->query(fmt::format("SELECT pg_drop_replication_slot('{}')", database_)).has_value();
    }));
  }
}

TEST_F(LogReaderTest, changes_that_finished_chunks_contain_are_left_out) {
  sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (10, 0)");
  begin();
  const Lsn first = now();
  sql("UPDATE t SET v = 1");  // read with the chunk that was read last
  const Lsn second = now();
  sql("UPDATE t SET v = 2");
  sql("UPDATE t SET id = 20 WHERE id = 1");
  const TableId t{"public", "t"};
  start_.chunks = {{{t, 0, std::nullopt, "5"}, first.position()}, {{t, 1, "5", std::nullopt}, second.position()}};
  ASSERT_OK(open());
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("U t 1|~ > 1|1", "U t 1|~ > 1|2", "U t 10|~ > 10|2", "U t 1|~ > 20|2"));
  // Halves of an update on both sides of the bound.
  const Lsn third = now();
  sql("UPDATE t SET id = 2 WHERE id = 20");
  const Lsn fourth = now();
  start_.position = third.position();
  start_.chunks = {{{t, 0, std::nullopt, "5"}, third.position()}, {{t, 1, "5", std::nullopt}, fourth.position()}};
  ASSERT_OK(open());
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I t 2|2"));
}

TEST_F(LogReaderTest, schema_changes_from_before_the_copy_are_not_repeated) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a int); CREATE TABLE u (id int PRIMARY KEY)");
  begin();
  sql("INSERT INTO t VALUES (1, 1)");
  sql("ALTER TABLE t DROP a; ALTER TABLE t ADD b text; INSERT INTO t VALUES (2, 'x'); TRUNCATE t; INSERT INTO u VALUES "
      "(1)");
  // The copy is of now, the log begins before it.
  auto connection = PostgresConnection::connect(context_, options_.connection());
  ASSERT_OK(connection);
  auto tables = read_postgres_tables(context_, **connection, nullptr);
  ASSERT_OK(tables);
  start_.tables.clear();
  for (const auto& table : *tables) start_.tables.emplace_back(table.schema->id, postgres_table_to_json(table));
  start_.chunks = {{{{"public", "t"}, 0, std::nullopt, std::nullopt}, now().position()}};
  ASSERT_OK(open());
  sql("INSERT INTO t VALUES (3, 'y')");
  ASSERT_OK(catch_up());
  EXPECT_THAT(seen(), ElementsAre("I u 1", "I t 3|y"));
}

TEST_F(LogReaderTest, an_update_that_does_not_tell_its_row_stops_with_the_remedy) {
  sql("CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL UNIQUE);"
      "ALTER TABLE t REPLICA IDENTITY USING INDEX t_other_key");
  begin();
  ASSERT_OK(open());
  sql("INSERT INTO t VALUES (1, 1)");
  ASSERT_OK(catch_up());
  sql("DELETE FROM t");
  const auto read = catch_up();
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(std::string(read.error().advice()), HasSubstr("ALTER TABLE \"public\".\"t\" REPLICA IDENTITY DEFAULT"));
}

TEST_F(LogReaderTest, a_slot_that_was_made_anew_is_a_lost_position) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  begin();
  sql("INSERT INTO t VALUES (1)");
  sql(fmt::format("SELECT pg_drop_replication_slot('{0}')", database_));
  auto opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kPositionLost) << opened.error().describe();
  sql(fmt::format("SELECT pg_create_logical_replication_slot('{0}', 'pgoutput')", database_));
  opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kPositionLost) << opened.error().describe();
}

// As where an asynchronous standby was promoted that lacks the last transactions.
TEST_F(LogReaderTest, a_server_whose_log_ends_before_the_position_has_lost_it) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  begin();
  ASSERT_OK(open());
  sql("INSERT INTO t VALUES (1)");
  ASSERT_OK(catch_up());
  // One that was only restarted has all of it.
  reader_.reset();
  server_->kill9();
  ASSERT_OK(server_->restart());
  ASSERT_OK(open());
  reader_.reset();
  start_.position = Lsn{now().value + (1 << 20)}.position();
  const auto opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kPositionLost) << opened.error().describe();
  EXPECT_THAT(opened.error().message(), HasSubstr("lacks the last transactions"));
}

TEST_F(LogReaderTest, heartbeats_run) {
  sql("CREATE TABLE beat (id int PRIMARY KEY, n int); INSERT INTO beat VALUES (1, 0)");
  options_.heartbeat_interval = std::chrono::milliseconds(20);
  options_.heartbeat_query = "UPDATE beat SET n = n + 1";
  options_.status_interval = std::chrono::milliseconds(20);
  begin();
  ASSERT_OK(open());
  EXPECT_TRUE(support::wait_until([&] {
    EXPECT_TRUE(catch_up().has_value());
    return seen_.size() >= 5;
  }));
  EXPECT_THAT(seen(), Contains("U beat 1|~ > 1|1"));
}

TEST_F(LogReaderTest, too_much_log_kept_for_the_slot_is_told_once) {
  sql("CREATE SCHEMA other; CREATE TABLE other.u (v text)");
  options_.retained_log_warning = 1 << 20;
  begin();
  ASSERT_OK(open());
  const auto held = make_postgres_held_log(options_, *captured_);
  auto before = held->look(context_);
  ASSERT_OK(before);
  testing::internal::CaptureStderr();
  sql("INSERT INTO other.u SELECT repeat(md5(n::text), 40) FROM generate_series(1, 3000) n");
  auto after = held->look(context_);
  ASSERT_OK(after);
  ASSERT_OK(held->look(context_));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.find("of log for slot"), log.rfind("of log for slot"));
  EXPECT_THAT(log, HasSubstr("MB of log for slot"));
  EXPECT_GT(after->retained, before->retained + (1 << 20));
  EXPECT_GT(after->unacknowledged, before->unacknowledged + (1 << 20));
  EXPECT_EQ(after->acknowledged, before->acknowledged);
}

}  // namespace
}  // namespace sluice
