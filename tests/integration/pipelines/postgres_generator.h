// SPDX-License-Identifier: Apache-2.0
// Random column types of PostgreSQL and random values of them, from a seed: all built-in types, those of the usual
// extensions, and enums, domains, composites and arrays made of them.
#pragma once

#include <functional>
#include <string>

#include "integration/pipelines/type_generator.h"

namespace sluice::support {

class PostgresGenerator : public TypeGenerator {
 public:
  using TypeGenerator::TypeGenerator;
  GeneratedType any_type() override { return any_type(2); }

 private:
  GeneratedType any_type(int depth);
  GeneratedType scalar();
  GeneratedType number_type();
  GeneratedType text_type();
  GeneratedType time_type();
  GeneratedType bits_type();
  GeneratedType network_type();
  GeneratedType range_type();
  GeneratedType shape_type();
  GeneratedType other_type();
  GeneratedType array_of(const GeneratedType& element);
  GeneratedType domain_of(const GeneratedType& base);
  GeneratedType enumeration();
  GeneratedType composite(int depth);

  std::string integer(int bits);
  std::string floating(int precision);
  std::string numeric();
  std::string date(bool timestamp);
  std::string interval(int fraction);
  std::string zone();
  std::string address(bool network);
  std::string point();
  std::string points(int least);
  std::string range(const std::function<std::string()>& bound,
                    const std::function<bool(std::string&, std::string&)>& order);
  std::string array_text(const GeneratedType& element, int dimensions);
  std::string fresh_name(const char* kind);

  int names_ = 0;
};

}  // namespace sluice::support
