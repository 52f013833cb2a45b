// SPDX-License-Identifier: Apache-2.0
// What a user wrote, with where it stands, and what is wrong with it. All languages (YAML, HOCON, connector JSON,
// SQL) reduce their options to Settings; all checks add Problems, so that `validate` can print every one.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace sluice {

struct Location {
  std::string file;
  int line = 0;    // 1-based; 0 if unknown
  int column = 0;  // 1-based; 0 if it would not help
};

struct Setting {
  std::string key;    // dotted, as the user wrote it
  std::string value;  // scalar text; a list is joined with ','; secrets are already resolved
  Location location;
  bool from_reference = false;  // the value came through ${env:..} or ${file:..}: it is never shown in a message
};

struct Settings {
  Location location;  // of the block that holds them
  std::vector<Setting> entries;
};

struct Problem {
  Location location;
  std::string key;         // may be empty
  std::string message;     // lower case, no full stop
  std::string suggestion;  // a full sentence, or empty
  bool warning = false;
};

class Problems {
 public:
  void error(Location location, std::string key, std::string message, std::string suggestion = {});
  void warn(Location location, std::string key, std::string message, std::string suggestion = {});
  void append(Problems&& others);
  bool has_errors() const;
  const std::vector<Problem>& all() const { return problems_; }
  // In the order of the file, for each problem "shop.yaml:7: unknown option 'hostnme'\n  hint: Did you mean
  // 'hostname'?\n".
  std::string text() const;
  Error as_error() const;  // kConfig with every problem

 private:
  std::vector<Problem> problems_;
};

// The candidate closest to `word` by edit distance if it is close enough to be a typing mistake, else empty.
std::string_view closest_name(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace sluice
