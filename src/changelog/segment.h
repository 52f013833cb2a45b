// SPDX-License-Identifier: Apache-2.0
// One file of a change log: a line that names the format, then records [length 4][CRC-32C 4][type 1][payload], numbers
// in little-endian order; the length counts type and payload, the checksum covers them. The first record says where
// the segment begins (RecordType::kState).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "changelog/record_codec.h"

namespace sluice {

// A file descriptor that is closed with its owner.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(other.release()) {}
  FileHandle& operator=(FileHandle&& other) noexcept;
  ~FileHandle();
  int get() const { return fd_; }
  int release();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// "writing FILE: No space left on device", with the remedy.
Error file_error(std::string_view doing, const std::string& path, int code);

struct LogRecord {
  RecordType type;
  std::string_view payload;  // valid until the next call
  uint64_t begin;
  uint64_t end;
};

// Reads records one after the other. One thread.
class SegmentReader {
 public:
  static Result<std::unique_ptr<SegmentReader>> open(const std::string& path);
  // The record behind the last one; nothing if that ended at `limit` or behind. kCorrupt if it is damaged or cut short.
  Result<std::optional<LogRecord>> next(uint64_t limit);
  uint64_t offset() const { return offset_; }
  uint64_t size() const { return size_; }  // of the file when it was opened
  // True if behind the damage there is a record that was written when everything before it was on disk already.
  Result<bool> was_durable_behind(uint64_t offset);

 private:
  SegmentReader(std::string path, FileHandle file, uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  Result<> load(uint64_t offset, size_t bytes, uint64_t limit);
  Error damaged(uint64_t offset) const;

  const std::string path_;
  FileHandle file_;
  uint64_t size_;
  uint64_t offset_ = 0;
  std::string window_;
  uint64_t window_begin_ = 0;
};

// Appends records. After an error only cut() helps. One thread.
class SegmentWriter {
 public:
  // Makes the file with its first record, durable in whole or not there at all.
  static Result<std::unique_ptr<SegmentWriter>> create(const std::string& path, const LogState& state);
  // Goes on behind `offset`; what is behind it is cut off.
  static Result<std::unique_ptr<SegmentWriter>> open(const std::string& path, uint64_t offset);

  Result<> append(const Record& record);
  // Everything appended is on disk.
  Result<> sync();
  Result<> cut(uint64_t offset);
  uint64_t offset() const { return offset_ + buffer_.size(); }

 private:
  SegmentWriter(std::string path, FileHandle file, uint64_t offset)
      : path_(std::move(path)), file_(std::move(file)), offset_(offset) {}
  Result<> flush();

  const std::string path_;
  FileHandle file_;
  uint64_t offset_;  // of what is in the file
  std::string buffer_;
  bool synced_ = false;  // nothing was appended since the last sync()
};

}  // namespace sluice
