// SPDX-License-Identifier: Apache-2.0
// Every blocking call of a source returns soon after a stop is requested, also when the server does not answer; and
// what was open can be closed. The list of sources that all cases run for stands here.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>

#include "integration/sources/source_fixture.h"
#include "support/network_proxy.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

// The contract says a second; more only so that a busy machine does not fail the test.
constexpr std::chrono::seconds kStopDeadline{8};
// How long a call is given to come to the place where it waits.
constexpr std::chrono::milliseconds kSettle{150};

class Stopping {
 public:
  // `heal` lets a call end that does not stop.
  explicit Stopping(std::function<void()> heal) : heal_(std::move(heal)) {}

  // Runs the call in a thread: it must not end by itself, and must end when it is asked to.
  void expect_stops(const std::string& what, const std::function<std::optional<ErrorCode>(Context&)>& call) {
    SCOPED_TRACE(what);
    Context context;
    std::atomic<bool> returned{false};
    std::optional<ErrorCode> code;
    std::jthread thread([&] {
      code = call(context);
      returned = true;
    });
    EXPECT_FALSE(wait_until([&] { return returned.load(); }, kSettle)) << "did not wait for the server";
    context.request_stop();
    const bool stopped = wait_until([&] { return returned.load(); }, kStopDeadline);
    EXPECT_TRUE(stopped) << "still waits";
    if (!stopped) heal_();
    thread.join();
    EXPECT_EQ(code, ErrorCode::kStopped);
  }

 private:
  const std::function<void()> heal_;
};

template <typename T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error().code();
}

std::optional<ErrorCode> poll_until_stopped(Context& context, LogReader& log) {
  while (!context.stop_requested()) {
    std::vector<StreamElement> out;
    const auto polled = log.poll(context, out);
    if (!polled) return code_of(polled);
  }
  return ErrorCode::kStopped;
}

TEST_P(SourceTest, every_call_stops_while_the_server_does_not_answer) {
  create_simple("a", 10);
  const auto schema = discover(*open()).at(id("a")).schema;
  const SnapshotChunk whole{.table = id("a")};
  using Call = std::function<std::optional<ErrorCode>(Source&, ChunkReader&, Context&)>;
  const std::vector<std::pair<std::string, Call>> calls = {
      {"discover", [](Source& s, ChunkReader&, Context& c) { return code_of(s.discover(c)); }},
      {"split", [&](Source& s, ChunkReader&, Context& c) { return code_of(s.split(c, schema)); }},
      {"open_chunk_readers", [](Source& s, ChunkReader&, Context& c) { return code_of(s.open_chunk_readers(c, 2)); }},
      {"begin", [&](Source&, ChunkReader& r, Context& c) { return code_of(r.begin(c, whole, schema)); }},
      {"current_position", [](Source& s, ChunkReader&, Context& c) { return code_of(s.current_position(c)); }},
      {"estimate_rows", [&](Source& s, ChunkReader&, Context& c) { return code_of(s.estimate_rows(c, id("a"))); }},
      {"open_log_reader",
       [](Source& s, ChunkReader& r, Context& c) { return code_of(s.open_log_reader(c, {.position = r.position()})); }},
  };
  Stopping stopping([this] { server().resume(); });
  for (const auto& [what, call] : calls) {
    auto source = open();
    auto readers = open_readers(*source, 1);
    ASSERT_EQ(readers.size(), 1u);
    server().pause();
    stopping.expect_stops(what, [&, &call = call](Context& context) {
      const auto code = call(*source, *readers[0], context);
      readers.clear();
      source.reset();
      return code;
    });
    server().resume();
  }
  auto source = source_under_test(GetParam()).make(schema_, {});
  server().pause();
  stopping.expect_stops("open", [&](Context& context) {
    const auto code = code_of(source->open(context));
    source.reset();
    return code;
  });
  server().resume();
}

