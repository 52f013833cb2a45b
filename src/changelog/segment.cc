// SPDX-License-Identifier: Apache-2.0
#include "changelog/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/fault.h"
#include "base/files.h"
#include "changelog/crc32c.h"
#include "changelog/numbered_fields.h"

namespace sluice {
namespace {

constexpr std::string_view kFormat = "sluice change log 1\n";
constexpr size_t kPrefix = 9;  // of a record: length, checksum, type
constexpr size_t kWindow = 256 << 10;
constexpr size_t kWriteBytes = 256 << 10;
// Begins the payload of RecordType::kSynced, so that one can be found behind damage.
constexpr std::string_view kSyncMark("\xd3\x81sync\xf7\x9e", 8);

uint32_t number_at(const char* bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void append_number(uint32_t value, std::string& out) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::string sync_payload(uint64_t offset) {
  std::string payload;
  append_field(1, kSyncMark, payload);
  append_field(2, offset, payload);
  return payload;
}

void append_record(RecordType type, std::string_view payload, std::string& out) {
  append_number(static_cast<uint32_t>(payload.size() + 1), out);
  append_number(0, out);
  const size_t body = out.size();
  out.push_back(static_cast<char>(type));
  out.append(payload);
  std::string checksum;
  append_number(crc32c(std::string_view(out).substr(body)), checksum);
  out.replace(body - 4, 4, checksum);
}

Result<> write_all(int fd, std::string_view bytes, uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return file_error("writing", path, written < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return {};
}

}  // namespace

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = other.release();
  return *this;
}

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

int FileHandle::release() { return std::exchange(fd_, -1); }

Error file_error(std::string_view doing, const std::string& path, int code) {
  return Error(ErrorCode::kState, fmt::format("{} {}: {}", doing, path, std::strerror(code)),
               code == ENOSPC || code == EDQUOT ? "Free space there, or give another --state after a clean stop." : "");
}

Result<std::unique_ptr<SegmentReader>> SegmentReader::open(const std::string& path) {
  FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return file_error("opening", path, errno);
  std::unique_ptr<SegmentReader> reader(
      new SegmentReader(path, std::move(file), static_cast<uint64_t>(status.st_size)));
  RETURN_IF_ERROR(reader->load(0, kFormat.size(), kFormat.size()));
  if (!reader->window_.starts_with(kFormat)) {
    return Error(ErrorCode::kCorrupt, fmt::format("{} is not part of a change log that this version can read", path));
  }
  reader->offset_ = kFormat.size();
  return reader;
}

Error SegmentReader::damaged(uint64_t offset) const {
  return Error(ErrorCode::kCorrupt, fmt::format("the change log is damaged: {} at byte {}", path_, offset),
               "Changes in it are no longer at the source. Restore the file, or start the job with --reset: it copies "
               "again.");
}

// Has the window show at least these bytes, as far as the file has them, and nothing behind the limit: that may change.
Result<> SegmentReader::load(uint64_t offset, size_t bytes, uint64_t limit) {
  if (offset >= window_begin_ && offset + bytes <= window_begin_ + window_.size()) return {};
  window_.resize(std::min<uint64_t>(std::max(bytes, kWindow), limit - offset));
  window_begin_ = offset;
  size_t got = 0;
  while (got < window_.size()) {
    const ssize_t read =
        ::pread(file_.get(), window_.data() + got, window_.size() - got, static_cast<off_t>(offset + got));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return file_error("reading", path_, errno);
    if (read == 0) break;
    got += static_cast<size_t>(read);
  }
  window_.resize(got);
  return {};
}

Result<std::optional<LogRecord>> SegmentReader::next(uint64_t limit) {
  if (offset_ >= limit) return std::optional<LogRecord>();
  const auto shown = [&] { return std::string_view(window_).substr(offset_ - window_begin_); };
  RETURN_IF_ERROR(load(offset_, kPrefix, limit));
  if (shown().size() < kPrefix) return damaged(offset_);
  const uint64_t length = number_at(shown().data());
  if (length == 0 || offset_ + 8 + length > limit) return damaged(offset_);
  RETURN_IF_ERROR(load(offset_, 8 + length, limit));
  const std::string_view bytes = shown();
  if (bytes.size() < 8 + length) return damaged(offset_);
  const std::string_view body = bytes.substr(8, length);
  if (crc32c(body) != number_at(bytes.data() + 4)) return damaged(offset_);
  const LogRecord record{.type = static_cast<RecordType>(body[0]),
                         .payload = body.substr(1),
                         .begin = offset_,
                         .end = offset_ + 8 + length};
  offset_ = record.end;
  return std::optional(record);
}

Result<bool> SegmentReader::was_durable_behind(uint64_t offset) {
  // A mark is never longer than this, and may lie across the border of two windows.
  constexpr size_t kMost = 64;
  for (uint64_t from = offset; from < size_; from += kWindow - kMost) {
    window_.clear();
    RETURN_IF_ERROR(load(from, kWindow, size_));
    const std::string window = window_;
    for (size_t at = window.find(kSyncMark); at != std::string::npos; at = window.find(kSyncMark, at + 1)) {
      // Before it: the prefix of the record, the field's tag and its length.
      const uint64_t begin = from + at - kPrefix - 2;
      if (at < kPrefix + 2 || begin <= offset) continue;
      std::string expected;
      append_record(RecordType::kSynced, sync_payload(begin), expected);
      if (window.compare(at - kPrefix - 2, expected.size(), expected) == 0) return true;
    }
  }
  return false;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(const std::string& path, const LogState& state) {
  const std::string unfinished = path + ".new";
  FileHandle file(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return file_error("creating", unfinished, errno);
  std::string bytes(kFormat);
  append_record(RecordType::kState, encode_state(state), bytes);
  RETURN_IF_ERROR(write_all(file.get(), bytes, 0, unfinished));
  if (::fsync(file.get()) != 0) return file_error("making durable", unfinished, errno);
  fault_point("before_segment_rename");
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return file_error("naming", path, errno);
  RETURN_IF_ERROR(sync_folder(std::filesystem::path(path).parent_path()));
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(path, std::move(file), bytes.size()));
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::open(const std::string& path, uint64_t offset) {
  FileHandle file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return file_error("opening", path, errno);
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(path, std::move(file), offset));
  RETURN_IF_ERROR(writer->cut(offset));
  return writer;
}

Result<> SegmentWriter::append(const Record& record) {
  if (record.payload.size() >= UINT32_MAX) {
    return Error(ErrorCode::kUnsupported, "a change of 4 GB does not fit into the change log");
  }
  if (std::exchange(synced_, false)) append_record(RecordType::kSynced, sync_payload(offset()), buffer_);
  append_record(record.type, record.payload, buffer_);
  return buffer_.size() >= kWriteBytes ? flush() : Result<>();
}

Result<> SegmentWriter::flush() {
  RETURN_IF_ERROR(write_all(file_.get(), buffer_, offset_, path_));
  offset_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<> SegmentWriter::sync() {
  if (synced_) return {};
  RETURN_IF_ERROR(flush());
  fault_point("before_change_log_sync");
  if (::fdatasync(file_.get()) != 0) return file_error("making durable", path_, errno);
  fault_point("after_change_log_sync");
  synced_ = true;
  return {};
}

Result<> SegmentWriter::cut(uint64_t offset) {
  buffer_.clear();
  synced_ = false;
  if (::ftruncate(file_.get(), static_cast<off_t>(offset)) != 0) return file_error("cutting", path_, errno);
  if (::fdatasync(file_.get()) != 0) return file_error("making durable", path_, errno);
  offset_ = offset;
  return {};
}

}  // namespace sluice
