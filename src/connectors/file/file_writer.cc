// SPDX-License-Identifier: Apache-2.0
#include "connectors/file/file_writer.h"

#include "base/fault.h"

namespace sluice {
namespace {

// Rows of a copy, and groups that have ended, beyond this many bytes do not wait in memory for the commit.
constexpr size_t kMostWaitingBytes = 1 << 20;

}  // namespace

Result<> FileWriter::begin(Context&, const LedgerEntry& entry) {
  encoder_.mark_copied_rows(entry.name.starts_with("chunk/") ? "true" : beside_);
  return {};
}

void FileWriter::mark_copies(std::string_view mark) {
  beside_ = mark;
  encoder_.mark_copied_rows(mark);
}

std::string FileWriter::topic_of(const TableId& table) const {
  return encoder_.options().topic_prefix + "." + table.text();
}

Result<> FileWriter::append_events(const ChangeBatch& batch) {
  const std::string topic = topic_of(batch.schema->id);
  for (size_t row = 0; row < batch.rows();) {
    std::string& text = text_.place(batch, row);
    RETURN_IF_ERROR(encoder_.encode(batch, topic, row, [&](const DebeziumRecord& record) -> Result<> {
      if (record.value.data() != nullptr) text.append(record.value).push_back('\n');
      return {};
    }));
  }
  return {};
}

Result<> FileWriter::append(const ChangeBatch& batch) {
  if (!lines_) return append_events(batch);
  lines_->begin(batch);
  for (size_t row = 0; row < batch.rows();) {
    std::string& text = text_.place(batch, row);
    lines_->append(batch, take_change(batch, row), text);
  }
  return {};
}

Result<> FileWriter::pass_on() {
  RETURN_IF_ERROR(series_->write(text_.in_order()));
  text_.clear();
  return {};
}

Result<> FileWriter::write(Context&, const ChangeBatch& batch, bool) {
  if (text_.bytes() >= kMostWaitingBytes && text_.is_whole_before(batch)) RETURN_IF_ERROR(pass_on());
  RETURN_IF_ERROR(append(batch));
  if (batch.origins.empty() && text_.bytes() >= kMostWaitingBytes) RETURN_IF_ERROR(pass_on());
  fault_point("after_write");
  return {};
}

Result<> FileWriter::truncate(Context&, const Truncation& truncation) {
  if (lines_) return {};
  std::string& text = text_.place_between_groups();
  for (size_t i = 0; i < truncation.tables.size(); ++i) {
    RETURN_IF_ERROR(encoder_.encode_truncation(truncation, i, topic_of(truncation.tables[i]->id),
                                               [&](const DebeziumRecord& record) -> Result<> {
                                                 text.append(record.value).push_back('\n');
                                                 return {};
                                               }));
  }
  return {};
}

Result<> FileWriter::commit(Context& context, const LedgerEntry& entry) {
  RETURN_IF_ERROR(pass_on());
  return series_->commit(context, entry);
}

}  // namespace sluice
