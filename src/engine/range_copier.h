// SPDX-License-Identifier: Apache-2.0
// Reads a table in pieces for IncrementalCopy, in a thread of its own, so that nothing at the source keeps the stream
// waiting.
//
// Pieces are read in snapshots that are renewed every second. Before each, the coordinator opens a *window*: from that
// moment it notes which rows of the table the stream changes, and the snapshot must be later.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/context.h"
#include "connector/key_range_reader.h"
#include "connector/source.h"

namespace sluice {

struct CopyOrder {
  TableId table;
  std::string condition;
  std::string surrogate_key;  // a column; empty: the table's key
  std::optional<KeyText> after;
  std::optional<KeyText> upto;
  int64_t limit = 1024;       // rows of a piece
  bool one_snapshot = false;  // which is not renewed
};

struct CopiedPiece {
  ChangeBatch batch;
  std::vector<uint32_t> identity;  // the columns that tell rows apart
  Position position;               // of the snapshot
  KeyText last;
  KeyText greatest;
};

// Debezium's words for how the scan of a table ended.
enum class ScanStatus : uint8_t { kSucceeded, kEmpty, kNoPrimaryKey, kSqlException, kUnknownSchema };
std::string_view scan_status_text(ScanStatus status);

class RangeCopier {
 public:
  // `source` is asked only for what is pure.
  RangeCopier(Context& context, const Source& source, std::unique_ptr<KeyRangeReader> reader);
  ~RangeCopier();
  RangeCopier(const RangeCopier&) = delete;
  RangeCopier& operator=(const RangeCopier&) = delete;

  // All by the coordinator. What was under way, and not taken, is forgotten.
  void begin(CopyOrder order);
  void cancel();
  // True if the next snapshot waits for a window. All pieces of the last one have been taken then.
  bool wants_window() const;
  // The stream has everything up to `reached`; changes are noted from here on.
  void open_window(const Position& reached);
  // The next piece, if the stream has reached its snapshot.
  std::optional<CopiedPiece> next(const Position& reached);
  // How the scan ended, once its last piece was taken.
  std::optional<ScanStatus> ended() const;

 private:
  void run();
  std::optional<ScanStatus> scan(CopyOrder& order, uint64_t number);
  Result<std::optional<ScanStatus>> read_in_snapshot(CopyOrder& order, uint64_t number, const Position& position);
  Result<std::optional<ScanStatus>> read_pieces(CopyOrder& order, uint64_t number, const Position& position,
                                                KeyRange range, const TableSchemaPtr& schema);
  std::optional<Position> wait_for_window(uint64_t number);
  Result<bool> hand_over(CopiedPiece piece, uint64_t number, std::optional<MonotonicTime> until);
  void wait_while(const std::function<bool()>& condition, std::unique_lock<std::mutex>& lock,
                  std::optional<MonotonicTime> until = {});
  bool superseded(uint64_t number) const;
  void pause(std::chrono::milliseconds duration);

  Context context_;
  const Source& source_;
  std::unique_ptr<KeyRangeReader> reader_;  // of the thread
  TableSchemaPtr schema_;                   // of the thread: the last table's
  std::chrono::milliseconds later_{1000};   // of the thread: until it tries again
  bool complained_ = false;                 // of the thread: about what it tries again

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  uint64_t number_ = 0;  // of the order
  std::optional<CopyOrder> order_;
  bool wants_window_ = false;
  std::optional<Position> window_;
  std::deque<CopiedPiece> pieces_;
  std::optional<ScanStatus> ended_;

  std::jthread thread_;
};

}  // namespace sluice
