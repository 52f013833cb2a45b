// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_connector.h"

#include "connectors/sqlite/sqlite_sink.h"

namespace sluice {
namespace {

struct SqliteSinkOptions {
  std::string path;
  static std::span<const Option<SqliteSinkOptions>> options() {
    using O = Option<SqliteSinkOptions>;
    static const O kOptions[] = {
        O{{.name = "path", .summary = "The database file; created if it does not exist."}, &SqliteSinkOptions::path},
    };
    return kOptions;
  }
};

std::unique_ptr<Sink> make_sqlite_sink(const Settings& settings, Problems& problems) {
  const auto options = parse_options<SqliteSinkOptions>(settings, "sqlite sink", problems);
  if (problems.has_errors()) return nullptr;
  return std::make_unique<SqliteSink>(options.path);
}

}  // namespace

ConnectorInfo sqlite_connector() {
  return {.type = "sqlite",
          .summary = "Writes into one SQLite file, exactly once.",
          .make_source = {},
          .make_sink = &make_sqlite_sink,
          .source_options = {},
          .sink_options = &option_help<SqliteSinkOptions>};
}

}  // namespace sluice
