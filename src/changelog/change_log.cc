// SPDX-License-Identifier: Apache-2.0
#include "changelog/change_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".log";
constexpr size_t kReadBytes = 1 << 20;

// The numbers of the segments in a folder, in order; removes what was never finished.
Result<std::vector<uint64_t>> list_segments(const std::string& folder) {
  std::vector<uint64_t> numbers;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".new")) {
      std::error_code gone;
      fs::remove(entry.path(), gone);
    }
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && std::string_view(end) == kEnding) numbers.push_back(number);
  }
  if (failure) return file_error("reading the folder", folder, failure.value());
  std::ranges::sort(numbers);
  return numbers;
}

Result<FileHandle> lock_folder(const std::string& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) return file_error("creating", folder, failure.value());
  fs::permissions(folder, fs::perms::owner_all, failure);
  const std::string path = folder + "/lock";
  FileHandle lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return file_error("creating", path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return file_error("locking", path, errno);
  return Error(ErrorCode::kTransient, fmt::format("another process has the change log {} open", folder));
}

}  // namespace

Result<std::unique_ptr<ChangeLog>> ChangeLog::open(const std::string& folder, uint64_t segment_bytes) {
  std::unique_ptr<ChangeLog> log(new ChangeLog(folder, segment_bytes));
  ASSIGN_OR_RETURN(log->lock_, lock_folder(folder));
  RETURN_IF_ERROR(log->load());
  return log;
}

Result<> ChangeLog::remove(const std::string& folder) {
  std::error_code missing;
  if (!fs::exists(folder, missing)) return {};
  ASSIGN_OR_RETURN(const FileHandle lock, lock_folder(folder));
  ASSIGN_OR_RETURN(const auto numbers, list_segments(folder));
  for (const uint64_t number : numbers) {
    const std::string path = fmt::format("{}/{:08}{}", folder, number, kEnding);
    if (::unlink(path.c_str()) != 0) return file_error("removing", path, errno);
  }
  return sync_folder(folder);
}

std::string ChangeLog::path(uint64_t number) const { return fmt::format("{}/{:08}{}", folder_, number, kEnding); }

Result<> ChangeLog::load() {
  ASSIGN_OR_RETURN(const auto numbers, list_segments(folder_));
  // From the newest back to the one with which the log begins; older ones were left by a crash.
  std::deque<Segment> found;
  bool complete = false;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    if (complete) {
      if (::unlink(path(*number).c_str()) != 0) return file_error("removing", path(*number), errno);
      continue;
    }
    if (!found.empty() && found.front().number != *number + 1) break;
    ASSIGN_OR_RETURN(auto reader, SegmentReader::open(path(*number)));
    ASSIGN_OR_RETURN(const auto frame, reader->next(reader->size()));
    if (!frame || frame->type != RecordType::kState) {
      return Error(ErrorCode::kCorrupt, fmt::format("{} does not say where it begins", path(*number)));
    }
    ASSIGN_OR_RETURN(LogState state, decode_state(frame->payload));
    found.push_front({.number = *number, .begin = std::move(state.position), .size = reader->size()});
    complete = state.first;
  }
  if (found.empty()) return {};
  segments_ = std::move(found);
  return scan_last();
}

// Finds the end of the log, and cuts off what is behind it.
Result<> ChangeLog::scan_last() {
  const Segment last = segments_.back();
  ASSIGN_OR_RETURN(auto reader, SegmentReader::open(path(last.number)));
  ElementDecoder decoder;
  uint64_t whole = 0;
  for (;;) {
    const uint64_t at = reader->offset();
    auto frame = reader->next(reader->size());
    if (!frame) {
      if (frame.error().code() != ErrorCode::kCorrupt) return std::move(frame).error();
      ASSIGN_OR_RETURN(const bool was_durable, reader->was_durable_behind(at));
      if (was_durable) return std::move(frame).error();
      log_warn("{}: cutting off {} bytes of a write that did not end", path(last.number), reader->size() - at);
      break;
    }
    if (!*frame) break;
    const LogRecord& record = **frame;
    if (record.type == RecordType::kState) {
      ASSIGN_OR_RETURN(state_, decode_state(record.payload));
      data_begin_ = whole = record.end;
    } else if (record.type == RecordType::kTables) {
      ASSIGN_OR_RETURN(const LogState some, decode_state(record.payload));
      state_.replace(some);
      whole = record.end;
    } else if (record.type != RecordType::kBatch && record.type != RecordType::kTransactions) {
      ASSIGN_OR_RETURN(const auto element, decoder.decode(record.type, record.payload));
      if (!element) continue;
      if (const auto* end = std::get_if<GroupEnd>(&*element)) state_.position = end->position;
      if (const auto* event = std::get_if<SchemaChangeEvent>(&*element)) state_.follow(*event);
      whole = record.end;
    }
  }
  if (whole == 0) return Error(ErrorCode::kCorrupt, fmt::format("{} does not say where it begins", path(last.number)));
  ASSIGN_OR_RETURN(writer_, SegmentWriter::open(path(last.number), whole));
  encoder_.forget(decoder.last_schema());
  whole_ = published_ = whole;
  std::lock_guard lock(mutex_);
  segments_.back().size = whole;
  return {};
}

