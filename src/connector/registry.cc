// SPDX-License-Identifier: Apache-2.0
#include "connector/registry.h"

namespace sluice {

void ConnectorRegistry::add(ConnectorInfo info) {
  SLUICE_CHECK(find(info.type) == nullptr);
  connectors_.push_back(std::move(info));
}

const ConnectorInfo* ConnectorRegistry::find(std::string_view type) const {
  for (const auto& info : connectors_) {
    if (info.type == type) return &info;
  }
  return nullptr;
}

}  // namespace sluice
