// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_server.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "support/template_folder.h"

namespace sluice::support {

namespace {

std::string server_user() { return getuid() == 0 ? "postgres" : ""; }

std::string newest_root() { return cache_folder() + "/postgres"; }

// The newest version that is installed, as a path inside `root`.
Result<std::string> program_folder(const std::string& root) {
  int best = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/usr/lib/postgresql", ignored)) {
    const std::string name = entry.path().filename();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    if (std::filesystem::exists(entry.path() / "bin/postgres")) best = std::max(best, version);
  }
  if (best == 0) return Error(ErrorCode::kState, "PostgreSQL is not installed");
  return fmt::format("/usr/lib/postgresql/{}/bin", best);
}

Result<> give_to_server_user(const std::string& path) {
  if (server_user().empty()) return {};
  const passwd* account = getpwnam("postgres");
  if (account == nullptr || chown(path.c_str(), account->pw_uid, account->pw_gid) != 0) {
    return Error(ErrorCode::kState, "giving " + path + " to the user postgres failed");
  }
  return {};
}

TempFolder folder_in(const std::string& root) { return root.empty() ? TempFolder() : TempFolder(root + "/tmp"); }

// The cache may be in a home folder that the server's user cannot enter, so the template is made elsewhere and moved
// in.
Result<> fill_template(const std::string& root, const std::string& programs, const std::string& folder) {
  const TempFolder work = folder_in(root);
  const auto inside = [&root](const std::string& path) { return path.substr(root.size()); };
  RETURN_IF_ERROR(give_to_server_user(work.path()));
  RETURN_IF_ERROR(give_to_server_user(work.write("password", "Secret-7x\n")));
  ASSIGN_OR_RETURN(
      const auto process,
      Process::spawn({.command = {programs + "/initdb", "--pgdata=" + inside(work.file("data")), "--username=sluice",
                                  "--pwfile=" + inside(work.file("password")), "--auth-local=trust",
                                  "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"},
                      .output_folder = work.path(),
                      .user = server_user(),
                      .root = root}));
  if (process->wait(std::chrono::seconds(120)) != 0) {
    return Error(ErrorCode::kState, "initdb failed: " + tail(process->err()));
  }
  RETURN_IF_ERROR(run_command({"cp", "-a", work.file("data"), folder}));
  return {};
}

Error problem_of(PGconn* connection, ErrorCode code, std::string_view sql) {
  std::string message = PQerrorMessage(connection);
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return Error(code, sql.empty() ? message : fmt::format("{}: {}", message, sql.substr(0, 200)));
}

class PostgresSession : public SqlSession {
 public:
  explicit PostgresSession(PGconn* connection) : connection_(connection) {}
  ~PostgresSession() override { PQfinish(connection_); }

  Result<> execute(std::string_view sql) override {
    RETURN_IF_ERROR(query(sql));
    return {};
  }

