// SPDX-License-Identifier: Apache-2.0
#include "tenants/rest_statement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "tenants/sql_error.h"

namespace sluice {
namespace {

using nlohmann::json;

// 'x' for a statement, whatever the text is.
std::string sql_string(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += c;
    result += c;
  }
  return result + "'";
}

// A name in a query over the views. None has other signs, and none is then found; so nothing needs to be quoted.
std::string name_in_views(std::string_view name) {
  const auto part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '$'; };
  return std::ranges::all_of(name, part) ? "'" + std::string(name) + "'" : "''";
}

// What a request says: the variable parts of its path, and each field of its body or query, asked for once. What is
// left then is unknown, and refused.
class Fields {
 public:
  Fields(const RestRequest& request, std::vector<std::string> parts) : parts_(std::move(parts)) {
    for (const auto& [name, value] : request.query) fields_[name] = value;
    if (request.body.empty()) return;
    // No field has an inside. Deep ones would overflow the stack when they are copied.
    bool nested = false;
    const auto flat = [&](int depth, json::parse_event_t event, const json&) {
      using Event = json::parse_event_t;
      nested = nested || (depth > 0 && (event == Event::object_start || event == Event::array_start));
      return !nested;
    };
    const json body = json::parse(request.body, flat, false);
    if (nested) {
      problem_ = "no field is a list or an object";
      return;
    }
    if (!body.is_object()) {
      problem_ = "the body is not a JSON object";
      return;
    }
    for (const auto& [name, value] : body.items()) fields_[name] = value;
  }

  std::string part(size_t index) const { return sql_string(parts_[index]); }
  const std::string& bare_part(size_t index) const { return parts_[index]; }

  std::optional<std::string> text(const std::string& name) {
    const json value = take(name);
    if (value.is_null()) return std::nullopt;
    if (!value.is_string()) problem_ = "'" + name + "' is not a string";
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  }
  std::string needed(const std::string& name) {
    const auto value = text(name);
    if (!value && problem_.empty()) problem_ = "'" + name + "' is required";
    return value.value_or("");
  }
  // "true" too, as a query has it.
  bool flag(const std::string& name) {
    const json value = take(name);
    if (value.is_null() || value == json("false")) return false;
    if (!value.is_boolean() && value != json("true")) problem_ = "'" + name + "' is not true or false";
    return value == json(true) || value == json("true");
  }
  bool needed_flag(const std::string& name) {
    if (!has(name) && problem_.empty()) problem_ = "'" + name + "' is required";
    return flag(name);
  }
  bool has(const std::string& name) const { return fields_.contains(name); }
  // ", NAME value" for each of the names that is given: a number as it is, a string as a string.
  std::string options(std::initializer_list<std::string_view> names) {
    std::string result;
    for (const std::string_view name : names) {
      const json value = take(std::string(name));
      if (value.is_null()) continue;
      std::string keyword(name);
      std::ranges::transform(keyword, keyword.begin(), [](unsigned char c) { return std::toupper(c); });
      if (!value.is_string() && !value.is_number()) problem_ = "'" + std::string(name) + "' is no number and no string";
      result += (result.empty() ? " " : ", ") + keyword + " = " +
                (value.is_string() ? sql_string(value.get<std::string>()) : value.dump());
    }
    return result;
  }

  Result<> all_known() const {
    if (!problem_.empty()) return sql_error(kIncorrectArguments, "Incorrect arguments to the request: {}", problem_);
    if (fields_.empty()) return {};
    return sql_error(kIncorrectArguments, "Incorrect arguments to the request: '{}' is unknown",
                     fields_.begin()->first);
  }

 private:
  json take(const std::string& name) {
    const auto found = fields_.find(name);
    if (found == fields_.end()) return {};
    json value = std::move(found->second);
    fields_.erase(found);
    return value;
  }
  const std::vector<std::string> parts_;
  std::map<std::string, json> fields_;
  std::string problem_;
};

RestStatement statement(std::string sql) { return {.sql = std::move(sql)}; }
RestStatement rows(const std::string& view) { return statement("SELECT * FROM " + view); }
RestStatement one_row(const Fields& fields, const std::string& view, const std::string& column, int absent) {
  return {.sql = "SELECT * FROM " + view + " WHERE " + column + " = " + name_in_views(fields.bare_part(0)),
          .absent_code = absent};
}

RestStatement any_statements(Fields& f) { return {.sql = f.needed("sql"), .many = true}; }

RestStatement view(Fields& f) {
  std::string name = f.bare_part(0);
  const bool good =
      std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }) && !name.empty();
  return rows(good ? name : "\"no such view\"");
}

