// SPDX-License-Identifier: Apache-2.0
// Small things that all relational writers do alike: fault points around a commit, and what existing rows get in a
// column that is added to their table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/fault.h"
#include "data/types.h"

namespace sluice {

// What to do where a row breaks a unique key of the target.
constexpr std::string_view kUniqueKeyAdvice =
    "A copy brings rows of different moments: add unique keys to the target when it is done. One that was added while "
    "the job ran is known to it when it starts again.";

inline void reach_before_commit(std::string_view entry) {
  fault_point(entry.starts_with("chunk/") ? "before_chunk_commit" : "before_commit");
}
inline void reach_after_commit(std::string_view entry) {
  fault_point(entry.starts_with("chunk/") ? "after_chunk_commit" : "after_commit");
}

// The value that rows which were there before get in an added column, in the text form of data/value_text.h: the
// default if it is a literal, else, for a column that must not be NULL, what MySQL fills in (0, '', ...). Nullopt:
// NULL. A default that is an expression (the time of the ALTER) is not known here and gives nullopt or that filling.
std::optional<std::string> value_of_added_column(const Column& column);

// True if the first key column is an integer, so that every server orders it alike and a range can be read back.
bool has_integer_key(const TableSchema& schema);

}  // namespace sluice