// In the middle of rows, more of them to come than buffers hold.
TEST_P(SourceTest, a_copy_stops_while_the_server_does_not_answer_and_can_be_closed) {
  execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v VARCHAR(2000))", name("large")));
  std::string rows;
  for (int i = 0; i < 256; ++i) rows += fmt::format("{}({}, '{}')", i == 0 ? "" : ",", i, std::string(2000, 'x'));
  execute(fmt::format("INSERT INTO {} VALUES {}", name("large"), rows));
  for (int count = 256; count < 16'384; count *= 2) {
    execute(fmt::format("INSERT INTO {0} SELECT id + {1}, v FROM {0}", name("large"), count));
  }
  auto source = open({.chunk_rows = 1'000'000});
  const auto schema = discover(*source).at(id("large")).schema;
  auto readers = open_readers(*source, 1);
  ASSERT_OK(readers[0]->begin(context_, {.table = id("large")}, schema));
  ChangeBatch batch(schema);
  ASSERT_OK(readers[0]->next(context_, batch));
  server().pause();
  Stopping([this] { server().resume(); }).expect_stops("next", [&](Context& context) {
    for (;;) {
      ChangeBatch more(schema);
      const auto read = readers[0]->next(context, more);
      if (read && *read) continue;
      readers.clear();
      source.reset();
      return read ? std::optional<ErrorCode>() : read.error().code();
    }
  });
  server().resume();
}

TEST_P(SourceTest, following_the_log_stops_while_the_server_does_not_answer) {
  create_simple("a");
  auto source = open();
  auto log = source->open_log_reader(context_, log_start(*source));
  ASSERT_OK(log);
  execute(fmt::format("INSERT INTO {} VALUES (1, 1, 'x')", name("a")));
  server().pause();
  Stopping([this] { server().resume(); }).expect_stops("poll", [&](Context& context) {
    const auto code = poll_until_stopped(context, **log);
    log->reset();
    source.reset();
    return code;
  });
  server().resume();
}

TEST_P(SourceTest, following_the_log_stops_in_the_middle_of_an_event) {
  execute(
      fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v {})", name("a"), source_under_test(GetParam()).long_text()));
  auto proxy = NetworkProxy::start(server().port());
  ASSERT_OK(proxy);
  auto source = open({.port = (*proxy)->port()});
  auto log = source->open_log_reader(context_, log_start(*source));
  ASSERT_OK(log);
  constexpr int64_t kRowBytes = 8'000'000;
  (*proxy)->set({.bytes_per_second = kRowBytes / 2});
  const int64_t before = (*proxy)->bytes_from_server();
  execute(fmt::format("INSERT INTO {} VALUES (1, REPEAT('x', {}))", name("a"), kRowBytes));
  ASSERT_TRUE(wait_until([&] { return (*proxy)->bytes_from_server() > before + kRowBytes / 8; }));
  (*proxy)->set({.silent = true});
  Stopping([&] { (*proxy)->set({}); }).expect_stops("poll", [&](Context& context) {
    const auto code = poll_until_stopped(context, **log);
    log->reset();
    source.reset();
    return code;
  });
}

TEST_P(SourceTest, a_chunk_stops_while_its_table_is_locked) {
  create_simple("a", 10);
  auto source = open();
  const auto schema = discover(*source).at(id("a")).schema;
  auto readers = open_readers(*source, 1);
  auto session = server().connect();
  ASSERT_OK(session);
  ASSERT_OK((*session)->execute(source_under_test(GetParam()).lock_table(name("a"))));
  Stopping([&] { session->reset(); }).expect_stops("begin", [&](Context& context) {
    const auto code = code_of(readers[0]->begin(context, {.table = id("a")}, schema));
    readers.clear();
    source.reset();
    return code;
  });
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sources, SourceTest, testing::ValuesIn(sources_under_test()),
                         [](const auto& test) { return test.param; });

}  // namespace sluice::support
