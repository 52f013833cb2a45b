// SPDX-License-Identifier: Apache-2.0
// Posts the changes of one lane, or the rows of chunks one after the other, as events.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/debezium_event.h"
#include "codec/ordered_text.h"
#include "connector/marks_copies.h"
#include "connector/sink.h"
#include "connectors/http/http_client.h"
#include "connectors/http/http_options.h"

namespace sluice {

class HttpWriter : public SinkWriter, public MarksCopies {
 public:
  static Result<std::unique_ptr<HttpWriter>> open(const HttpSinkOptions& options, const Source& source,
                                                  const std::string& job);

  Result<> begin(Context& context, const LedgerEntry& entry) override;
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;
  void mark_copies(std::string_view mark) override;
  Result<> truncate(Context& context, const Truncation& truncation) override;

 private:
  HttpWriter(const HttpSinkOptions& options, const Source& source, const std::string& job);
  std::string topic_of(const TableId& table) const;
  // `batch` is null for records that name their transaction themselves.
  void append_event(const ChangeBatch* batch, const std::string& topic, const DebeziumRecord& record, std::string& out);
  void make_position(const ChangeBatch* batch, const std::string& topic, const DebeziumRecord& record);
  Result<> post_all(Context& context);
  Result<> post(Context& context, std::string_view last);
  // True if the request is done, false if it is worth another try after `pause`.
  Result<bool> attempt(Context& context, std::chrono::milliseconds& pause);

  const HttpSinkOptions& options_;
  const std::string head_;  // of positions
  DebeziumEncoder encoder_;
  std::unique_ptr<HttpClient> client_;
  OrderedText lines_;  // an event each
  std::string body_;
  std::vector<std::string> headers_;
  std::string position_;
  std::string chunk_;                        // that is copied; its name has the source's table
  std::string_view beside_ = "incremental";  // of rows that are copied beside the stream
  uint64_t copied_ = 0;                      // rows without a key
};

// "sha256=" and the HMAC in hexadecimal digits.
std::string http_signature(std::string_view secret, std::string_view body);

}  // namespace sluice
