// SPDX-License-Identifier: Apache-2.0
// Follows one tenant's binary log in one round of the archive: links new files, knows where the log ends, and notes
// that with the time. Any thread, one at a time.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tenants/binlog_cut.h"
#include "tenants/catalog.h"

namespace sluice {

struct ArchivedFile {
  int64_t round = 0, number = 0;  // the number is that of the name
  std::string name;
  GtidState first, last;  // before it and, if it is closed, behind it
  int64_t bytes = 0;
  bool closed = false;
  // Of the round: from its start to the last time that its log was seen to go on. GTIDs alone do not say what is of a
  // round, since those of a history that was reset begin anew.
  int64_t round_begin_scn = 0, round_end_scn = 0;
  bool is_of_its_round(const SnapshotRow& snapshot) const {
    return round_begin_scn <= snapshot.scn && snapshot.scn <= round_end_scn;
  }
};
// Of all rounds of a tenant, oldest first.
Result<std::vector<ArchivedFile>> archived_files(CatalogTransaction& transaction, int64_t tenant);

// The log ended here at that time, by the clock of this machine.
struct LogSample {
  int64_t wall_clock_ms = 0;
  GtidState state;
  bool operator==(const LogSample&) const = default;
};
// Of one archived file, in order; what a power failure left of the last line is not read.
Result<std::vector<LogSample>> read_samples(const std::string& file);

class ArchiveFollower {
 public:
  // `data` is the tenant's folder, `folder` the round's. The catalog must outlive it.
  ArchiveFollower(Catalog& catalog, int64_t round, std::string data, std::string folder)
      : catalog_(catalog), round_(round), data_(std::move(data)), folder_(std::move(folder)) {}

  // Goes on where the catalog says that an earlier one was.
  Result<> open();
  // Archives what there is now. A text: why this round cannot go on.
  Result<std::optional<std::string>> look();
  // Archives what there is and notes until when it looked, and the file is over; from now on look() does nothing.
  Result<> end();
  int64_t round() const { return round_; }

  // Of the archive's keeper.
  std::mutex base_mutex;  // held while a snapshot is made
  std::atomic<int64_t> next_base_ms{0};
  std::atomic<bool> alarmed{false};

 private:
  Result<std::vector<std::string>> log_names() const;
  Result<> read_on();
  Result<std::optional<std::string>> add(const std::string& name, int64_t number);
  Result<> close_file();
  Result<> note(int64_t looked_ms);
  std::string archived() const { return folder_ + "/" + name_; }

  Catalog& catalog_;
  const int64_t round_;
  const std::string data_, folder_;
  std::mutex mutex_;  // of all that follows
  bool ended_ = false;
  std::string name_;    // the file that is open; empty: none yet
  int64_t number_ = 0;  // of its name
  BinlogFile log_;      // as far as it was read, without the transactions that are in the state
  GtidState state_;
  std::optional<GtidState> noted_;
  int64_t noted_ms_ = 0, stored_ms_ = 0;
  int64_t looked_ms_ = 0;  // when the last look() began that found the round going on
};

}  // namespace sluice
