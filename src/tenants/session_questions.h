// SPDX-License-Identifier: Apache-2.0
// What clients of MySQL ask of their session, at their start and in passing: SELECT @@version_comment LIMIT 1, SET
// NAMES, SHOW WARNINGS. It has nothing to do with tenants, and is answered without them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tenants/catalog.h"

namespace sluice {

inline constexpr const char* kServerVersion = "5.7.25-Sluice";

struct SessionQuestion {
  const std::string& text;
  uint32_t connection = 0;
  const std::string& user;
  const std::string& database;            // empty: none
  const std::vector<std::string>& notes;  // of the last statement
};

// Nothing: it is no such question. No columns: done.
std::optional<Result<ViewRows>> answer_session_question(const SessionQuestion& question);

}  // namespace sluice
