// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/ddl_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/mysql/ddl_cursor.h"

namespace sluice::mysql {

Error DdlCursor::unreadable() const {
  std::string near(peek().kind == TokenKind::kString ? std::string("a string") : peek().text.substr(0, 64));
  return Error(
      ErrorCode::kUnsupported, fmt::format("the statement cannot be read at '{}', byte {}", near, peek().begin),
      "Report the statement; until then leave the table out, or stop the job in front of the statement and start "
      "it anew behind it with a snapshot.");
}

Result<std::string> DdlCursor::name() {
  if (!peek().is_name()) return unreadable();
  return take().text;
}

Result<TableId> DdlCursor::table() {
  accept_symbol('.');  // ".t" is t of the default database
  ASSIGN_OR_RETURN(std::string first, name());
  TableId id{options_.default_database, first};
  if (accept_symbol('.')) {
    ASSIGN_OR_RETURN(id.table, name());
    id.schema = first;
  }
  return TableId{folded(std::move(id.schema)), folded(std::move(id.table))};
}

std::string DdlCursor::folded(std::string name) const {
  if (!options_.lower_case_names) return name;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

Result<> DdlCursor::skip_parentheses() {
  if (!peek().is_symbol('(')) return unreadable();
  int depth = 0;
  do {
    const Token& token = take();
    if (token.kind == TokenKind::kEnd) return unreadable();
    if (token.is_symbol('(')) ++depth;
    if (token.is_symbol(')')) --depth;
  } while (depth > 0);
  return {};
}

Result<> DdlCursor::skip_item() {
  while (!done() && !peek().is_symbol(',') && !peek().is_symbol(')')) {
    if (peek().is_symbol('(')) {
      RETURN_IF_ERROR(skip_parentheses());
    } else {
      take();
    }
  }
  return {};
}

namespace {

bool starts_key(const DdlCursor& cursor) {
  return cursor.next_is(
             {"CONSTRAINT", "PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK"}) ||
         (cursor.peek().is("PERIOD") && cursor.peek(1).is("FOR")) ||
         (cursor.peek().is("VECTOR") && (cursor.peek(1).is("INDEX") || cursor.peek(1).is("KEY")));
}

// A key or constraint of CREATE TABLE or ADD; only indexes are of interest.
Result<std::optional<DdlKey>> parse_key(DdlCursor& cursor) {
  DdlKey key;
  if (cursor.accept("CONSTRAINT") && !cursor.next_is({"PRIMARY", "UNIQUE", "FOREIGN", "CHECK"})) {
    key.name = cursor.take().text;
  }
  bool primary = cursor.accept({"PRIMARY", "KEY"});
  if (!primary && !cursor.accept("UNIQUE")) {
    if (cursor.next_is({"FOREIGN", "CHECK", "PERIOD"})) {
      RETURN_IF_ERROR(cursor.skip_item());
      return std::optional<DdlKey>();
    }
    key.other = true;
    if (!cursor.next_is({"KEY", "INDEX"})) cursor.take();  // FULLTEXT, SPATIAL, VECTOR
  }
  key.primary = primary;
  if (!cursor.accept("KEY")) cursor.accept("INDEX");
  cursor.accept({"IF", "NOT", "EXISTS"});
  if (cursor.peek().is_name() && !cursor.peek().is("USING")) key.name = cursor.take().text;
  while (!cursor.done() && !cursor.peek().is_symbol('(')) cursor.take();  // USING BTREE
  RETURN_IF_ERROR(parse_ddl_key_parts(cursor, key));
  RETURN_IF_ERROR(cursor.skip_item());
  if (key.columns.empty()) key.other = true;
  return std::optional<DdlKey>(std::move(key));
}

Result<> parse_definitions(DdlCursor& cursor, CreateTable& create) {
  do {
    if (starts_key(cursor)) {
      ASSIGN_OR_RETURN(std::optional<DdlKey> key, parse_key(cursor));
      if (key && !(key->columns.empty() && key->name.empty())) create.keys.push_back(std::move(*key));
    } else {
      ASSIGN_OR_RETURN(DdlColumn column, parse_ddl_column(cursor));
      create.columns.push_back(std::move(column));
    }
  } while (cursor.accept_symbol(','));
  if (!cursor.accept_symbol(')')) return cursor.unreadable();
  return {};
}

Result<DdlStatement> parse_create_table(DdlCursor& cursor, bool or_replace, bool temporary) {
  CreateTable create;
  create.or_replace = or_replace;
  create.temporary = temporary;
  create.if_not_exists = cursor.accept({"IF", "NOT", "EXISTS"});
  ASSIGN_OR_RETURN(create.table, cursor.table());
  bool in_parentheses = cursor.peek().is_symbol('(') && cursor.peek(1).is("LIKE");
  if (in_parentheses) cursor.take();
  if (cursor.accept("LIKE")) {
    ASSIGN_OR_RETURN(create.like, cursor.table());
    return DdlStatement(std::move(create));
  }
  if (cursor.peek().is_symbol('(') && !cursor.peek(1).is("SELECT") && !cursor.peek(1).is("WITH")) {
    cursor.take();
    RETURN_IF_ERROR(parse_definitions(cursor, create));
  } else {
    create.columns_unknown = true;
  }
  // Options, partitions and perhaps a query.
  while (!cursor.done()) {
    ASSIGN_OR_RETURN(bool charset, parse_ddl_charset(cursor, create.charset, create.collation));
    if (charset) continue;
    if (cursor.accept("COMMENT")) {
      cursor.accept_symbol('=');
      create.comment = cursor.take().text;
    } else if (cursor.peek().is("SELECT") || (cursor.peek().is_symbol('(') && cursor.peek(1).is("SELECT"))) {
      create.columns_unknown = true;
      return DdlStatement(std::move(create));
    } else if (cursor.peek().is_symbol('(')) {
      RETURN_IF_ERROR(cursor.skip_parentheses());
    } else {
      cursor.take();
    }
  }
  return DdlStatement(std::move(create));
}

template <typename Statement>
Result<DdlStatement> parse_database(DdlCursor& cursor) {
  Statement statement;
  cursor.accept({"IF", "NOT", "EXISTS"});
  cursor.accept({"IF", "EXISTS"});
  bool named = cursor.peek().is_name() && !cursor.next_is({"CHARSET", "CHARACTER", "COLLATE", "DEFAULT"});
  // ALTER DATABASE may leave it out.
  statement.name = cursor.folded(named ? cursor.take().text : cursor.options().default_database);
  if constexpr (!std::is_same_v<Statement, DropDatabase>) {
    while (!cursor.done()) {
      ASSIGN_OR_RETURN(bool charset, parse_ddl_charset(cursor, statement.charset, statement.collation));
      if (!charset) cursor.take();  // COMMENT, ENCRYPTION, READ ONLY
    }
  }
  return DdlStatement(std::move(statement));
}

Result<ColumnPlace> parse_place(DdlCursor& cursor) {
  ColumnPlace place;
  place.first = cursor.accept("FIRST");
  if (!place.first && cursor.accept("AFTER")) {
    ASSIGN_OR_RETURN(place.after, cursor.name());
  }
  return place;
}

AlterAction drop_index(std::string name) {
  if (name.size() == 7 &&
      std::equal(name.begin(), name.end(), "primary", [](char a, char b) { return (a | 0x20) == b; })) {
    return DropPrimaryKey{};
  }
  return DropIndex{std::move(name)};
}

class AlterReader {
 public:
  AlterReader(DdlCursor& cursor, AlterTable& alter) : cursor_(cursor), alter_(alter) {}

  Result<> run() {
    while (!cursor_.done()) {
      RETURN_IF_ERROR(action());
      if (cursor_.done()) return {};
      if (cursor_.accept_symbol(',')) continue;
      // Options follow each other, and PARTITION BY follows the list, without a comma.
      if (!cursor_.peek().is_name()) return cursor_.unreadable();
    }
    return {};
  }

 private:
  Result<> action() {
    if (cursor_.accept("ADD")) return add();
    if (cursor_.accept("DROP")) return drop();
    if (cursor_.accept("MODIFY")) return change(false);
    if (cursor_.accept("CHANGE")) return change(true);
    if (cursor_.accept("RENAME")) return rename();
    if (cursor_.accept("ALTER")) return alter_column();
    if (cursor_.accept({"CONVERT", "TO"})) {
      ConvertCharset convert;
      do {
        ASSIGN_OR_RETURN(bool charset, parse_ddl_charset(cursor_, convert.charset, convert.collation));
        if (!charset) return cursor_.unreadable();
      } while (cursor_.peek().is("COLLATE"));
      alter_.actions.emplace_back(std::move(convert));
      return {};
    }
    return option();
  }

  Result<> option() {
    SetTableCharset table_charset;
    ASSIGN_OR_RETURN(bool charset, parse_ddl_charset(cursor_, table_charset.charset, table_charset.collation));
    if (charset) {
      while (charset) {
        ASSIGN_OR_RETURN(charset, parse_ddl_charset(cursor_, table_charset.charset, table_charset.collation));
      }
      alter_.actions.emplace_back(std::move(table_charset));
      return {};
    }
    if (cursor_.accept("COMMENT")) {
      cursor_.accept_symbol('=');
      alter_.actions.emplace_back(SetTableComment{cursor_.take().text});
      return {};
    }
    bool moves_rows = (cursor_.next_is({"TRUNCATE", "EXCHANGE", "CONVERT"}) && cursor_.peek(1).is_name()) ||
                      (cursor_.next_is({"DISCARD", "IMPORT"}));
    if (moves_rows) {
      alter_.actions.emplace_back(TruncatePartition{});
      return skip_rest_of_statement();
    }
    if (cursor_.peek().is("PARTITION") || cursor_.peek().is("REORGANIZE") || cursor_.peek().is("ORDER") ||
        cursor_.next_is({"REBUILD", "ANALYZE", "CHECK", "OPTIMIZE", "REPAIR", "COALESCE", "REMOVE"})) {
      return skip_rest_of_statement();
    }
    return harmless_option();
  }

  // ENGINE = InnoDB, ENABLE KEYS, FORCE, ...; a word that nobody knows is not passed over.
  Result<> harmless_option() {
    cursor_.accept("DEFAULT");
    if (cursor_.peek(1).is_symbol('=')) {
      cursor_.take();
      cursor_.take();
      if (cursor_.peek().is_symbol('(')) return cursor_.skip_parentheses();
      cursor_.take();
      while (cursor_.peek().is_symbol('.')) {
        cursor_.take();
        cursor_.take();
      }
      return {};
    }
    if (cursor_.next_is({"FORCE", "NOWAIT", "SECONDARY_LOAD", "SECONDARY_UNLOAD", "ONLINE", "OFFLINE"})) {
      cursor_.take();
      return {};
    }
    if (cursor_.next_is({"ENABLE",
                         "DISABLE",
                         "WITH",
                         "WITHOUT",
                         "ENGINE",
                         "TYPE",
                         "AUTO_INCREMENT",
                         "ROW_FORMAT",
                         "ALGORITHM",
                         "LOCK",
                         "KEY_BLOCK_SIZE",
                         "MAX_ROWS",
                         "MIN_ROWS",
                         "AVG_ROW_LENGTH",
                         "CHECKSUM",
                         "PACK_KEYS",
                         "TABLESPACE",
                         "STORAGE",
                         "WAIT",
                         "ENCRYPTION",
                         "COMPRESSION",
                         "STATS_PERSISTENT",
                         "STATS_AUTO_RECALC",
                         "STATS_SAMPLE_PAGES",
                         "DELAY_KEY_WRITE",
                         "AUTOEXTEND_SIZE"})) {
      cursor_.take();
      cursor_.take();
      return {};
    }
    if (cursor_.accept({"DATA", "DIRECTORY"}) || cursor_.accept({"INDEX", "DIRECTORY"}) ||
        cursor_.accept({"START", "TRANSACTION"})) {
      cursor_.accept_symbol('=');
      if (cursor_.peek().kind == TokenKind::kString) cursor_.take();
      return {};
    }
    return cursor_.unreadable();
  }

  Result<> skip_rest_of_statement() {
    while (!cursor_.done()) {
      if (cursor_.next_is({"ADD", "MODIFY", "CHANGE", "RENAME"}) && cursor_.peek(1).is_name())
        return cursor_.unreadable();
      cursor_.take();
    }
    return {};
  }

  Result<> add() {
    bool column_word = cursor_.accept("COLUMN");
    bool system = cursor_.peek().is("SYSTEM") && cursor_.peek(1).is("VERSIONING");
    if (!column_word && (cursor_.peek().is("PARTITION") || system)) return skip_partition();
    if (!column_word && starts_key(cursor_)) {
      ASSIGN_OR_RETURN(std::optional<DdlKey> key, parse_key(cursor_));
      if (key && !key->other) alter_.actions.emplace_back(AddKey{std::move(*key)});
      return {};
    }
    bool if_not_exists = cursor_.accept({"IF", "NOT", "EXISTS"});
    if (!cursor_.accept_symbol('(')) return add_column(if_not_exists);
    do {
      if (starts_key(cursor_)) {
        ASSIGN_OR_RETURN(std::optional<DdlKey> key, parse_key(cursor_));
        if (key && !key->other) alter_.actions.emplace_back(AddKey{std::move(*key)});
      } else {
        RETURN_IF_ERROR(add_column(if_not_exists));
      }
    } while (cursor_.accept_symbol(','));
    if (!cursor_.accept_symbol(')')) return cursor_.unreadable();
    return {};
  }

  Result<> add_column(bool if_not_exists) {
    AddColumn add;
    add.if_not_exists = if_not_exists;
    ASSIGN_OR_RETURN(add.column, parse_ddl_column(cursor_));
    ASSIGN_OR_RETURN(add.place, parse_place(cursor_));
    alter_.actions.emplace_back(std::move(add));
    return {};
  }

  // Names of partitions follow each other with commas; nothing may stand behind them.
  Result<> skip_partition() { return skip_rest_of_statement(); }

  Result<> drop() {
    if (cursor_.accept({"PRIMARY", "KEY"})) {
      alter_.actions.emplace_back(DropPrimaryKey{});
      return {};
    }
    if (cursor_.peek().is("PARTITION")) {
      alter_.actions.emplace_back(TruncatePartition{});
      return skip_partition();
    }
    if (cursor_.accept({"SYSTEM", "VERSIONING"}) || cursor_.accept({"PERIOD", "FOR"})) return cursor_.skip_item();
    if (cursor_.next_is({"INDEX", "KEY", "FOREIGN", "CONSTRAINT", "CHECK"})) {
      const bool index = cursor_.next_is({"INDEX", "KEY", "CONSTRAINT"});
      while (cursor_.next_is({"INDEX", "KEY", "FOREIGN", "CONSTRAINT", "CHECK", "IF", "EXISTS"})) cursor_.take();
      ASSIGN_OR_RETURN(std::string name, cursor_.name());
      if (index) alter_.actions.push_back(drop_index(std::move(name)));
      return {};
    }
    cursor_.accept("COLUMN");
    DropColumn drop;
    drop.if_exists = cursor_.accept({"IF", "EXISTS"});
    ASSIGN_OR_RETURN(drop.name, cursor_.name());
    if (!cursor_.accept("RESTRICT")) cursor_.accept("CASCADE");
    alter_.actions.emplace_back(std::move(drop));
    return {};
  }

  Result<> change(bool renames) {
    cursor_.accept("COLUMN");
    ChangeColumn change;
    change.if_exists = cursor_.accept({"IF", "EXISTS"});
    if (renames) {
      ASSIGN_OR_RETURN(change.old_name, cursor_.name());
    }
    ASSIGN_OR_RETURN(change.column, parse_ddl_column(cursor_));
    if (!renames) change.old_name = change.column.name;
    if (cursor_.next_is({"FIRST", "AFTER"})) {
      ASSIGN_OR_RETURN(change.place, parse_place(cursor_));
    }
    alter_.actions.emplace_back(std::move(change));
    return {};
  }

  Result<> rename() {
    if (cursor_.next_is({"INDEX", "KEY"}) && cursor_.peek(2).is("TO")) {
      cursor_.take();
      RenameIndex rename;
      ASSIGN_OR_RETURN(rename.old_name, cursor_.name());
      cursor_.take();
      ASSIGN_OR_RETURN(rename.new_name, cursor_.name());
      alter_.actions.emplace_back(std::move(rename));
      return {};
    }
    if (cursor_.accept("COLUMN")) {
      RenameColumn rename;
      rename.if_exists = cursor_.accept({"IF", "EXISTS"});
      ASSIGN_OR_RETURN(rename.old_name, cursor_.name());
      if (!cursor_.accept("TO")) return cursor_.unreadable();
      ASSIGN_OR_RETURN(rename.new_name, cursor_.name());
      alter_.actions.emplace_back(std::move(rename));
      return {};
    }
    if (!cursor_.accept("TO") && !cursor_.accept("AS")) cursor_.accept_symbol('=');
    ASSIGN_OR_RETURN(TableId table, cursor_.table());
    alter_.actions.emplace_back(RenameTo{std::move(table)});
    return {};
  }

  Result<> alter_column() {
    if (cursor_.next_is({"INDEX", "KEY", "CHECK", "CONSTRAINT"})) return cursor_.skip_item();
    cursor_.accept("COLUMN");
    cursor_.accept({"IF", "EXISTS"});
    ASSIGN_OR_RETURN(std::string name, cursor_.name());
    if (cursor_.accept({"SET", "DEFAULT"})) {
      size_t from = cursor_.mark();
      RETURN_IF_ERROR(cursor_.skip_item());
      std::string text(cursor_.text_between(from, cursor_.mark()));
      alter_.actions.emplace_back(SetColumnDefault{name, text});
    } else if (cursor_.accept({"DROP", "DEFAULT"})) {
      alter_.actions.emplace_back(SetColumnDefault{name, std::nullopt});
    } else if (!cursor_.accept({"SET", "VISIBLE"}) && !cursor_.accept({"SET", "INVISIBLE"})) {
      return cursor_.unreadable();
    }
    return {};
  }

  DdlCursor& cursor_;
  AlterTable& alter_;
};

Result<DdlStatement> parse_alter_table(DdlCursor& cursor) {
  AlterTable alter;
  alter.if_exists = cursor.accept({"IF", "EXISTS"});
  ASSIGN_OR_RETURN(alter.table, cursor.table());
  RETURN_IF_ERROR(AlterReader(cursor, alter).run());
  return DdlStatement(std::move(alter));
}

Result<DdlStatement> parse_create(DdlCursor& cursor) {
  bool or_replace = cursor.accept({"OR", "REPLACE"});
  bool temporary = cursor.accept("TEMPORARY");
  if (cursor.accept("TABLE")) return parse_create_table(cursor, or_replace, temporary);
  if (cursor.accept("DATABASE") || cursor.accept("SCHEMA")) return parse_database<CreateDatabase>(cursor);
  return DdlStatement(HarmlessStatement{});
}

Result<DdlStatement> parse_alter(DdlCursor& cursor) {
  while (cursor.accept("ONLINE") || cursor.accept("OFFLINE") || cursor.accept("IGNORE")) continue;
  if (cursor.accept("TABLE")) return parse_alter_table(cursor);
  if (cursor.accept("DATABASE") || cursor.accept("SCHEMA")) return parse_database<AlterDatabase>(cursor);
  return DdlStatement(HarmlessStatement{});
}

// DROP INDEX i ON t
Result<DdlStatement> parse_drop_index(DdlCursor& cursor) {
  AlterTable alter;
  cursor.accept({"IF", "EXISTS"});
  ASSIGN_OR_RETURN(std::string name, cursor.name());
  if (!cursor.accept("ON")) return cursor.unreadable();
  ASSIGN_OR_RETURN(alter.table, cursor.table());
  alter.actions.push_back(drop_index(std::move(name)));
  return DdlStatement(std::move(alter));
}

Result<DdlStatement> parse_drop(DdlCursor& cursor) {
  DropTable drop;
  drop.temporary = cursor.accept("TEMPORARY");
  if (cursor.accept("DATABASE") || cursor.accept("SCHEMA")) return parse_database<DropDatabase>(cursor);
  if (cursor.accept("INDEX")) return parse_drop_index(cursor);
  if (!cursor.accept("TABLE") && !cursor.accept("TABLES")) return DdlStatement(HarmlessStatement{});
  cursor.accept({"IF", "EXISTS"});
  do {
    ASSIGN_OR_RETURN(TableId table, cursor.table());
    drop.tables.push_back(std::move(table));
  } while (cursor.accept_symbol(','));
  return DdlStatement(std::move(drop));
}

Result<DdlStatement> parse_rename(DdlCursor& cursor) {
  if (!cursor.accept("TABLE") && !cursor.accept("TABLES")) return DdlStatement(HarmlessStatement{});
  cursor.accept({"IF", "EXISTS"});
  RenameTable rename;
  do {
    ASSIGN_OR_RETURN(TableId from, cursor.table());
    if (cursor.accept("WAIT")) cursor.take();
    cursor.accept("NOWAIT");
    if (!cursor.accept("TO")) return cursor.unreadable();
    ASSIGN_OR_RETURN(TableId to, cursor.table());
    rename.pairs.emplace_back(std::move(from), std::move(to));
  } while (cursor.accept_symbol(','));
  return DdlStatement(std::move(rename));
}

Result<DdlStatement> parse_xa(DdlCursor& cursor) {
  using Kind = TransactionControl::Kind;
  constexpr std::pair<std::string_view, Kind> kVerbs[] = {{"START", Kind::kXaStart},   {"BEGIN", Kind::kXaStart},
                                                          {"END", Kind::kXaEnd},       {"PREPARE", Kind::kXaPrepare},
                                                          {"COMMIT", Kind::kXaCommit}, {"ROLLBACK", Kind::kXaRollback}};
  for (const auto& [verb, kind] : kVerbs) {
    if (!cursor.accept(verb)) continue;
    size_t from = cursor.mark();
    while (!cursor.done() && !cursor.next_is({"ONE", "JOIN", "RESUME", "SUSPEND"})) cursor.take();
    return DdlStatement(TransactionControl{kind, std::string(cursor.text_between(from, cursor.mark()))});
  }
  return cursor.unreadable();
}

std::optional<TransactionControl> parse_control(DdlCursor& cursor) {
  using Kind = TransactionControl::Kind;
  if (cursor.accept("BEGIN") || cursor.accept({"START", "TRANSACTION"})) return TransactionControl{Kind::kBegin, {}};
  if (cursor.accept("COMMIT")) return TransactionControl{Kind::kCommit, {}};
  if (cursor.accept("SAVEPOINT") || cursor.accept({"RELEASE", "SAVEPOINT"}))
    return TransactionControl{Kind::kSavepoint, {}};
  if (!cursor.accept("ROLLBACK")) return std::nullopt;
  cursor.accept("WORK");
  return TransactionControl{cursor.accept("TO") ? Kind::kRollbackTo : Kind::kRollback, {}};
}

Result<DdlStatement> parse_statement(DdlCursor& cursor) {
  // MariaDB: SET STATEMENT a = 1, b = 2 FOR <statement>
  if (cursor.accept({"SET", "STATEMENT"})) {
    while (!cursor.done() && !cursor.peek().is("FOR")) cursor.take();
    cursor.take();
  }
  if (cursor.done()) return DdlStatement(HarmlessStatement{});
  if (std::optional<TransactionControl> control = parse_control(cursor)) return DdlStatement(std::move(*control));
  if (cursor.accept("XA")) return parse_xa(cursor);
  if (cursor.accept("CREATE")) return parse_create(cursor);
  if (cursor.accept("ALTER")) return parse_alter(cursor);
  if (cursor.accept("DROP")) return parse_drop(cursor);
  if (cursor.accept("RENAME")) return parse_rename(cursor);
  if (cursor.accept("TRUNCATE")) {
    cursor.accept("TABLE");
    ASSIGN_OR_RETURN(TableId table, cursor.table());
    return DdlStatement(TruncateTable{std::move(table)});
  }
  if (cursor.next_is({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "IMPORT", "EXECUTE"})) {
    return DdlStatement(RowStatement{cursor.peek().upper});
  }
  if (cursor.next_is({"SET",      "FLUSH", "GRANT",   "REVOKE",    "ANALYZE",   "OPTIMIZE", "REPAIR",   "CHECK",
                      "CHECKSUM", "LOCK",  "UNLOCK",  "INSTALL",   "UNINSTALL", "CHANGE",   "RESET",    "USE",
                      "DO",       "SHOW",  "SELECT",  "EXPLAIN",   "KILL",      "PURGE",    "START",    "STOP",
                      "CACHE",    "HELP",  "BACKUP",  "SIGNAL",    "CLONE",     "RESTART",  "SHUTDOWN", "BINLOG",
                      "DESCRIBE", "DESC",  "PREPARE", "DEALLOCATE"})) {
    return DdlStatement(HarmlessStatement{});
  }
  return cursor.unreadable();
}

}  // namespace

Result<DdlStatement> parse_ddl(std::string_view sql, const DdlOptions& options) {
  // Most statements in a log are these; the parser need not see them.
  if (sql == "BEGIN") return DdlStatement(TransactionControl{TransactionControl::Kind::kBegin, {}});
  if (sql == "COMMIT") return DdlStatement(TransactionControl{TransactionControl::Kind::kCommit, {}});
  Result<std::vector<Token>> tokens = tokenize_sql(sql, options);
  if (!tokens) return std::move(tokens).error().context("reading an SQL statement of the log");
  DdlCursor cursor(sql, *std::move(tokens), options);
  std::string verb = cursor.peek().upper + " " + cursor.peek(1).upper;
  return parse_statement(cursor).context(
      fmt::format("reading {} of the log in database '{}'", verb, options.default_database));
}

}  // namespace sluice::mysql
