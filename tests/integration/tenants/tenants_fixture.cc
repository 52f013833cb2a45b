// SPDX-License-Identifier: Apache-2.0
#include "integration/tenants/tenants_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "state/sqlite_database.h"
#include "support/mysql_server.h"
#include "support/ok.h"
#include "support/template_folder.h"
#include "support/wait.h"
#include "tenants/instance.h"

namespace sluice::support {
namespace {

namespace fs = std::filesystem;

std::string option_of(const std::string& text, const std::string& name) {
  const size_t at = text.find("\n" + name + "=");
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

// Making the data of new tenants takes seconds; the product keeps it in its folder, and here it is kept between tests.
std::string template_of_tenants() {
  const auto made = template_folder(cache_folder() + "/tenants", "template", [](const std::string& path) -> Result<> {
    const TempFolder folder;
    Context context;
    RETURN_IF_ERROR(make_template(context, folder.file("t")));
    fs::copy(folder.file("t"), path, fs::copy_options::recursive);
    return {};
  });
  return made ? *made : std::string();
}

std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) names.push_back(entry.path().filename());
  return names;
}

}  // namespace

Tenants::Tenants() {
  fs::create_directories(data());
  fs::permissions(data(), fs::perms::owner_all);
  if (const std::string path = template_of_tenants(); !path.empty()) {
    fs::copy(path, data() + "/template", fs::copy_options::recursive);
  }
}

Tenants::~Tenants() {
  if (server_) server_->stop();
  for (const std::string& name : entries(data() + "/tenants")) {
    if (const auto process = Instance(data() + "/tenants/" + name).find()) process->kill9();
  }
  if (testing::Test::HasFailure() && server_) fmt::print(stderr, "{}\n", tail(server_->err(), 40));
}

bool Tenants::start(const std::map<std::string, std::string>& env, const std::vector<std::string>& arguments) {
  server_.reset();
  std::vector<std::string> command = {SLUICE_PROGRAM, "server", "--data", data()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto started = Process::spawn({.command = command, .env = env, .output_folder = folder_.path()});
  if (!started) return false;
  server_ = std::move(*started);
  bool answers = false;
  wait_until(
      [&] {
        answers = sql("SELECT 1").code == 0;
        return answers || !server_->running();
      },
      std::chrono::seconds(60));
  return answers;
}

SqlReply Tenants::sql(const std::string& statements) const {
  const TempFolder output;
  auto process = Process::spawn(
      {.command = {SLUICE_PROGRAM, "sql", "--data", data(), statements}, .output_folder = output.path()});
  if (!process) return {-1, {}, process.error().message()};
  const int code = (*process)->wait(std::chrono::minutes(3)).value_or(-1);
  return {code, (*process)->out(), (*process)->err()};
}

std::string Tenants::must(const std::string& statements) const {
  const SqlReply reply = sql(statements);
  EXPECT_EQ(reply.code, 0) << statements << "\n" << reply.err;
  return reply.out;
}

std::string Tenants::value(const std::string& query) const {
  const std::string text = must(query + "\\G");
  const size_t at = text.find(": ");
  if (at == std::string::npos) return {};
  return text.substr(at + 2, text.find('\n', at) - at - 2);
}

void Tenants::create_tenant(const std::string& name) const {
  must(fmt::format(
      "CREATE RESOURCE UNIT IF NOT EXISTS small MAX_CPU 2, MIN_CPU 0.1, MEMORY_SIZE '128M';"
      "CREATE RESOURCE POOL {0}_pool UNIT small, UNIT_NUM 1; CREATE TENANT {0} RESOURCE_POOL_LIST=('{0}_pool');"
      "ALTER SYSTEM ARCHIVELOG TENANT = {0}",
      name));
}

std::string Tenants::tenant_folder(const std::string& name) const {
  return data() + "/tenants/" + value("SELECT TENANT_ID FROM DBA_OB_TENANTS WHERE TENANT_NAME = '" + name + "'");
}

std::unique_ptr<SqlSession> Tenants::connect(const std::string& tenant) const {
  return connect_to(tenant_folder(tenant));
}

std::unique_ptr<SqlSession> Tenants::connect_to(const std::string& folder) {
  const std::string options = read_file(folder + "/client.cnf");
  auto session = connect_mysql({.host = option_of(options, "host"),
                                .port = std::atoi(option_of(options, "port").c_str()),
                                .username = option_of(options, "user"),
                                .password = option_of(options, "password")},
                               "");
  EXPECT_OK(session);
  return session ? std::move(*session) : nullptr;
}

std::string Tenants::tenant_value(const std::string& tenant, const std::string& query) const {
  const auto session = connect(tenant);
  if (!session) return "no session";
  const auto rows = session->query(query);
  if (!rows) return rows.error().message();
  return rows->empty() ? "no row" : (*rows)[0][0].value_or("NULL");
}

pid_t Tenants::tenant_pid(const std::string& name) const {
  const auto process = Instance(tenant_folder(name)).find();
  return process ? process->pid() : 0;
}

void Tenants::expect_nothing_left(const std::vector<std::string>& tenants, int snapshots) const {
  EXPECT_EQ(
      value("SELECT COALESCE(group_concat(TENANT_NAME), '') FROM (SELECT * FROM DBA_OB_TENANTS ORDER BY TENANT_NAME)"),
      fmt::format("{}", fmt::join(tenants, ",")));
  EXPECT_EQ(value("SELECT COUNT(*) FROM DBA_OB_TENANTS WHERE STATUS <> 'NORMAL' OR RUNNING <> 'YES'"), "0");
  EXPECT_EQ(value("SELECT COUNT(*) FROM DBA_OB_RESOURCE_POOLS WHERE TENANT_ID IS NOT NULL"),
            std::to_string(tenants.size()));
  EXPECT_EQ(value("SELECT COUNT(*) FROM DBA_OB_RESOURCE_POOLS"), std::to_string(tenants.size()));
  // Beside those that the archive keeps.
  EXPECT_EQ(value("SELECT COUNT(*) FROM DBA_OB_TENANT_SNAPSHOTS WHERE SNAPSHOT_NAME NOT LIKE 'archive$%'"),
            std::to_string(snapshots));
  EXPECT_EQ(value("SELECT COUNT(*) FROM DBA_OB_TENANT_SNAPSHOTS WHERE STATUS <> 'NORMAL' OR CLONE_REF <> 0"), "0");
  EXPECT_EQ(value("SELECT COUNT(*) FROM DBA_OB_CLONE_PROGRESS"), "0");
  EXPECT_EQ(value("SELECT COUNT(*) FROM oceanbase.snapshot_lock"), "0");
  EXPECT_EQ(entries(data() + "/tenants").size(), tenants.size());
  EXPECT_EQ(std::to_string(entries(data() + "/snapshots").size()),
            value("SELECT COUNT(*) FROM DBA_OB_TENANT_SNAPSHOTS"));
  EXPECT_EQ(std::to_string(entries(data() + "/archive").size()),
            value("SELECT COUNT(DISTINCT TENANT_ID) FROM DBA_OB_ARCHIVELOG"));
  EXPECT_EQ(running_tenants(), tenants.size());
}

size_t Tenants::running_tenants() const {
  size_t running = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string line = read_file(entry.path() / "cmdline");
    if (line.find("mariadbd") != std::string::npos && line.find(data() + "/tenants/") != std::string::npos) ++running;
  }
  return running;
}

