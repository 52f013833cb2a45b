// SPDX-License-Identifier: Apache-2.0
// Random column types and random values of them, from a seed; what the generators of single databases share.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace sluice::support {

struct GeneratedType {
  std::string name;
  std::function<std::string()> value;  // text as the type's input function reads it, or
  bool money = false;                  // PostgreSQL's, which a PostgreSQL target has as numeric
  bool expression = false;             // `value` is SQL
};

class TypeGenerator {
 public:
  // `portable`: only values that databases of every kind can hold.
  TypeGenerator(uint64_t seed, bool portable) : random_(seed), portable_(portable) {}
  virtual ~TypeGenerator() = default;

  virtual GeneratedType any_type() = 0;
  // The statements that make the types which any_type() has named so far, in order.
  const std::vector<std::string>& definitions() const { return definitions_; }

  int random(int least, int greatest) { return std::uniform_int_distribution<int>(least, greatest)(random_); }
  bool one_in(int count) { return random(1, count) == 1; }
  std::string one_of(const std::vector<std::string>& choices) {
    return choices[static_cast<size_t>(random(0, static_cast<int>(choices.size()) - 1))];
  }

 protected:
  std::string digits(int count);
  std::string hex(int bytes);
  std::string bits(int count);
  // Between -10^37 and 10^37.
  std::string real(int precision);
  std::string text(int longest);
  std::string time_of_day(int fraction);
  std::string json(int depth);

  std::mt19937_64 random_;
  const bool portable_;
  std::vector<std::string> definitions_;
};

// 'text' as a literal of standard SQL.
std::string sql_literal(const std::string& text);

}  // namespace sluice::support
