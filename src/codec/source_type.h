// SPDX-License-Identifier: Apache-2.0
// A column's type as the source prints it, in the parts that Debezium tells: "int(10) unsigned" is INT UNSIGNED with
// the length 10.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

struct SourceType {
  std::string name;    // in capitals, with UNSIGNED and ZEROFILL
  std::string length;  // digits, or empty
  std::string scale;
};
SourceType parse_source_type(std::string_view text);

}  // namespace sluice
