// SPDX-License-Identifier: Apache-2.0
#include "connectors/values/values_connector.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace sluice {
namespace {

class ValuesSinkTest : public testing::Test {
 protected:
  ValuesSinkTest() {
    std::string pattern = testing::TempDir() + "valuesXXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/out";
  }
  ~ValuesSinkTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Sink> make_sink(std::vector<Setting> settings) {
    Problems problems;
    auto sink = values_connector().make_sink({{}, std::move(settings)}, problems);
    EXPECT_EQ(problems.text(), "");
    return sink;
  }

  std::string content() const {
    std::ifstream file(path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder_;
  std::string path_;
  Context context_;
};

TableSchemaPtr table(const std::string& name) {
  TableSchema schema{{"db", name}, {Column{"id", {}, "", {}}}, {0}, ""};
  schema.columns[0].type.kind = TypeKind::kInt64;
  return std::make_shared<TableSchema>(schema);
}

struct Row {
  RowKind kind;
  int64_t id;
  uint32_t sequence;
};

ChangeBatch changes(const TableSchemaPtr& schema, const std::shared_ptr<const TransactionList>& group,
                    const std::vector<Row>& rows) {
  ChangeBatch batch(schema);
  batch.transactions = group;
  for (const Row& row : rows) {
    batch.kinds.push_back(row.kind);
    batch.columns[0].append_int(row.id);
    if (group) batch.origins.push_back({.sequence = row.sequence});
  }
  return batch;
}

TEST_F(ValuesSinkTest, prints_a_group_in_source_order_over_all_tables_when_it_is_committed) {
  const auto sink = make_sink({{"path", path_, {}}, {"format", "changelog", {}}});
  ASSERT_TRUE(sink->open(context_));
  EXPECT_EQ(*sink->open_ledger(context_, "job"), nullptr);
  const auto writer = *sink->open_writer(context_, "job", 0);
  for (const int group_base : {0, 100}) {
    const auto group = std::make_shared<TransactionList>(1);
    ASSERT_TRUE(writer->write(context_,
                              changes(table("a"), group,
                                      {{RowKind::kInsert, group_base + 1, 1},
                                       {RowKind::kUpdateBefore, group_base + 4, 4},
                                       {RowKind::kUpdateAfter, group_base + 5, 4}}),
                              false));
    ASSERT_TRUE(writer->write(
        context_,
        changes(table("b"), group, {{RowKind::kInsert, group_base, 0}, {RowKind::kDelete, group_base + 2, 2}}), false));
  }
  EXPECT_EQ(content(), "");
  ASSERT_TRUE(writer->commit(context_, {}));
  EXPECT_EQ(content(),
            "+I[0]\n+I[1]\n-D[2]\n-U[4]\n+U[5]\n"
            "+I[100]\n+I[101]\n-D[102]\n-U[104]\n+U[105]\n");
  ASSERT_TRUE(writer->commit(context_, {}));
  EXPECT_EQ(content().size(), 70u);
}

TEST_F(ValuesSinkTest, does_not_let_a_long_snapshot_wait_in_memory) {
  const auto sink = make_sink({{"path", path_, {}}});
  ASSERT_TRUE(sink->open(context_));
  const auto writer = *sink->open_writer(context_, "job", 0);
  const std::vector<Row> rows(20000, Row{RowKind::kRead, 7, 0});
  ASSERT_TRUE(writer->write(context_, changes(table("a"), nullptr, rows), true));
  EXPECT_EQ(std::filesystem::file_size(path_), 20000u * sizeof "DataChangeEvent{tableId=db.a, before=[], after=[7], "
                                                               "op=INSERT, meta=()}");
}

TEST_F(ValuesSinkTest, does_not_let_groups_that_have_ended_wait_in_memory) {
  const auto sink = make_sink({{"path", path_, {}}, {"format", "changelog", {}}});
  ASSERT_TRUE(sink->open(context_));
  const auto writer = *sink->open_writer(context_, "job", 0);
  const auto schema = table("a");
  const std::vector<Row> rows(200'000, {RowKind::kInsert, 1'000'000, 1});
  ASSERT_TRUE(writer->write(context_, changes(schema, std::make_shared<TransactionList>(1), rows), false));
  EXPECT_EQ(content(), "") << "the group may go on";
  ASSERT_TRUE(writer->write(context_, changes(schema, std::make_shared<TransactionList>(1), {{RowKind::kInsert, 2, 1}}),
                            false));
  EXPECT_EQ(content().size(), rows.size() * std::string_view("+I[1000000]\n").size());
  ASSERT_TRUE(writer->commit(context_, {}));
  EXPECT_TRUE(content().ends_with("+I[2]\n"));
}

TEST_F(ValuesSinkTest, prints_schema_changes_only_in_flinks_format) {
  const SchemaChange create{SchemaChangeKind::kCreateTable, nullptr, table("a"), {}, {}};
  const auto json = make_sink({{"path", path_, {}}, {"format", "Debezium-JSON", {}}});
  ASSERT_TRUE(json->open(context_));
  ASSERT_TRUE(json->apply(context_, create));
  EXPECT_EQ(content(), "");
  const auto flink = make_sink({{"path", path_, {}}});
  ASSERT_TRUE(flink->open(context_));
  ASSERT_TRUE(flink->apply(context_, create));
  EXPECT_EQ(content(), "CreateTableEvent{tableId=db.a, schema=columns={`id` BIGINT}, primaryKeys=id, options=()}\n");
  EXPECT_EQ(flink->ddl_for(create).size(), 1u);
}

TEST_F(ValuesSinkTest, fails_at_schema_changes_when_it_is_told_to) {
  const auto sink = make_sink({{"path", path_, {}}, {"error.on.schema.change", "true", {}}});
  ASSERT_TRUE(sink->open(context_));
  EXPECT_TRUE(sink->apply(context_, {SchemaChangeKind::kCreateTable, nullptr, table("a"), {}, {}}));
  const auto refused = sink->apply(context_, {SchemaChangeKind::kTruncateTable, table("a"), table("a"), {}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "schema change of db.a refused by 'error.on.schema.change'");
}

TEST_F(ValuesSinkTest, prints_nothing_when_printing_is_off) {
  const auto sink = make_sink({{"path", path_, {}}, {"print.enabled", "false", {}}});
  ASSERT_TRUE(sink->open(context_));
  const auto writer = *sink->open_writer(context_, "job", 0);
  ASSERT_TRUE(writer->write(context_, changes(table("a"), nullptr, {{RowKind::kRead, 1, 0}}), false));
  ASSERT_TRUE(writer->commit(context_, {}));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ValuesSinkTest, appends_to_a_file_behind_its_last_whole_line) {
  std::ofstream(path_) << "+I[1]\n+I[2";
  const auto sink = make_sink({{"path", path_, {}}, {"format", "changelog", {}}});
  ASSERT_TRUE(sink->open(context_));
  const auto writer = *sink->open_writer(context_, "job", 0);
  ASSERT_TRUE(writer->write(context_, changes(table("a"), nullptr, {{RowKind::kRead, 2, 0}}), false));
  ASSERT_TRUE(writer->commit(context_, {}));
  EXPECT_EQ(content(), "+I[1]\n+I[2]\n");
}

TEST_F(ValuesSinkTest, says_which_file_it_cannot_open) {
  const auto sink = make_sink({{"path", folder_ + "/missing/out", {}}});
  const auto opened = sink->open(context_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kTarget);
  EXPECT_EQ(opened.error().message(), "opening output file '" + folder_ + "/missing/out': No such file or directory");
}

TEST_F(ValuesSinkTest, reports_every_wrong_option) {
  Problems problems;
  EXPECT_EQ(values_connector().make_sink(
                {{"a.yaml", 1}, {{"format", "xml", {"a.yaml", 2}}, {"pth", "x", {"a.yaml", 3}}}}, problems),
            nullptr);
  EXPECT_EQ(problems.text(),
            "a.yaml:2: option 'format': 'xml' is not one of the possible values\n"
            "  hint: Write flink, changelog or debezium-json.\n"
            "a.yaml:3: unknown option 'pth' of the values sink\n  hint: Did you mean 'path'?\n");
}

TEST(LineOutputTest, a_pipe_that_nobody_reads_does_not_keep_a_stop_waiting) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto output = LineOutput::stream(ends[1], "the pipe", true);
  Context context;
  context.request_stop();
  const auto written = output->write(context, std::string(1 << 20, 'x'), false);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kStopped);
  close(ends[0]);
}

TEST(LineOutputTest, a_reader_that_has_ended_is_an_error) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto output = LineOutput::stream(ends[1], "the pipe", true);
  Context context;
  const auto written = output->write(context, "line\n", false);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message(), "writing to the pipe: Broken pipe");
}

TEST(LineOutputTest, blocks_of_several_threads_do_not_mix_in_a_pipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::string received;
  std::thread reader([&] {
    char block[65536];
    for (ssize_t got; (got = read(ends[0], block, sizeof block)) > 0;) received.append(block, static_cast<size_t>(got));
  });
  {
    const auto output = LineOutput::stream(ends[1], "the pipe", true);
    Context context;
    std::thread other([&] { ASSERT_TRUE(output->write(context, std::string(300000, 'a') + '\n', false)); });
    ASSERT_TRUE(output->write(context, std::string(300000, 'b') + '\n', false));
    other.join();
  }
  reader.join();
  close(ends[0]);
  const std::string a = std::string(300000, 'a') + '\n';
  const std::string b = std::string(300000, 'b') + '\n';
  EXPECT_TRUE(received == a + b || received == b + a);
}

}  // namespace
}  // namespace sluice
