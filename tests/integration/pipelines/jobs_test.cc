// SPDX-License-Identifier: Apache-2.0
// Several jobs in one process: each copies, restarts, fails and ends by itself; metrics show them all.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>

#include <deque>
#include <filesystem>

#include "integration/pipelines/pipeline_fixture.h"
#include "support/network_proxy.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

class Jobs : public testing::Test {
 protected:
  Jobs()
      : source_(*Servers::shared().get("mariadb")),
        first_database_(fresh_database(source_, "first")),
        second_database_(fresh_database(source_, "second")),
        first_(source_, "sqlite", first_database_),
        second_(source_, "postgres", second_database_) {
    for (const auto& database : {first_database_, second_database_}) {
      execute(source_, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
      execute(source_, "INSERT INTO t VALUES (1, 10)", database);
    }
  }
  std::unique_ptr<Process> run(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"run", "JOB", second_.write_job_file(), "--state",
                                          first_.folder().file("state")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return first_.start(arguments);
  }
  void insert(const std::string& database, int id) {
    execute(source_, fmt::format("INSERT INTO t VALUES ({}, 0)", id), database);
  }
  static bool arrives(const Pipeline& pipeline, int id) {
    return wait_until([&] {
      const auto rows = pipeline.target_rows("id", "t", "id");
      return !rows.empty() && rows.back() == std::to_string(id);
    });
  }

  DatabaseServer& source_;
  const std::string first_database_;
  const std::string second_database_;
  Pipeline first_;
  Pipeline second_;
};

TEST_F(Jobs, end_when_all_have_caught_up) {
  const auto process = run({"--until-caught-up"});
  ASSERT_EQ(process->wait().value_or(-1), 0) << process->err();
  EXPECT_THAT(first_.target_rows("id, v", "t", "id"), testing::ElementsAre("1|10"));
  EXPECT_THAT(second_.target_rows("id, v", "t", "id"), testing::ElementsAre("1|10"));
  EXPECT_THAT(process->err(), HasSubstr(fmt::format("[{}] reading the log from", first_database_)));
}

TEST_F(Jobs, one_that_restarts_leaves_the_other_alone) {
  auto proxy = NetworkProxy::start(second_.target()->port());
  ASSERT_TRUE(proxy.has_value());
  second_.target_port((*proxy)->port()).pipeline_options("restart.delay-max: 200ms");
  const auto process = run();
  ASSERT_TRUE(wait_until([&] {
    return process->err().find(second_database_ + "] reading the log") != std::string::npos;
  })) << process->err();
  (*proxy)->set({.refuse = true});
  (*proxy)->cut();
  ASSERT_TRUE(wait_until([&] { return process->err().find("trying again in") != std::string::npos; }))
      << process->err();
  insert(first_database_, 2);
  insert(second_database_, 3);
  EXPECT_TRUE(arrives(first_, 2)) << process->err();
  EXPECT_THAT(process->err(), testing::Not(HasSubstr(fmt::format("[{}] server unreachable", first_database_))));
  (*proxy)->set({});
  EXPECT_TRUE(arrives(second_, 3)) << process->err();
  EXPECT_EQ(process->stop(), 0);
}

TEST_F(Jobs, one_that_fails_is_named_and_the_other_goes_on) {
  first_.pipeline_options("verify.interval: 100ms");
  const auto process = run({"--metrics", "0"});
  ASSERT_TRUE(wait_until([&] {
    return process->err().find(second_database_ + "] reading the log") != std::string::npos;
  })) << process->err();
  second_.target_execute("DROP TABLE " + second_database_ + ".t");
  insert(second_database_, 2);
  ASSERT_TRUE(wait_until([&] { return process->err().find("error [" + second_database_) != std::string::npos; }))
      << process->err();
  insert(first_database_, 5);
  EXPECT_TRUE(arrives(first_, 5)) << process->err();

  const std::string log = process->err();
  const std::string address = "metrics at http://127.0.0.1:";
  const size_t at = log.find(address);
  ASSERT_NE(at, std::string::npos) << log;
  httplib::Client client("127.0.0.1", std::stoi(log.substr(at + address.size())));
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->body,
              HasSubstr(fmt::format("sluice_job_phase{{job=\"{}\",phase=\"streaming\"}} 1", first_database_)));
  EXPECT_THAT(metrics->body,
              HasSubstr(fmt::format("sluice_job_phase{{job=\"{}\",phase=\"failed\"}} 1", second_database_)));
  EXPECT_THAT(metrics->body,
              HasSubstr(fmt::format("sluice_rows_copied_total{{job=\"{0}\",table=\"{0}.t\"}} 1", first_database_)));
  const std::string verified =
      fmt::format("sluice_verified_tables{{job=\"{}\",result=\"equal\"}} 1\n", first_database_);
  EXPECT_TRUE(wait_until([&] {
    const auto now = client.Get("/metrics");
    return now && now->body.find(verified) != std::string::npos;
  })) << process->err();
  // The first failure decides the exit code.
  EXPECT_EQ(process->stop(), 7) << process->err();
}

