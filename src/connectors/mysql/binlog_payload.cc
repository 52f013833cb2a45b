// SPDX-License-Identifier: Apache-2.0
// MySQL's compressed transactions: one event whose payload is the events of the whole transaction.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "connectors/mysql/binlog_event.h"

namespace sluice::mysql {
namespace {

constexpr size_t kStep = size_t{128} * 1024;

Error damaged(std::string_view what) {
  return Error(ErrorCode::kCorrupt, fmt::format("decoding TRANSACTION_PAYLOAD_EVENT: {}", what));
}

}  // namespace

struct PayloadReader::Stream {
  ZSTD_DCtx* zstd = nullptr;  // null: not compressed
  ZSTD_inBuffer input{};
  bool frame_open = false;  // in the middle of a frame: the input may not end here

  ~Stream() { ZSTD_freeDCtx(zstd); }
};

PayloadReader::PayloadReader() = default;
PayloadReader::~PayloadReader() = default;

Result<std::unique_ptr<PayloadReader>> PayloadReader::open(const Event& payload) {
  constexpr uint64_t kEnd = 0, kSize = 1, kCompression = 2;
  constexpr uint64_t kZstd = 0, kNone = 255;
  ByteReader reader(payload.body);
  uint64_t compression = kNone;
  uint64_t size = UINT64_MAX;
  for (uint64_t field = reader.packed(); field != kEnd; field = reader.packed()) {
    ByteReader value(reader.bytes(reader.packed()));
    if (field == kSize) size = value.packed();
    if (field == kCompression) compression = value.packed();
    if (reader.failed() || value.failed()) break;
  }
  if (reader.failed()) return damaged("its header is cut short");
  if (compression != kZstd && compression != kNone) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("decoding TRANSACTION_PAYLOAD_EVENT: compression type {} is not known", compression),
                 "Set binlog_transaction_compression = OFF on the source.");
  }
  Bytes data = size == UINT64_MAX ? reader.rest() : reader.bytes(size);
  if (reader.failed()) return damaged("its payload is cut short");
  std::unique_ptr<PayloadReader> result(new PayloadReader);
  result->stream_ = std::make_unique<Stream>();
  result->stream_->input = {data.data(), data.size(), 0};
  if (compression == kZstd) {
    result->stream_->zstd = ZSTD_createDCtx();
    if (result->stream_->zstd == nullptr) return Error(ErrorCode::kInternal, "allocating a zstd context failed");
  }
  return result;
}

// Makes at least `wanted` bytes available from begin_; false if the payload has ended before.
Result<bool> PayloadReader::fill(size_t wanted) {
  if (buffer_.size() - begin_ >= wanted) return true;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(begin_));
  begin_ = 0;
  Stream& stream = *stream_;
  while (buffer_.size() < wanted) {
    if (stream.input.pos == stream.input.size && !stream.frame_open) return false;
    size_t before = buffer_.size();
    if (stream.zstd == nullptr) {
      size_t count = std::min(kStep, stream.input.size - stream.input.pos);
      const auto* from = static_cast<const uint8_t*>(stream.input.src) + stream.input.pos;
      buffer_.insert(buffer_.end(), from, from + count);
      stream.input.pos += count;
      continue;
    }
    // Grows with the data, never to a size that only the data claims.
    buffer_.resize(before + kStep);
    ZSTD_outBuffer output{buffer_.data() + before, kStep, 0};
    size_t consumed = stream.input.pos;
    size_t state = ZSTD_decompressStream(stream.zstd, &output, &stream.input);
    buffer_.resize(before + output.pos);
    if (ZSTD_isError(state) != 0) return damaged(fmt::format("zstd: {}", ZSTD_getErrorName(state)));
    stream.frame_open = state != 0;
    if (output.pos == 0 && stream.input.pos == consumed) return damaged("its compressed data is cut short");
  }
  return true;
}

Result<bool> PayloadReader::next(Event& event) {
  ASSIGN_OR_RETURN(bool header_read, fill(kEventHeaderSize));
  if (!header_read) {
    if (begin_ == buffer_.size()) return false;
    return damaged("its last event is cut short");
  }
  auto size = static_cast<size_t>(load_little_endian<4>(buffer_.data() + begin_ + 9));
  if (size < kEventHeaderSize) return damaged("an event inside is shorter than its header");
  ASSIGN_OR_RETURN(bool body_read, fill(size));
  if (!body_read) return damaged("an event inside is longer than the payload");
  static const BinlogFormat kPlain;  // events inside carry no checksum
  ASSIGN_OR_RETURN(event, parse_event(Bytes(buffer_).subspan(begin_, size), kPlain));
  begin_ += size;
  return true;
}

}  // namespace sluice::mysql