RestStatement units(Fields&) { return rows("DBA_OB_UNIT_CONFIGS"); }
RestStatement unit(Fields& f) { return one_row(f, "DBA_OB_UNIT_CONFIGS", "NAME", kUnitNotExist); }
std::string unit_options(Fields& f) {
  return f.options({"max_cpu", "min_cpu", "memory_size", "log_disk_size", "max_iops", "min_iops", "iops_weight"});
}
std::string unless_there(Fields& f) { return f.flag("if_not_exists") ? "IF NOT EXISTS " : ""; }
std::string if_there(Fields& f) { return f.flag("if_exists") ? "IF EXISTS " : ""; }
RestStatement create_unit(Fields& f) {
  const std::string name = sql_string(f.needed("name"));
  return statement("CREATE RESOURCE UNIT " + unless_there(f) + name + unit_options(f));
}
RestStatement alter_unit(Fields& f) { return statement("ALTER RESOURCE UNIT " + f.part(0) + unit_options(f)); }
RestStatement drop_unit(Fields& f) { return statement("DROP RESOURCE UNIT " + if_there(f) + f.part(0)); }

RestStatement pools(Fields&) { return rows("DBA_OB_RESOURCE_POOLS"); }
RestStatement pool(Fields& f) { return one_row(f, "DBA_OB_RESOURCE_POOLS", "NAME", kPoolNotExist); }
RestStatement create_pool(Fields& f) {
  const std::string name = sql_string(f.needed("name"));
  return statement("CREATE RESOURCE POOL " + unless_there(f) + name + " UNIT = " + sql_string(f.needed("unit")));
}
RestStatement alter_pool(Fields& f) {
  return statement("ALTER RESOURCE POOL " + f.part(0) + " UNIT = " + sql_string(f.needed("unit")));
}
RestStatement drop_pool(Fields& f) { return statement("DROP RESOURCE POOL " + if_there(f) + f.part(0)); }

RestStatement tenants(Fields&) { return rows("DBA_OB_TENANTS"); }
RestStatement tenant(Fields& f) { return one_row(f, "DBA_OB_TENANTS", "TENANT_NAME", kTenantNotExist); }
RestStatement create_tenant(Fields& f) {
  const std::string name = sql_string(f.needed("name"));
  std::string sql =
      "CREATE TENANT " + unless_there(f) + name + " RESOURCE_POOL_LIST = (" + sql_string(f.needed("pool")) + ")";
  for (const auto& [field, option] : {std::pair("charset", ", CHARSET = "), std::pair("collation", ", COLLATE = "),
                                      std::pair("comment", ", COMMENT = ")}) {
    if (const auto value = f.text(field)) sql += option + sql_string(*value);
  }
  return statement(std::move(sql));
}
RestStatement drop_tenant(Fields& f) {
  return statement("DROP TENANT " + if_there(f) + f.part(0) + (f.flag("force") ? " FORCE" : ""));
}
RestStatement alter_tenant(Fields& f) {
  if (const auto ttl = f.text("ttl")) {
    return statement("ALTER TENANT " + f.part(0) + " SET TTL = " + (*ttl == "none" ? "NONE" : sql_string(*ttl)));
  }
  if (f.has("protected")) {
    return statement("ALTER TENANT " + f.part(0) + " SET PROTECTED = " + (f.flag("protected") ? "ON" : "OFF"));
  }
  const bool archive = f.needed_flag("archivelog");
  return statement(std::string("ALTER SYSTEM ") + (archive ? "ARCHIVELOG" : "NOARCHIVELOG") + " TENANT = " + f.part(0));
}
RestStatement clone_tenant(Fields& f) {
  const std::string name = f.needed("name");
  std::string sql = "CREATE TENANT " + unless_there(f) + sql_string(name) + " FROM " + f.part(0);
  if (const auto snapshot = f.text("snapshot")) sql += " USING SNAPSHOT " + sql_string(*snapshot);
  sql += " WITH RESOURCE_POOL = " + sql_string(f.text("pool").value_or(name + "_pool")) +
         ", UNIT = " + sql_string(f.needed("unit"));
  for (const auto& [field, option] :
       {std::pair("as_of_timestamp", ", AS OF TIMESTAMP "), std::pair("as_of_gtid", ", AS OF GTID "),
        std::pair("role", ", ROLE = "), std::pair("ttl", ", TTL "), std::pair("mask", ", MASK ")}) {
    if (const auto value = f.text(field)) sql += option + sql_string(*value);
  }
  if (f.flag("protected")) sql += ", PROTECTED";
  if (f.flag("async")) sql += ", ASYNC";
  return statement(std::move(sql));
}
RestStatement reset_tenant(Fields& f) {
  const auto snapshot = f.text("snapshot");
  return statement("ALTER TENANT " + f.part(0) + " RESET TO PARENT" +
                   (snapshot ? " USING SNAPSHOT " + sql_string(*snapshot) : ""));
}
RestStatement masks(Fields&) { return rows("DBA_MASKS"); }
RestStatement create_mask(Fields& f) {
  const std::string name = sql_string(f.needed("name"));
  return statement("CREATE MASK " + unless_there(f) + name + " AS " + sql_string(f.needed("sql")));
}
RestStatement drop_mask(Fields& f) { return statement("DROP MASK " + if_there(f) + f.part(0)); }
RestStatement activate(Fields& f) { return statement("ALTER SYSTEM ACTIVATE STANDBY TENANT = " + f.part(0)); }
RestStatement switchover(Fields& f) { return statement("ALTER SYSTEM SWITCHOVER TO PRIMARY TENANT = " + f.part(0)); }

