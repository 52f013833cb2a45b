// SPDX-License-Identifier: Apache-2.0
// What a Source may be, too (ask by dynamic_cast): one of whose positions some lie within a transaction, because what it
// does to tables is carried out before its rows.
#pragma once

#include "data/position.h"

namespace sluice {

class SplitsTransactions {
 public:
  virtual ~SplitsTransactions() = default;
  // Pure; any thread.
  virtual bool is_within_transaction(const Position& position) const = 0;
};

}  // namespace sluice
