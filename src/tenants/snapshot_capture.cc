// SPDX-License-Identifier: Apache-2.0
#include "tenants/snapshot_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "tenants/binlog_cut.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxRetries = 20;
constexpr int kCheckpointPolls = 200;
constexpr size_t kNamedTables = 10;

struct LogPlace {
  std::string file;
  uint64_t offset = 0;
};

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

class Capture {
 public:
  Capture(Context& context, const Instance& source, std::string folder, MysqlConnection& connection)
      : context_(context), source_(source), folder_(std::move(folder)), connection_(connection) {}

  // Nothing: try again.
  Result<std::optional<CapturedPosition>> attempt() {
    const std::optional<CapturedPosition> again;
    RETURN_IF_ERROR(remove_tree(folder_));
    RETURN_IF_ERROR(make_folder(folder_));
    RETURN_IF_ERROR(make_folder(folder_ + "/data"));
    RETURN_IF_ERROR(connection_.execute(context_, "FLUSH NO_WRITE_TO_BINLOG BINARY LOGS"));
    ASSIGN_OR_RETURN(const bool settled, earlier_files_are_committed());
    ASSIGN_OR_RETURN(const bool defining_before, definitions_change());
    if (!settled || defining_before) return again;
    ASSIGN_OR_RETURN(const LogPlace before, place());
    // A path of ours: letters, digits and what the operator chose for the data folder, which was checked.
    RETURN_IF_ERROR(connection_.execute(
        context_, fmt::format("SET GLOBAL rocksdb_create_checkpoint = '{}/data/#rocksdb'", folder_)));
    CapturedPosition position;
    position.wall_clock_ms = wall_clock_ms();
    if (Result<> copied = copy_definitions(); !copied) {
      if (copied.error().code() == ErrorCode::kTransient) return again;
      return std::move(copied).error();
    }
    // In this order: a statement that ends between the two has its event before the place.
    ASSIGN_OR_RETURN(const bool defining_after, definitions_change());
    ASSIGN_OR_RETURN(const LogPlace after, place());
    if (defining_after || before.file != after.file) return again;
    BinlogFile file;
    RETURN_IF_ERROR(read_binlog_on(source_.data() + "/" + after.file, file, after.offset));
    if (!std::ranges::all_of(file.groups, &BinlogGroup::plain)) return again;
    ASSIGN_OR_RETURN(const std::optional<size_t> count, committed_groups(file, before.offset));
    if (!count) return again;
    position.gtid = file.state(*count).text();
    RETURN_IF_ERROR(write_cut_log(after.file, file.end(*count)));
    return std::optional(position);
  }

 private:
  Result<LogPlace> place() {
    ASSIGN_OR_RETURN(const MysqlRows rows, connection_.query(context_, "SHOW MASTER STATUS"));
    if (rows.empty()) return sql_error(kNotAllowed, "source tenant has no binary log, clone tenant not allowed");
    return LogPlace{rows[0][0].value_or(""), std::strtoull(rows[0][1].value_or("0").c_str(), nullptr, 10)};
  }

  // Recovery of a copy reads only the last log file; so all transactions of earlier files must be committed, not merely
  // prepared, before the checkpoint. The server notes that in the file, some moments after it began it.
  Result<bool> earlier_files_are_committed() {
    BinlogFile file;
    std::string read;  // its name
    for (int i = 0; i < kCheckpointPolls; ++i) {
      ASSIGN_OR_RETURN(const LogPlace now, place());
      if (now.file != read) file = {};
      read = now.file;
      RETURN_IF_ERROR(read_binlog_on(source_.data() + "/" + now.file, file, now.offset));
      if (file.checkpoint == now.file) return true;
      if (!context_.wait_for(std::chrono::milliseconds(1))) return Error(ErrorCode::kStopped, "stopped by request");
    }
    return false;
  }

  // Whether a statement is at work that changes tables' definitions. One that copies a table for long counts only at
  // its beginning and end.
  Result<bool> definitions_change() {
    ASSIGN_OR_RETURN(const auto count,
                     connection_.query_value(context_,
                                             "SELECT COUNT(*) FROM information_schema.metadata_lock_info "
                                             "WHERE lock_mode IN ('MDL_BACKUP_DDL', 'MDL_BACKUP_BLOCK_DDL')"));
    return count != "0";
  }

