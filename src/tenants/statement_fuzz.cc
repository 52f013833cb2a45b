// SPDX-License-Identifier: Apache-2.0
// Fuzzes the statement parser: any text either is refused with a number or yields statements whose names are fit for
// paths and SQL.
#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/error.h"
#include "tenants/sql_error.h"
#include "tenants/statement.h"

namespace sluice {
namespace {

void check_name(std::string_view name) {
  SLUICE_CHECK(!name.empty() && name.size() <= kMaxNameBytes);
  SLUICE_CHECK(std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }));
}

void check(const Statement& statement) {
  if (const auto* tenant = std::get_if<CreateTenant>(&statement.what)) {
    check_name(tenant->name);
    check_name(tenant->pool);
  }
  if (const auto* clone = std::get_if<CloneTenant>(&statement.what)) {
    for (const auto& name : {clone->name, clone->source, clone->pool, clone->unit}) check_name(name);
  }
  if (const auto* drop = std::get_if<DropTenant>(&statement.what)) check_name(drop->name);
  if (const auto* unit = std::get_if<CreateUnit>(&statement.what)) {
    check_name(unit->name);
    SLUICE_CHECK(unit->options.memory_size.value() >= 0 && unit->options.max_cpu.value() >= 0);
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto statements = sluice::parse_statements({reinterpret_cast<const char*>(data), size});
  if (!statements) {
    SLUICE_CHECK(sluice::sql_error_code(statements.error()) != sluice::kUnknownError);
    return 0;
  }
  for (const sluice::Statement& statement : *statements) sluice::check(statement);
  return 0;
}
