// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/mysql/charset.h"
#include "connectors/mysql/ddl_cursor.h"
#include "connectors/mysql/mysql_types.h"

namespace sluice::mysql {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

struct Synonym {
  std::string_view word;
  std::string_view type;
};
constexpr Synonym kSynonyms[] = {
    {"int1", "tinyint"},
    {"int2", "smallint"},
    {"int3", "mediumint"},
    {"middleint", "mediumint"},
    {"int4", "int"},
    {"integer", "int"},
    {"int8", "bigint"},
    {"dec", "decimal"},
    {"numeric", "decimal"},
    {"fixed", "decimal"},
    {"float4", "float"},
    {"float8", "double"},
    {"real", "double"},
    {"character", "char"},
    {"nchar", "char"},
    {"nvarchar", "varchar"},
    {"varcharacter", "varchar"},
    {"geomcollection", "geometrycollection"},
};

// Reads a type in any spelling and brings it to the one of information_schema.
class TypeReader {
 public:
  TypeReader(DdlCursor& cursor, DdlColumn& column) : cursor_(cursor), column_(column) {}

  Result<> run() {
    if (!cursor_.peek().is_name()) return cursor_.unreadable();
    RETURN_IF_ERROR(base());
    RETURN_IF_ERROR(arguments());
    RETURN_IF_ERROR(attributes());
    normalise();
    column_.type = base_;
    for (size_t i = 0; i < arguments_.size(); ++i) column_.type += (i == 0 ? "(" : ",") + arguments_[i];
    if (!arguments_.empty()) column_.type += ')';
    if (unsigned_ || zerofill_) column_.type += " unsigned";
    if (zerofill_) column_.type += " zerofill";
    return {};
  }

 private:
  Result<> base() {
    bool national = cursor_.accept("NATIONAL") || cursor_.next_is({"NCHAR", "NVARCHAR"});
    base_ = lowered(cursor_.take().text);
    if (base_ == "double") cursor_.accept("PRECISION");
    if (base_ == "long") {
      base_ = cursor_.accept("VARBINARY") ? "mediumblob" : "mediumtext";
      if (base_ == "mediumtext" && !cursor_.accept("VARCHAR")) cursor_.accept({"CHAR", "VARYING"});
      return {};
    }
    for (const Synonym& synonym : kSynonyms) {
      if (base_ == synonym.word) {
        base_ = synonym.type;
        break;
      }
    }
    if (base_ == "char" && (cursor_.accept("VARYING") || (national && (cursor_.accept("VARCHAR"))))) base_ = "varchar";
    if (national) column_.charset = "utf8mb3";
    return {};
  }

  Result<> arguments() {
    if (!cursor_.peek().is_symbol('(')) return {};
    bool labels = base_ == "enum" || base_ == "set";
    cursor_.take();
    std::string argument;
    while (!cursor_.peek().is_symbol(')')) {
      const Token& token = cursor_.take();
      if (token.kind == TokenKind::kEnd) return cursor_.unreadable();
      if (token.is_symbol(',')) {
        arguments_.push_back(std::move(argument));
        argument.clear();
      } else if (token.kind == TokenKind::kString) {
        // The server cuts trailing spaces off labels.
        argument = quoted_label(labels ? token.text.substr(0, token.text.find_last_not_of(' ') + 1) : token.text);
      } else if (!labels) {
        argument += token.text;
      } else if (token.kind != TokenKind::kWord || token.text[0] != '_') {
        return cursor_.unreadable();  // hexadecimal labels and the like
      }
    }
    cursor_.take();
    arguments_.push_back(std::move(argument));
    return {};
  }

  Result<> attributes() {
    for (;;) {
      ASSIGN_OR_RETURN(bool charset, parse_ddl_charset(cursor_, column_.charset, column_.collation));
      if (charset || cursor_.accept("SIGNED")) continue;
      if (cursor_.accept("UNSIGNED")) {
        unsigned_ = true;
      } else if (cursor_.accept("ZEROFILL")) {
        zerofill_ = true;
      } else if (cursor_.accept("BINARY")) {
        column_.binary_collation = true;
      } else if (cursor_.accept("ASCII")) {
        column_.charset = "latin1";
      } else if (cursor_.accept("UNICODE")) {
        column_.charset = "ucs2";
      } else if (cursor_.accept("BYTE")) {
        column_.charset = "binary";
      } else if (cursor_.accept("COMPRESSED")) {
        if (cursor_.accept_symbol('=')) cursor_.take();
      } else {
        return {};
      }
    }
  }

