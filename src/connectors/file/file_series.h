// SPDX-License-Identifier: Apache-2.0
// The files of one job in a folder, with numbers that count up: "shop-0000000001.jsonl". A file is written in the
// hidden folder ".sluice" of that folder and gets its name when it is whole, after which nobody writes it again.
//
// The job's ledger is there too, in ".sluice/ledger.db". One transaction in it moves the position of the job and the
// length up to which the file that is being written holds what belongs to it. So a crash at any point leaves more bytes
// than the ledger knows of, never fewer; the next series cuts them off, and the file is whole then.
//
// A process that lost the job cannot commit, and what it still writes goes into a file that is nobody's any more.
// Used by one thread; one series of a job is open at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "connector/sink.h"
#include "state/sqlite_database.h"
#include "state/sqlite_ledger.h"

namespace sluice {

// A file is whole at the first commit at which one of these is reached.
struct FileLimits {
  int64_t bytes = 0;
  std::chrono::milliseconds age{0};  // since its first line
};

// Creates the folder and the one in it that is hidden.
Result<> make_file_folder(const std::string& folder);
std::string file_ledger_path(const std::string& folder);

class FileSeries {
 public:
  // Of the job that was taken over with this epoch: makes whole what an earlier series left. `extension`: ".jsonl".
  static Result<std::unique_ptr<FileSeries>> open(Context& context, const std::string& folder, const std::string& job,
                                                  uint64_t epoch, const std::string& extension, FileLimits limits);
  // The file becomes whole, unless something was written that is not committed.
  ~FileSeries();
  FileSeries(const FileSeries&) = delete;
  FileSeries& operator=(const FileSeries&) = delete;

  // Whole lines. They are not part of anything until the commit.
  Result<> write(std::string_view lines);
  Result<> commit(Context& context, const LedgerEntry& entry);

 private:
  // What the ledger says of the file that is being written, or was last.
  struct State {
    int64_t number = 0;
    std::string temporary;  // its name in the hidden folder; empty: none
    int64_t length = 0;
    bool whole = false;
  };
  FileSeries(std::string folder, std::string job, uint64_t epoch, std::string extension, FileLimits limits);
  Result<> load(Context& context, State& state);
  Result<> recover(State& state);
  Result<> cut(State& state);
  Result<> copy_beginning(int from, State& state);
  void remove_leftovers() const;
  int64_t next_number(int64_t last) const;
  Result<> create();
  Result<> make_durable();
  Result<> store(const State& state);
  Result<> store_if_owner(const State& state);
  Result<> give_name(const State& state);
  Result<> finish(Context& context);
  std::string hidden(const std::string& name) const { return folder_ + "/.sluice/" + name; }
  std::string stem(int64_t number) const;

  const std::string folder_;
  const std::string job_;
  const uint64_t epoch_;
  const std::string extension_;
  const FileLimits limits_;
  std::unique_ptr<SqliteDatabase> database_;
  SqliteLedgerEntryWriter ledger_;
  SqliteStatement store_;
  int file_ = -1;
  State current_;              // with what is not committed yet
  bool has_new_name_ = false;  // in the hidden folder, which is not synced
  bool failed_ = false;
  int64_t committed_ = 0;  // bytes of the current file
  MonotonicTime began_;
};

}  // namespace sluice
