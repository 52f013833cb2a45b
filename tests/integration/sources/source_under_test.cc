// SPDX-License-Identifier: Apache-2.0
// The list of sources that the suite runs for.
#include "integration/sources/source_under_test.h"

#include <map>

#include "integration/sources/mysql_under_test.h"
#include "integration/sources/postgres_under_test.h"

namespace sluice::support {

std::vector<std::string> sources_under_test() { return {"mariadb", "mysql", "postgres"}; }

SourceUnderTest& source_under_test(const std::string& name) {
  static std::map<std::string, std::unique_ptr<SourceUnderTest>> sources;
  auto& source = sources[name];
  if (source) return *source;
  source = name == "mariadb" ? mysql_source_on_mariadb()
           : name == "mysql" ? mysql_source_on_mysql()
                             : postgres_source();
  return *source;
}

}  // namespace sluice::support
