// SPDX-License-Identifier: Apache-2.0
// Random column types of MySQL and MariaDB and random values of them, from a seed.
#pragma once

#include <string>

#include "integration/pipelines/type_generator.h"

namespace sluice::support {

class MysqlGenerator : public TypeGenerator {
 public:
  using TypeGenerator::TypeGenerator;
  GeneratedType any_type() override;

 private:
  GeneratedType number_type();
  GeneratedType text_type();
  GeneratedType time_type();
  GeneratedType bytes_type();
  GeneratedType other_type();
  std::string date();
};

}  // namespace sluice::support
