// SPDX-License-Identifier: Apache-2.0
// Any bytes as SQL statements, separated by zero bytes, applied to one catalog.
#include <string_view>

#include "connectors/mysql/ddl_apply.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::mysql::SchemaCatalog catalog{sluice::mysql::TypeOptions{}};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    size_t end = rest.find('\0');
    auto statement = sluice::mysql::parse_ddl(rest.substr(0, end), {.default_database = "d"});
    if (statement) (void)catalog.apply(*statement);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  for (const auto& [id, table] : catalog.tables()) {
    if (table.schema) (void)sluice::mysql::mysql_table_from_json(mysql_table_to_json(table));
  }
  return 0;
}
