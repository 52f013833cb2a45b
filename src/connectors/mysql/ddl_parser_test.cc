// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/ddl_parser.h"

#include <gtest/gtest.h>

namespace sluice::mysql {
namespace {

DdlOptions options(std::string database = "shop") { return {.default_database = std::move(database)}; }

template <typename T>
T parsed(std::string_view sql, DdlOptions with = options()) {
  auto result = parse_ddl(sql, with);
  EXPECT_TRUE(result) << sql << ": " << (result ? "" : result.error().describe());
  if (!result || !std::holds_alternative<T>(*result)) {
    ADD_FAILURE() << "another kind of statement: " << sql;
    return {};
  }
  return std::get<T>(*result);
}

TEST(DdlParserTest, reads_columns_with_types_and_attributes) {
  auto create = parsed<CreateTable>(
      "CREATE TABLE IF NOT EXISTS `my``db`.t (\n"
      "  id SERIAL, a INT(10) UNSIGNED ZEROFILL NOT NULL DEFAULT '7' COMMENT 'it''s, \\'so\\'',\n"
      "  b VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL, c ENUM('x','y,''z') NOT NULL,\n"
      "  d DECIMAL, e DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),\n"
      "  f DOUBLE PRECISION CHECK (f > (1)), g BOOL, h NATIONAL VARCHAR(5), i INT GENERATED ALWAYS AS (a + 1) VIRTUAL "
      "INVISIBLE,\n"
      "  j BIGINT REFERENCES o (id) ON DELETE SET NULL, k CHAR(3) BINARY, l LONG VARCHAR, m TEXT(100), n FLOAT(53),\n"
      "  PRIMARY KEY USING BTREE (a, b(3) DESC), UNIQUE KEY u (c), KEY (d), CONSTRAINT fk FOREIGN KEY (j) REFERENCES "
      "o(id),\n"
      "  FULLTEXT INDEX ft (b), CHECK (a > 0)\n"
      ") ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_bin COMMENT='the table' PARTITION BY HASH (a) PARTITIONS 4");
  EXPECT_EQ(create.table, (TableId{"my`db", "t"}));
  std::vector<std::string> types;
  for (const DdlColumn& column : create.columns) types.push_back(column.name + " " + column.type);
  EXPECT_EQ(types, (std::vector<std::string>{"id bigint unsigned", "a int(10) unsigned zerofill", "b varchar(20)",
                                             "c enum('x','y,''z')", "d decimal(10,0)", "e datetime(6)", "f double",
                                             "g tinyint(1)", "h varchar(5)", "i int", "j bigint", "k char(3)",
                                             "l mediumtext", "m text", "n double"}));
  EXPECT_EQ(create.columns[1].comment, "it's, 'so'");
  EXPECT_EQ(create.columns[1].default_expression, "7");
  EXPECT_EQ(create.columns[1].nullable, false);
  EXPECT_EQ(create.columns[2].charset, "latin1");
  EXPECT_EQ(create.columns[5].default_expression, "CURRENT_TIMESTAMP(6)");
  EXPECT_EQ(create.columns[8].charset, "utf8mb3");
  EXPECT_TRUE(create.columns[9].generated_virtual && create.columns[9].invisible);
  ASSERT_EQ(create.keys.size(), 4u);
  EXPECT_FALSE(create.keys[1].other);
  EXPECT_EQ(create.keys[3].name, "ft");
  EXPECT_TRUE(create.keys[2].other && create.keys[3].other);
  EXPECT_EQ(create.keys[0].columns, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(create.keys[0].primary);
  EXPECT_EQ(create.charset, "utf8mb3");
  EXPECT_EQ(create.comment, "the table");
}

TEST(DdlParserTest, enters_executed_comments_and_leaves_others) {
  auto create = parsed<CreateTable>(
      "/* a */ CREATE /*!32302 TEMPORARY */ TABLE t -- x\n (a int /*!80023 INVISIBLE */, b text /*M!100301 "
      "COMPRESSED*/ # y\n)");
  EXPECT_TRUE(create.temporary);
  EXPECT_TRUE(create.columns[0].invisible);
  EXPECT_EQ(create.columns[1].type, "text");
}

TEST(DdlParserTest, prints_defaults_as_the_server_does) {
  std::string sql =
      "CREATE TABLE t (a int DEFAULT -1, b char(3) DEFAULT _utf8mb4'x''y', c timestamp DEFAULT now(), d json DEFAULT "
      R"((json_array()), e char(9) DEFAULT 'C:\\new\n', f enum('N\\A','a\nb')))";
  auto mysql = parsed<CreateTable>(sql);
  EXPECT_EQ(mysql.columns[0].default_expression, "-1");
  EXPECT_EQ(mysql.columns[1].default_expression, "x'y");
  EXPECT_EQ(mysql.columns[2].default_expression, "CURRENT_TIMESTAMP");
  EXPECT_EQ(mysql.columns[3].type, "json");
  EXPECT_EQ(mysql.columns[4].default_expression, "C:\\new\n");
  DdlOptions mariadb = options();
  mariadb.mariadb = true;
  auto other = parsed<CreateTable>(sql, mariadb);
  EXPECT_EQ(other.columns[1].default_expression, "'x''y'");
  EXPECT_EQ(other.columns[2].default_expression, "current_timestamp()");
  EXPECT_EQ(other.columns[3].type, "longtext");
  EXPECT_EQ(other.columns[3].collation, "utf8mb4_bin");
  EXPECT_EQ(other.columns[4].default_expression, R"('C:\\new\n')");
  EXPECT_EQ(other.columns[5].type, R"(enum('N\\A','a\nb'))");
}

TEST(DdlParserTest, reads_all_clauses_of_alter_table) {
  auto alter = parsed<AlterTable>(
      "ALTER ONLINE TABLE t ADD COLUMN a INT NOT NULL FIRST, ADD (b INT, c TEXT), ADD INDEX (a), ADD PRIMARY KEY (a), "
      "DROP b, DROP COLUMN IF EXISTS x, DROP FOREIGN KEY f, DROP INDEX `PRIMARY`, MODIFY d BIGINT AFTER a, CHANGE e f "
      "INT, "
      "RENAME COLUMN g TO h, RENAME INDEX i TO j, ALTER COLUMN k SET DEFAULT 5, ALTER l DROP DEFAULT, "
      "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, DEFAULT CHARSET=latin1, COMMENT='new', ENGINE=InnoDB, "
      "ALGORITHM=INPLACE, LOCK=NONE, FORCE, RENAME TO other.t2");
  ASSERT_EQ(alter.actions.size(), 17u);
  EXPECT_TRUE(std::get<AddColumn>(alter.actions[0]).place.first);
  EXPECT_EQ(std::get<AddColumn>(alter.actions[2]).column.name, "c");
  EXPECT_TRUE(std::get<AddKey>(alter.actions[3]).key.primary);
  EXPECT_EQ(std::get<DropColumn>(alter.actions[4]).name, "b");
  EXPECT_TRUE(std::get<DropColumn>(alter.actions[5]).if_exists);
  EXPECT_TRUE(std::holds_alternative<DropPrimaryKey>(alter.actions[6]));
  EXPECT_EQ(std::get<ChangeColumn>(alter.actions[7]).place->after, "a");
  EXPECT_EQ(std::get<ChangeColumn>(alter.actions[8]).old_name, "e");
  EXPECT_EQ(std::get<RenameColumn>(alter.actions[9]).new_name, "h");
  EXPECT_EQ(std::get<RenameIndex>(alter.actions[10]).new_name, "j");
  EXPECT_EQ(std::get<SetColumnDefault>(alter.actions[11]).default_expression, "5");
  EXPECT_EQ(std::get<ConvertCharset>(alter.actions[13]).charset, "utf8mb4");
  EXPECT_EQ(std::get<SetTableComment>(alter.actions[15]).comment, "new");
  EXPECT_EQ(std::get<RenameTo>(alter.actions[16]).table, (TableId{"other", "t2"}));
  EXPECT_TRUE(parsed<AlterTable>("ALTER TABLE t ENGINE=InnoDB, ADD FULLTEXT KEY f (a), ENABLE KEYS").actions.empty());
  EXPECT_EQ(parsed<AlterTable>("alter table t drop partition p0, p1").actions.size(), 1u);
}

TEST(DdlParserTest, reads_the_names_of_unique_indexes) {
  const auto create = parsed<CreateTable>(
      "CREATE TABLE t (a INT, UNIQUE (a), UNIQUE KEY k USING BTREE (a, b), CONSTRAINT c UNIQUE INDEX (b(3)), "
      "CONSTRAINT d UNIQUE e (a))");
  std::vector<std::string> names;
  for (const DdlKey& key : create.keys) names.push_back(key.name);
  EXPECT_EQ(names, (std::vector<std::string>{"", "k", "c", "e"}));
  EXPECT_TRUE(create.keys[2].prefix);
  EXPECT_FALSE(create.keys[1].prefix);
  const auto drop = parsed<AlterTable>("DROP INDEX IF EXISTS k ON other.t ALGORITHM=INPLACE");
  EXPECT_EQ(drop.table, (TableId{"other", "t"}));
  EXPECT_EQ(std::get<DropIndex>(drop.actions.at(0)).name, "k");
  EXPECT_TRUE(std::holds_alternative<DropPrimaryKey>(parsed<AlterTable>("DROP INDEX `PRIMARY` ON t").actions.at(0)));
  const auto alter =
      parsed<AlterTable>("ALTER TABLE t DROP KEY k, DROP CONSTRAINT c, DROP FOREIGN KEY f, DROP CHECK g");
  ASSERT_EQ(alter.actions.size(), 2u);
  EXPECT_EQ(std::get<DropIndex>(alter.actions[1]).name, "c");
}

TEST(DdlParserTest, reads_drop_rename_truncate_and_databases) {
  EXPECT_EQ(parsed<DropTable>("DROP TABLE IF EXISTS `a`, b.c /* generated by server */").tables,
            (std::vector<TableId>{{"shop", "a"}, {"b", "c"}}));
  EXPECT_EQ(parsed<RenameTable>("RENAME TABLE t TO _t_del, _t_gho TO t").pairs.size(), 2u);
  EXPECT_EQ(parsed<TruncateTable>("TRUNCATE t").table, (TableId{"shop", "t"}));
  EXPECT_EQ(parsed<CreateDatabase>("CREATE DATABASE IF NOT EXISTS x DEFAULT CHARACTER SET = gbk").charset, "gbk");
  EXPECT_EQ(parsed<AlterDatabase>("ALTER SCHEMA CHARSET latin1").name, "shop");
  EXPECT_EQ(parsed<DropDatabase>("drop database if exists x").name, "x");
  EXPECT_TRUE(parsed<CreateTable>("create table t like b.u").like);
  EXPECT_TRUE(parsed<CreateTable>("create table t as select 1").columns_unknown);
  EXPECT_TRUE(parsed<CreateTable>("create table t (a int) start transaction").columns.size() == 1);
}

TEST(DdlParserTest, tells_harmless_statements_from_rows_as_text) {
  for (std::string_view sql :
       {"CREATE INDEX i ON t (a)", "GRANT ALL ON *.* TO x", "CREATE VIEW v AS SELECT 1",
        "CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1", "ANALYZE TABLE t",
        "SET PASSWORD = 'x'", "FLUSH TABLES", "DROP VIEW v", "# Dum", "", "CREATE UNIQUE INDEX i ON t (a)",
        "ALTER USER x", "DROP PROCEDURE p", "CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1"}) {
    parsed<HarmlessStatement>(sql);
  }
  EXPECT_EQ(parsed<RowStatement>("/* x */ insert into t values (1)").verb, "INSERT");
  parsed<RowStatement>("LOAD DATA INFILE 'x' INTO TABLE t");
  EXPECT_EQ(parsed<TransactionControl>("XA COMMIT X'6162',X'',1").xid, "X'6162',X'',1");
  EXPECT_EQ(parsed<TransactionControl>("COMMIT").kind, TransactionControl::Kind::kCommit);
  EXPECT_EQ(parsed<TransactionControl>("SAVEPOINT a").kind, TransactionControl::Kind::kSavepoint);
  EXPECT_EQ(parsed<TransactionControl>("rollback to a").kind, TransactionControl::Kind::kRollbackTo);
  EXPECT_EQ(parsed<DropTable>("SET STATEMENT max_statement_time=1 FOR DROP TABLE t").tables.size(), 1u);
}

TEST(DdlParserTest, stops_at_what_it_cannot_read) {
  for (std::string_view sql :
       {"ALTER TABLE t FROBNICATE x", "ALTER TABLE t ADD COLUMN a INT WOMBAT 3", "CREATE TABLE t (a",
        "CREATE TABLE t (a int) x 'y", "ALTER TABLE t ADD COLUMN", "WOMBAT", "RENAME TABLE a b"}) {
    auto result = parse_ddl(sql, options());
    ASSERT_FALSE(result) << sql;
    EXPECT_EQ(result.error().code(), ErrorCode::kUnsupported) << sql;
  }
}

TEST(DdlParserTest, gives_zerofill_its_default_width) {
  auto create = parsed<CreateTable>("CREATE TABLE t (a BIGINT ZEROFILL, b INT(5) ZEROFILL)");
  EXPECT_EQ(create.columns[0].type, "bigint(20) unsigned zerofill");
  EXPECT_EQ(create.columns[1].type, "int(5) unsigned zerofill");
}

TEST(DdlParserTest, honours_ansi_quotes_and_folded_names) {
  DdlOptions ansi = options();
  ansi.ansi_quotes = true;
  ansi.lower_case_names = true;
  EXPECT_EQ(parsed<TruncateTable>("TRUNCATE TABLE \"A\".\"B c\"", ansi).table, (TableId{"a", "b c"}));
  EXPECT_EQ(parsed<CreateDatabase>("CREATE DATABASE Shop CHARACTER SET latin1", ansi).name, "shop");
  EXPECT_EQ(parsed<AlterDatabase>("ALTER DATABASE \"SHOP\" CHARACTER SET latin1", ansi).name, "shop");
  EXPECT_EQ(parsed<DropDatabase>("DROP DATABASE Shop", ansi).name, "shop");
  EXPECT_EQ(parsed<DropDatabase>("DROP DATABASE Shop").name, "Shop");
}

}  // namespace
}  // namespace sluice::mysql
