// SPDX-License-Identifier: Apache-2.0
#include "connectors/http/http_connector.h"

#include "connectors/http/http_writer.h"

namespace sluice {
namespace {

class HttpSink final : public Sink {
 public:
  explicit HttpSink(HttpSinkOptions options) : options_(std::move(options)) {}

  Result<> open(Context&) override { return {}; }
  void set_source(const Source& source) override { source_ = &source; }
  Guarantee guarantee() const override { return Guarantee::kAtLeastOnce; }
  std::string guarantee_reason() const override {
    return "after a crash or a lost answer changes come again, each with the id that it had; rows of a chunk whose "
           "copy "
           "was broken off come again with other ids, and what was deleted in between is not told";
  }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override {
    return std::unique_ptr<Ledger>();
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string& job, uint64_t) override {
    ASSIGN_OR_RETURN(auto writer, HttpWriter::open(options_, *source_, job));
    return std::unique_ptr<SinkWriter>(std::move(writer));
  }
  bool tells_truncation() const override { return options_.tells_truncation(); }
  int max_writers() const override { return static_cast<int>(options_.connections); }

  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }
  // Only what cannot be carried is said early.
  Result<> apply(Context&, const SchemaChange& change) override {
    if (!change.after) return {};
    return DebeziumEncoder(options_.events(source_->describe(), "")).check(*change.after);
  }
  std::vector<std::string> ddl_for(const SchemaChange& change) const override {
    if (change.kind != SchemaChangeKind::kCreateTable) return {};
    return {"POST " + *shown_url(options_.url)};
  }
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

 private:
  const HttpSinkOptions options_;
  const Source* source_ = nullptr;
};

std::unique_ptr<Sink> make_http_sink(const Settings& settings, Problems& problems) {
  Problems found;
  auto options = parse_options<HttpSinkOptions>(settings, "the http sink", found);
  options.check(settings, found);
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  return good ? std::make_unique<HttpSink>(std::move(options)) : nullptr;
}

}  // namespace

ConnectorInfo http_connector() {
  return {.type = "http",
          .summary = "Posts Debezium's change events to a URL, in batches, signed if wanted.",
          .make_source = {},
          .make_sink = make_http_sink,
          .source_options = {},
          .sink_options = [] { return option_help<HttpSinkOptions>(); }};
}

}  // namespace sluice