  Result<SqlRows> query(std::string_view sql) override {
    PGresult* result = PQexec(connection_, std::string(sql).c_str());
    const ExecStatusType status = PQresultStatus(result);
    SqlRows rows;
    for (int row = 0; row < PQntuples(result); row++) {
      SqlRow& copy = rows.emplace_back();
      for (int column = 0; column < PQnfields(result); column++) {
        copy.push_back(PQgetisnull(result, row, column) != 0
                           ? std::nullopt
                           : std::optional(std::string(PQgetvalue(result, row, column),
                                                       static_cast<size_t>(PQgetlength(result, row, column)))));
      }
    }
    PQclear(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return rows;
    return problem_of(connection_, ErrorCode::kTarget, sql);
  }

 private:
  PGconn* connection_;
};

Result<std::unique_ptr<SqlSession>> connect_postgres(const std::string& host, int port, const std::string& user,
                                                     const std::string& password, std::string_view database) {
  const std::string port_text = std::to_string(port);
  const std::string database_text(database.empty() ? "postgres" : database);
  const char* keys[] = {"host", "port", "user", "password", "dbname", "connect_timeout", nullptr};
  const char* values[] = {host.c_str(), port_text.c_str(), user.c_str(), password.c_str(), database_text.c_str(), "10",
                          nullptr};
  PGconn* connection = PQconnectdbParams(keys, values, 0);
  auto session = std::make_unique<PostgresSession>(connection);
  if (PQstatus(connection) != CONNECTION_OK) return problem_of(connection, ErrorCode::kConnect, "");
  PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
  return std::unique_ptr<SqlSession>(std::move(session));
}

}  // namespace

PostgresServer::PostgresServer(Options options)
    : DatabaseServer("postgres", "sluice", std::move(options.arguments)),
      fsync_(options.fsync),
      root_(options.newest ? newest_root() : ""),
      folder_(folder_in(root_)) {}

PostgresServer::~PostgresServer() {
  if (process_) kill9();
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::start(Options options) {
  const std::string root = options.newest ? newest_root() : "";
  ASSIGN_OR_RETURN(const std::string programs, program_folder(root));
  std::string version = programs;
  if (root.empty()) {
    ASSIGN_OR_RETURN(version, run_command({programs + "/postgres", "--version"}));
  }
  ASSIGN_OR_RETURN(const std::string ready,
                   template_folder((root.empty() ? cache_folder() : root) + "/templates", version + " 1",
                                   [&](const std::string& folder) { return fill_template(root, programs, folder); }));
  auto server = std::unique_ptr<PostgresServer>(new PostgresServer(std::move(options)));
  RETURN_IF_ERROR(give_to_server_user(server->folder_.path()));
  RETURN_IF_ERROR(run_command({"cp", "-a", ready + "/data", server->folder_.path()}));
  RETURN_IF_ERROR(server->launch());
  return server;
}

std::string PostgresServer::newest_unavailable() {
  if (getuid() != 0) return "PostgreSQL 18 runs in a chroot, which needs root";
  if (!program_folder(newest_root())) {
    return "there is no PostgreSQL 18 in the cache folder; tools/server_chroot.sh makes it and ./dev test calls it";
  }
  return {};
}

ProcessOptions PostgresServer::launch_options() const {
  const auto programs = program_folder(root_);
  const auto inside = [this](const std::string& path) { return path.substr(root_.size()); };
  std::vector<std::string> command = {programs ? *programs + "/postgres" : "postgres",
                                      "-D",
                                      inside(folder_.file("data")),
                                      "-k",
                                      inside(folder_.path()),
                                      "-h",
                                      host(),
                                      "-p",
                                      std::to_string(port()),
                                      "-c",
                                      "shared_buffers=32MB",
                                      "-c",
                                      "log_statement=ddl",
                                      "-c",
                                      "log_line_prefix=%m [%p] "};
  if (!fsync_) {
    // The system's cache survives a kill -9 of the server, so no commit is lost.
    for (const char* word : {"-c", "fsync=off", "-c", "full_page_writes=off"}) command.emplace_back(word);
  }
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  return {.command = std::move(command),
          .output_folder = folder_.path(),
          .folder = inside(folder_.path()),
          .user = server_user(),
          .root = root_};
}

int PostgresServer::stop_signal() const { return SIGINT; }

std::vector<pid_t> PostgresServer::children() const {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    const std::string status = read_file(fmt::format("/proc/{}/stat", pid));  // "pid (name) state parent ..."
    const size_t name_end = status.rfind(')');
    if (name_end == std::string::npos || name_end + 4 >= status.size()) continue;
    pid_t parent = 0;
    std::from_chars(status.data() + name_end + 4, status.data() + status.size(), parent);
    if (parent == this->pid()) found.push_back(pid);
  }
  return found;
}

Result<> PostgresServer::try_to_connect() const {
  RETURN_IF_ERROR(connect_postgres(host(), port(), username_, password_, ""));
  return {};
}

Result<std::unique_ptr<SqlSession>> PostgresServer::connect(std::string_view database) const {
  return connect_postgres(socket(), port(), username_, password_, database);
}

}  // namespace sluice::support
