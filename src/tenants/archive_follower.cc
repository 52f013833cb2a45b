// SPDX-License-Identifier: Apache-2.0
#include "tenants/archive_follower.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "tenants/file_tree.h"

namespace sluice {
namespace {

constexpr int64_t kNanoseconds = 1'000'000;
constexpr int64_t kStoreEveryMs = 1000;

// "binlog.000017" as 17; 0 for what is no log.
int64_t number_of(std::string_view name) {
  constexpr std::string_view kBase = "binlog.";
  if (!name.starts_with(kBase)) return 0;
  name.remove_prefix(kBase.size());
  int64_t number = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
  return problem == std::errc() && end == name.data() + name.size() ? number : 0;
}

bool same_file(const std::string& left, const std::string& right) {
  struct stat a{}, b{};
  return ::stat(left.c_str(), &a) == 0 && ::stat(right.c_str(), &b) == 0 && a.st_ino == b.st_ino &&
         a.st_dev == b.st_dev;
}

Error failed(std::string_view what, const std::string& path) {
  return Error(errno == ENOENT ? ErrorCode::kTransient : ErrorCode::kState,
               fmt::format("{} {}: {}", what, path, std::strerror(errno)));
}

Result<> append(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return failed("opening", path);
  const ssize_t written = ::write(file, text.data(), text.size());
  Result<> result;
  if (written != static_cast<ssize_t>(text.size())) result = failed("writing", path);
  ::close(file);
  return result;
}

}  // namespace

Result<std::vector<ArchivedFile>> archived_files(CatalogTransaction& transaction, int64_t tenant) {
  std::vector<ArchivedFile> files;
  ASSIGN_OR_RETURN(
      const auto rows,
      transaction.rows(9,
                       "SELECT round_id, number, name, first_gtid, last_gtid, bytes, closed, start_scn, "
                       "CASE status WHEN 'DOING' THEN 9223372036854775807 ELSE checkpoint_scn END FROM archive_file "
                       "JOIN archive_round ON archive_round.id = round_id WHERE tenant_id = ?1 "
                       "ORDER BY round_id, number",
                       {tenant}));
  for (const auto& row : rows) {
    files.push_back({.round = std::stoll(row[0]),
                     .number = std::stoll(row[1]),
                     .name = row[2],
                     .first = GtidState::parse(row[3]),
                     .last = GtidState::parse(row[4]),
                     .bytes = std::stoll(row[5]),
                     .closed = row[6] == "1",
                     .round_begin_scn = std::stoll(row[7]),
                     .round_end_scn = std::stoll(row[8])});
  }
  return files;
}

Result<std::vector<LogSample>> read_samples(const std::string& file) {
  std::vector<LogSample> samples;
  const auto text = read_file(file + ".times");
  if (!text) return samples;  // nothing was noted in it
  std::string_view rest = *text;
  for (size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    LogSample sample;
    const std::string_view line = rest.substr(0, end);
    const auto [at, problem] = std::from_chars(line.data(), line.data() + line.size(), sample.wall_clock_ms);
    if (problem != std::errc() || at == line.data() + line.size() || *at != ' ') continue;
    sample.state = GtidState::parse({at + 1, line.data() + line.size()});
    samples.push_back(std::move(sample));
  }
  return samples;
}

Result<> ArchiveFollower::open() {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const auto rows, catalog_.transact([&](CatalogTransaction& t) {
    return t.rows(3,
                  "SELECT name, number, first_gtid FROM archive_file WHERE round_id = ?1 ORDER BY number DESC LIMIT 1",
                  {round_});
  }));
  if (rows.empty()) return {};
  name_ = rows[0][0];
  number_ = std::stoll(rows[0][1]);
  state_ = GtidState::parse(rows[0][2]);
  log_ = {};
  return {};
}

Result<> ArchiveFollower::end() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(ended_, true) || number_ == 0) return {};
  if (noted_ && looked_ms_ > noted_ms_) {
    RETURN_IF_ERROR(append(archived() + ".times", fmt::format("{} {}\n", looked_ms_, noted_->text())));
  }
  RETURN_IF_ERROR(catalog_.transact([&](CatalogTransaction& t) {
    return t.run("UPDATE archive_round SET checkpoint_scn = max(checkpoint_scn, ?2) WHERE id = ?1",
                 {round_, looked_ms_ * kNanoseconds});
  }));
  RETURN_IF_ERROR(read_on());
  return close_file();
}

Result<std::vector<std::string>> ArchiveFollower::log_names() const {
  ASSIGN_OR_RETURN(const std::string index, read_file(data_ + "/binlog.index"));
  std::vector<std::string> names;
  std::string_view rest = index;
  for (size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    std::string_view name = rest.substr(0, end);
    name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
    if (number_of(name) > 0) names.emplace_back(name);
  }
  return names;
}

