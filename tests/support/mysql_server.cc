// SPDX-License-Identifier: Apache-2.0
#include "support/mysql_server.h"

#include <fmt/format.h>
#include <mysql.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>

#include "support/template_folder.h"

namespace sluice::support {

namespace {

constexpr const char* kMariadbd = "/usr/sbin/mariadbd";

std::string mysql_root() { return cache_folder() + "/mysql"; }

std::string user_sql() {
  return "CREATE USER 'sluice'@'%' IDENTIFIED BY 'Secret-7x';\n"
         "GRANT ALL PRIVILEGES ON *.* TO 'sluice'@'%' WITH GRANT OPTION;\n";
}

class MysqlSession : public SqlSession {
 public:
  explicit MysqlSession(MYSQL* connection) : connection_(connection) {}
  ~MysqlSession() override { mysql_close(connection_); }

  Result<> execute(std::string_view sql) override {
    RETURN_IF_ERROR(query(sql));
    return {};
  }

  Result<SqlRows> query(std::string_view sql) override {
    SqlRows rows;
    if (mysql_real_query(connection_, sql.data(), sql.size()) != 0) return problem(sql);
    int status = 0;  // -1 after the last result
    while (status == 0) {
      if (MYSQL_RES* result = mysql_store_result(connection_)) {
        rows = read_rows(result);
        mysql_free_result(result);
      } else if (mysql_field_count(connection_) > 0) {
        status = 1;
        break;
      }
      status = mysql_next_result(connection_);
    }
    if (status > 0) return problem(sql);
    return rows;
  }

 private:
  Error problem(std::string_view sql) const {
    return Error(ErrorCode::kTarget,
                 fmt::format("{} ({}): {}", mysql_error(connection_), mysql_errno(connection_), sql.substr(0, 200)));
  }

  static SqlRows read_rows(MYSQL_RES* result) {
    SqlRows rows;
    const unsigned columns = mysql_num_fields(result);
    while (MYSQL_ROW row = mysql_fetch_row(result)) {
      const unsigned long* lengths = mysql_fetch_lengths(result);
      SqlRow& copy = rows.emplace_back();
      for (unsigned i = 0; i < columns; i++) {
        copy.push_back(row[i] == nullptr ? std::nullopt : std::optional(std::string(row[i], lengths[i])));
      }
    }
    return rows;
  }

