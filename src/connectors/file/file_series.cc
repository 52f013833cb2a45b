// SPDX-License-Identifier: Apache-2.0
#include "connectors/file/file_series.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "connector/relational_writing.h"

namespace sluice {
namespace {

constexpr size_t kNumberDigits = 10;
constexpr mode_t kFileMode = 0640;

constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS sluice_files (job TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL, "
    "temporary TEXT NOT NULL, length INTEGER NOT NULL, whole INTEGER NOT NULL) WITHOUT ROWID";

Error file_error(std::string_view doing, const std::string& path, int code) {
  return Error(ErrorCode::kTarget, fmt::format("{} {}: {}", doing, path, std::strerror(code)),
               code == ENOSPC || code == EDQUOT || code == EFBIG
                   ? "Free space there and start the job again: it goes on behind the last line that it committed."
                   : "Check the folder and its permissions.");
}

Result<> write_all(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return file_error("writing", path, written < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

// Closes what it holds.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

// "shop-0000000007.jsonl..." of the job "shop" is 7; 0 for other names.
int64_t number_in(std::string_view name, std::string_view head) {
  if (!name.starts_with(head)) return 0;
  name.remove_prefix(head.size());
  int64_t number = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool digits = problem == std::errc() && static_cast<size_t>(end - name.data()) >= kNumberDigits;
  return digits && end < name.data() + name.size() && *end == '.' && number > 0 ? number : 0;
}

// The epoch in "shop-0000000007.jsonl.3.open", of who writes there; 0 for other names.
uint64_t epoch_in(std::string_view name) {
  const size_t end = name.rfind('.');
  if (end == std::string_view::npos || end == 0) return 0;
  const size_t before = name.rfind('.', end - 1);
  if (before == std::string_view::npos) return 0;
  uint64_t epoch = 0;
  const auto [stop, problem] = std::from_chars(name.data() + before + 1, name.data() + end, epoch);
  return problem == std::errc() && stop == name.data() + end ? epoch : 0;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

}  // namespace

Result<> make_file_folder(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder + "/.sluice", failure);
  if (failure) return file_error("creating", folder + "/.sluice", failure.value());
  return {};
}

std::string file_ledger_path(const std::string& folder) { return folder + "/.sluice/ledger.db"; }

FileSeries::FileSeries(std::string folder, std::string job, uint64_t epoch, std::string extension, FileLimits limits)
    : folder_(std::move(folder)),
      job_(std::move(job)),
      epoch_(epoch),
      extension_(std::move(extension)),
      limits_(limits) {}

Result<std::unique_ptr<FileSeries>> FileSeries::open(Context& context, const std::string& folder,
                                                     const std::string& job, uint64_t epoch,
                                                     const std::string& extension, FileLimits limits) {
  std::unique_ptr<FileSeries> series(new FileSeries(folder, job, epoch, extension, limits));
  State state;
  RETURN_IF_ERROR(series->load(context, state));
  RETURN_IF_ERROR(series->recover(state));
  series->remove_leftovers();
  series->current_.number = series->next_number(state.number);
  return series;
}

std::string FileSeries::stem(int64_t number) const {
  return fmt::format("{}-{:0{}}{}", path_part(job_), number, kNumberDigits, extension_);
}

Result<> FileSeries::load(Context& context, State& state) {
  ASSIGN_OR_RETURN(database_, SqliteDatabase::open(context, file_ledger_path(folder_), ErrorCode::kTarget));
  RETURN_IF_ERROR(database_->execute(kCreate));
  ASSIGN_OR_RETURN(ledger_, SqliteLedgerEntryWriter::prepare(*database_, job_, epoch_));
  ASSIGN_OR_RETURN(store_, database_->prepare("INSERT OR REPLACE INTO sluice_files (job, number, temporary, length, "
                                              "whole) VALUES (?, ?, ?, ?, ?)"));
  ASSIGN_OR_RETURN(SqliteStatement select,
                   database_->prepare("SELECT number, temporary, length, whole FROM sluice_files WHERE job = ?"));
  select.bind_text(1, job_);
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return {};
  state = {.number = select.int_at(0),
           .temporary = std::string(select.text_at(1)),
           .length = select.int_at(2),
           .whole = select.int_at(3) != 0};
  return {};
}

// What an earlier series committed becomes a whole file; what it did not commit goes.
Result<> FileSeries::recover(State& state) {
  if (state.temporary.empty()) return {};
  if (!state.whole) {
    RETURN_IF_ERROR(cut(state));
    fault_point("after_file_recovered");
    state.whole = true;
    RETURN_IF_ERROR(store_if_owner(state));
  }
  return give_name(state);
}

Result<> FileSeries::cut(State& state) {
  const std::string path = hidden(state.temporary);
  const Descriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  struct stat status{};
  if (file.number < 0 || ::fstat(file.number, &status) != 0) return file_error("opening", path, errno);
  if (status.st_size < state.length) {
    return Error(
        ErrorCode::kTarget,
        fmt::format("{} has {} bytes, of which the ledger beside it knows {}: events are lost", path, status.st_size,
                    state.length),
        "Somebody changed the file. Restore it, or start the job with --reset, which copies everything again.");
  }
  if (status.st_size > state.length) {
    log_info("{}: {} bytes that were not committed are cut off", path, status.st_size - state.length);
  }
  // A process that lost the job may still be there, and write on.
  if (::flock(file.number, LOCK_EX | LOCK_NB) != 0) return copy_beginning(file.number, state);
  if (::ftruncate(file.number, state.length) != 0) return file_error("cutting", path, errno);
  if (::fsync(file.number) != 0) return file_error("making durable", path, errno);
  return {};
}

Result<> FileSeries::copy_beginning(int from, State& state) {
  state.temporary = fmt::format("{}.{}.cut", stem(state.number), epoch_);
  const std::string path = hidden(state.temporary);
  const Descriptor copy{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode)};
  if (copy.number < 0) return file_error("creating", path, errno);
  std::array<char, 65536> block;
  for (int64_t at = 0; at < state.length;) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(block.size(), state.length - at));
    const ssize_t got = ::pread(from, block.data(), wanted, at);
    if (got <= 0) return file_error("copying into", path, got < 0 ? errno : EIO);
    RETURN_IF_ERROR(write_all(copy.number, {block.data(), static_cast<size_t>(got)}, path));
    at += got;
  }
  if (::fsync(copy.number) != 0) return file_error("making durable", path, errno);
  return sync_folder(folder_ + "/.sluice");
}

// What has a greater epoch is written by a process that took the job over from this one meanwhile.
void FileSeries::remove_leftovers() const {
  const std::string head = path_part(job_) + "-";
  for (const std::string& name : names_in(folder_ + "/.sluice")) {
    if (number_in(name, head) > 0 && epoch_in(name) <= epoch_) ::unlink(hidden(name).c_str());
  }
}

// No file is written over, even if the ledger is gone.
int64_t FileSeries::next_number(int64_t last) const {
  const std::string head = path_part(job_) + "-";
  for (const std::string& name : names_in(folder_)) last = std::max(last, number_in(name, head));
  return last + 1;
}

Result<> FileSeries::create() {
  current_.temporary = fmt::format("{}.{}.open", stem(current_.number), epoch_);
  const std::string path = hidden(current_.temporary);
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode);
  if (file_ < 0 || ::flock(file_, LOCK_EX | LOCK_NB) != 0) return file_error("creating", path, errno);
  fault_point("after_file_created");
  has_new_name_ = true;
  began_ = monotonic_now();
  return {};
}

