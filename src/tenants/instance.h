// SPDX-License-Identifier: Apache-2.0
// A tenant's database server: MariaDB with MyRocks on a folder of its own, listening on loopback and on a socket. It
// goes on when this process ends, and is found again. One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/mysql/mysql_connection.h"
#include "tenants/detached_process.h"

namespace sluice {

struct InstanceSettings {
  int64_t tenant = 0;  // also server_id and gtid_domain_id
  int64_t port = 0;    // 0: no TCP
  int64_t memory_size = int64_t{256} << 20, log_disk_size = int64_t{256} << 20;
  std::string charset = "utf8mb4", collation = "utf8mb4_bin";
  bool binlog = true;
  bool read_only = false;
  bool events = false;
};

// What becomes of a server that does not answer within a minute. One that recovers for long would never come up if it
// were killed.
enum class Unanswered { kKill, kLeave };

class Instance {
 public:
  // `folder` holds data/, run/, my.cnf and error.log; its path is absolute.
  explicit Instance(std::string folder) : folder_(std::move(folder)) {}

  Result<> write_settings(const InstanceSettings& settings) const;
  // Starts it and waits until it answers.
  Result<DetachedProcess> start(Context& context, const std::vector<std::string>& group_files,
                                Unanswered unanswered = Unanswered::kKill) const;
  std::optional<DetachedProcess> find() const;
  // As the account that may do everything, which only the system's user that runs us can use.
  Result<std::unique_ptr<MysqlConnection>> connect(Context& context) const;
  // What users write and prepare from then on stays, so this may be repeated.
  Result<> open_for_writing(Context& context) const;
  // In an orderly way, and if that takes too long with SIGKILL: what is committed is safe.
  void stop(Context& context, const DetachedProcess& process, std::chrono::milliseconds patience) const;

  const std::string& folder() const { return folder_; }
  std::string data() const { return folder_ + "/data"; }
  std::string socket() const { return folder_ + "/run/socket"; }
  std::string log_file() const { return folder_ + "/error.log"; }
  std::string temporary_folder() const { return folder_ + "/run/tmp"; }

 private:
  // Empty: the only place whose files its statements may read and write, whatever its users have made of themselves.
  std::string file_folder() const { return folder_ + "/run/files"; }
  std::string settings_argument() const { return "--defaults-file=" + folder_ + "/my.cnf"; }
  std::string last_errors() const;
  std::string folder_;
};

// The name of the system's user that runs this process.
std::string system_user();
// Letters and digits of chance, four bits each: for passwords.
std::string random_text(size_t size);
// Makes folder/data with converted system tables, shut down in an orderly way: what every new tenant begins as. Takes
// seconds.
Result<> make_template(Context& context, const std::string& folder);
// Whether the template is there and of the server version that is installed.
bool template_is_good(const std::string& folder);
// Whether a file of a template's or snapshot's data is part of what a new server begins with, not of another one's run.
bool belongs_to_tenant(const std::string& relative);

}  // namespace sluice