  uint64_t first_number() const {
    uint64_t value = 0;
    if (!arguments_.empty()) std::from_chars(arguments_[0].data(), arguments_[0].data() + arguments_[0].size(), value);
    return value;
  }

  void normalise() {
    if (base_ == "bool" || base_ == "boolean") {
      base_ = "tinyint";
      arguments_ = {"1"};
    } else if (base_ == "serial") {
      base_ = "bigint";
      unsigned_ = true;
      column_.nullable = false;
      column_.unique_key = true;
    } else if (base_ == "float" && arguments_.size() == 1) {
      if (first_number() > 24) base_ = "double";
      arguments_.clear();
    } else if (base_ == "decimal") {
      if (arguments_.empty()) arguments_ = {"10"};
      if (arguments_.size() == 1) arguments_.push_back("0");
    } else if (arguments_.empty() && (base_ == "bit" || base_ == "char" || base_ == "binary")) {
      arguments_ = {"1"};
    } else if (base_ == "json" && cursor_.options().mariadb) {
      base_ = "longtext";
      column_.charset = "utf8mb4";
      column_.collation = "utf8mb4_bin";
    }
    if (zerofill_ && arguments_.empty()) {
      // The width that the values are filled to.
      constexpr std::pair<std::string_view, std::string_view> kWidths[] = {
          {"tinyint", "3"}, {"smallint", "5"}, {"mediumint", "8"}, {"int", "10"}, {"bigint", "20"}};
      for (const auto& [type, width] : kWidths) {
        if (base_ == type) arguments_ = {std::string(width)};
      }
    }
    if ((base_ == "datetime" || base_ == "timestamp" || base_ == "time") && first_number() == 0) arguments_.clear();
    if (base_ == "year") arguments_.clear();
    if (canonical_charset(column_.charset) == "binary") to_bytes();
    if ((base_ == "text" || base_ == "blob") && !arguments_.empty()) {
      // TEXT(n): the smallest that holds n; a character may need four bytes.
      uint64_t bytes = first_number() * (base_ == "text" ? 4 : 1);
      std::string_view size = bytes < 256 ? "tiny" : bytes < 65536 ? "" : bytes < 16777216 ? "medium" : "long";
      base_.insert(0, size);
      arguments_.clear();
    }
  }

  void to_bytes() {
    if (base_ == "char" || base_ == "varchar") base_ = base_ == "char" ? "binary" : "varbinary";
    if (size_t at = base_.find("text"); at != std::string::npos) base_.replace(at, 4, "blob");
    column_.charset.clear();
    column_.collation.clear();
  }

