// SPDX-License-Identifier: Apache-2.0
#include "connectors/http/http_writer.h"

#include <fmt/format.h>
#include <openssl/hmac.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

#include "base/fault.h"
#include "base/log.h"
#include "codec/event_position.h"
#include "data/json_value.h"

namespace sluice {
namespace {

// Rows of a copy, and groups that have ended, beyond this many bytes are sent before the commit.
constexpr size_t kMostWaitingBytes = 1 << 20;
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::chrono::milliseconds kLongestAskedPause{60'000};
constexpr std::string_view kIdHead = R"({"id":)";

bool is_worth_another_try(long status) {
  constexpr long kTimeout = 408, kTooEarly = 425, kTooMany = 429, kServerError = 500;
  return status == kTimeout || status == kTooEarly || status == kTooMany || status >= kServerError;
}

Error refusal(long status, const std::string& shown) {
  constexpr long kUnauthorized = 401, kForbidden = 403, kTooLarge = 413;
  const std::string what = fmt::format("{} answered with status {}", shown, status);
  if (status == kUnauthorized || status == kForbidden) {
    return Error(ErrorCode::kAccess, what, "Check the options headers.* and signature.secret of the sink.");
  }
  if (status == kTooLarge) return Error(ErrorCode::kTarget, what, "Lower batch.max-bytes or batch.max-size.");
  return Error(ErrorCode::kTarget, what,
               status < 400 ? "Give the URL that it redirects to: redirects are not followed."
                            : "The receiver must answer with a status from 200 to 299 once it has the events.");
}

// The part of an event of a copy that tells the row, and is the same when the event is made again.
std::string_view row_of(std::string_view value) { return value.substr(0, value.rfind(",\"source\":{")); }

}  // namespace

std::string http_signature(std::string_view secret, std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &size);
  std::string text = "sha256=";
  for (unsigned i = 0; i < size; ++i) fmt::format_to(std::back_inserter(text), "{:02x}", digest[i]);
  return text;
}

HttpWriter::HttpWriter(const HttpSinkOptions& options, const Source& source, const std::string& job)
    : options_(options), head_(position_head(job)), encoder_(options.events(source.describe(), job)) {}

Result<std::unique_ptr<HttpWriter>> HttpWriter::open(const HttpSinkOptions& options, const Source& source,
                                                     const std::string& job) {
  std::unique_ptr<HttpWriter> writer(new HttpWriter(options, source, job));
  ASSIGN_OR_RETURN(writer->client_, HttpClient::open(options.url, options.timeout));
  return writer;
}

Result<> HttpWriter::begin(Context&, const LedgerEntry& entry) {
  const bool copying = entry.name.starts_with("chunk/");
  chunk_ = copying ? entry.name : std::string();
  encoder_.mark_copied_rows(copying ? "true" : beside_);
  return {};
}

void HttpWriter::mark_copies(std::string_view mark) {
  beside_ = mark;
  encoder_.mark_copied_rows(mark);
}

std::string HttpWriter::topic_of(const TableId& table) const {
  return encoder_.options().topic_prefix + "." + table.text();
}

// A change can go to several topics, rows of several tables to one topic, and message.key.columns need not be unique.
// A row of the copy that is read again has the position of that later moment: it may be another by then.
void HttpWriter::make_position(const ChangeBatch* batch, const std::string& topic, const DebeziumRecord& record) {
  position_ = head_;
  if (batch == nullptr || !batch->origins.empty()) {
    if (batch == nullptr) {
      append_record_position(record, position_);
    } else {
      append_change_position(*batch, record, position_);
    }
    fmt::format_to(std::back_inserter(position_), ";{:016x}", XXH3_64bits(topic.data(), topic.size()));
    return;
  }
  std::string name = chunk_;
  for (const std::string_view part : {std::string_view(topic), record.key, row_of(record.value)}) {
    name.append(1, '\0').append(part);
  }
  if (record.key.data() == nullptr) name.append(1, '\0').append(std::to_string(copied_++));
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  fmt::format_to(std::back_inserter(position_), "copy;{:016x}{:016x};", hash.high64, hash.low64);
  if (batch->transactions && !batch->transactions->empty()) position_ += batch->transactions->front().start.text;
}

void HttpWriter::append_event(const ChangeBatch* batch, const std::string& topic, const DebeziumRecord& record,
                              std::string& out) {
  make_position(batch, topic, record);
  out += kIdHead;
  append_json_string(position_, out);
  out += R"(,"topic":)";
  append_json_string(topic, out);
  out += R"(,"key":)";
  out += record.key.data() == nullptr ? std::string_view("null") : record.key;
  out += R"(,"value":)";
  out += record.value;
  out += "}\n";
}

Result<> HttpWriter::write(Context& context, const ChangeBatch& batch, bool) {
  if (lines_.bytes() >= kMostWaitingBytes && lines_.is_whole_before(batch)) RETURN_IF_ERROR(post_all(context));
  const std::string topic = topic_of(batch.schema->id);
  for (size_t row = 0; row < batch.rows();) {
    std::string& text = lines_.place(batch, row);
    RETURN_IF_ERROR(encoder_.encode(batch, topic, row, [&](const DebeziumRecord& record) -> Result<> {
      if (record.value.data() != nullptr) append_event(&batch, topic, record, text);
      return {};
    }));
  }
  if (batch.origins.empty() && lines_.bytes() >= kMostWaitingBytes) RETURN_IF_ERROR(post_all(context));
  fault_point("after_write");
  return {};
}

Result<> HttpWriter::truncate(Context&, const Truncation& truncation) {
  std::string& text = lines_.place_between_groups();
  for (size_t i = 0; i < truncation.tables.size(); ++i) {
    const std::string topic = topic_of(truncation.tables[i]->id);
    RETURN_IF_ERROR(encoder_.encode_truncation(truncation, i, topic, [&](const DebeziumRecord& record) -> Result<> {
      append_event(nullptr, topic, record, text);
      return {};
    }));
  }
  return {};
}

Result<> HttpWriter::commit(Context& context, const LedgerEntry& entry) {
  const bool copying = entry.name.starts_with("chunk/");
  fault_point(copying ? "before_chunk_commit" : "before_commit");
  RETURN_IF_ERROR(post_all(context));
  fault_point(copying ? "after_chunk_commit" : "after_commit");
  return {};
}

Result<> HttpWriter::post_all(Context& context) {
  std::string_view rest = lines_.in_order();
  while (!rest.empty()) {
    body_ = "[";
    std::string_view last;
    for (int64_t events = 0; events < options_.batch_events && !rest.empty(); ++events) {
      const size_t end = rest.find('\n');
      const bool fits = body_.size() + end + 1 <= static_cast<size_t>(options_.batch_bytes);
      if (events > 0 && !fits) break;
      if (events > 0) body_ += ',';
      last = rest.substr(0, end);
      body_ += last;
      rest.remove_prefix(end + 1);
    }
    body_ += ']';
    RETURN_IF_ERROR(post(context, last));
  }
  lines_.clear();
  return {};
}

// `last` is the last event in the body.
Result<> HttpWriter::post(Context& context, std::string_view last) {
  headers_ = {"Content-Type: application/json"};
  last.remove_prefix(kIdHead.size() + 1);
  headers_.push_back(fmt::format("Sluice-Position: {}", last.substr(0, last.find('"'))));
  if (options_.signature_secret) {
    headers_.push_back("Sluice-Signature: " + http_signature(*options_.signature_secret, body_));
  }
  for (const auto& [name, value] : options_.headers) headers_.push_back(fmt::format("{}: {}", name, value));
  std::chrono::milliseconds pause = options_.retry_interval;
  for (int64_t tries = 0;; ++tries) {
    std::chrono::milliseconds wait = pause;
    auto done = attempt(context, wait);
    if (done && *done) return {};
    if (!done && !done.error().retryable()) return std::move(done).error();
    if (tries >= options_.retries) {
      if (!done) return std::move(done).error();
      return Error(ErrorCode::kConnect,
                   fmt::format("{} did not take the events in {} attempts", client_->shown(), tries + 1));
    }
    if (!context.wait_for(wait)) return Error(ErrorCode::kStopped, "stopped while sending to " + client_->shown());
    pause = std::min(pause * 2, kLongestPause);
  }
}

Result<bool> HttpWriter::attempt(Context& context, std::chrono::milliseconds& pause) {
  auto answer = client_->post(context, body_, headers_);
  if (!answer) {
    if (answer.error().retryable()) log_debug("{}", answer.error().message());
    return std::move(answer).error();
  }
  if (answer->status >= 200 && answer->status < 300) return true;
  if (!is_worth_another_try(answer->status)) return refusal(answer->status, client_->shown());
  log_debug("{} answered with status {}", client_->shown(), answer->status);
  if (answer->retry_after) {
    pause = std::max<std::chrono::milliseconds>(
        pause, std::min<std::chrono::milliseconds>(*answer->retry_after, kLongestAskedPause));
  }
  return false;
}

}  // namespace sluice
