// SPDX-License-Identifier: Apache-2.0
#include "connectors/values/values_connector.h"

#include "codec/ordered_text.h"
#include "codec/row_format.h"

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
    if (lines_.bytes() >= kMostWaitingBytes && lines_.is_whole_before(batch)) RETURN_IF_ERROR(flush(context, false));
    format_->begin(batch);
    for (size_t row = 0; row < batch.rows();) {
      std::string& text = lines_.place(batch, row);
      format_->append(batch, take_change(batch, row), text);
    }
    if (batch.origins.empty() && lines_.bytes() >= kMostWaitingBytes) return flush(context, false);
    return {};
  }

  Result<> commit(Context& context, const LedgerEntry&) override {
    if (!output_ || (lines_.empty() && !unsynced_)) return {};
    return flush(context, true);
  }

 private:
  Result<> flush(Context& context, bool durable) {
    RETURN_IF_ERROR(output_->write(context, lines_.in_order(), durable));
    unsynced_ = !durable;
    lines_.clear();
    return {};
  }

  std::unique_ptr<RowFormat> format_;
  std::shared_ptr<LineOutput> output_;  // shared with the sink's other writers
  OrderedText lines_;
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
