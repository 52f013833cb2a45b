// SPDX-License-Identifier: Apache-2.0
#include "connector/transaction_buffer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace sluice {
namespace {

constexpr size_t kReadBytes = 1 << 20;

// Stands in front of each message.
struct Head {
  uint64_t place;
  uint64_t length;
};

std::string spill_folder() {
  std::error_code ignored;
  return std::filesystem::temp_directory_path(ignored).string();
}

Error file_error(std::string_view doing) {
  return Error(ErrorCode::kState,
               fmt::format("{} a temporary file in {}: {}", doing, spill_folder(), std::strerror(errno)),
               "A large transaction is kept there until it commits: make room, or set TMPDIR to another folder.");
}

Result<int> make_file() {
  std::string path = spill_folder() + "/sluice-transaction-XXXXXX";
  const int file = mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return file_error("creating");
  unlink(path.c_str());
  return file;
}

Head head_at(const std::string& bytes, size_t at) {
  Head head{};
  std::memcpy(&head, bytes.data() + at, sizeof head);
  return head;
}

}  // namespace

TransactionBuffer::~TransactionBuffer() {
  if (file_ >= 0) close(file_);
}

Result<> TransactionBuffer::append(const Message& message) {
  const Head head{.place = message.place, .length = message.text.size()};
  tail_.append(reinterpret_cast<const char*>(&head), sizeof head);
  tail_.append(message.text);
  ++messages_;
  if (tail_.size() >= memory_bytes_) return spill();
  return {};
}

Result<> TransactionBuffer::spill() {
  if (file_ < 0) {
    ASSIGN_OR_RETURN(file_, make_file());
  }
  for (size_t done = 0; done < tail_.size();) {
    const ssize_t wrote = write(file_, tail_.data() + done, tail_.size() - done);
    if (wrote < 0 && errno != EINTR) return file_error("writing");
    if (wrote > 0) done += static_cast<size_t>(wrote);
  }
  file_size_ += tail_.size();
  tail_.clear();
  return {};
}

// Reads on in the file, keeping what is not used yet; false at its end.
Result<bool> TransactionBuffer::fill() {
  if (file_read_ == file_size_) return false;
  window_.erase(0, window_at_);
  window_at_ = 0;
  const size_t had = window_.size();
  window_.resize(had + std::min<uint64_t>(kReadBytes, file_size_ - file_read_));
  ssize_t got = -1;
  do {
    got = pread(file_, window_.data() + had, window_.size() - had, static_cast<off_t>(file_read_));
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return file_error("reading");
  window_.resize(had + static_cast<size_t>(got));
  file_read_ += static_cast<uint64_t>(got);
  return true;
}

Result<std::optional<TransactionBuffer::Message>> TransactionBuffer::next() {
  for (;;) {
    const size_t left = window_.size() - window_at_;
    if (left >= sizeof(Head)) {
      const Head head = head_at(window_, window_at_);
      if (left - sizeof(Head) >= head.length) {
        const std::string_view text(window_.data() + window_at_ + sizeof(Head), head.length);
        window_at_ += sizeof(Head) + head.length;
        return std::optional(Message{.place = head.place, .text = text});
      }
    }
    ASSIGN_OR_RETURN(const bool more, fill());
    if (!more) break;
  }
  if (tail_at_ == tail_.size()) return std::optional<Message>();
  const Head head = head_at(tail_, tail_at_);
  const std::string_view text(tail_.data() + tail_at_ + sizeof(Head), head.length);
  tail_at_ += sizeof(Head) + head.length;
  return std::optional(Message{.place = head.place, .text = text});
}

}  // namespace sluice