  // Definitions of all tables, and the two of the server's tables that are not RocksDB's.
  Result<> copy_definitions() {
    std::vector<std::string> foreign;
    ASSIGN_OR_RETURN(const auto databases, names_in(source_.data()));
    for (const std::string& name : databases) {
      std::error_code problem;
      const std::string folder = source_.data() + "/" + name;
      if (name.starts_with("#") || !fs::is_directory(folder, problem)) continue;
      const std::string target = folder_ + "/data/" + name;
      RETURN_IF_ERROR(make_folder(target));
      ASSIGN_OR_RETURN(const auto files, names_in(folder));
      for (const std::string& file : files) {
        const bool own = name == "mysql" && ends_with_any(file, {".CSV", ".CSM"});
        if (own || ends_with_any(file, {".frm", ".opt", ".TRG", ".TRN", ".par"})) {
          RETURN_IF_ERROR(copy_file(folder + "/" + file, target + "/" + file));
        } else if (ends_with_any(file, {".MYI", ".MAI", ".CSV", ".MRG", ".ibd", ".ARZ"}) && !file.starts_with("#")) {
          foreign.push_back(name + "." + file.substr(0, file.rfind('.')));
        }
      }
    }
    if (foreign.empty()) return {};
    std::ranges::sort(foreign);
    std::string names;
    for (size_t i = 0; i < std::min(foreign.size(), kNamedTables); ++i) names += (i > 0 ? ", " : "") + foreign[i];
    return sql_error(kNotAllowed,
                     "source tenant has {} tables of other engines than RocksDB ({}), clone tenant not allowed",
                     foreign.size(), names);
  }

  // How many transactions of the file are in the checkpoint. What the log held before the checkpoint began is in it, at
  // least prepared, and will be committed by recovery. What was added meanwhile is in it up to the last commit.
  Result<std::optional<size_t>> committed_groups(const BinlogFile& file, uint64_t before) {
    const auto held = static_cast<size_t>(
        std::ranges::count_if(file.groups, [&](const BinlogGroup& group) { return group.end <= before; }));
    if (held == file.groups.size()) return std::optional(held);
    ASSIGN_OR_RETURN(const auto xid, last_commit());
    if (!xid) return std::optional<size_t>();
    const auto found = std::ranges::find(file.groups, xid, &BinlogGroup::xid);
    if (found == file.groups.end()) return std::optional(held);  // it is in an earlier file
    return std::optional(std::max(held, static_cast<size_t>(found - file.groups.begin()) + 1));
  }

  Result<std::optional<uint64_t>> last_commit() {
    const std::string folder = folder_ + "/data/#rocksdb/";
    ASSIGN_OR_RETURN(std::vector<std::string> logs, names_in(folder));
    std::erase_if(logs, [](const std::string& name) { return !name.ends_with(".log"); });
    std::ranges::sort(logs);  // numbers of six digits
    for (auto log = logs.rbegin(); log != logs.rend(); ++log) {
      ASSIGN_OR_RETURN(const std::string content, read_file(folder + *log));
      ASSIGN_OR_RETURN(const auto xid, last_commit_in_wal(content));
      if (xid) return xid;
    }
    return std::optional<uint64_t>();
  }

  Result<> write_cut_log(const std::string& name, uint64_t end) {
    const std::string log = folder_ + "/data/" + name;
    RETURN_IF_ERROR(copy_file(source_.data() + "/" + name, log));
    std::error_code problem;
    fs::resize_file(log, end, problem);
    std::fstream bytes(log, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(kBinlogInUseOffset);
    const int flags = bytes.get();
    bytes.seekp(kBinlogInUseOffset);
    bytes.put(static_cast<char>(flags | 1));
    if (problem || !bytes.flush()) return Error(ErrorCode::kState, "cannot cut off " + log);
    return write_file(folder_ + "/data/binlog.index", "./" + name + "\n");
  }

  Context& context_;
  const Instance& source_;
  const std::string folder_;
  MysqlConnection& connection_;
};

}  // namespace

Result<CapturedPosition> capture_snapshot(Context& context, const Instance& source, const std::string& folder,
                                          const std::function<bool()>& canceled) {
  auto connected = source.connect(context);
  if (!connected && connected.error().code() == ErrorCode::kConnect) {
    return sql_error(kNotAllowed,
                     "source tenant is not running, clone tenant not allowed; it is being started: try again");
  }
  ASSIGN_OR_RETURN(const auto connection, std::move(connected));
  // A user who holds the locks of a backup must not hold us for ever.
  RETURN_IF_ERROR(connection->execute(context, "SET SESSION lock_wait_timeout = 10, sql_log_bin = 0"));
  Capture capture(context, source, folder, *connection);
  for (int retry = 0; retry <= kMaxRetries; ++retry) {
    if (canceled()) return Error(ErrorCode::kStopped, "canceled");
    ASSIGN_OR_RETURN(auto position, capture.attempt());
    if (position) {
      position->retries = retry;
      return *position;
    }
    if (!context.wait_for(std::chrono::milliseconds(std::min(200, 10 + 10 * retry)))) {
      return Error(ErrorCode::kStopped, "stopped by request");
    }
  }
  return sql_error(kNotAllowed, "source tenant runs DDL or XA transactions continuously, clone tenant now not allowed");
}

}  // namespace sluice
