// SPDX-License-Identifier: Apache-2.0
#include "connectors/values/values_connector.h"

#include <algorithm>

#include "connectors/values/row_format.h"

namespace sluice {
namespace {

// Snapshot rows, and groups that have ended, beyond this many bytes do not wait for the commit.
constexpr size_t kMostWaitingBytes = 1 << 20;

class ValuesWriter final : public SinkWriter {
 public:
  ValuesWriter(const ValuesOptions& options, std::shared_ptr<LineOutput> output)
      : format_(make_row_format(options.format)), output_(std::move(output)) {}

  Result<> write(Context& context, const ChangeBatch& batch, bool) override {
    if (!output_) return {};
    format_->begin(batch);
    const bool from_log = !batch.origins.empty();
    if (text_.size() >= kMostWaitingBytes && !groups_.empty() && groups_.back() != batch.transactions) {
      RETURN_IF_ERROR(flush(context, false));
    }
    const uint64_t group = from_log ? uint64_t{group_number(batch.transactions)} << 32 : 0;
    for (size_t row = 0; row < batch.rows();) {
      const size_t first = row;
      const size_t begin = text_.size();
      format_->append(batch, take_change(batch, row), text_);
      const uint64_t order = from_log ? group | batch.origins[first].sequence : 0;
      in_order_ = in_order_ && (pieces_.empty() || pieces_.back().order <= order);
      if (!pieces_.empty() && pieces_.back().order == order) {
        pieces_.back().end = text_.size();
      } else {
        pieces_.push_back({order, begin, text_.size()});
      }
    }
    if (!from_log && groups_.empty() && text_.size() >= kMostWaitingBytes) return flush(context, false);
    return {};
  }

  Result<> commit(Context& context, const LedgerEntry&) override {
    if (!output_ || (text_.empty() && !unsynced_)) return {};
    return flush(context, true);
  }

 private:
  // Lines of neighbouring changes with the same place in the order.
  struct Piece {
    uint64_t order;  // group, then sequence in it
    size_t begin;
    size_t end;
  };

  // Groups in the order of their first row. A group is known by its transaction list, which is kept meanwhile so that
  // no other one takes its address.
  uint32_t group_number(const std::shared_ptr<const TransactionList>& transactions) {
    for (size_t i = groups_.size(); i > 0; --i) {
      if (groups_[i - 1] == transactions) return static_cast<uint32_t>(i);
    }
    groups_.push_back(transactions);
    return static_cast<uint32_t>(groups_.size());
  }

  Result<> flush(Context& context, bool durable) {
    if (!in_order_) {
      std::stable_sort(pieces_.begin(), pieces_.end(),
                       [](const Piece& a, const Piece& b) { return a.order < b.order; });
      std::string ordered;
      ordered.reserve(text_.size());
      for (const Piece& piece : pieces_) ordered.append(text_, piece.begin, piece.end - piece.begin);
      text_.swap(ordered);
    }
    RETURN_IF_ERROR(output_->write(context, text_, durable));
    unsynced_ = !durable;
    text_.clear();
    pieces_.clear();
    groups_.clear();
    in_order_ = true;
    return {};
  }

  std::unique_ptr<RowFormat> format_;
  std::shared_ptr<LineOutput> output_;  // shared with the sink's other writers
  std::string text_;
  std::vector<Piece> pieces_;
  std::vector<std::shared_ptr<const TransactionList>> groups_;
  bool in_order_ = true;
  bool unsynced_ = false;  // something was written and is not durable yet
};

class ValuesSink final : public Sink {
 public:
  explicit ValuesSink(ValuesOptions options) : options_(std::move(options)) {}

  Result<> open(Context&) override {
    if (!options_.print_enabled) return {};
    if (options_.path.empty()) {
      output_ = LineOutput::standard_output();
    } else {
      ASSIGN_OR_RETURN(output_, LineOutput::open_file(options_.path));
    }
    return {};
  }

  Guarantee guarantee() const override { return Guarantee::kAtLeastOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override {
    return std::unique_ptr<Ledger>();
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string&, uint64_t) override {
    return make_values_writer(options_, output_);
  }

  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }

  Result<> apply(Context& context, const SchemaChange& change) override {
    if (options_.error_on_schema_change && change.kind != SchemaChangeKind::kCreateTable) {
      return Error(ErrorCode::kTarget,
                   "schema change of " + change.table().text() + " refused by 'error.on.schema.change'",
                   "Remove 'error.on.schema.change' from the sink to print schema changes instead.");
    }
    if (!output_) return {};
    std::string text;
    for (const std::string& event : ddl_for(change)) text += event + '\n';
    return output_->write(context, text, true);
  }
  std::vector<std::string> ddl_for(const SchemaChange& change) const override {
    if (options_.format != "flink") return {};
    return {schema_event_text(change)};
  }

  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

 private:
  const ValuesOptions options_;
  std::shared_ptr<LineOutput> output_;  // null: print nothing
};

std::unique_ptr<Sink> make_values_sink(const Settings& settings, Problems& problems) {
  Problems found;
  auto options = parse_options<ValuesOptions>(settings, "the values sink", found);
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  return good ? std::make_unique<ValuesSink>(std::move(options)) : nullptr;
}

}  // namespace

std::span<const Option<ValuesOptions>> ValuesOptions::options() {
  using O = Option<ValuesOptions>;
  static const O kOptions[] = {
      {{.name = "print.enabled", .summary = "Whether events are printed at all.", .default_value = "true"},
       &ValuesOptions::print_enabled},
      {{.name = "format",
        .summary = "How an event is printed: flink as Flink CDC's events, changelog as rows like +I[5, David, 29], "
                   "debezium-json as one JSON object.",
        .default_value = "flink",
        .allowed = {"flink", "changelog", "debezium-json"}},
       &ValuesOptions::format},
      {{.name = "path",
        .summary = "File to append the events to, synced at each commit; without it they go to standard output.",
        .optional = true},
       &ValuesOptions::path},
      {{.name = "error.on.schema.change",
        .summary = "Whether the job fails at a schema change other than the creation of a table.",
        .default_value = "false"},
       &ValuesOptions::error_on_schema_change},
      {{.name = "materialized.in.memory",
        .summary = "Accepted for compatibility.",
        .ignored_because = "Events are printed and not kept."},
       std::monostate()},
      {{.name = "sink.api",
        .summary = "Accepted for compatibility.",
        .ignored_because = "There is one way to write into a sink."},
       std::monostate()},
  };
  return kOptions;
}

std::unique_ptr<SinkWriter> make_values_writer(const ValuesOptions& options, std::shared_ptr<LineOutput> output) {
  return std::make_unique<ValuesWriter>(options, std::move(output));
}

ConnectorInfo values_connector() {
  return {.type = "values",
          .summary = "Prints every event as one line, for looking at a source and for tests.",
          .make_source = {},
          .make_sink = make_values_sink,
          .source_options = {},
          .sink_options = [] { return option_help<ValuesOptions>(); }};
}

}  // namespace sluice
