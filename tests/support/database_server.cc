// SPDX-License-Identifier: Apache-2.0
#include "support/database_server.h"

#include <fmt/format.h>
#include <signal.h>

#include "support/wait.h"

namespace sluice::support {

Result<> DatabaseServer::execute(std::string_view sql, std::string_view database) const {
  ASSIGN_OR_RETURN(auto session, connect(database));
  return session->execute(sql);
}

Result<SqlRows> DatabaseServer::query(std::string_view sql, std::string_view database) const {
  ASSIGN_OR_RETURN(auto session, connect(database));
  return session->query(sql);
}

Result<std::string> DatabaseServer::value(std::string_view sql, std::string_view database) const {
  ASSIGN_OR_RETURN(SqlRows rows, query(sql, database));
  if (rows.size() != 1 || rows[0].empty() || !rows[0][0]) {
    return Error(ErrorCode::kData, fmt::format("{} rows or NULL where one value was expected: {}", rows.size(), sql));
  }
  return *rows[0][0];
}

int DatabaseServer::stop_signal() const { return SIGTERM; }

void DatabaseServer::stop() {
  resume();
  process_->send_signal(stop_signal());
  if (!process_->wait(std::chrono::seconds(20))) kill9();
}

void DatabaseServer::kill9() {
  const std::vector<pid_t> others = children();
  process_->kill9();
  for (const pid_t pid : others) kill(pid, SIGKILL);
  // Until they are gone they hold the server's shared memory. A zombie holds nothing.
  const auto gone = [](pid_t pid) {
    const std::string status = read_file(fmt::format("/proc/{}/stat", pid));
    return status.empty() || status.find(") Z ") != std::string::npos;
  };
  for (const pid_t pid : others) wait_until([&] { return gone(pid); });
}

void DatabaseServer::pause() {
  process_->pause();
  for (const pid_t pid : children()) kill(pid, SIGSTOP);
}

void DatabaseServer::resume() {
  for (const pid_t pid : children()) kill(pid, SIGCONT);
  process_->resume();
}

Result<> DatabaseServer::restart() {
  stop();
  return launch();
}

Result<> DatabaseServer::restart_with(std::vector<std::string> arguments) {
  arguments_ = std::move(arguments);
  return restart();
}

Result<> DatabaseServer::launch() {
  ASSIGN_OR_RETURN(process_, Process::spawn(launch_options()));
  Result<> last = Error(ErrorCode::kConnect, "not tried");
  const auto answers = [&] {
    last = try_to_connect();
    return last.has_value();
  };
  const bool decided = wait_until([&] { return answers() || !process_->running(); }, std::chrono::seconds(60));
  if (last) return {};
  return Error(ErrorCode::kConnect,
               fmt::format("starting {}: {}: {}\n{}", kind_, decided ? "it ended" : "no answer within 60 s",
                           last.error().message(), tail(log())));
}

}  // namespace sluice::support
