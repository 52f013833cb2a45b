// SPDX-License-Identifier: Apache-2.0
// Places in a PostgreSQL write-ahead log. A position "v1;lsn=16/B374D848" stands behind every transaction whose commit
// record begins before that LSN, and before all others. Transactions arrive in the order of their commit records,
// so this orders them all; LSNs of single rows order nothing, because transactions overlap in the log. Commit records
// begin at multiples of eight: a position one behind such a place says that the schema changes of that transaction
// are done, and its rows, which follow, are not.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "data/position.h"

namespace sluice {

struct Lsn {
  uint64_t value = 0;

  // "16/B374D848", as the server prints it.
  static Result<Lsn> parse(std::string_view text);
  static Result<Lsn> of(const Position& position);
  std::string text() const;
  Position position() const;
  friend auto operator<=>(const Lsn&, const Lsn&) = default;
};

}  // namespace sluice
