// SPDX-License-Identifier: Apache-2.0
// The list of sources that the suite runs for.
#include "integration/sources/source_under_test.h"

#include <map>

#include "integration/sources/mysql_under_test.h"

namespace sluice::support {

std::vector<std::string> sources_under_test() { return {"mariadb", "mysql"}; }

SourceUnderTest& source_under_test(const std::string& name) {
  static std::map<std::string, std::unique_ptr<SourceUnderTest>> sources;
  auto& source = sources[name];
  if (!source) source = name == "mariadb" ? mysql_source_on_mariadb() : mysql_source_on_mysql();
  return *source;
}

}  // namespace sluice::support