Result<> FileSeries::write(std::string_view lines) {
  if (lines.empty()) return {};
  failed_ = true;  // until all of it is there
  if (file_ < 0) RETURN_IF_ERROR(create());
  RETURN_IF_ERROR(write_all(file_, lines, hidden(current_.temporary)));
  current_.length += static_cast<int64_t>(lines.size());
  failed_ = false;
  return {};
}

Result<> FileSeries::make_durable() {
  if (current_.length > committed_ && ::fdatasync(file_) != 0) {
    return file_error("making durable", hidden(current_.temporary), errno);
  }
  if (has_new_name_) RETURN_IF_ERROR(sync_folder(folder_ + "/.sluice"));
  has_new_name_ = false;
  return {};
}

Result<> FileSeries::store(const State& state) {
  store_.bind_text(1, job_);
  store_.bind_int(2, state.number);
  store_.bind_text(3, state.temporary);
  store_.bind_int(4, state.length);
  store_.bind_int(5, state.whole ? 1 : 0);
  return store_.run();
}

Result<> FileSeries::store_if_owner(const State& state) {
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(*database_));
  ASSIGN_OR_RETURN(SqliteStatement owner,
                   database_->prepare("SELECT 1 FROM sluice_ledger WHERE job = ? AND entry = 'job' AND epoch = ?"));
  owner.bind_text(1, job_);
  owner.bind_int(2, static_cast<int64_t>(epoch_));
  ASSIGN_OR_RETURN(const bool ours, owner.step());
  if (!ours) return Error(ErrorCode::kFenced, fmt::format("another process has taken over job '{}'", job_));
  owner.reset();
  RETURN_IF_ERROR(store(state));
  return transaction.commit();
}