  MYSQL* connection_;
};

// What both servers are told: small, and fast rather than safe against power loss.
std::vector<std::string> common_arguments(const std::string& folder, int port) {
  return {"--datadir=" + folder + "/data", "--socket=" + folder + "/socket", "--pid-file=" + folder + "/pid",
          // A server that starts deletes what looks like a temporary table there, whoever uses it.
          "--tmpdir=" + folder, fmt::format("--port={}", port), "--bind-address=127.0.0.1", "--skip-name-resolve",
          "--server-id=1", "--log-bin=binlog", "--binlog-format=ROW", "--sync-binlog=0",
          "--innodb-flush-log-at-trx-commit=2",  // written at commit, so kill -9 loses nothing
          "--innodb-buffer-pool-size=64M", "--performance-schema=OFF", "--secure-file-priv="};
}

void append(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

void append_user(std::vector<std::string>& command) {
  if (getuid() == 0) command.emplace_back("--user=root");
}

Result<> fill_mariadb_template(const std::string& folder) {
  const TempFolder work;
  std::vector<std::string> command = {"mariadb-install-db",
                                      "--no-defaults",
                                      "--datadir=" + folder + "/data",
                                      "--tmpdir=" + folder,
                                      "--auth-root-authentication-method=normal",
                                      "--skip-test-db",
                                      "--extra-file=" + work.write("user.sql", "FLUSH PRIVILEGES;\n" + user_sql()),
                                      "--innodb-log-file-size=32M"};
  append_user(command);
  RETURN_IF_ERROR(run_command(std::move(command)));
  return {};
}

// `folder` is inside the chroot.
Result<> fill_mysql_template(const std::string& root, const std::string& folder) {
  const TempFolder work(root + "/tmp");
  work.write("user.sql", user_sql());
  const auto inside = [&](const std::string& path) { return path.substr(root.size()); };
  ASSIGN_OR_RETURN(auto process,
                   Process::spawn({.command = {"/usr/sbin/mysqld", "--no-defaults", "--user=root",
                                               "--initialize-insecure", "--datadir=" + inside(folder) + "/data",
                                               "--init-file=" + inside(work.file("user.sql"))},
                                   .output_folder = work.path(),
                                   .root = root}));
  if (process->wait(std::chrono::seconds(120)) == 0) return {};
  return Error(ErrorCode::kState, "mysqld --initialize failed: " + tail(process->err()));
}

}  // namespace

Result<std::unique_ptr<SqlSession>> connect_mysql(const MysqlAddress& address, std::string_view database) {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
  MYSQL* connection = mysql_init(nullptr);
  const unsigned timeout_s = 10;
  mysql_options(connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
  mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const char* socket = address.socket.empty() ? nullptr : address.socket.c_str();
  auto session = std::make_unique<MysqlSession>(connection);
  if (mysql_real_connect(connection, socket != nullptr ? "localhost" : address.host.c_str(), address.username.c_str(),
                         address.password.c_str(), std::string(database).c_str(), static_cast<unsigned>(address.port),
                         socket, CLIENT_MULTI_STATEMENTS) == nullptr) {
    return Error(ErrorCode::kConnect, fmt::format("{} ({})", mysql_error(connection), mysql_errno(connection)));
  }
  return std::unique_ptr<SqlSession>(std::move(session));
}

MariadbServer::MariadbServer(Options options) : DatabaseServer("mariadb", "sluice", std::move(options.arguments)) {}

MariadbServer::~MariadbServer() {
  if (process_) kill9();
}

Result<std::unique_ptr<MariadbServer>> MariadbServer::start(Options options) {
  ASSIGN_OR_RETURN(std::string version, run_command({kMariadbd, "--version"}));
  ASSIGN_OR_RETURN(std::string ready,
                   template_folder(cache_folder() + "/templates", version + " 1", fill_mariadb_template));
  auto server = std::unique_ptr<MariadbServer>(new MariadbServer(std::move(options)));
  RETURN_IF_ERROR(run_command({"cp", "-a", ready + "/data", server->folder_.path()}));
  RETURN_IF_ERROR(server->launch());
  return server;
}

ProcessOptions MariadbServer::launch_options() const {
  std::vector<std::string> command = {kMariadbd, "--no-defaults"};
  append_user(command);
  append(command, common_arguments(folder_.path(), port()));
  append(command, {"--gtid-domain-id=0", "--innodb-log-file-size=32M"});
  append(command, arguments_);
  return {.command = std::move(command), .output_folder = folder_.path()};
}

Result<> MariadbServer::try_to_connect() const {
  RETURN_IF_ERROR(connect_mysql({.host = host(), .port = port(), .username = username_, .password = password_}, ""));
  return {};
}

Result<std::unique_ptr<SqlSession>> MariadbServer::connect(std::string_view database) const {
  return connect_mysql({.socket = socket(), .username = username_, .password = password_}, database);
}

MysqlServer::MysqlServer(Options options)
    : DatabaseServer("mysql", "sluice", std::move(options.arguments)),
      gtid_(options.gtid),
      folder_(mysql_root() + "/tmp") {}

MysqlServer::~MysqlServer() {
  if (process_) kill9();
}

std::string MysqlServer::unavailable() {
  if (getuid() != 0) return "MySQL runs in a chroot, which needs root";
  if (!std::filesystem::exists(mysql_root() + "/usr/sbin/mysqld")) {
    return "there is no MySQL server in the cache folder; tools/server_chroot.sh makes it and ./dev test calls it";
  }
  return {};
}

Result<std::unique_ptr<MysqlServer>> MysqlServer::start(Options options) {
  if (std::string why = unavailable(); !why.empty()) return Error(ErrorCode::kState, std::move(why));
  const std::string root = mysql_root();
  ASSIGN_OR_RETURN(std::string ready, template_folder(root + "/templates", "mysql 1", [&](const std::string& folder) {
                     return fill_mysql_template(root, folder);
                   }));
  auto server = std::unique_ptr<MysqlServer>(new MysqlServer(std::move(options)));
  RETURN_IF_ERROR(run_command({"cp", "-a", ready + "/data", server->folder_.path()}));
  RETURN_IF_ERROR(server->launch());
  return server;
}

ProcessOptions MysqlServer::launch_options() const {
  std::vector<std::string> command = {"/usr/sbin/mysqld", "--no-defaults", "--user=root"};
  append(command, common_arguments(folder_.path().substr(mysql_root().size()), port()));
  append(command, {"--mysqlx=OFF", "--innodb-redo-log-capacity=32M"});
  if (gtid_) append(command, {"--gtid-mode=ON", "--enforce-gtid-consistency=ON"});
  append(command, arguments_);
  return {.command = std::move(command), .output_folder = folder_.path(), .root = mysql_root()};
}

Result<> MysqlServer::try_to_connect() const {
  RETURN_IF_ERROR(connect_mysql({.host = host(), .port = port(), .username = username_, .password = password_}, ""));
  return {};
}

Result<std::unique_ptr<SqlSession>> MysqlServer::connect(std::string_view database) const {
  return connect_mysql({.socket = socket(), .username = username_, .password = password_}, database);
}

}  // namespace sluice::support
