// SPDX-License-Identifier: Apache-2.0
// The connectors of this build. Registration is explicit: connectors/all.cc lists them, one line each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.h"
#include "connector/sink.h"
#include "connector/source.h"

namespace sluice {

// `make_*` checks the settings, adds every mistake to `problems` and returns null if there is any; it does not connect.
struct ConnectorInfo {
  std::string_view type;                                                           // "mysql"
  std::string_view summary;                                                        // a sentence
  std::function<std::unique_ptr<Source>(const Settings&, Problems&)> make_source;  // empty: not a source
  std::function<std::unique_ptr<Sink>(const Settings&, Problems&)> make_sink;      // empty: not a sink
  std::function<std::vector<OptionHelp>()> source_options;
  std::function<std::vector<OptionHelp>()> sink_options;
};

class ConnectorRegistry {
 public:
  void add(ConnectorInfo info);
  const ConnectorInfo* find(std::string_view type) const;
  const std::vector<ConnectorInfo>& all() const { return connectors_; }

 private:
  std::vector<ConnectorInfo> connectors_;
};

}  // namespace sluice