void Tenants::change_catalog(const std::string& statements) const {
  Context context;
  auto database = SqliteDatabase::open(context, data() + "/catalog.db", ErrorCode::kState);
  ASSERT_OK(database);
  ASSERT_OK((*database)->execute(statements));
}

Application::Application(const Tenants& tenants, const std::string& tenant, int writers) {
  const auto session = tenants.connect(tenant);
  EXPECT_OK(session->execute("CREATE DATABASE IF NOT EXISTS app"));
  EXPECT_OK(session->execute(
      "CREATE TABLE app.keyed (writer INT, number BIGINT, body VARCHAR(200), PRIMARY KEY (writer, number))"));
  EXPECT_OK(session->execute("CREATE TABLE app.keyless (writer INT, number BIGINT, body VARCHAR(200))"));
  EXPECT_OK(
      session->execute("CREATE TABLE app.account (writer INT, side INT, amount BIGINT, PRIMARY KEY (writer, side))"));
  for (int writer = 0; writer < writers; ++writer) {
    EXPECT_OK(session->execute(fmt::format("INSERT INTO app.account VALUES ({0}, 0, 0), ({0}, 1, 0)", writer)));
  }
  for (int writer = 0; writer < writers; ++writer) {
    threads_.emplace_back(
        [this, opened = tenants.connect(tenant), writer]() mutable { write(std::move(opened), writer); });
  }
}

void Application::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Application::write(std::unique_ptr<SqlSession> session, int writer) {
  for (int64_t number = 1; !stopping_; ++number) {
    const auto done =
        session->execute(fmt::format("START TRANSACTION; INSERT INTO app.keyed VALUES ({0}, {1}, REPEAT('k', {1} % "
                                     "200)); INSERT INTO app.keyless VALUES "
                                     "({0}, {1}, REPEAT('n', {1} % 200)); UPDATE app.account SET amount = amount + "
                                     "IF(side = 0, {1}, -{1}) WHERE writer = "
                                     "{0}; COMMIT",
                                     writer, number));
    if (!done) {
      ADD_FAILURE() << done.error().message();
      return;
    }
    const auto gtid = session->query("SELECT @@last_gtid");
    const std::string text = gtid && !gtid->empty() ? (*gtid)[0][0].value_or("") : "";
    const std::lock_guard lock(mutex_);
    commits_.push_back({writer, number, std::strtoull(text.substr(text.rfind('-') + 1).c_str(), nullptr, 10)});
    ++committed_;
  }
}

void Application::expect_exactly(const Tenants& tenants, const std::string& clone, const std::string& gtid) const {
  const uint64_t last = std::strtoull(gtid.substr(gtid.rfind('-') + 1).c_str(), nullptr, 10);
  std::map<int, int64_t> expected;  // by writer: numbers 1 to this
  {
    const std::lock_guard lock(mutex_);
    for (const Commit& commit : commits_) {
      if (commit.sequence <= last) expected[commit.writer] = std::max(expected[commit.writer], commit.number);
    }
  }
  const auto session = tenants.connect(clone);
  ASSERT_NE(session, nullptr);
  for (const auto& [writer, number] : expected) {
    const std::string sum = std::to_string(number * (number + 1) / 2);
    for (const char* table : {"keyed", "keyless"}) {
      const auto rows = session->query(fmt::format(
          "SELECT COUNT(*), MAX(number), SUM(number), SUM(LENGTH(body) <> number % 200) FROM app.{} WHERE writer = {}",
          table, writer));
      ASSERT_OK(rows);
      EXPECT_EQ((*rows)[0], (SqlRow{std::to_string(number), std::to_string(number), sum, "0"}))
          << clone << " at " << gtid << ": " << table << " of writer " << writer;
    }
    const auto rows =
        session->query(fmt::format("SELECT amount FROM app.account WHERE writer = {} ORDER BY side", writer));
    ASSERT_OK(rows);
    EXPECT_EQ((*rows)[0][0], sum);
    EXPECT_EQ((*rows)[1][0], "-" + sum);
  }
}

}  // namespace sluice::support
