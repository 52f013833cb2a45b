// SPDX-License-Identifier: Apache-2.0
// Row changes as lines of the job's files.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "codec/debezium_event.h"
#include "codec/ordered_text.h"
#include "codec/row_format.h"
#include "connector/marks_copies.h"
#include "connector/sink.h"
#include "connectors/file/file_series.h"

namespace sluice {

class FileWriter : public SinkWriter, public MarksCopies {
 public:
  // `lines` null: Debezium's events.
  FileWriter(std::unique_ptr<FileSeries> series, std::unique_ptr<RowFormat> lines, DebeziumOptions events)
      : series_(std::move(series)), lines_(std::move(lines)), encoder_(std::move(events)) {}

  Result<> begin(Context& context, const LedgerEntry& entry) override;
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;
  void mark_copies(std::string_view mark) override;
  // Lines that tell of rows stay, whatever becomes of the rows.
  Result<> truncate(Context& context, const Truncation& truncation) override;

 private:
  Result<> append(const ChangeBatch& batch);
  Result<> append_events(const ChangeBatch& batch);
  std::string topic_of(const TableId& table) const;
  Result<> pass_on();

  std::unique_ptr<FileSeries> series_;
  std::unique_ptr<RowFormat> lines_;
  DebeziumEncoder encoder_;
  OrderedText text_;
  std::string_view beside_ = "incremental";  // of rows that are copied beside the stream
};

}  // namespace sluice