Result<> FileSeries::commit(Context& context, const LedgerEntry& entry) {
  database_->use(context);
  const bool was_written = current_.length > committed_;
  State next = current_;
  next.whole = file_ >= 0 && (current_.length >= limits_.bytes || monotonic_now() - began_ >= limits_.age);
  failed_ = true;  // until the outcome is known
  RETURN_IF_ERROR(make_durable());
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(*database_));
  RETURN_IF_ERROR(ledger_.write(*database_, entry));
  struct stat status{};
  if (file_ >= 0 && ::fstat(file_, &status) == 0 && status.st_nlink == 0) {
    return Error(ErrorCode::kTarget, hidden(current_.temporary) + " was removed while it was written",
                 "Leave the folder .sluice alone. If lines were committed there, only --reset copies them again.");
  }
  if (was_written || next.whole) RETURN_IF_ERROR(store(next));
  reach_before_commit(entry.name);
  RETURN_IF_ERROR(transaction.commit().context("committing to " + file_ledger_path(folder_)));
  reach_after_commit(entry.name);
  committed_ = current_.length;
  if (next.whole) RETURN_IF_ERROR(give_name(next));
  failed_ = false;
  return {};
}

// Of a file that the ledger says is whole. Nothing happens if it has its name already.
Result<> FileSeries::give_name(const State& state) {
  fault_point("before_file_rename");
  const std::string from = hidden(state.temporary);
  // The name's end tells who wrote it.
  const std::string name = state.temporary.substr(0, state.temporary.rfind('.', state.temporary.rfind('.') - 1));
  const std::string to = folder_ + "/" + name;
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    const int code = errno;
    // An earlier run may have given it the name, or, to a file that is still open here, who took the job over.
    const bool done = code == ENOENT && (file_ < 0 || ::access(to.c_str(), F_OK) == 0);
    if (!done) return file_error("naming", to, code);
  }
  fault_point("after_file_rename");
  RETURN_IF_ERROR(sync_folder(folder_));
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  current_ = {.number = state.number + 1};
  committed_ = 0;
  return {};
}

Result<> FileSeries::finish(Context& context) {
  database_->use(context);
  State state = current_;
  state.whole = true;
  RETURN_IF_ERROR(store_if_owner(state));
  return give_name(state);
}

FileSeries::~FileSeries() {
  if (!failed_ && file_ >= 0 && committed_ > 0 && current_.length == committed_) {
    Context context;  // the job's own has been asked to stop, perhaps
    if (const auto finished = finish(context); !finished) {
      log_debug("{}: the next start makes it whole: {}", hidden(current_.temporary), finished.error().message());
    }
  }
  if (file_ >= 0) ::close(file_);
}

}  // namespace sluice