  DdlCursor& cursor_;
  DdlColumn& column_;
  std::string base_;
  std::vector<std::string> arguments_;
  bool unsigned_ = false;
  bool zerofill_ = false;
};

// DEFAULT: a literal, a call, or an expression in parentheses, printed as information_schema does.
Result<std::optional<std::string>> parse_default(DdlCursor& cursor) {
  bool mariadb = cursor.options().mariadb;
  if (cursor.accept("NULL")) return std::optional<std::string>();
  if (cursor.peek().is_symbol('(')) {
    size_t from = cursor.mark();
    RETURN_IF_ERROR(cursor.skip_parentheses());
    return std::optional<std::string>(cursor.text_between(from, cursor.mark()));
  }
  if (cursor.accept({"NEXT", "VALUE", "FOR"})) {
    ASSIGN_OR_RETURN(TableId sequence, cursor.table());
    return std::optional<std::string>("nextval(" + sequence.text() + ")");
  }
  if (cursor.peek().kind == TokenKind::kWord && cursor.peek().text[0] == '_' &&
      cursor.peek(1).kind == TokenKind::kString) {
    cursor.take();  // the literal's character set
  }
  if (cursor.peek().kind == TokenKind::kString) {
    std::string text = cursor.take().text;
    while (cursor.peek().kind == TokenKind::kString) text += cursor.take().text;
    return std::optional<std::string>(mariadb ? quoted_label(text) : text);
  }
  size_t from = cursor.mark();
  while (cursor.peek().is_symbol('-') || cursor.peek().is_symbol('+')) cursor.take();
  if (!cursor.peek().is_name() && !cursor.peek().is_symbol('.')) return cursor.unreadable();
  bool now = cursor.next_is({"CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"});
  bool prefixed = cursor.next_is({"B", "X", "N"}) && cursor.peek(1).kind == TokenKind::kString;
  cursor.take();
  if (prefixed) cursor.take();
  while (cursor.peek().is_symbol('.') || (cursor.peek().kind == TokenKind::kWord && !cursor.peek().spaced))
    cursor.take();
  std::string argument;
  if (cursor.peek().is_symbol('(')) {
    size_t open = cursor.mark();
    RETURN_IF_ERROR(cursor.skip_parentheses());
    argument = cursor.text_between(open, cursor.mark());
  }
  // 1.5e+3 and 1e-3: the exponent's sign was cut off as a symbol.
  while ((cursor.peek().is_symbol('-') || cursor.peek().is_symbol('+')) && !cursor.peek().spaced) {
    cursor.take();
    cursor.take();
  }
  if (!now) return std::optional<std::string>(cursor.text_between(from, cursor.mark()));
  if (argument == "()" || argument == "(0)") argument.clear();
  if (mariadb) return std::optional<std::string>("current_timestamp" + (argument.empty() ? "()" : argument));
  return std::optional<std::string>("CURRENT_TIMESTAMP" + argument);
}

// REFERENCES t (a) MATCH FULL ON DELETE CASCADE
Result<> skip_references(DdlCursor& cursor) {
  RETURN_IF_ERROR(cursor.table());
  if (cursor.peek().is_symbol('(')) RETURN_IF_ERROR(cursor.skip_parentheses());
  for (;;) {
    if (cursor.accept("MATCH")) {
      cursor.take();
    } else if (cursor.accept({"ON", "DELETE"}) || cursor.accept({"ON", "UPDATE"})) {
      if (!cursor.accept({"SET", "NULL"}) && !cursor.accept({"SET", "DEFAULT"}) && !cursor.accept({"NO", "ACTION"}))
        cursor.take();
    } else {
      return {};
    }
  }
}

Result<bool> parse_generated(DdlCursor& cursor, DdlColumn& column) {
  if (!cursor.accept({"GENERATED", "ALWAYS", "AS"}) && !cursor.accept("AS")) return false;
  if (cursor.accept("ROW")) {  // START or END of MariaDB's system versioning
    cursor.take();
    return true;
  }
  RETURN_IF_ERROR(cursor.skip_parentheses());
  column.generated = true;
  column.generated_virtual = !cursor.accept("STORED") && !cursor.accept("PERSISTENT");
  if (column.generated_virtual) cursor.accept("VIRTUAL");
  return true;
}

// Attributes that say nothing about the column's values.
Result<bool> skip_harmless(DdlCursor& cursor) {
  if (cursor.accept("VISIBLE") || cursor.accept({"NOT", "ENFORCED"}) || cursor.accept("ENFORCED") ||
      cursor.accept({"WITH", "SYSTEM", "VERSIONING"}) || cursor.accept({"WITHOUT", "SYSTEM", "VERSIONING"}) ||
      cursor.accept({"NOT", "SECONDARY"})) {
    return true;
  }
  if (cursor.accept("COLUMN_FORMAT") || cursor.accept("STORAGE") || cursor.accept("SRID")) {
    cursor.take();
    return true;
  }
  if (cursor.accept("CONSTRAINT")) {
    if (!cursor.peek().is("CHECK")) cursor.take();
    return true;
  }
  if (cursor.accept("CHECK")) {
    RETURN_IF_ERROR(cursor.skip_parentheses());
    return true;
  }
  if (cursor.accept("REFERENCES")) {
    RETURN_IF_ERROR(skip_references(cursor));
    return true;
  }
  if (cursor.accept({"ON", "UPDATE"})) {
    cursor.take();
    if (cursor.peek().is_symbol('(')) RETURN_IF_ERROR(cursor.skip_parentheses());
    return true;
  }
  if (cursor.next_is({"ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"}) || cursor.peek(1).is_symbol('=')) {
    cursor.take();
    cursor.accept_symbol('=');
    cursor.take();
    return true;
  }
  return false;
}

Result<> parse_attribute(DdlCursor& cursor, DdlColumn& column) {
  if (cursor.accept({"NOT", "NULL"})) {
    column.nullable = false;
  } else if (cursor.accept("NULL")) {
    column.nullable = true;
  } else if (cursor.accept("DEFAULT")) {
    ASSIGN_OR_RETURN(column.default_expression, parse_default(cursor));
  } else if (cursor.accept("AUTO_INCREMENT")) {
    column.auto_increment = true;
  } else if (cursor.accept({"SERIAL", "DEFAULT", "VALUE"})) {
    column.auto_increment = true;
    column.nullable = false;
    column.unique_key = true;
  } else if (cursor.accept({"PRIMARY", "KEY"}) || cursor.accept("KEY") || cursor.accept("PRIMARY")) {
    column.primary_key = true;
  } else if (cursor.accept("UNIQUE")) {
    cursor.accept("KEY");
    column.unique_key = true;
  } else if (cursor.accept("COMMENT")) {
    column.comment = cursor.take().text;
  } else if (cursor.accept("INVISIBLE")) {
    column.invisible = true;
  } else {
    ASSIGN_OR_RETURN(bool charset, parse_ddl_charset(cursor, column.charset, column.collation));
    if (charset) return {};
    ASSIGN_OR_RETURN(bool generated, parse_generated(cursor, column));
    if (generated) return {};
    ASSIGN_OR_RETURN(bool harmless, skip_harmless(cursor));
    if (!harmless) return cursor.unreadable();
  }
  return {};
}

}  // namespace