Result<std::optional<std::string>> ArchiveFollower::look() {
  const std::lock_guard lock(mutex_);
  const std::optional<std::string> good;
  if (ended_) return good;
  const int64_t begun_ms = wall_clock_ms();
  ASSIGN_OR_RETURN(const auto names, log_names());
  if (number_ > 0) {
    // A user may have purged it, once there was another one.
    const bool there = std::ranges::find(names, name_) != names.end();
    if (there ? !same_file(data_ + "/" + name_, archived()) : names.empty() || number_of(names.back()) <= number_) {
      return std::optional(fmt::format("the log file {} is not what it was: the log was reset", name_));
    }
    RETURN_IF_ERROR(read_on());
  }
  for (const std::string& name : names) {
    const int64_t number = number_of(name);
    if (number <= number_) continue;
    if (number_ > 0) {
      RETURN_IF_ERROR(read_on());  // what came before it was closed
      RETURN_IF_ERROR(close_file());
      fault_point("archive_closed");
    }
    ASSIGN_OR_RETURN(const auto gap, add(name, number));
    if (gap) return gap;
    RETURN_IF_ERROR(read_on());
  }
  RETURN_IF_ERROR(note(begun_ms));
  return good;
}

Result<std::optional<std::string>> ArchiveFollower::add(const std::string& name, int64_t number) {
  const std::string from = data_ + "/" + name, to = folder_ + "/" + name;
  if (::link(from.c_str(), to.c_str()) != 0 && (errno != EEXIST || !same_file(from, to)))
    return failed("linking", from);
  RETURN_IF_ERROR(sync_folder(folder_));
  fault_point("archive_linked");
  BinlogFile file;
  RETURN_IF_ERROR(read_binlog_on(to, file));
  if (file.head_end == 0) return Error(ErrorCode::kTransient, to + " is being begun");
  if (number_ > 0 && file.before != state_) {
    return std::optional(fmt::format("the log file {} begins at '{}', and '{}' was archived before it", name,
                                     file.before.text(), state_.text()));
  }
  RETURN_IF_ERROR(catalog_.transact([&](CatalogTransaction& t) {
    return t.run(
        "INSERT OR REPLACE INTO archive_file (round_id, number, name, first_gtid, first_scn) VALUES (?1, ?2, ?3, "
        "?4, ?5)",
        {round_, number, name, file.before.text(), wall_clock_ms() * kNanoseconds});
  }));
  name_ = name;
  number_ = number;
  state_ = file.before;
  log_ = std::move(file);
  return std::optional<std::string>();
}

// Whole transactions alone count; one that is being written goes on where it was.
Result<> ArchiveFollower::read_on() {
  struct stat info{};
  if (::stat(archived().c_str(), &info) != 0) return failed("reading", archived());
  const auto size = static_cast<uint64_t>(info.st_size);
  const bool cut_back = size < log_.read_to;  // what the tenant could not write to its end, it has removed
  if (cut_back) log_ = {};
  if (size > log_.read_to) RETURN_IF_ERROR(read_binlog_on(archived(), log_));
  if (cut_back) state_ = log_.before;
  for (const BinlogGroup& group : log_.groups) {
    if (group.complete) state_.domains[group.domain] = {group.server, group.number};
  }
  std::erase_if(log_.groups, [](const BinlogGroup& group) { return group.complete; });
  return {};
}

Result<> ArchiveFollower::close_file() {
  struct stat info{};
  if (::stat(archived().c_str(), &info) != 0) return failed("reading", archived());
  return catalog_.transact([&](CatalogTransaction& t) {
    return t.run(
        "UPDATE archive_file SET closed = 1, last_gtid = ?3, last_scn = ?4, bytes = ?5 WHERE round_id = ?1 AND "
        "number = ?2",
        {round_, number_, state_.text(), wall_clock_ms() * kNanoseconds, int64_t{info.st_size}});
  });
}

// Two lines for a change: how long nothing had changed, and what is new.
Result<> ArchiveFollower::note(int64_t looked_ms) {
  const int64_t now = std::max(wall_clock_ms(), noted_ms_);  // a clock that is set back does not mix up the past
  if (name_.empty()) return {};
  if (!noted_ || *noted_ != state_) {
    std::string lines;
    if (noted_ && looked_ms_ > noted_ms_) lines = fmt::format("{} {}\n", looked_ms_, noted_->text());
    lines += fmt::format("{} {}\n", now, state_.text());
    RETURN_IF_ERROR(append(archived() + ".times", lines));
    noted_ = state_;
    noted_ms_ = now;
  }
  looked_ms_ = looked_ms;
  if (noted_ms_ <= stored_ms_ || now < stored_ms_ + kStoreEveryMs) return {};
  stored_ms_ = now;
  struct stat info{};
  ::stat(archived().c_str(), &info);
  return catalog_.transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.run("UPDATE archive_file SET bytes = ?3 WHERE round_id = ?1 AND number = ?2",
                          {round_, number_, int64_t{info.st_size}}));
    return t.run("UPDATE archive_round SET checkpoint_scn = ?2, checkpoint_gtid = ?3 WHERE id = ?1",
                 {round_, looked_ms_ * kNanoseconds, state_.text()});
  });
}

}  // namespace sluice
