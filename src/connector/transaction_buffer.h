// SPDX-License-Identifier: Apache-2.0
// The messages of one transaction until it commits: in memory, and what does not fit in a file. The file has no name,
// so that nothing is left of it however the process ends. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

class TransactionBuffer {
 public:
  // Bytes held in memory before they go to a file in $TMPDIR, or else /tmp.
  static constexpr size_t kMemoryBytes = 2 << 20;
  explicit TransactionBuffer(size_t memory_bytes = kMemoryBytes) : memory_bytes_(memory_bytes) {}
  ~TransactionBuffer();
  TransactionBuffer(const TransactionBuffer&) = delete;
  TransactionBuffer& operator=(const TransactionBuffer&) = delete;

  struct Message {
    uint64_t place = 0;  // in the server's log
    std::string_view text;
  };
  Result<> append(const Message& message);
  uint64_t messages() const { return messages_; }
  // Messages in the file are not in memory.
  size_t memory() const { return tail_.size(); }

  // After the last append: the messages from the first, each valid until the next call; nothing at the end.
  Result<std::optional<Message>> next();

 private:
  Result<> spill();
  Result<bool> fill();

  size_t memory_bytes_;
  int file_ = -1;
  uint64_t file_size_ = 0;
  std::string tail_;  // what is behind the file: messages, each after its head
  uint64_t messages_ = 0;
  // Reading.
  uint64_t file_read_ = 0;  // of the file, up to here in window_
  std::string window_;
  size_t window_at_ = 0;
  size_t tail_at_ = 0;
};

}  // namespace sluice
