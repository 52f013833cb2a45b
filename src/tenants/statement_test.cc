// SPDX-License-Identifier: Apache-2.0
#include "tenants/statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tenants/sql_error.h"

namespace sluice {
namespace {

using testing::HasSubstr;

template <typename T>
T parse_one(std::string_view text) {
  const auto statements = parse_statements(text);
  EXPECT_TRUE(statements.has_value()) << text << ": " << (statements ? "" : statements.error().message());
  if (!statements || statements->size() != 1 || !std::holds_alternative<T>((*statements)[0].what)) {
    ADD_FAILURE() << text;
    return T{};
  }
  return std::get<T>((*statements)[0].what);
}

std::string mistake(std::string_view text) {
  const auto statements = parse_statements(text);
  return statements ? "accepted" : statements.error().message();
}

TEST(StatementTest, units_take_their_options_in_any_order_with_sizes_in_words) {
  const auto unit =
      parse_one<CreateUnit>("create resource unit if not exists box2 memory_size = '512M', MAX_CPU 1.5, MAX_IOPS 1000");
  EXPECT_EQ(unit.name, "box2");
  EXPECT_TRUE(unit.if_not_exists);
  EXPECT_EQ(unit.options.memory_size, int64_t{512} << 20);
  EXPECT_EQ(unit.options.max_cpu, 1.5);
  EXPECT_EQ(unit.options.max_iops, 1000);
  EXPECT_FALSE(unit.options.min_cpu.has_value());
  EXPECT_EQ(parse_one<AlterUnit>("ALTER RESOURCE UNIT u MEMORY_SIZE 2G").options.memory_size, int64_t{2} << 30);
}

TEST(StatementTest, a_clone_takes_names_bare_or_quoted_and_its_options_in_either_order) {
  const auto clone = parse_one<CloneTenant>(
      "CREATE TENANT IF NOT EXISTS `report` FROM shop USING SNAPSHOT snapshot$17 WITH UNIT='box2', RESOURCE_POOL = "
      "report_pool, "
      "ROLE = PRIMARY, ASYNC");
  EXPECT_EQ(clone.name, "report");
  EXPECT_EQ(clone.source, "shop");
  EXPECT_EQ(clone.snapshot, "snapshot$17");
  EXPECT_EQ(clone.pool, "report_pool");
  EXPECT_EQ(clone.unit, "box2");
  EXPECT_TRUE(clone.primary);
  EXPECT_TRUE(clone.async);
  EXPECT_TRUE(clone.if_not_exists);
}

TEST(StatementTest, a_clone_as_of_the_past_names_a_time_in_utc_or_a_gtid) {
  const std::string clone = "CREATE TENANT a FROM b WITH RESOURCE_POOL = p, UNIT = u, AS OF ";
  EXPECT_EQ(parse_one<CloneTenant>(clone + "TIMESTAMP '1970-01-02 00:00:01.25'").as_of_ms, 86'401'250);
  EXPECT_EQ(parse_one<CloneTenant>(clone + "TIMESTAMP '1970-01-02T00:00:01Z', ASYNC").as_of_ms, 86'401'000);
  EXPECT_EQ(parse_one<CloneTenant>(clone + "GTID '1-2-3,4-5-6'").as_of_gtid, "1-2-3,4-5-6");
  for (const char* wrong : {"'2026-02-30 00:00:00'", "'2026-01-01'", "'2026-01-01 25:00:00'", "'2026-01-01 00:00:00.'",
                            "'2026-01-01 00:00:00+02'", "'now'"}) {
    EXPECT_THAT(mistake(clone + "TIMESTAMP " + wrong), HasSubstr("ERROR 1210")) << wrong;
  }
  EXPECT_THAT(mistake(clone + "GTID 5"), HasSubstr("a string is expected"));
  EXPECT_THAT(mistake(clone + "GTID '1-1-1', AS OF GTID '1-1-2'"), HasSubstr("ERROR 4679"));
  EXPECT_THAT(mistake("CREATE TENANT a FROM b USING SNAPSHOT s WITH RESOURCE_POOL = p, UNIT = u, AS OF GTID '1-1-1'"),
              HasSubstr("ERROR 1210"));
}

TEST(StatementTest, several_statements_are_told_apart_and_G_makes_one_vertical) {
  const auto statements = parse_statements(
      "-- units\nDROP TENANT IF EXISTS t FORCE; /* views */ SELECT ';' AS x FROM oceanbase.DBA_OB_TENANTS\\G SHOW "
      "TENANTS;");
  ASSERT_TRUE(statements.has_value()) << statements.error().message();
  ASSERT_EQ(statements->size(), 3U);
  EXPECT_TRUE(std::get<DropTenant>((*statements)[0].what).force);
  EXPECT_EQ(std::get<ReadViews>((*statements)[1].what).sql, "SELECT ';' AS x FROM oceanbase.DBA_OB_TENANTS");
  EXPECT_TRUE((*statements)[1].vertical);
  EXPECT_FALSE((*statements)[2].vertical);
}

TEST(StatementTest, clones_have_a_time_to_live_a_protection_and_a_mask) {
  const std::string clone = "CREATE TENANT a FROM b WITH RESOURCE_POOL = p, UNIT = u";
  const auto full = parse_one<CloneTenant>(clone + ", TTL '8h', PROTECTED, MASK anonymous, ROLE = PRIMARY");
  EXPECT_EQ(full.ttl_ms, int64_t{8} * 3600 * 1000);
  EXPECT_TRUE(full.is_protected);
  EXPECT_EQ(full.mask, "anonymous");
  EXPECT_FALSE(parse_one<CloneTenant>(clone).ttl_ms.has_value());
  EXPECT_THAT(mistake(clone + ", TTL 8"), HasSubstr("a duration as '8h' for TTL is expected"));
  EXPECT_THAT(mistake(clone + ", TTL '8 moons'"), HasSubstr("ERROR 1210"));
  EXPECT_THAT(mistake(clone + ", TTL '0s'"), HasSubstr("ERROR 1210"));
  EXPECT_THAT(mistake(clone + ", TTL '1h', TTL '1h'"), HasSubstr("ERROR 4679"));
  EXPECT_EQ(parse_one<SetTtl>("ALTER TENANT t SET TTL = '90s'").ttl_ms, 90'000);
  EXPECT_FALSE(parse_one<SetTtl>("ALTER TENANT t SET TTL NONE").ttl_ms.has_value());
  EXPECT_TRUE(parse_one<SetProtected>("ALTER TENANT t SET PROTECTED").on);
  EXPECT_FALSE(parse_one<SetProtected>("ALTER TENANT t SET PROTECTED = OFF").on);
  EXPECT_EQ(parse_one<ResetTenant>("ALTER TENANT t RESET TO PARENT USING SNAPSHOT 'snapshot$1'").snapshot,
            "snapshot$1");
  EXPECT_EQ(parse_one<CreateMask>("CREATE MASK m AS 'UPDATE a.b SET c = ''x''; DELETE FROM a.d'").sql,
            "UPDATE a.b SET c = 'x'; DELETE FROM a.d");
  EXPECT_TRUE(parse_one<DropMask>("DROP MASK IF EXISTS m").if_exists);
}

TEST(StatementTest, log_mode_names_tenants_or_all) {
  EXPECT_THAT(parse_one<SetLogMode>("ALTER SYSTEM ARCHIVELOG TENANT = a, b").tenants, testing::ElementsAre("a", "b"));
  const auto off = parse_one<SetLogMode>("ALTER SYSTEM NOARCHIVELOG TENANT = ALL");
  EXPECT_FALSE(off.archive);
  EXPECT_TRUE(off.tenants.empty());
}

TEST(StatementTest, mistakes_are_named_with_line_and_column) {
  EXPECT_EQ(mistake("CREATE TENANT t\n  RESOURCE_POOL_LIST ('p') x"),
            "ERROR 1064 (42000): syntax: the end of the statement is expected at line 2, column 28, near 'x'");
  EXPECT_THAT(mistake("CREATE TENANT a FROM b WITH UNIT = u"),
              HasSubstr("ERROR 1064 (42000): syntax: RESOURCE_POOL is required"));
  EXPECT_THAT(mistake("CREATE TENANT a FROM b WITH UNIT = u, UNIT = u"), HasSubstr("ERROR 4679"));
  EXPECT_THAT(mistake("SELECT 'x"), HasSubstr("the string that begins at line 1, column 8 has no end"));
  EXPECT_THAT(mistake("UPDATE t SET x = 1"), HasSubstr("ERROR 1064"));
}

TEST(StatementTest, names_that_are_not_fit_for_paths_are_refused) {
  for (const char* name : {"'../x'", "`a/b`", "'a\\'b'", "1a", "`a b`", "'sys'", "''", "'a;b'", "'a\\\\b'"}) {
    const std::string text = mistake(std::string("CREATE TENANT ") + name + " RESOURCE_POOL_LIST=('p')");
    EXPECT_THAT(text, testing::AnyOf(HasSubstr("ERROR 1210"), HasSubstr("ERROR 1064"))) << name;
  }
  EXPECT_THAT(mistake("DROP TENANT " + std::string(64, 'x')), HasSubstr("ERROR 4646"));
  EXPECT_EQ(parse_one<DropTenant>("DROP TENANT " + std::string(63, 'x')).name.size(), 63U);
}

TEST(StatementTest, what_is_not_there_yet_is_refused_as_such) {
  for (const char* text :
       {"CREATE TENANT a FROM b WITH RESOURCE_POOL = p, UNIT = u, ON BEHALF OF 'me'", "ALTER TENANT t RENAME x",
        "ALTER SYSTEM SWITCHOVER TO PRIMARY TENANT = t", "ALTER TENANT t LOCK", "SHOW RECYCLEBIN",
        "CREATE STANDBY TENANT s LOG_RESTORE_SOURCE='x'", "CREATE TENANT a RESOURCE_POOL_LIST=('p'), LOCALITY='x'"}) {
    EXPECT_THAT(mistake(text), HasSubstr("ERROR 1235 (0A000)")) << text;
  }
}

TEST(StatementTest, numbers_beyond_their_range_are_refused) {
  EXPECT_THAT(mistake("CREATE RESOURCE UNIT u MAX_CPU 1, MEMORY_SIZE '99999999999G'"), HasSubstr("ERROR 1210"));
  EXPECT_THAT(mistake("CREATE RESOURCE UNIT u MAX_CPU 1e9, MEMORY_SIZE '1G'"), HasSubstr("ERROR 1210"));
  EXPECT_THAT(mistake("CREATE RESOURCE UNIT u MAX_CPU 1, MEMORY_SIZE '1Q'"), HasSubstr("ERROR 1064"));
  EXPECT_THAT(mistake("CREATE RESOURCE UNIT u MAX_CPU 1"), HasSubstr("MEMORY_SIZE: it is required"));
}

TEST(StatementTest, a_mistake_in_the_first_words_is_named_where_it_is) {
  EXPECT_THAT(mistake("CREATE TENAN x"),
              HasSubstr("RESOURCE or TENANT or SNAPSHOT or STANDBY or MASK is expected at line 1, column 8, near 'TENAN'"));
  EXPECT_THAT(mistake("DROP\nRESOURCE x"), HasSubstr("UNIT or POOL is expected at line 2, column 10"));
  EXPECT_THAT(mistake("CREAT TENANT x"), HasSubstr("column 1, near 'CREAT'"));
}

}  // namespace
}  // namespace sluice
