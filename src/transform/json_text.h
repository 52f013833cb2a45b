// SPDX-License-Identifier: Apache-2.0
// JSON documents as expressions hold them, in compact text: no blanks, members in the order of their names, each name
// once, one way to write a string, numbers digit for digit as they came. So equal documents have equal texts, but for
// numbers written differently. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

enum class JsonStatus : uint8_t { kOk, kInvalid, kDuplicateName };

// Appends the compact form of any JSON text; `out` holds rubbish behind its end unless the status is kOk. Of members
// with one name the last counts if `duplicates` are allowed. What is nested more than 200 deep is not valid.
JsonStatus append_compact_json(std::string_view text, bool duplicates, std::string& out);

// Appends what a JSON string in quotes stands for.
void append_unquoted_json(std::string_view quoted, std::string& out);

// Walks over the elements of a compact array, or the members of an object; other values have no parts.
class JsonParts {
 public:
  explicit JsonParts(std::string_view compact);

  bool next();                                       // false behind the last one
  std::string_view name() const { return name_; }    // of a member: in quotes; else empty
  std::string_view value() const { return value_; }  // compact

 private:
  size_t end_of_value(size_t at) const;

  std::string_view text_;
  size_t at_ = 1;
  bool object_;
  std::string_view name_;
  std::string_view value_;
};

// The same value: numbers by value, members in any order.
bool json_equal(std::string_view a, std::string_view b);

}  // namespace sluice