Result<bool> parse_ddl_charset(DdlCursor& cursor, std::string& charset, std::string& collation) {
  bool with_default = cursor.peek().is("DEFAULT") &&
                      (cursor.peek(1).is("CHARSET") || cursor.peek(1).is("CHARACTER") || cursor.peek(1).is("COLLATE") ||
                       (cursor.peek(1).is("CHAR") && cursor.peek(2).is("SET")));
  if (with_default) cursor.take();
  bool is_charset = cursor.accept("CHARSET") || cursor.accept({"CHARACTER", "SET"}) || cursor.accept({"CHAR", "SET"});
  if (!is_charset && !cursor.accept("COLLATE")) return false;
  cursor.accept_symbol('=');
  if (cursor.done()) return cursor.unreadable();
  std::string value = lowered(cursor.take().text);
  if (is_charset) {
    charset = value == "default" ? "" : canonical_charset(value);
    collation.clear();
  } else {
    collation = value == "default" ? "" : value;
    if (std::string_view implied = charset_of_collation_name(collation); !implied.empty()) charset = implied;
  }
  return true;
}

Result<> parse_ddl_key_parts(DdlCursor& cursor, DdlKey& key) {
  bool expressions = false;
  if (!cursor.accept_symbol('(')) return cursor.unreadable();
  do {
    if (cursor.peek().is_symbol('(')) {
      RETURN_IF_ERROR(cursor.skip_parentheses());
      expressions = true;
    } else {
      ASSIGN_OR_RETURN(std::string column, cursor.name());
      key.columns.push_back(std::move(column));
      if (cursor.peek().is_symbol('(')) {
        RETURN_IF_ERROR(cursor.skip_parentheses());
        key.prefix = true;
      }
    }
    RETURN_IF_ERROR(cursor.skip_item());  // ASC, DESC
  } while (cursor.accept_symbol(','));
  if (!cursor.accept_symbol(')')) return cursor.unreadable();
  if (expressions) key.columns.clear();
  return {};
}

Result<DdlColumn> parse_ddl_column(DdlCursor& cursor) {
  DdlColumn column;
  ASSIGN_OR_RETURN(column.name, cursor.name());
  RETURN_IF_ERROR(TypeReader(cursor, column).run());
  while (!cursor.done() && !cursor.peek().is_symbol(',') && !cursor.peek().is_symbol(')') &&
         !cursor.next_is({"FIRST", "AFTER"})) {
    RETURN_IF_ERROR(parse_attribute(cursor, column));
  }
  return column;
}

}  // namespace sluice::mysql
