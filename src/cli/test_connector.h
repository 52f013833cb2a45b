// SPDX-License-Identifier: Apache-2.0
// A connector for the tests of commands: a source with one table, and a sink, neither connected to anything. Its
// option `refuse` names the call that fails.
#pragma once

#include "connector/registry.h"

namespace sluice {

struct TestConnectorOptions {
  std::string hostname;
  std::string password;
  std::string refuse;
  std::chrono::milliseconds heartbeat{0};

  static std::span<const Option<TestConnectorOptions>> options() {
    using O = Option<TestConnectorOptions>;
    static const O kOptions[] = {
        {{.name = "heartbeat",
          .summary = "Pause.",
          .default_value = "30s",
          .min = 10,
          .aliases = {"heartbeat.interval"}},
         &TestConnectorOptions::heartbeat},
        {{.name = "refuse", .summary = "Side.", .optional = true, .allowed = {"open", "discover"}},
         &TestConnectorOptions::refuse},
        {{.name = "hostname", .summary = "Server."}, &TestConnectorOptions::hostname},
        {{.name = "fetch.size", .summary = "Rows.", .ignored_because = "Rows are streamed."}, std::monostate()},
        {{.name = "password", .summary = "Pass|word.", .optional = true, .secret = true},
         &TestConnectorOptions::password},
    };
    return kOptions;
  }
};

class TestSource final : public Source {
 public:
  explicit TestSource(TestConnectorOptions options) : options_(std::move(options)) {}

  Result<> open(Context&) override {
    if (options_.refuse == "open") return Error(ErrorCode::kConnect, "connecting to " + options_.hostname);
    return {};
  }
  Result<std::vector<SourceTable>> discover(Context&) override {
    if (options_.refuse == "discover") return Error(ErrorCode::kConfig, "no table matches 'x'");
    TableSchema schema{{"db", "t"}, {Column{"id", {}, "", {}}}, {0}, ""};
    return std::vector<SourceTable>{{std::make_shared<TableSchema>(schema), ""}};
  }
  bool captures(const TableId&) const override { return true; }
  bool wants_snapshot() const override { return true; }
  bool wants_stream() const override { return true; }
  Result<std::vector<SnapshotChunk>> split(Context&, const TableSchemaPtr&) override { return unused(); }
  Result<std::vector<std::unique_ptr<ChunkReader>>> open_chunk_readers(Context&, int) override { return unused(); }
  Result<std::unique_ptr<LogReader>> open_log_reader(Context&, LogStart) override { return unused(); }
  Result<Position> start_position(Context&) override { return unused(); }
  Result<Position> current_position(Context&) override { return Position{"here"}; }
  Result<uint64_t> estimate_rows(Context&, const TableId&) override { return unused(); }
  bool covers(const Position&, const Transaction&) const override { return false; }
  bool covers(const Position&, const Position&) const override { return false; }

 private:
  static Error unused() { return Error(ErrorCode::kInternal, "not part of this test"); }
  TestConnectorOptions options_;
};

class TestSink final : public Sink {
 public:
  explicit TestSink(TestConnectorOptions options) : options_(std::move(options)) {}

  Result<> open(Context&) override {
    if (options_.refuse == "open") return Error(ErrorCode::kAccess, "logging in at " + options_.hostname);
    return {};
  }
  Guarantee guarantee() const override { return Guarantee::kAtLeastOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override { return unused(); }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string&, uint64_t) override { return unused(); }
  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return unused(); }
  Result<bool> is_empty(Context&, const TableId&) override { return unused(); }
  Result<> apply(Context&, const SchemaChange&) override { return unused(); }
  std::vector<std::string> ddl_for(const SchemaChange&) const override { return {}; }
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return unused(); }

 private:
  static Error unused() { return Error(ErrorCode::kInternal, "not part of this test"); }
  TestConnectorOptions options_;
};

template <typename Side, typename Contract>
std::unique_ptr<Contract> make_test_side(const Settings& settings, Problems& problems) {
  Problems found;
  auto options = parse_options<TestConnectorOptions>(settings, "the test connector", found);
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  return good ? std::make_unique<Side>(std::move(options)) : nullptr;
}

// "shop" is a source and a sink, "printer" a sink only.
inline ConnectorRegistry test_connectors() {
  ConnectorRegistry registry;
  registry.add({.type = "shop",
                .summary = "Reads and writes shops.",
                .make_source = make_test_side<TestSource, Source>,
                .make_sink = make_test_side<TestSink, Sink>,
                .source_options = option_help<TestConnectorOptions>,
                .sink_options = option_help<TestConnectorOptions>});
  registry.add({.type = "printer",
                .summary = "Prints.",
                .make_source = {},
                .make_sink = make_test_side<TestSink, Sink>,
                .source_options = {},
                .sink_options = option_help<TestConnectorOptions>});
  return registry;
}

}  // namespace sluice
