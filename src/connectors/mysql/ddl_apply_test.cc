// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/ddl_apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::mysql {
namespace {

class DdlApplyTest : public testing::Test {
 protected:
  DdlEffect run(std::string_view sql) {
    auto statement = parse_ddl(sql, {.default_database = "d"});
    EXPECT_TRUE(statement) << (statement ? "" : statement.error().describe());
    auto effect = catalog_.apply(*statement);
    EXPECT_TRUE(effect) << (effect ? "" : effect.error().describe());
    return effect ? *effect : DdlEffect{};
  }
  std::string columns(const std::string& table) {
    std::string text;
    for (const Column& column : catalog_.find({"d", table})->schema->columns) text += column.name + " ";
    return text;
  }
  const MysqlTable& table(const std::string& name) { return *catalog_.find({"d", name}); }

  SchemaCatalog catalog_{TypeOptions{}};
};

TEST_F(DdlApplyTest, creates_with_the_databases_character_set) {
  catalog_.put_database("d", {"gbk", "gbk_chinese_ci"});
  DdlEffect effect =
      run("create table t (id int, a varchar(5), b text character set latin1, c blob, primary key (id))");
  ASSERT_EQ(effect.changes.size(), 1u);
  EXPECT_EQ(effect.changes[0].kind, SchemaChangeKind::kCreateTable);
  EXPECT_EQ(table("t").columns[1].charset, "gbk");
  EXPECT_EQ(table("t").columns[2].charset, "latin1");
  EXPECT_EQ(table("t").columns[3].charset, "");
  EXPECT_EQ(table("t").schema->key, std::vector<uint32_t>{0});
  EXPECT_FALSE(table("t").schema->columns[0].type.nullable);
  EXPECT_TRUE(run("create table if not exists t (x int)").changes.empty());
}

TEST_F(DdlApplyTest, drops_then_renames_then_does_the_rest_in_order) {
  run("create table t (id int primary key, a int, b int)");
  DdlEffect effect =
      run("alter table t add c int first, add d int after pk, drop a, modify b bigint, rename column id to pk");
  ASSERT_EQ(effect.changes.size(), 4u);
  EXPECT_EQ(effect.changes[0].kind, SchemaChangeKind::kDropColumns);
  EXPECT_EQ(effect.changes[1].new_names, std::vector<std::string>{"pk"});
  EXPECT_EQ(effect.changes[2].kind, SchemaChangeKind::kAddColumns);
  EXPECT_EQ(effect.changes[2].columns, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(effect.changes[3].kind, SchemaChangeKind::kAlterColumnType);
  for (size_t i = 1; i < effect.changes.size(); ++i) EXPECT_EQ(effect.changes[i].before, effect.changes[i - 1].after);
  EXPECT_EQ(effect.changes.back().after, table("t").schema);
  EXPECT_EQ(columns("t"), "c pk d b ");
  EXPECT_EQ(table("t").schema->key, std::vector<uint32_t>{1});
}

TEST_F(DdlApplyTest, says_nothing_when_the_work_is_done) {
  run("create table t (id int primary key, a int)");
  EXPECT_TRUE(run("alter table t add column a int, drop column x, modify a int, change y a int").changes.empty());
  EXPECT_TRUE(run("alter table t engine=InnoDB").touched.empty());
  EXPECT_EQ(run("alter table other add column a int").unknown.size(), 1u);
}

// The server reads the old names in the table as it was before the statement.
TEST_F(DdlApplyTest, columns_may_exchange_their_names) {
  for (const char* exchange : {"rename column a to b, rename column b to a", "change a b int, change b a bigint"}) {
    run("drop table if exists t");
    run("create table t (id int primary key, a int, b bigint)");
    const DdlEffect effect = run(std::string("alter table t ") + exchange);
    EXPECT_EQ(columns("t"), "id b a ") << exchange;
    EXPECT_EQ(effect.changes.at(0).columns, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(effect.changes.at(0).new_names, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(effect.changes.back().after, table("t").schema);
    EXPECT_EQ(effect.needs_copy, (std::vector<TableId>{{"d", "t"}})) << exchange;
  }
}

TEST_F(DdlApplyTest, a_name_may_pass_to_another_column) {
  run("create table t (id int primary key, a int, b int)");
  EXPECT_EQ(run("alter table t rename column a to b, rename column b to c").needs_copy.size(), 1u);
  EXPECT_EQ(columns("t"), "id b c ");
  EXPECT_TRUE(run("alter table t add b bigint, drop b").needs_copy.empty());
  EXPECT_EQ(columns("t"), "id c b ");
  EXPECT_EQ(table("t").schema->columns[2].type.source_type, "bigint");
  EXPECT_EQ(run("alter table t add b int, change b e bigint").needs_copy.size(), 1u);
  EXPECT_EQ(columns("t"), "id c e b ");
  EXPECT_EQ(run("alter table t drop c, rename column e to c").needs_copy.size(), 1u);
  EXPECT_EQ(columns("t"), "id c b ");
  EXPECT_TRUE(run("alter table t rename column c to C, change b b bigint").needs_copy.empty());
  EXPECT_EQ(columns("t"), "id C b ");
}

TEST_F(DdlApplyTest, capitals_make_no_other_name_of_a_column_that_is_not_renamed) {
  for (const char* change : {"modify A bigint", "change A A bigint", "change A a bigint"}) {
    run("drop table if exists t");
    run("create table t (id int primary key, a int)");
    const DdlEffect effect = run(std::string("alter table t ") + change);
    ASSERT_EQ(effect.changes.size(), 1u) << change;
    EXPECT_EQ(effect.changes[0].kind, SchemaChangeKind::kAlterColumnType);
    EXPECT_EQ(effect.changes[0].columns, std::vector<std::string>{"a"});
    EXPECT_EQ(columns("t"), "id a ") << change;
  }
}

// Without it the rows could not be told apart any more.
TEST_F(DdlApplyTest, the_index_that_is_the_key_must_stay) {
  const auto stays = [&](const std::string& definition, const std::string& sql) {
    run("drop table if exists t");
    run("create table t " + definition);
    const MysqlTable before = table("t");
    const auto statement = parse_ddl(sql, {.default_database = "d"});
    EXPECT_TRUE(statement.has_value() && catalog_.apply(*statement).has_value()) << sql;
    const auto checked = check_key_stays(*statement, before, catalog_.find({"d", "t"}));
    return checked ? std::string() : checked.error().message();
  };
  const std::string by_index = "(u int not null, v int, unique key uq (u))";
  const std::string by_key = "(id int primary key, u int not null unique)";
  using testing::HasSubstr;
  for (const char* sql : {"alter table t drop index uq", "drop index UQ on t", "alter table t drop constraint uq",
                          "alter table t modify u int", "alter table t change u w int null",
                          "alter table t drop key uq, add unique (v)", "alter table t drop column u"}) {
    EXPECT_THAT(stays(by_index, sql), HasSubstr("unique index uq, which tells the rows of table d.t apart")) << sql;
  }
  for (const char* sql :
       {"alter table t drop foreign key uq", "drop index other on t", "alter table t add unique a (v)",
        "alter table t modify u bigint not null", "alter table t change u w int not null",
        "alter table t drop key uq, add unique again (u)", "alter table t drop key uq, add primary key (u)",
        "alter table t add unique key uq (u), drop key uq"}) {
    EXPECT_EQ(stays(by_index, sql), "") << sql;
  }
  const std::string beside_another = "(u int not null, v int, key u (v), unique (u))";
  EXPECT_EQ(stays(beside_another, "drop index u on t"), "");
  EXPECT_THAT(stays(beside_another, "drop index u_2 on t"), HasSubstr("unique index u_2"));
  EXPECT_EQ(stays(by_key, "drop index u on t"), "");
  EXPECT_THAT(stays(by_key, "alter table t drop primary key"), HasSubstr("the primary key of table d.t was changed"));
  for (const char* sql : {"alter table t modify id bigint", "alter table t modify ID bigint",
                          "alter table t change ID ID bigint", "alter table t change Id uid bigint"}) {
    EXPECT_EQ(stays(by_key, sql), "") << sql;
  }
  EXPECT_FALSE(table("t").schema->columns[0].type.nullable);
}

TEST_F(DdlApplyTest, takes_the_key_of_a_new_table_as_the_server_s_catalog_is_read) {
  const auto key = [&](const std::string& definition) {
    run("drop table if exists t");
    run("create table t " + definition);
    std::string text = table("t").key_index + ":";
    for (const uint32_t part : table("t").schema->key) text += " " + table("t").schema->columns[part].name;
    return text;
  };
  EXPECT_EQ(key("(a int, b int not null, unique z (b))"), "z: b");
  EXPECT_EQ(key("(a int not null unique, b int not null, unique (b, a), unique A2 (b))"), "a: a");
  EXPECT_EQ(key("(b int not null, c int not null, unique (b), unique (b, c))"), "b: b");
  EXPECT_EQ(key("(a int unique, b varchar(9) not null, unique (b(3)))"), ":");
  EXPECT_EQ(key("(b int not null unique, a int, primary key (a))"), "PRIMARY: a");
  // Names that other indexes take, as MariaDB and MySQL give them.
  EXPECT_EQ(key("(u int not null, v int, key u (v), unique (u))"), "u_2: u");
  EXPECT_EQ(key("(u int not null, v int, index (u, v), key (u), fulltext key (u), unique (u))"), "u_4: u");
  EXPECT_EQ(key("(u int not null, v int, unique (u), key (u, v))"), "u: u");
  EXPECT_EQ(key("(u int not null, v int, unique key u ((v + 1)), key ((v + 2)), unique (u))"), "u_2: u");
  EXPECT_EQ(key("(`primary` int not null, unique (`primary`))"), "primary_2: primary");
  EXPECT_EQ(key("(id serial)"), "id: id");
  run("create table u like t");
  EXPECT_EQ(table("u").key_index, "id");
  run("alter table u rename index id to other");
  EXPECT_EQ(table("u").key_index, "other");
  EXPECT_EQ(mysql_table_from_json(mysql_table_to_json(table("u"))).value(), table("u"));
}

TEST_F(DdlApplyTest, sees_a_gh_ost_swap_as_the_difference) {
  run("create table t (id int primary key, a int)");
  run("create table _t_gho like t");
  run("alter table _t_gho add column b int after id, modify a bigint");
  DdlEffect effect = run("rename table t to _t_del, _t_gho to t");
  std::vector<SchemaChangeKind> kinds;
  for (const SchemaChange& change : effect.changes) {
    if (change.table().table == "t") kinds.push_back(change.kind);
  }
  EXPECT_EQ(kinds, (std::vector<SchemaChangeKind>{SchemaChangeKind::kAddColumns, SchemaChangeKind::kAlterColumnType}));
  EXPECT_EQ(columns("t"), "id b a ");
  EXPECT_EQ(effect.needs_copy, (std::vector<TableId>{{"d", "_t_del"}}));
  EXPECT_EQ(catalog_.find({"d", "_t_gho"}), nullptr);
}

// The old rows' values of these columns are nowhere in the log.
TEST_F(DdlApplyTest, copies_again_after_a_swap_that_renamed_or_computed_columns) {
  for (const char* change :
       {"change a b int", "change a id int, change id a int", "add b int as (a * 2) stored",
        "modify a int as (id * 2) stored", "add b int auto_increment unique",
        "add b timestamp not null default current_timestamp", "add b timestamp default '2020-01-01 00:00:00'"}) {
    run("drop table if exists t, _t_old");
    run("create table t (id int primary key, a int)");
    run("create table _t_new like t");
    run(std::string("alter table _t_new ") + change);
    const auto effect = run("rename table t to _t_old, _t_new to t");
    EXPECT_NE(std::ranges::find(effect.needs_copy, TableId{"d", "t"}), effect.needs_copy.end()) << change;
  }
}

// What a column begins with is of no matter to rows that have values in it.
TEST_F(DdlApplyTest, copies_nothing_after_a_swap_that_changed_defaults) {
  for (const char* change : {"modify a timestamp not null default current_timestamp", "modify b int default (1 + 1)",
                             "modify id int auto_increment"}) {
    run("drop table if exists t, _t_old");
    run("create table t (id int primary key, a timestamp, b int)");
    run("create table _t_new like t");
    run(std::string("alter table _t_new ") + change);
    const auto effect = run("rename table t to _t_old, _t_new to t");
    EXPECT_EQ(effect.needs_copy, (std::vector<TableId>{{"d", "_t_old"}})) << change;
  }
}

// The mark of the first swap is not that of the second one.
TEST_F(DdlApplyTest, remembers_of_a_helper_table_that_names_were_passed_on) {
  run("create table t (id int primary key, a int, b int)");
  run("create table _t_gho like t");
  run("alter table _t_gho rename column a to b, rename column b to a");
  EXPECT_EQ(mysql_table_from_json(mysql_table_to_json(table("_t_gho"))).value(), table("_t_gho"));
  EXPECT_EQ(run("rename table t to _t_del, _t_gho to t").needs_copy.size(), 2u);
  run("drop table _t_del");
  run("create table _t_gho like t");
  run("alter table _t_gho modify a bigint");
  EXPECT_EQ(run("rename table t to _t_del, _t_gho to t").needs_copy, (std::vector<TableId>{{"d", "_t_del"}}));
}

TEST_F(DdlApplyTest, copies_again_when_the_server_computed_values) {
  run("create table t (id int primary key, a int)");
  EXPECT_TRUE(run("alter table t add b int default 5, add c varchar(9) default 'x'").needs_copy.empty());
  EXPECT_TRUE(
      run("alter table t add e datetime default '2020-01-01 00:00:00', add f timestamp null").needs_copy.empty());
  // A moment in the time zone of the session.
  EXPECT_EQ(run("alter table t add g timestamp default '2020-01-01 00:00:00'").needs_copy.size(), 1u);
  EXPECT_EQ(run("alter table t add n int auto_increment unique").needs_copy.size(), 1u);
  EXPECT_EQ(run("alter table t add u varchar(40) default (uuid())").needs_copy.size(), 1u);
  EXPECT_EQ(run("alter table t add d int as (a + 1) stored").needs_copy.size(), 1u);
  EXPECT_EQ(run("alter table t modify d int as (a + 2) stored").needs_copy.size(), 1u);
}

// Another database would make other values of those that are there.
TEST_F(DdlApplyTest, copies_again_when_another_type_alters_values) {
  const auto copies = [&](const std::string& from, const std::string& to) {
    run("drop table if exists t, _t_old, _t_new");
    run("create table t (id int primary key, a " + from + ")");
    run("create table _t_new like t");
    const bool altered = !run("alter table t modify a " + to).needs_copy.empty();
    run("drop table t");
    run("create table t (id int primary key, a " + from + ")");
    run("alter table _t_new modify a " + to);
    const auto swapped = run("rename table t to _t_old, _t_new to t").needs_copy;
    EXPECT_EQ(altered, std::ranges::find(swapped, TableId{"d", "t"}) != swapped.end()) << from << " to " << to;
    return altered;
  };
  const std::vector<std::pair<const char*, const char*>> altering = {
      {"blob", "text"},
      {"varbinary(9)", "varchar(9)"},
      {"text character set latin1", "blob"},
      {"bit(8)", "int"},
      {"bit(8)", "bit(16)"},
      {"timestamp", "datetime"},
      {"datetime", "timestamp"},
      {"date", "datetime"},
      {"datetime(6)", "datetime"},
      {"time", "time(3)"},
      {"decimal(10,4)", "decimal(10,2)"},
      {"decimal(10,2)", "decimal(12,4)"},
      {"bigint", "int"},
      {"int unsigned", "int"},
      {"int", "int unsigned"},
      {"int", "tinyint(1)"},
      {"int(5) zerofill", "varchar(20)"},
      {"int", "varchar(5)"},
      {"float", "double"},
      {"varchar(9)", "char(9)"},
      {"binary(4)", "binary(8)"},
      {"varchar(9)", "varchar(5)"},
      {"text", "varchar(9)"},
      {"varchar(9)", "enum('a')"},
      {"enum('a','b')", "enum('a','c')"},
      {"set('a','b')", "set('b','a')"},
      {"year", "int"},
      {"text", "json"},
  };
  for (const auto& [from, to] : altering) EXPECT_TRUE(copies(from, to)) << from << " to " << to;
  const std::vector<std::pair<const char*, const char*>> keeping = {
      {"tinyint(1)", "tinyint"},
      {"tinyint(1)", "int"},
      {"int", "bigint"},
      {"int unsigned", "bigint"},
      {"int unsigned", "bigint unsigned"},
      {"int", "int not null"},
      {"bigint unsigned", "varchar(20)"},
      {"int", "text"},
      {"varchar(9)", "varchar(20)"},
      {"varchar(9)", "text"},
      {"varchar(9) character set latin1", "varchar(9) character set utf8mb4"},
      {"char(9)", "varchar(9)"},
      {"text", "longtext"},
      {"binary(4)", "varbinary(4)"},
      {"blob", "longblob"},
      {"decimal(10,2)", "decimal(12,2)"},
      {"enum('a','b')", "enum('a','x','b','c')"},
      {"set('a','b')", "set('a','b','c')"},
      {"datetime(6)", "datetime(6) not null"},
  };
  for (const auto& [from, to] : keeping) EXPECT_FALSE(copies(from, to)) << from << " to " << to;
  run("drop table t");
  run("create table t (id int primary key, a text)");
  EXPECT_EQ(run("alter table t convert to character set binary").needs_copy.size(), 1u);
}

TEST_F(DdlApplyTest, sees_other_renames_as_drop_and_create_with_rows) {
  run("create table t (id int primary key)");
  DdlEffect effect = run("alter table t rename to u");
  ASSERT_EQ(effect.changes.size(), 2u);
  EXPECT_EQ(effect.changes[0].kind, SchemaChangeKind::kDropTable);
  EXPECT_EQ(effect.changes[1].kind, SchemaChangeKind::kCreateTable);
  EXPECT_EQ(effect.changes[1].after->id.table, "u");
  EXPECT_EQ(effect.needs_copy, (std::vector<TableId>{{"d", "u"}}));
}

TEST_F(DdlApplyTest, follows_drop_truncate_and_drop_database) {
  run("create table t (id int primary key)");
  EXPECT_EQ(run("truncate table t").changes[0].kind, SchemaChangeKind::kTruncateTable);
  EXPECT_EQ(run("alter table t truncate partition p0").rows_changed.size(), 1u);
  EXPECT_EQ(run("drop database d").changes[0].kind, SchemaChangeKind::kDropTable);
  EXPECT_EQ(catalog_.find({"d", "t"}), nullptr);
  EXPECT_TRUE(run("drop table t").changes.empty());
}

TEST_F(DdlApplyTest, converts_character_sets) {
  run("create table t (id int primary key, a varchar(5), e enum('x')) charset latin1");
  run("alter table t convert to character set utf8mb4");
  EXPECT_EQ(table("t").columns[1].charset, "utf8mb4");
  EXPECT_EQ(table("t").columns[2].charset, "utf8mb4");
  EXPECT_EQ(table("t").charset, "utf8mb4");
}

TEST_F(DdlApplyTest, leaves_the_catalog_alone_on_an_error) {
  run("create table t (id int primary key)");
  MysqlTable before = table("t");
  auto statement = parse_ddl("alter table t add a int, add b wombat", {.default_database = "d"});
  auto effect = catalog_.apply(*statement);
  ASSERT_FALSE(effect);
  EXPECT_EQ(effect.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(table("t"), before);
}

TEST_F(DdlApplyTest, stores_tables_as_json) {
  run("create table t (id int primary key, a varchar(5) character set latin1, b int as (id) virtual invisible)");
  EXPECT_EQ(mysql_table_from_json(mysql_table_to_json(table("t"))).value(), table("t"));
  EXPECT_FALSE(mysql_table_from_json("{\"v\":2}"));
  EXPECT_FALSE(mysql_table_from_json("["));
}

}  // namespace
}  // namespace sluice::mysql
