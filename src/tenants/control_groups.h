// SPDX-License-Identifier: Apache-2.0
// Limits of tenants by Linux control groups, version 2 or 1, where this process may write them; else there are none,
// and what apply() returns says so. One group a tenant, under one of the server's own. Any thread, one call for a
// tenant at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenants/catalog.h"

namespace sluice {

class ControlGroups {
 public:
  // `data_folder` tells this server's groups from another one's, and names the disk whose operations are limited.
  explicit ControlGroups(const std::string& data_folder);

  // Makes or changes a tenant's groups. What is limited from now on: "cpu,memory,iops", "cpu,memory", "none".
  std::string apply(int64_t tenant, const UnitRow& unit) const;
  // Whoever is written into these files is in the tenant's groups.
  std::vector<std::string> process_files(int64_t tenant) const;
  // Nobody may be in them any more.
  void remove(int64_t tenant) const;
  void remove_all() const;

 private:
  struct Controller {
    std::string name;    // "cpu", "memory", "io" or "blkio"
    std::string folder;  // of this server
  };
  std::string folder_of(const Controller& controller, int64_t tenant) const;
  bool limit(const Controller& controller, const std::string& group, const UnitRow& unit) const;

  bool unified_ = false;
  std::vector<Controller> controllers_;
  std::string disk_;  // "254:0"
};

}  // namespace sluice
