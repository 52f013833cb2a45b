// SPDX-License-Identifier: Apache-2.0
// Chunk readers of PostgreSQL in one snapshot: what DDL between the snapshot and a chunk may do, and what it may not.
#include <gmock/gmock.h>

#include "connectors/postgres/postgres_connector.h"
#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

class PostgresSnapshot : public testing::Test {
 protected:
  void SetUp() override {
    server_ = Servers::shared().get("postgres_source");
    ASSERT_NE(server_, nullptr);
    database_ = fresh_database(*server_, "snapshot");
  }
  void TearDown() override {
    reader_.reset();
    source_.reset();
    if (server_ != nullptr) drop_database(*server_, database_);
  }
  void sql(std::string_view statement) const { execute(*server_, statement, database_); }

  // Finds the tables and opens a reader; the snapshot is of now.
  void open(const std::string& more_key = "slot.drop.on.stop", const std::string& more_value = "false") {
    Settings settings;
    for (const auto& [key, value] : {std::pair<std::string, std::string>("hostname", server_->socket()),
                                     {"port", std::to_string(server_->port())},
                                     {"username", server_->username()},
                                     {"tables", database_ + "." + database_ + ".\\.*"},
                                     {"slot.name", database_},
                                     {more_key, more_value}}) {
      settings.entries.push_back({.key = key, .value = value, .location = {}});
    }
    Problems problems;
    source_ = postgres_connector().make_source(settings, problems);
    ASSERT_NE(source_, nullptr) << problems.text();
    const auto opened = source_->open(context_);
    ASSERT_TRUE(opened.has_value()) << opened.error().describe();
    auto tables = source_->discover(context_);
    ASSERT_TRUE(tables.has_value()) << tables.error().describe();
    for (const auto& table : *tables) tables_[table.schema->id.table] = table.schema;
    auto readers = source_->open_chunk_readers(context_, 1);
    ASSERT_TRUE(readers.has_value()) << readers.error().describe();
    reader_ = std::move((*readers)[0]);
  }

  // The number of rows of a whole table, or why it cannot be read.
  std::string rows_of(const std::string& table) {
    const TableSchemaPtr& schema = tables_.at(table);
    const auto chunks = source_->split(context_, schema);
    if (!chunks) return chunks.error().message();
    size_t rows = 0;
    for (const auto& chunk : *chunks) {
      const auto begun = reader_->begin(context_, chunk, schema);
      if (!begun) return std::string(error_code_info(begun.error().code()).name);
      for (bool more = true; more;) {
        ChangeBatch batch(schema);
        const auto next = reader_->next(context_, batch);
        if (!next) return next.error().message();
        more = *next;
        rows += batch.rows();
      }
    }
    return std::to_string(rows);
  }

  DatabaseServer* server_ = nullptr;
  std::string database_;
  Context context_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<ChunkReader> reader_;
  std::map<std::string, TableSchemaPtr> tables_;
};

constexpr const char* kChanged = "table definition changed";

TEST_F(PostgresSnapshot, shows_the_rows_of_its_place_whatever_is_committed_later) {
  sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)");
  open();
  sql("INSERT INTO t SELECT generate_series(101, 200); DELETE FROM t WHERE id < 50");
  EXPECT_EQ(rows_of("t"), "100");
  EXPECT_EQ(rows_of("t"), "100");
}

// The log brings the column; what the snapshot saw is what belongs into the copy.
TEST_F(PostgresSnapshot, a_column_added_later_is_not_in_the_copy) {
  sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  open();
  sql("ALTER TABLE t ADD COLUMN v int DEFAULT 5");
  EXPECT_EQ(rows_of("t"), "1");
}

TEST_F(PostgresSnapshot, tables_that_are_not_what_they_were_are_refused) {
  for (const char* name :
       {"emptied", "dropped", "replaced", "less", "renamed", "retyped", "other_column", "vacuumed"}) {
    sql(std::string("CREATE TABLE ") + name + " (id int PRIMARY KEY, v varchar(10)); INSERT INTO " + name +
        " VALUES (1, 'a')");
  }
  open();
  sql("TRUNCATE emptied");
  sql("DROP TABLE dropped");
  sql("DROP TABLE replaced; CREATE TABLE replaced (id int PRIMARY KEY, v varchar(10))");
  sql("ALTER TABLE less DROP COLUMN v");
  sql("ALTER TABLE renamed RENAME v TO w");
  sql("ALTER TABLE retyped ALTER v TYPE text");
  sql("ALTER TABLE other_column DROP COLUMN v; ALTER TABLE other_column ADD COLUMN v varchar(10)");
  sql("VACUUM FULL vacuumed");
  EXPECT_THAT(rows_of("dropped"), testing::HasSubstr("was dropped"));
  for (const char* name : {"emptied", "replaced", "less", "renamed", "retyped", "other_column", "vacuumed"}) {
    EXPECT_EQ(rows_of(name), kChanged) << name;
  }
}

TEST_F(PostgresSnapshot, a_table_altered_between_discovery_and_snapshot_is_refused) {
  sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  open();
  sql("ALTER TABLE t ADD COLUMN v int");
  reader_.reset();
  auto readers = source_->open_chunk_readers(context_, 1);
  ASSERT_TRUE(readers.has_value());
  reader_ = std::move((*readers)[0]);
  EXPECT_EQ(rows_of("t"), kChanged);
}

TEST_F(PostgresSnapshot, partitions_that_came_or_went_are_noticed_at_their_root) {
  sql("CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10); INSERT INTO t VALUES (1);"
      "CREATE TABLE u (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE u_1 PARTITION OF u FOR VALUES FROM (0) TO (10); INSERT INTO u VALUES (1);"
      "CREATE TABLE w (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE w_1 PARTITION OF w FOR VALUES FROM (0) TO (10); INSERT INTO w VALUES (1)");
  open("publish.via.partition.root", "true");
  sql("CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20); ALTER TABLE u DETACH PARTITION u_1");
  EXPECT_EQ(rows_of("t"), kChanged);
  EXPECT_EQ(rows_of("u"), kChanged);
  EXPECT_EQ(rows_of("w"), "1");
}

// DDL waits for a chunk, not for the copy.
TEST_F(PostgresSnapshot, a_table_is_locked_for_one_chunk_only) {
  sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1)");
  open();
  EXPECT_EQ(rows_of("a"), "1");
  EXPECT_EQ(rows_of("b"), "0");
  sql("SET lock_timeout = '10s'; ALTER TABLE a ADD COLUMN v int");
  EXPECT_EQ(rows_of("a"), "1");
}

TEST_F(PostgresSnapshot, rows_of_children_belong_to_the_children) {
  sql("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);"
      "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)");
  open();
  EXPECT_EQ(rows_of("parent"), "1");
  EXPECT_EQ(rows_of("child"), "1");
}

}  // namespace
}  // namespace sluice::support