TEST_F(Jobs, take_signals_over_http_if_they_listen) {
  first_.pipeline_options("signal.enabled.channels: rest");
  const auto process = run({"--metrics", "0"});
  for (const auto& database : {first_database_, second_database_}) {
    ASSERT_TRUE(wait_until([&] {
      return process->err().find(database + "] reading the log from") != std::string::npos;
    })) << process->err();
  }
  insert(first_database_, 2);
  insert(second_database_, 2);
  ASSERT_TRUE(arrives(first_, 2) && arrives(second_, 2)) << process->err();
  first_.target_execute("DELETE FROM t");
  const std::string address = "metrics at http://127.0.0.1:";
  const std::string log = process->err();
  httplib::Client client("127.0.0.1", std::stoi(log.substr(log.find(address) + address.size())));
  const std::string signal =
      R"({"id":"h","type":"execute-snapshot","data":{"data-collections":[")" + first_database_ + R"(.t"]}})";
  const auto post = [&](const std::string& database, const std::string& body, const char* type) {
    const auto reply = client.Post("/jobs/" + database + "/signals", body, type);
    return reply ? reply->status : 0;
  };
  EXPECT_EQ(post(first_database_, signal, "text/plain"), 415);
  EXPECT_EQ(post(first_database_, "{}", "application/json"), 400);
  EXPECT_EQ(
      post(first_database_, R"({"type":"execute-snapshot","data":{"data-collections":["x"]}})", "application/json"),
      400);
  EXPECT_EQ(post("nobody", signal, "application/json"), 404);
  EXPECT_EQ(post(second_database_, signal, "application/json"), 403);
  EXPECT_EQ(post(first_database_, signal, "application/json"), 200);
  EXPECT_TRUE(arrives(first_, 2)) << process->err();
  EXPECT_EQ(process->stop(), 0);
}

TEST_F(Jobs, two_of_one_name_are_refused) {
  const std::string file = first_.write_job_file();
  const auto process = first_.start({"run", "JOB", file});
  EXPECT_EQ(process->wait().value_or(-1), 3);
  EXPECT_THAT(process->err(), HasSubstr("another of these jobs has the name"));
}

size_t threads(const Process& process) {
  size_t count = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", process.pid()), gone)) {
    count += task.is_directory() ? 1 : 0;
  }
  return count;
}

// Once what has just been done is done: of the program, of the pool, and one or two more.
constexpr size_t kFewThreads = 10;

