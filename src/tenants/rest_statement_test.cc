// SPDX-License-Identifier: Apache-2.0
#include "tenants/rest_statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenants/sql_error.h"
#include "tenants/statement.h"

namespace sluice {
namespace {

using testing::HasSubstr;

std::string sql(std::string_view method, std::string_view path, std::string_view body = {},
                const std::map<std::string, std::string>& query = {}) {
  const auto made = rest_statement({method, path, query, body});
  if (!made) return made.error().message();
  if (!made->cancel_job.empty()) return "cancel " + made->cancel_job;
  return made->sql;
}

TEST(RestStatementTest, requests_are_statements_that_the_parser_takes) {
  const std::pair<std::string, std::string> requests[] = {
      {sql("GET", "/v1/tenants"), "SELECT * FROM DBA_OB_TENANTS"},
      {sql("GET", "/v1/tenants/shop"), "SELECT * FROM DBA_OB_TENANTS WHERE TENANT_NAME = 'shop'"},
      {sql("POST", "/v1/units", R"({"name": "u", "max_cpu": 1.5, "memory_size": "512M", "if_not_exists": true})"),
       "CREATE RESOURCE UNIT IF NOT EXISTS 'u' MAX_CPU = 1.5, MEMORY_SIZE = '512M'"},
      {sql("PATCH", "/v1/units/u", R"({"max_iops": 1000})"), "ALTER RESOURCE UNIT 'u' MAX_IOPS = 1000"},
      {sql("DELETE", "/v1/units/u", "", {{"if_exists", "true"}}), "DROP RESOURCE UNIT IF EXISTS 'u'"},
      {sql("POST", "/v1/pools", R"({"name": "p", "unit": "u"})"), "CREATE RESOURCE POOL 'p' UNIT = 'u'"},
      {sql("POST", "/v1/tenants", R"({"name": "t", "pool": "p", "comment": "it's \\ here"})"),
       R"(CREATE TENANT 't' RESOURCE_POOL_LIST = ('p'), COMMENT = 'it''s \\ here')"},
      {sql("PATCH", "/v1/tenants/t", R"({"archivelog": true})"), "ALTER SYSTEM ARCHIVELOG TENANT = 't'"},
      {sql("DELETE", "/v1/tenants/t", "", {{"force", "true"}}), "DROP TENANT 't' FORCE"},
      {sql("POST", "/v1/tenants/t/clones", R"({"name": "c", "unit": "u", "role": "PRIMARY", "async": true})"),
       "CREATE TENANT 'c' FROM 't' WITH RESOURCE_POOL = 'c_pool', UNIT = 'u', ROLE = 'PRIMARY', ASYNC"},
      {sql("POST", "/v1/tenants/t/clones",
           R"({"name": "c", "unit": "u", "ttl": "8h", "mask": "m", "protected": true})"),
       "CREATE TENANT 'c' FROM 't' WITH RESOURCE_POOL = 'c_pool', UNIT = 'u', TTL '8h', MASK 'm', PROTECTED"},
      {sql("PATCH", "/v1/tenants/t", R"({"ttl": "none"})"), "ALTER TENANT 't' SET TTL = NONE"},
      {sql("PATCH", "/v1/tenants/t", R"({"protected": false})"), "ALTER TENANT 't' SET PROTECTED = OFF"},
      {sql("POST", "/v1/tenants/t/reset", R"({"snapshot": "s"})"),
       "ALTER TENANT 't' RESET TO PARENT USING SNAPSHOT 's'"},
      {sql("POST", "/v1/masks", R"({"name": "m", "sql": "DELETE FROM a.b"})"), "CREATE MASK 'm' AS 'DELETE FROM a.b'"},
      {sql("POST", "/v1/tenants/t/snapshots"), "CREATE SNAPSHOT FOR TENANT 't'"},
      {sql("DELETE", "/v1/tenants/t/snapshots/snapshot$7"), "DROP SNAPSHOT 'snapshot$7' FOR TENANT 't'"},
      {sql("GET", "/v1/clone-jobs", "", {{"history", "true"}}), "SELECT * FROM DBA_OB_CLONE_HISTORY"},
  };
  for (const auto& [made, expected] : requests) {
    EXPECT_EQ(made, expected);
    EXPECT_TRUE(parse_statements(made).has_value()) << made;
  }
  EXPECT_EQ(sql("DELETE", "/v1/clone-jobs/7"), "cancel 7");
}

TEST(RestStatementTest, what_is_unknown_or_of_another_type_is_refused) {
  EXPECT_THAT(sql("GET", "/v2/tenants"), HasSubstr("there is no GET /v2/tenants"));
  EXPECT_THAT(sql("GET", "/v1/tenants/"), HasSubstr("SELECT"));  // of a name that no tenant has
  EXPECT_THAT(sql("PUT", "/v1/tenants/t"), HasSubstr("there is no PUT /v1/tenants/t; there is GET, PATCH, DELETE"));
  EXPECT_THAT(sql("PATCH", "/v1/tenants/t", R"({"ttl": "1h", "protected": true})"),
              HasSubstr("'protected' is unknown"));
  EXPECT_THAT(sql("PATCH", "/v1/tenants/t"), HasSubstr("'archivelog' is required"));
  EXPECT_THAT(sql("POST", "/v1/tenants", "[1]"), HasSubstr("1210"));
  EXPECT_THAT(sql("POST", "/v1/tenants", R"({"name": "t"})"), HasSubstr("'pool' is required"));
  EXPECT_THAT(sql("POST", "/v1/tenants", R"({"name": 1, "pool": "p"})"), HasSubstr("'name' is not a string"));
  EXPECT_THAT(sql("POST", "/v1/tenants", R"({"name": "t", "pool": "p", "colour": 1})"),
              HasSubstr("'colour' is unknown"));
  EXPECT_THAT(sql("POST", "/v1/units", R"({"name": "u", "max_cpu": true})"), HasSubstr("no number and no string"));
  EXPECT_THAT(sql("POST", "/v1/units", R"({"name": "u", "max_cpu": {"a": 1}})"), HasSubstr("no field is a list"));
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_THAT(sql("POST", "/v1/units", R"({"name": "u", "max_cpu": )" + deep + "}"), HasSubstr("no field is a list"));
  EXPECT_THAT(sql("DELETE", "/v1/tenants/t", "", {{"force", "perhaps"}}), HasSubstr("not true or false"));
}

TEST(RestStatementTest, names_cannot_end_their_statement) {
  for (const std::string_view name : {"x'; DROP TENANT y; --", "x\\'; DROP TENANT y; --", "x\\", "a/../b", "x\ny"}) {
    for (const std::string& made :
         {sql("DELETE", "/v1/tenants/" + std::string(name)), sql("GET", "/v1/tenants/" + std::string(name)),
          sql("GET", "/v1/views/" + std::string(name))}) {
      const auto statements = parse_statements(made);
      EXPECT_TRUE(!statements || statements->size() == 1) << made;
      EXPECT_TRUE(!statements || std::holds_alternative<ReadViews>((*statements)[0].what)) << made;
    }
  }
}

}  // namespace
}  // namespace sluice
