// SPDX-License-Identifier: Apache-2.0
#include "tenants/tenant_connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "connectors/mysql/mysql_connector.h"
#include "tenants/catalog.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr std::array<std::string_view, 4> kGiven = {"hostname", "port", "username", "password"};
// A tenant listens on loopback, without TLS.
constexpr std::string_view kTls = "ssl.";

bool belongs_to_mysql(std::string_view option) {
  return std::ranges::find(kGiven, option) == kGiven.end() && !option.starts_with(kTls) && option != "socket";
}

struct TenantOptions {
  std::string tenant, data;

  static std::span<const Option<TenantOptions>> options() {
    using O = Option<TenantOptions>;
    static const O kOptions[] = {
        {{.name = "tenant", .summary = "Name of the tenant."}, &TenantOptions::tenant},
        {{.name = "data", .summary = "Data folder of its server.", .default_value = "sluice-data"},
         &TenantOptions::data},
    };
    return kOptions;
  }
};

struct FoundTenant {
  std::string role, folder, option_file;
};

Result<FoundTenant> find_tenant(const TenantOptions& options) {
  const std::string data = std::filesystem::absolute(options.data).lexically_normal().string();
  const std::string catalog = data + "/catalog.db";
  std::error_code problem;
  if (!std::filesystem::exists(catalog, problem)) {
    return Error(ErrorCode::kConfig, fmt::format("no server of tenants has the folder {}", data),
                 "Set 'data' to the folder of sluice server.");
  }
  const bool name =
      std::ranges::all_of(options.tenant, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  ASSIGN_OR_RETURN(const ViewRows found,
                   read_views(catalog, fmt::format("SELECT TENANT_ID, TENANT_ROLE FROM oceanbase.DBA_OB_TENANTS WHERE "
                                                   "TENANT_NAME = '{}' AND STATUS = 'NORMAL'",
                                                   name ? options.tenant : "")));
  if (found.rows.empty()) {
    return Error(ErrorCode::kConfig, fmt::format("there is no tenant '{}' in {}", options.tenant, data),
                 "'sluice tenant list' shows them.");
  }
  const std::string folder = fmt::format("{}/tenants/{}", data, found.rows[0][0].value_or(""));
  ASSIGN_OR_RETURN(std::string option_file, read_file(folder + "/client.cnf"));
  return FoundTenant{found.rows[0][1].value_or(""), folder, std::move(option_file)};
}

std::string option_of(const std::string& file, std::string_view name) {
  const size_t at = file.find(fmt::format("\n{}=", name));
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 2;
  return file.substr(begin, file.find('\n', begin) - begin);
}

// The settings of the connector `mysql` that these stand for; nothing, and problems, if they stand for none.
std::optional<Settings> for_mysql(const Settings& settings, bool writes, Problems& problems) {
  Settings own{settings.location, {}}, result{settings.location, {}};
  bool good = true;
  for (const Setting& setting : settings.entries) {
    if (belongs_to_mysql(setting.key) && setting.key != "tenant" && setting.key != "data") {
      result.entries.push_back(setting);
    } else if (setting.key == "tenant" || setting.key == "data") {
      own.entries.push_back(setting);
    } else {
      problems.error(setting.location, setting.key, "a tenant's own server says this", "Leave it out.");
      good = false;
    }
  }
  const size_t before = problems.all().size();
  const auto options = parse_options<TenantOptions>(own, "tenant", problems);
  if (!good || problems.all().size() != before) return std::nullopt;
  const auto tenant = find_tenant(options);
  if (!tenant) {
    problems.error(settings.location, "tenant", sql_error_message(tenant.error()),
                   std::string(tenant.error().advice()));
    return std::nullopt;
  }
  if (writes && tenant->role != "PRIMARY") {
    problems.error(settings.location, "tenant", fmt::format("tenant '{}' is a standby and read only", options.tenant),
                   "ALTER SYSTEM ACTIVATE STANDBY makes it writable.");
    return std::nullopt;
  }
  for (const auto& [key, name] : {std::pair("hostname", "host"), std::pair("port", "port"),
                                  std::pair("username", "user"), std::pair("password", "password")}) {
    result.entries.push_back({key, option_of(tenant->option_file, name), settings.location, true});
  }
  return result;
}

std::vector<OptionHelp> help(std::vector<OptionHelp> mysql) {
  std::erase_if(mysql, [](const OptionHelp& option) { return !belongs_to_mysql(option.info.name); });
  std::vector<OptionHelp> result = option_help<TenantOptions>();
  result.insert(result.end(), mysql.begin(), mysql.end());
  return result;
}

}  // namespace

ConnectorInfo tenant_connector() {
  return {
      .type = "tenant",
      .summary = "A tenant of sluice server by its name: as mysql, with address and user from the server's catalog.",
      .make_source = [](const Settings& settings, Problems& problems) -> std::unique_ptr<Source> {
        const auto mysql = for_mysql(settings, false, problems);
        return mysql ? mysql_connector().make_source(*mysql, problems) : nullptr;
      },
      .make_sink = [](const Settings& settings, Problems& problems) -> std::unique_ptr<Sink> {
        const auto mysql = for_mysql(settings, true, problems);
        return mysql ? mysql_connector().make_sink(*mysql, problems) : nullptr;
      },
      .source_options = [] { return help(mysql_connector().source_options()); },
      .sink_options = [] { return help(mysql_connector().sink_options()); }};
}

}  // namespace sluice