RestStatement snapshots(Fields& f) {
  return statement("SELECT * FROM DBA_OB_TENANT_SNAPSHOTS WHERE TENANT_NAME = " + name_in_views(f.bare_part(0)));
}
RestStatement create_snapshot(Fields& f) {
  const auto name = f.text("name");
  return statement("CREATE SNAPSHOT " + (name ? sql_string(*name) + " " : "") + "FOR TENANT " + f.part(0));
}
RestStatement drop_snapshot(Fields& f) { return statement("DROP SNAPSHOT " + f.part(1) + " FOR TENANT " + f.part(0)); }

RestStatement clone_jobs(Fields& f) {
  return rows(f.flag("history") ? "DBA_OB_CLONE_HISTORY" : "DBA_OB_CLONE_PROGRESS");
}
RestStatement clone_job(Fields& f) {
  return one_row(f, "(SELECT * FROM DBA_OB_CLONE_PROGRESS UNION ALL SELECT * FROM DBA_OB_CLONE_HISTORY)",
                 "CAST(CLONE_JOB_ID AS TEXT)", kNoSuchRequest);
}
RestStatement cancel_clone(Fields& f) { return {.cancel_job = f.bare_part(0)}; }

struct Route {
  std::string_view method, path;  // '*' stands for any part
  RestStatement (*make)(Fields&);
};
constexpr std::array kRoutes = {
    Route{"POST", "/v1/sql", any_statements},
    Route{"GET", "/v1/views/*", view},
    Route{"GET", "/v1/units", units},
    Route{"POST", "/v1/units", create_unit},
    Route{"GET", "/v1/units/*", unit},
    Route{"PATCH", "/v1/units/*", alter_unit},
    Route{"DELETE", "/v1/units/*", drop_unit},
    Route{"GET", "/v1/pools", pools},
    Route{"POST", "/v1/pools", create_pool},
    Route{"GET", "/v1/pools/*", pool},
    Route{"PATCH", "/v1/pools/*", alter_pool},
    Route{"DELETE", "/v1/pools/*", drop_pool},
    Route{"GET", "/v1/tenants", tenants},
    Route{"POST", "/v1/tenants", create_tenant},
    Route{"GET", "/v1/tenants/*", tenant},
    Route{"PATCH", "/v1/tenants/*", alter_tenant},
    Route{"DELETE", "/v1/tenants/*", drop_tenant},
    Route{"POST", "/v1/tenants/*/clones", clone_tenant},
    Route{"POST", "/v1/tenants/*/reset", reset_tenant},
    Route{"GET", "/v1/masks", masks},
    Route{"POST", "/v1/masks", create_mask},
    Route{"DELETE", "/v1/masks/*", drop_mask},
    Route{"POST", "/v1/tenants/*/activate", activate},
    Route{"POST", "/v1/tenants/*/switchover", switchover},
    Route{"GET", "/v1/tenants/*/snapshots", snapshots},
    Route{"POST", "/v1/tenants/*/snapshots", create_snapshot},
    Route{"DELETE", "/v1/tenants/*/snapshots/*", drop_snapshot},
    Route{"GET", "/v1/clone-jobs", clone_jobs},
    Route{"GET", "/v1/clone-jobs/*", clone_job},
    Route{"DELETE", "/v1/clone-jobs/*", cancel_clone},
};

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// What stands for the '*' of the pattern, if the path is of that form.
std::optional<std::vector<std::string>> match(std::string_view pattern, const std::vector<std::string>& path) {
  const std::vector<std::string> wanted = parts_of(pattern);
  if (wanted.size() != path.size()) return std::nullopt;
  std::vector<std::string> variable;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "*") {
      variable.push_back(path[i]);
    } else if (wanted[i] != path[i]) {
      return std::nullopt;
    }
  }
  return variable;
}

}  // namespace

Result<RestStatement> rest_statement(const RestRequest& request) {
  const std::vector<std::string> path = parts_of(request.path);
  std::string methods;
  for (const Route& route : kRoutes) {
    auto variable = match(route.path, path);
    if (!variable) continue;
    if (route.method != request.method) {
      methods += (methods.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    Fields fields(request, std::move(*variable));
    RestStatement made = route.make(fields);
    RETURN_IF_ERROR(fields.all_known());
    return made;
  }
  return sql_error(kNoSuchRequest, "there is no {} {}{}", request.method, request.path,
                   methods.empty() ? "" : "; there is " + methods);
}

}  // namespace sluice