Result<> ChangeLog::begin_at(LogState state) {
  state.first = true;
  const uint64_t number = segments_.empty() ? 1 : segments_.back().number + 1;
  ASSIGN_OR_RETURN(writer_, SegmentWriter::create(path(number), state));
  fault_point("after_change_log_begin");
  std::deque<Segment> old;
  {
    std::lock_guard lock(mutex_);
    std::swap(old, segments_);
    segments_.push_back({.number = number, .begin = state.position, .size = writer_->offset()});
  }
  for (const Segment& segment : old) (void)::unlink(path(segment.number).c_str());
  encoder_.forget();
  whole_ = published_ = data_begin_ = writer_->offset();
  state_ = std::move(state);
  return {};
}

Result<> ChangeLog::append_records(std::span<const Record> records) {
  for (const Record& record : records) RETURN_IF_ERROR(writer_->append(record));
  return {};
}

Result<> ChangeLog::append(const StreamElement& element) {
  std::vector<Record> records;
  encoder_.encode(element, records);
  RETURN_IF_ERROR(append_records(records));
  if (std::holds_alternative<ChangeBatch>(element)) return {};
  if (const auto* end = std::get_if<GroupEnd>(&element)) state_.position = end->position;
  if (const auto* event = std::get_if<SchemaChangeEvent>(&element)) state_.follow(*event);
  whole_ = writer_->offset();
  return {};
}

Result<> ChangeLog::replace_tables(const LogState& some) {
  const Record record{RecordType::kTables, encode_state(some)};
  RETURN_IF_ERROR(append_records({&record, 1}));
  state_.replace(some);
  whole_ = writer_->offset();
  return {};
}

Result<> ChangeLog::sync() {
  RETURN_IF_ERROR(writer_->sync());
  published_ = whole_;
  {
    std::lock_guard lock(mutex_);
    segments_.back().size = published_;
  }
  if (!settled() || published_ - data_begin_ < segment_bytes_) return {};
  return rotate();
}

// Only between two groups, so that each segment can be read from its beginning.
Result<> ChangeLog::rotate() {
  const uint64_t number = segments_.back().number + 1;
  state_.first = false;
  ASSIGN_OR_RETURN(writer_, SegmentWriter::create(path(number), state_));
  fault_point("after_change_log_rotation");
  encoder_.forget();
  whole_ = published_ = data_begin_ = writer_->offset();
  std::lock_guard lock(mutex_);
  segments_.push_back({.number = number, .begin = state_.position, .size = published_});
  return {};
}

Result<> ChangeLog::settle() {
  RETURN_IF_ERROR(writer_->cut(published_));
  return scan_last();
}

Result<> ChangeLog::trim(const IsCovered& covered) {
  std::lock_guard lock(mutex_);
  while (segments_.size() > 1 && covered(segments_[1].begin)) {
    const std::string gone = path(segments_.front().number);
    if (::unlink(gone.c_str()) != 0) return file_error("removing", gone, errno);
    segments_.pop_front();
    fault_point("after_change_log_trim");
  }
  return {};
}

Position ChangeLog::begin() const {
  std::lock_guard lock(mutex_);
  return segments_.front().begin;
}

uint64_t ChangeLog::bytes() const {
  std::lock_guard lock(mutex_);
  uint64_t total = 0;
  for (const Segment& segment : segments_) total += segment.size;
  return total;
}

std::unique_ptr<ChangeLogReader> ChangeLog::read(const IsCovered& covered) {
  std::lock_guard lock(mutex_);
  uint64_t number = segments_.front().number;
  for (const Segment& segment : segments_) {
    if (covered(segment.begin)) number = segment.number;
  }
  return std::unique_ptr<ChangeLogReader>(new ChangeLogReader(*this, number));
}

std::optional<ChangeLog::Segment> ChangeLog::segment(uint64_t number) const {
  std::lock_guard lock(mutex_);
  for (const Segment& segment : segments_) {
    if (segment.number == number) return segment;
  }
  return std::nullopt;
}

Result<bool> ChangeLogReader::next(std::vector<StreamElement>& out) {
  const size_t before = out.size();
  for (size_t bytes = 0; bytes < kReadBytes;) {
    const auto known = log_.segment(number_);
    if (!known) return Error(ErrorCode::kTransient, "the change log was begun anew");
    if (!segment_) {
      ASSIGN_OR_RETURN(segment_, SegmentReader::open(log_.path(number_)));
      decoder_.forget();
    }
    ASSIGN_OR_RETURN(const auto frame, segment_->next(known->size));
    if (!frame) {
      // A segment that has a successor does not grow, but may have grown since it was asked for.
      if (!log_.segment(number_ + 1)) break;
      if (log_.segment(number_)->size > segment_->offset()) continue;
      segment_.reset();
      ++number_;
      continue;
    }
    ASSIGN_OR_RETURN(auto element, decoder_.decode(frame->type, frame->payload));
    bytes += frame->payload.size();
    if (element) out.push_back(std::move(*element));
  }
  return out.size() > before;
}

}  // namespace sluice
