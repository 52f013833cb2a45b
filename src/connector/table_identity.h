// SPDX-License-Identifier: Apache-2.0
// What a source can do besides the contract of source.h: tell a table from another one of the same name. Found by
// dynamic_cast.
#pragma once

#include <string>

#include "base/result.h"

namespace sluice {

class TellsTablesApart {
 public:
  virtual ~TellsTablesApart() = default;
  // What the table described by SourceTable::detail has whatever it is called, and no other table has. Pure.
  virtual Result<std::string> identity(const std::string& detail) const = 0;
};

}  // namespace sluice
