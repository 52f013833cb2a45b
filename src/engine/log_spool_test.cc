// SPDX-License-Identifier: Apache-2.0
#include "engine/log_spool.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "engine/test_connectors.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

Position at(int number) { return {fmt::format("{:08}", number)}; }

// Its log has nothing new, or something at every poll.
class ScriptedSource : public NoSource {
 public:
  class Log : public LogReader {
   public:
    explicit Log(ScriptedSource& source) : source_(source) {}
    Result<> poll(Context& context, std::vector<StreamElement>& out) override {
      source_.polled_by = std::this_thread::get_id();
      ++source_.polls;
      if (source_.last == 0) return {};
      context.wait_for(std::chrono::milliseconds(1));
      out.emplace_back(GroupEnd{.position = at(++source_.last), .source_time_ms = 0});
      return {};
    }
    Result<> acknowledge(const Position&) override { return {}; }

   private:
    ScriptedSource& source_;
  };
  class Held : public HeldLog {
   public:
    Held(ScriptedSource& source, Position end) : source_(source), end_(std::move(end)) {}
    Result<KeptLog> look(Context&) override { return KeptLog{.end = end_}; }
    Result<std::unique_ptr<LogReader>> open_reader(Context&, LogStart) override {
      return std::unique_ptr<LogReader>(std::make_unique<Log>(source_));
    }

   private:
    ScriptedSource& source_;
    const Position end_;
  };

  Result<std::unique_ptr<LogReader>> open_log_reader(Context&, LogStart) override {
    return std::unique_ptr<LogReader>(std::make_unique<Log>(*this));
  }
  bool covers(const Position& reached, const Position& other) const override { return other.text <= reached.text; }

  std::atomic<int> polls = 0;
  std::atomic<std::thread::id> polled_by;
  int last = 0;  // change; 0: there are none
};

class LogSpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / "log_spool_XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    TableSchema schema;
    schema.id = table_;
    schema.columns = {{.name = "text", .type = {.kind = TypeKind::kString}}};
    schema_ = std::make_shared<const TableSchema>(std::move(schema));
    options_.change_log_retained_limit = 1000;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string log_folder() const { return folder_ + "/log"; }
  std::unique_ptr<LogSpool> make_spool(const Position& end_of_source) {
    return std::make_unique<LogSpool>(source_, std::make_unique<ScriptedSource::Held>(source_, end_of_source), options_,
                                      log_folder(), progress_, coordinator_);
  }
  LogStart start(int number) const { return {.position = at(number), .tables = {{table_, "old"}}}; }
  // Groups that take a while to read, up to `last`.
  void fill_log(int last) {
    auto log = ChangeLog::open(log_folder());
    ASSERT_TRUE(log.has_value());
    LogState state;
    state.job = "life";
    state.position = at(0);
    state.tables[table_] = "old";
    ASSERT_TRUE((*log)->begin_at(state).has_value());
    for (int number = 1; number <= last; ++number) {
      ChangeBatch rows(schema_);
      rows.transactions = std::make_shared<const TransactionList>(TransactionList{{.start = at(number)}});
      rows.kinds = {RowKind::kInsert};
      rows.origins = {RowOrigin{}};
      rows.columns[0].append_bytes(std::string(16 << 20, 'x'));
      ASSERT_TRUE((*log)->append(std::move(rows)).has_value());
      ASSERT_TRUE((*log)->append(GroupEnd{.position = at(number), .source_time_ms = 0}).has_value());
      ASSERT_TRUE((*log)->sync().has_value());
    }
  }
  bool goes_on_polling() {
    const int before = source_.polls;
    const MonotonicTime end = monotonic_now() + std::chrono::seconds(5);
    while (source_.polls == before && monotonic_now() < end) std::this_thread::yield();
    return source_.polls != before;
  }

  const TableId table_{"s", "t"};
  std::string folder_;
  TableSchemaPtr schema_;
  ScriptedSource source_;
  PipelineSpec options_;
  Progress progress_;
  Context phase_;
  TaskPool pool_;
  struct Nobody : Task {
    NextStep step() override { return NextStep::never(); }
  } coordinator_;
};

TEST_F(LogSpoolTest, goes_on_while_the_target_has_more_to_read_from_the_change_log) {
  constexpr int kGroups = 6;
  fill_log(kGroups);
  const auto spool = make_spool(at(kGroups));
  spool->begin(pool_, false);
  auto reader = spool->attach(phase_, start(0), "life");
  ASSERT_TRUE(reader.has_value()) << reader.error().message();
  std::vector<StreamElement> read;
  int groups = 0;
  while (groups < kGroups) {
    ASSERT_TRUE(goes_on_polling()) << groups << " of " << kGroups << " groups read";
    read.clear();
    ASSERT_TRUE((*reader)->poll(phase_, read).has_value());
    for (const auto& element : read) groups += std::holds_alternative<GroupEnd>(element) ? 1 : 0;
  }
}

TEST_F(LogSpoolTest, leaves_the_change_log_only_where_the_source_ends) {
  fill_log(1);
  const auto spool = make_spool(at(2));
  spool->begin(pool_, false);
  auto reader = spool->attach(phase_, start(0), "life");
  ASSERT_TRUE(reader.has_value()) << reader.error().message();
  std::vector<StreamElement> read;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*reader)->poll(phase_, read).has_value());
  // Handed over, the source's log would be polled by this reader alone.
  EXPECT_TRUE(goes_on_polling());
}

TEST_F(LogSpoolTest, leaves_the_change_log_also_beside_a_source_that_never_rests) {
  fill_log(1);
  source_.last = 1;
  const auto spool = make_spool(at(1));
  spool->begin(pool_, false);
  auto reader = spool->attach(phase_, start(0), "life");
  ASSERT_TRUE(reader.has_value()) << reader.error().message();
  std::vector<StreamElement> read;
  const MonotonicTime end = monotonic_now() + std::chrono::seconds(60);
  while (source_.polled_by.load() != std::this_thread::get_id() && monotonic_now() < end) {
    read.clear();
    ASSERT_TRUE((*reader)->poll(phase_, read).has_value());
  }
  EXPECT_EQ(source_.polled_by.load(), std::this_thread::get_id()) << "handed over, it is polled by this reader";
}

TEST_F(LogSpoolTest, a_late_acknowledgement_does_not_take_a_schema_change_back) {
  {
    const auto spool = make_spool(at(0));
    auto reader = spool->attach(phase_, start(5), "life");
    ASSERT_TRUE(reader.has_value()) << reader.error().message();
    SchemaChangeEvent event;
    event.position = at(8);
    event.tracked = {{table_, "new"}};
    spool->schema_changed(event);
    ASSERT_TRUE((*reader)->acknowledge(at(6)).has_value());
  }
  const auto log = ChangeLog::open(log_folder());
  ASSERT_TRUE(log.has_value()) << log.error().message();
  EXPECT_EQ((*log)->end().tables.at(table_), "new");
  EXPECT_EQ((*log)->end().position, at(8));
}

}  // namespace
}  // namespace sluice
