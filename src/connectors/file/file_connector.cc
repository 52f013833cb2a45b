// SPDX-License-Identifier: Apache-2.0
#include "connectors/file/file_connector.h"

#include "codec/event_options.h"
#include "connectors/file/file_writer.h"

namespace sluice {
namespace {

constexpr const char* kDebezium = "debezium";

struct FileSinkOptions : EventOptions {
  std::string path;
  std::string format;
  int64_t max_bytes = 0;
  std::chrono::milliseconds max_age{0};

  static std::span<const Option<FileSinkOptions>> options() {
    using O = Option<FileSinkOptions>;
    static const auto kOptions = with_event_options<FileSinkOptions>(
        {
            O{{.name = "path",
               .summary = "Folder for the files, on a local file system; created if it does not exist. Its hidden "
                          "folder .sluice belongs to it."},
              &FileSinkOptions::path},
            O{{.name = "format",
               .summary = "Form of the lines: debezium as the values of Debezium's events, which the further options "
                          "are about; flink, changelog and debezium-json as the values sink prints.",
               .default_value = kDebezium,
               .allowed = {kDebezium, "flink", "changelog", "debezium-json"}},
              &FileSinkOptions::format},
            O{{.name = "file.max-bytes",
               .summary = "A file is whole at the first commit at which it has so many bytes.",
               .default_value = "134217728",
               .min = 1},
              &FileSinkOptions::max_bytes},
            O{{.name = "file.max-age",
               .summary = "A file is whole at the first commit at which its first line is so old; looked at every few "
                          "seconds.",
               .default_value = "30min"},
              &FileSinkOptions::max_age},
        },
        "false");
    return kOptions;
  }
};

class FileSink final : public Sink {
 public:
  explicit FileSink(FileSinkOptions options) : options_(std::move(options)) {}

  Result<> open(Context&) override { return make_file_folder(options_.path); }
  void set_source(const Source& source) override { source_ = &source; }
  Guarantee guarantee() const override { return Guarantee::kExactlyOnce; }
  std::string guarantee_reason() const override {
    return "lines and position become durable together, and files get their names when they are whole";
  }
  bool can_be_read() const override { return false; }
  bool tells_truncation() const override { return options_.format == kDebezium && options_.tells_truncation(); }
  Result<std::unique_ptr<Ledger>> open_ledger(Context& context, const std::string& job) override {
    ASSIGN_OR_RETURN(auto database, SqliteDatabase::open(context, file_ledger_path(options_.path), ErrorCode::kTarget));
    return std::unique_ptr<Ledger>(std::make_unique<SqliteLedger>(std::move(database), job));
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context& context, const std::string& job, uint64_t epoch) override {
    const bool json = options_.format == kDebezium || options_.format == "debezium-json";
    ASSIGN_OR_RETURN(auto series, FileSeries::open(context, options_.path, job, epoch, json ? ".jsonl" : ".txt",
                                                   {.bytes = options_.max_bytes, .age = options_.max_age}));
    auto lines = options_.format == kDebezium ? nullptr : make_row_format(options_.format);
    return std::unique_ptr<SinkWriter>(
        std::make_unique<FileWriter>(std::move(series), std::move(lines), options_.events(source_->describe(), job)));
  }
  // All lines are in one order.
  int max_writers() const override { return 1; }

  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }
  // Only what cannot be carried is said early.
  Result<> apply(Context&, const SchemaChange& change) override {
    if (!change.after || options_.format != kDebezium) return {};
    return DebeziumEncoder(options_.events(source_->describe(), "")).check(*change.after);
  }
  std::vector<std::string> ddl_for(const SchemaChange& change) const override {
    if (change.kind != SchemaChangeKind::kCreateTable) return {};
    return {"lines in " + options_.path};
  }
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

 private:
  const FileSinkOptions options_;
  const Source* source_ = nullptr;
};

std::unique_ptr<Sink> make_file_sink(const Settings& settings, Problems& problems) {
  Problems found;
  auto options = parse_options<FileSinkOptions>(settings, "the file sink", found);
  options.check_events(settings, found);
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  return good ? std::make_unique<FileSink>(std::move(options)) : nullptr;
}

}  // namespace

ConnectorInfo file_connector() {
  return {.type = "file",
          .summary = "Writes one event a line into files of a folder, exactly once.",
          .make_source = {},
          .make_sink = make_file_sink,
          .source_options = {},
          .sink_options = [] { return option_help<FileSinkOptions>(); }};
}

}  // namespace sluice