TEST_F(Jobs, run_as_explain_says) {
  second_.pipeline_options("parallelism: 3");
  const auto explained = second_.start({"explain", "JOB"});
  ASSERT_EQ(explained->wait().value_or(-1), 0) << explained->err();
  EXPECT_THAT(explained->out(), HasSubstr("plan: mysql -> postgres\n"));
  EXPECT_THAT(explained->out(), HasSubstr("stream: [read the log] => [divide by key] => 3 x [write];"));
  const auto process = second_.start({"run", "JOB", "--until-caught-up", "--state", second_.folder().file("state")});
  ASSERT_EQ(process->wait().value_or(-1), 0) << process->err();
  EXPECT_EQ(second_.target_value(fmt::format(
                "SELECT count(*) FROM sluice_ledger WHERE job = '{}' AND entry LIKE 'lane/%'", second_database_)),
            "3");
}

TEST_F(Jobs, a_thousand_quiet_tables_cost_no_thread) {
  constexpr int kTables = 1000;
  const std::string many = fresh_database(source_, "many");
  std::string tables;
  for (int i = 0; i < kTables; ++i) tables += fmt::format("CREATE TABLE t{} (id INT PRIMARY KEY, v INT);", i);
  execute(source_, tables, many);
  Pipeline pipeline(source_, "sqlite", many);
  pipeline.source_options("scan.startup.mode: latest-offset").pipeline_options("parallelism: 4");
  first_.pipeline_options("parallelism: 4");
  for (const Pipeline* const one : {&first_, &pipeline}) {
    const auto process = one->start({"run", "JOB", "--state", one->folder().file("state")});
    ASSERT_TRUE(wait_until([&] { return process->err().find("reading the log") != std::string::npos; },
                           std::chrono::minutes(3)))
        << process->err();
    // A change that has arrived shows that everything is there.
    const std::string table = one == &first_ ? "t" : fmt::format("t{}", kTables - 1);
    execute(source_, fmt::format("INSERT INTO {} VALUES (7, 7)", table), one->database());
    ASSERT_TRUE(wait_until([&] { return one->target_value("SELECT MAX(id) FROM " + table) == "7"; })) << process->err();
    EXPECT_TRUE(wait_until([&] { return threads(*process) <= kFewThreads; })) << threads(*process);
    EXPECT_EQ(process->stop(), 0) << process->err();
  }
  drop_database(source_, many);
}

// Lanes, readers and coordinators wait without a thread: what is quiet costs none, and still wakes up.
TEST_F(Jobs, forty_quiet_jobs_share_a_few_threads) {
  constexpr int kJobs = 40;
  std::deque<Pipeline> pipelines;
  std::vector<std::string> arguments = {"run"};
  for (int i = 0; i < kJobs; ++i) {
    const std::string database = fresh_database(source_, fmt::format("quiet{}", i));
    execute(source_, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
    execute(source_, "INSERT INTO t VALUES (1, 10)", database);
    auto& pipeline = pipelines.emplace_back(source_, "sqlite", database);
    pipeline.source_options(fmt::format("server-id: {}", 7000 + i)).pipeline_options("parallelism: 4");
    arguments.push_back(pipeline.write_job_file());
  }
  arguments.insert(arguments.end(), {"--state", first_.folder().file("state")});
  const auto process = pipelines.front().start(arguments);
  for (const auto& pipeline : pipelines) {
    const std::string ready = fmt::format("[{}] reading the log", pipeline.database());
    ASSERT_TRUE(wait_until([&] { return process->err().find(ready) != std::string::npos; }, std::chrono::minutes(3)))
        << pipeline.database() << process->err();
  }
  for (int id = 2; id < 5; ++id) {
    for (const auto& pipeline : pipelines) insert(pipeline.database(), id);
    for (const auto& pipeline : pipelines) ASSERT_TRUE(arrives(pipeline, id)) << pipeline.database() << process->err();
    EXPECT_TRUE(wait_until([&] { return threads(*process) <= kFewThreads; })) << threads(*process);
  }
  EXPECT_EQ(process->stop(), 0) << process->err();
  for (const auto& pipeline : pipelines) drop_database(source_, pipeline.database());
}

}  // namespace
}  // namespace sluice::support
