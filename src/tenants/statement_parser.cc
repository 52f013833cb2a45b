// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ctime>

#include "config/duration.h"
#include "tenants/sql_error.h"
#include "tenants/statement.h"
#include "tenants/statement_tokens.h"

namespace sluice {
namespace {

constexpr double kMaxCpu = 1024;

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::toupper(c); });
  return result;
}

bool is_name(std::string_view text) {
  const auto part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 && std::ranges::all_of(text, part);
}

// "2026-01-31 23:59:59.999", perhaps with a 'T' in it or a 'Z' behind it, as milliseconds since 1970.
std::optional<int64_t> parse_utc_ms(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd:dd";
  if (text.size() < kForm.size()) return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i] && !(kForm[i] == ' ' && text[i] == 'T')) return std::nullopt;
  }
  const auto part = [&](size_t at, size_t size) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  tm parts{};
  parts.tm_year = part(0, 4) - 1900;
  parts.tm_mon = part(5, 2) - 1;
  parts.tm_mday = part(8, 2);
  parts.tm_hour = part(11, 2);
  parts.tm_min = part(14, 2);
  parts.tm_sec = part(17, 2);
  const tm written = parts;
  const int64_t seconds = timegm(&parts);
  // 2026-02-30 would be a day in March.
  if (parts.tm_mon != written.tm_mon || parts.tm_mday != written.tm_mday || parts.tm_hour != written.tm_hour ||
      parts.tm_min != written.tm_min || parts.tm_sec != written.tm_sec) {
    return std::nullopt;
  }
  int64_t ms = 0;
  if (text.size() > kForm.size()) {
    const std::string_view fraction = text.substr(kForm.size() + 1);
    const bool digits = std::ranges::all_of(fraction, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (text[kForm.size()] != '.' || !digits || fraction.empty() || fraction.size() > 9) return std::nullopt;
    for (size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  return seconds * 1000 + ms;
}

// The names by which the words of the language would be misread, or that mean another tenant in OceanBase.
bool is_reserved(std::string_view name) {
  static constexpr std::array kReserved = {"ALL", "SYS", "FROM", "USING", "WITH", "IF", "SNAPSHOT", "TENANT", "META"};
  return std::ranges::find(kReserved, upper(name)) != kReserved.end();
}

struct Shown {
  const char* words;
  const char* sql;
};
constexpr std::array kShown = {
    Shown{"TENANTS", "SELECT * FROM DBA_OB_TENANTS"},
    Shown{"RESOURCE UNITS", "SELECT * FROM DBA_OB_UNIT_CONFIGS"},
    Shown{"RESOURCE POOLS", "SELECT * FROM DBA_OB_RESOURCE_POOLS"},
    Shown{"SNAPSHOTS", "SELECT * FROM DBA_OB_TENANT_SNAPSHOTS"},
    Shown{"MASKS", "SELECT * FROM DBA_MASKS"},
    Shown{"CLONES", "SELECT * FROM DBA_OB_CLONE_PROGRESS"},
    Shown{"TABLES", "SELECT name AS TABLE_NAME FROM oceanbase.sqlite_master WHERE type = 'view' ORDER BY name"},
};

class Parser {
 public:
  Parser(std::string_view text, std::vector<SqlToken> tokens) : text_(text), tokens_(std::move(tokens)) {}

  Result<std::vector<Statement>> statements() {
    std::vector<Statement> result;
    for (;;) {
      while (peek_sign(";")) ++at_;
      if (now().kind == SqlTokenKind::kEnd) return result;
      ASSIGN_OR_RETURN(Statement statement, this->statement());
      if (now().kind == SqlTokenKind::kVertical) {
        statement.vertical = true;
        ++at_;
      } else if (!peek_sign(";") && now().kind != SqlTokenKind::kEnd) {
        return refuse_rest();
      }
      result.push_back(std::move(statement));
    }
  }

 private:
  const SqlToken& now() const { return tokens_[at_]; }
  bool peek_sign(std::string_view sign) const { return now().kind == SqlTokenKind::kSign && now().text == sign; }
  bool peek_word(std::string_view word, size_t ahead = 0) const {
    if (at_ + ahead >= tokens_.size()) return false;
    const SqlToken& token = tokens_[at_ + ahead];
    return token.kind == SqlTokenKind::kWord && upper(token.text) == word;
  }
  bool take_sign(std::string_view sign) { return peek_sign(sign) && ++at_ > 0; }
  bool take_word(std::string_view word) { return peek_word(word) && ++at_ > 0; }
  // "CREATE RESOURCE UNIT", 1: "RESOURCE"; empty behind the last.
  static std::string_view word_of(std::string_view words, size_t index) {
    for (; index > 0; --index) words.remove_prefix(std::min(words.find(' '), words.size() - 1) + 1);
    return words.substr(0, words.find(' '));
  }
  // How many of the words come next.
  size_t words_that_match(std::string_view words) const {
    size_t count = 0;
    for (std::string_view word; !(word = word_of(words, count)).empty() && peek_word(word, count);) ++count;
    return count;
  }
  // All of the words, or nothing is taken.
  bool take_words(std::string_view words) {
    const size_t count = words_that_match(words);
    if (!word_of(words, count).empty()) return false;
    at_ += count;
    return true;
  }

  std::string place() const { return sql_place(text_, now().begin); }
  std::string near() const {
    if (now().kind == SqlTokenKind::kEnd) return "the end";
    return fmt::format("'{}'", text_.substr(now().begin, std::min<size_t>(now().end - now().begin, 40)));
  }
  Error expected(std::string_view what) const {
    return sql_error(kSyntaxError, "syntax: {} is expected at {}, near {}", what, place(), near());
  }
  // What OceanBase knows, or we will, and this version does not.
  Error refuse_rest() const {
    static constexpr std::array kLater = {"ON",   "READ",   "SET",        "LOCALITY", "PRIMARY_ZONE", "RENAME",
                                          "LOCK", "UNLOCK", "SWITCHOVER", "RECOVER",  "MINOR",        "REPLICA_TYPE"};
    if (now().kind == SqlTokenKind::kWord && std::ranges::find(kLater, upper(now().text)) != kLater.end()) {
      return sql_error(kNotSupported, "{} at {} not supported", near(), place());
    }
    return expected("the end of the statement");
  }
  Result<> need_word(std::string_view word) {
    if (!take_word(word)) return expected(word);
    return {};
  }
  Result<> need_sign(std::string_view sign) {
    if (!take_sign(sign)) return expected(fmt::format("'{}'", sign));
    return {};
  }

  // A name in one of the three forms in which the statements take them: x, `x`, 'x'.
  Result<std::string> name(std::string_view what) {
    const bool bare = now().kind == SqlTokenKind::kWord;
    if (!bare && now().kind != SqlTokenKind::kQuotedName && now().kind != SqlTokenKind::kString) return expected(what);
    const std::string result = now().text;
    if (result.size() > kMaxNameBytes) {
      return sql_error(kNameTooLong, "{} '{}...' over max_tenant_name_length ({} bytes), at {}", what,
                       result.substr(0, 20), kMaxNameBytes, place());
    }
    if (!is_name(result) || is_reserved(result)) {
      return sql_error(kIncorrectArguments,
                       "Incorrect arguments to {}: the name at {} is not letters, digits and underscores beginning "
                       "with a letter or underscore, or it is a word of the language",
                       what, place());
    }
    ++at_;
    return result;
  }
  Result<std::string> name_option(std::string_view what) {
    take_sign("=");
    return name(what);
  }
  bool if_not_exists() { return take_words("IF NOT EXISTS"); }
  bool if_exists() { return take_words("IF EXISTS"); }

  Result<double> number(std::string_view option) {
    take_sign("=");
    double value = 0;
    const char* end = now().text.data() + now().text.size();
    const auto [stop, problem] = std::from_chars(now().text.data(), end, value);
    if (now().kind != SqlTokenKind::kNumber || problem != std::errc() || stop != end || !std::isfinite(value)) {
      return expected(fmt::format("a number for {}", option));
    }
    ++at_;
    return value;
  }
  // A whole number, or a size: 512M, '1G'.
  Result<int64_t> size(std::string_view option) {
    take_sign("=");
    int64_t value = 0;
    const std::string word = now().text;
    const auto [stop, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool literal = now().kind == SqlTokenKind::kNumber || now().kind == SqlTokenKind::kString;
    const std::string unit = upper(std::string_view(stop, word.data() + word.size()));
    static constexpr std::array<std::pair<std::string_view, int>, 8> kUnits = {
        {{"", 0}, {"B", 0}, {"K", 10}, {"KB", 10}, {"M", 20}, {"MB", 20}, {"G", 30}, {"GB", 30}}};
    const auto* found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, int>::first);
    if (!literal || problem != std::errc() || found == kUnits.end()) {
      return expected(fmt::format("a whole number or a size as '512M' for {}", option));
    }
    if (value < 0 || value > (INT64_MAX >> found->second)) {
      return sql_error(kIncorrectArguments, "Incorrect arguments to {} at {}: out of range", option, place());
    }
    ++at_;
    return value << found->second;
  }
  template <typename T>
  Result<> set_once(std::optional<T>& option, Result<T> value, std::string_view what) {
    if (!value) return std::move(value).error();
    if (option)
      return sql_error(kDuplicateOption, "option {} is given twice, the second time before {}", what, place());
    option = *value;
    return {};
  }

  Result<UnitOptions> unit_options() {
    UnitOptions options;
    do {
      if (take_word("MAX_CPU")) {
        RETURN_IF_ERROR(set_once(options.max_cpu, cpu("MAX_CPU"), "MAX_CPU"));
      } else if (take_word("MIN_CPU")) {
        RETURN_IF_ERROR(set_once(options.min_cpu, cpu("MIN_CPU"), "MIN_CPU"));
      } else if (take_word("MEMORY_SIZE")) {
        RETURN_IF_ERROR(set_once(options.memory_size, size("MEMORY_SIZE"), "MEMORY_SIZE"));
      } else if (take_word("LOG_DISK_SIZE")) {
        RETURN_IF_ERROR(set_once(options.log_disk_size, size("LOG_DISK_SIZE"), "LOG_DISK_SIZE"));
      } else if (take_word("MAX_IOPS")) {
        RETURN_IF_ERROR(set_once(options.max_iops, size("MAX_IOPS"), "MAX_IOPS"));
      } else if (take_word("MIN_IOPS")) {
        RETURN_IF_ERROR(set_once(options.min_iops, size("MIN_IOPS"), "MIN_IOPS"));
      } else if (take_word("IOPS_WEIGHT")) {
        RETURN_IF_ERROR(set_once(options.iops_weight, size("IOPS_WEIGHT"), "IOPS_WEIGHT"));
      } else {
        return expected("MAX_CPU, MIN_CPU, MEMORY_SIZE, LOG_DISK_SIZE, MAX_IOPS, MIN_IOPS or IOPS_WEIGHT");
      }
    } while (take_sign(","));
    return options;
  }
  Result<double> cpu(std::string_view option) {
    ASSIGN_OR_RETURN(const double value, number(option));
    if (value > kMaxCpu)
      return sql_error(kIncorrectArguments, "Incorrect arguments to {}: {} processors", option, value);
    return value;
  }

  Result<Statement> statement() {
    struct Head {
      std::string_view words;
      Result<Statement> (Parser::*parse)();  // null: a later version's
    };
    static constexpr std::array kHeads = {
        Head{"SHOW", &Parser::show},
        Head{"CREATE RESOURCE UNIT", &Parser::create_unit},
        Head{"ALTER RESOURCE UNIT", &Parser::alter_unit},
        Head{"DROP RESOURCE UNIT", &Parser::drop_unit},
        Head{"CREATE RESOURCE POOL", &Parser::create_pool},
        Head{"ALTER RESOURCE POOL", &Parser::alter_pool},
        Head{"DROP RESOURCE POOL", &Parser::drop_pool},
        Head{"CREATE TENANT", &Parser::create_tenant},
        Head{"DROP TENANT", &Parser::drop_tenant},
        Head{"CREATE SNAPSHOT", &Parser::create_snapshot},
        Head{"DROP SNAPSHOT", &Parser::drop_snapshot},
        Head{"ALTER SYSTEM", &Parser::alter_system},
        Head{"CREATE STANDBY TENANT", nullptr},
        Head{"ALTER TENANT", &Parser::alter_tenant},
        Head{"CREATE MASK", &Parser::create_mask},
        Head{"DROP MASK", &Parser::drop_mask},
        Head{"EXPLAIN", nullptr},
        Head{"SET", nullptr},
    };
    if (peek_word("SELECT") || peek_word("WITH") || peek_word("VALUES")) return read_views();
    const std::string where = place();
    size_t furthest = 0;
    for (const Head& head : kHeads) {
      if (!take_words(head.words)) {
        furthest = std::max(furthest, words_that_match(head.words));
        continue;
      }
      if (head.parse != nullptr) return (this->*head.parse)();
      return sql_error(kNotSupported, "{} at {} not supported", head.words, where);
    }
    if (furthest == 0)
      return expected(
          "CREATE, ALTER, DROP, SELECT or SHOW of a unit, pool, "
          "tenant, snapshot or mask");
    // The words that could have come next.
    std::string next;
    for (const Head& head : kHeads) {
      if (words_that_match(head.words) != furthest) continue;
      const std::string word = std::string(word_of(head.words, furthest));
      if (next.find(word) == std::string::npos) next += (next.empty() ? "" : " or ") + word;
    }
    at_ += furthest;
    return expected(next);
  }

  Result<Statement> read_views() {
    const size_t begin = now().begin;
    size_t end = begin;
    while (now().kind != SqlTokenKind::kEnd && now().kind != SqlTokenKind::kVertical && !peek_sign(";")) {
      end = now().end;
      ++at_;
    }
    return Statement{ReadViews{std::string(text_.substr(begin, end - begin))}};
  }

  Result<Statement> show() {
    for (const Shown& shown : kShown) {
      if (take_words(shown.words)) return Statement{ReadViews{shown.sql}};
    }
    if (peek_word("RECYCLEBIN")) return sql_error(kNotSupported, "SHOW RECYCLEBIN at {} not supported", place());
    return expected(
        "TENANTS, RESOURCE UNITS, RESOURCE POOLS, SNAPSHOTS, "
        "MASKS, CLONES or TABLES");
  }

  Result<Statement> create_unit() {
    CreateUnit unit;
    unit.if_not_exists = if_not_exists();
    ASSIGN_OR_RETURN(unit.name, name("resource unit"));
    const std::string where = place();
    ASSIGN_OR_RETURN(unit.options, unit_options());
    if (!unit.options.max_cpu || !unit.options.memory_size) {
      return sql_error(kIncorrectArguments, "Incorrect arguments to {}: it is required, at {}",
                       unit.options.max_cpu ? "MEMORY_SIZE" : "MAX_CPU", where);
    }
    return Statement{std::move(unit)};
  }

  Result<Statement> alter_unit() {
    AlterUnit unit;
    ASSIGN_OR_RETURN(unit.name, name("resource unit"));
    ASSIGN_OR_RETURN(unit.options, unit_options());
    return Statement{std::move(unit)};
  }

  Result<Statement> drop_unit() { return drop<DropUnit>("resource unit"); }
  Result<Statement> drop_pool() { return drop<DropPool>("resource pool"); }
  template <typename Drop>
  Result<Statement> drop(std::string_view what) {
    Drop result;
    result.if_exists = if_exists();
    ASSIGN_OR_RETURN(result.name, name(what));
    return Statement{std::move(result)};
  }

  Result<Statement> create_pool() {
    CreatePool pool;
    pool.if_not_exists = if_not_exists();
    ASSIGN_OR_RETURN(pool.name, name("resource pool"));
    std::optional<std::string> unit;
    std::optional<int64_t> count;
    bool zones = false;
    do {
      if (take_word("UNIT")) {
        RETURN_IF_ERROR(set_once(unit, name_option("resource unit"), "UNIT"));
      } else if (take_word("UNIT_NUM")) {
        RETURN_IF_ERROR(set_once(count, size("UNIT_NUM"), "UNIT_NUM"));
      } else if (take_word("ZONE_LIST")) {
        if (std::exchange(zones, true)) return sql_error(kDuplicateOption, "option ZONE_LIST is given twice");
        ASSIGN_OR_RETURN(const std::vector<std::string> list, name_list("zone"));
        if (list != std::vector<std::string>{"zone1"}) {
          return sql_error(kIncorrectArguments, "Incorrect arguments to ZONE_LIST: there is one zone, 'zone1'");
        }
      } else {
        return expected("UNIT, UNIT_NUM or ZONE_LIST");
      }
    } while (take_sign(","));
    if (!unit) return expected("UNIT");
    if (count.value_or(1) != 1) {
      return sql_error(kResourcesNotEnough, "UNIT_NUM {}: zone 'zone1' has one server, which holds one unit", *count);
    }
    pool.unit = *unit;
    return Statement{std::move(pool)};
  }

  Result<Statement> alter_pool() {
    AlterPool pool;
    ASSIGN_OR_RETURN(pool.name, name("resource pool"));
    RETURN_IF_ERROR(need_word("UNIT"));
    ASSIGN_OR_RETURN(pool.unit, name_option("resource unit"));
    return Statement{std::move(pool)};
  }

  // ('a', 'b')
  Result<std::vector<std::string>> name_list(std::string_view what) {
    take_sign("=");
    RETURN_IF_ERROR(need_sign("("));
    std::vector<std::string> names;
    do {
      ASSIGN_OR_RETURN(std::string one, name(what));
      names.push_back(std::move(one));
    } while (take_sign(","));
    RETURN_IF_ERROR(need_sign(")"));
    return names;
  }

  Result<Statement> create_tenant() {
    const bool unless_there = if_not_exists();
    ASSIGN_OR_RETURN(const std::string tenant, name("tenant"));
    if (take_word("FROM")) return clone_tenant(tenant, unless_there);
    CreateTenant result{.name = tenant, .if_not_exists = unless_there};
    take_sign(",");
    do {
      if (take_word("RESOURCE_POOL_LIST")) {
        if (!result.pool.empty()) return sql_error(kDuplicateOption, "option RESOURCE_POOL_LIST is given twice");
        ASSIGN_OR_RETURN(const std::vector<std::string> pools, name_list("resource pool"));
        if (pools.size() != 1) {
          return sql_error(kIncorrectArguments, "Incorrect arguments to RESOURCE_POOL_LIST: a tenant has one pool");
        }
        result.pool = pools[0];
      } else if (take_word("CHARSET") || take_words("CHARACTER SET")) {
        ASSIGN_OR_RETURN(result.charset, name_option("character set"));
      } else if (take_word("COLLATE")) {
        ASSIGN_OR_RETURN(result.collation, name_option("collation"));
      } else if (take_word("COMMENT")) {
        take_sign("=");
        if (now().kind != SqlTokenKind::kString) return expected("a string");
        result.comment = now().text;
        ++at_;
      } else {
        return refuse_or("RESOURCE_POOL_LIST, CHARSET, COLLATE or COMMENT");
      }
    } while (take_sign(","));
    if (result.pool.empty()) return expected("RESOURCE_POOL_LIST");
    return Statement{std::move(result)};
  }

  Error refuse_or(std::string_view what) const {
    Error refused = refuse_rest();
    return sql_error_code(refused) == kNotSupported ? refused : expected(what);
  }

  Result<Statement> clone_tenant(const std::string& tenant, bool unless_there) {
    CloneTenant clone{.name = tenant, .if_not_exists = unless_there};
    ASSIGN_OR_RETURN(clone.source, name("tenant"));
    if (take_words("USING SNAPSHOT")) {
      ASSIGN_OR_RETURN(clone.snapshot, snapshot_name());
    }
    RETURN_IF_ERROR(need_word("WITH"));
    std::optional<std::string> pool, unit, role;
    do {
      if (take_word("RESOURCE_POOL")) {
        RETURN_IF_ERROR(set_once(pool, name_option("resource pool"), "RESOURCE_POOL"));
      } else if (take_word("UNIT")) {
        RETURN_IF_ERROR(set_once(unit, name_option("resource unit"), "UNIT"));
      } else if (take_word("ROLE")) {
        RETURN_IF_ERROR(set_once(role, name_option("role"), "ROLE"));
        if (upper(*role) != "PRIMARY" && upper(*role) != "STANDBY") {
          return sql_error(kIncorrectArguments, "Incorrect arguments to ROLE: PRIMARY or STANDBY");
        }
        clone.primary = upper(*role) == "PRIMARY";
      } else if (take_word("ASYNC")) {
        clone.async = true;
      } else if (take_words("AS OF")) {
        RETURN_IF_ERROR(as_of(clone));
      } else if (take_word("TTL")) {
        RETURN_IF_ERROR(set_once(clone.ttl_ms, duration("TTL"), "TTL"));
      } else if (take_word("PROTECTED")) {
        clone.is_protected = true;
      } else if (take_word("MASK")) {
        if (!clone.mask.empty()) return sql_error(kDuplicateOption, "option MASK is given twice");
        ASSIGN_OR_RETURN(clone.mask, name_option("mask"));
      } else {
        return refuse_or("RESOURCE_POOL, UNIT, ROLE, AS OF, TTL, PROTECTED, MASK or ASYNC");
      }
    } while (take_sign(","));
    if (!pool || !unit) {
      return sql_error(kSyntaxError, "syntax: {} is required before {}", pool ? "UNIT" : "RESOURCE_POOL", place());
    }
    clone.pool = *pool;
    clone.unit = *unit;
    return Statement{std::move(clone)};
  }

  // '8h', '30 min'
  Result<int64_t> duration(std::string_view option) {
    take_sign("=");
    if (now().kind != SqlTokenKind::kString) return expected(fmt::format("a duration as '8h' for {}", option));
    const DurationText parsed = parse_duration(now().text);
    if (!parsed.value || parsed.value->count() == 0) {
      return sql_error(kIncorrectArguments, "Incorrect arguments to {} at {}: '{}' {}", option, place(), now().text,
                       parsed.value ? "is no time at all" : parsed.why);
    }
    ++at_;
    return parsed.value->count();
  }

  Result<Statement> alter_tenant() {
    ASSIGN_OR_RETURN(const std::string tenant, name("tenant"));
    if (take_words("RESET TO PARENT")) {
      ResetTenant reset{.name = tenant};
      if (take_words("USING SNAPSHOT")) {
        ASSIGN_OR_RETURN(reset.snapshot, snapshot_name());
      }
      return Statement{std::move(reset)};
    }
    if (take_words("SET TTL")) {
      SetTtl ttl{.name = tenant};
      take_sign("=");
      if (!take_word("NONE")) {
        ASSIGN_OR_RETURN(ttl.ttl_ms, duration("TTL"));
      }
      return Statement{std::move(ttl)};
    }
    if (take_words("SET PROTECTED")) {
      take_sign("=");
      SetProtected set{.name = tenant};
      set.on = !take_word("OFF");
      if (set.on) take_word("ON");
      return Statement{std::move(set)};
    }
    return refuse_or("RESET TO PARENT, SET TTL or SET PROTECTED");
  }

  // Names that the server made up have a '$'.
  Result<std::string> snapshot_name() {
    if (now().kind == SqlTokenKind::kEnd || now().kind == SqlTokenKind::kSign) return expected("a snapshot");
    return tokens_[at_++].text;
  }

  Result<Statement> create_mask() {
    CreateMask mask;
    mask.if_not_exists = if_not_exists();
    ASSIGN_OR_RETURN(mask.name, name("mask"));
    RETURN_IF_ERROR(need_word("AS"));
    if (now().kind != SqlTokenKind::kString || now().text.empty()) return expected("a string of statements");
    mask.sql = tokens_[at_++].text;
    return Statement{std::move(mask)};
  }
  Result<Statement> drop_mask() { return drop<DropMask>("mask"); }

  Result<> as_of(CloneTenant& clone) {
    if (clone.as_of_ms || !clone.as_of_gtid.empty()) {
      return sql_error(kDuplicateOption, "option AS OF is given twice, the second time before {}", place());
    }
    if (!clone.snapshot.empty()) {
      return sql_error(kIncorrectArguments,
                       "Incorrect arguments to AS OF at {}: USING SNAPSHOT says already what to clone", place());
    }
    const bool time = take_word("TIMESTAMP");
    if (!time && !take_word("GTID")) return expected("TIMESTAMP or GTID");
    if (now().kind != SqlTokenKind::kString || now().text.empty()) return expected("a string");
    if (time) {
      clone.as_of_ms = parse_utc_ms(now().text);
      if (!clone.as_of_ms) {
        return sql_error(kIncorrectArguments,
                         "Incorrect arguments to AS OF TIMESTAMP at {}: a time in UTC is '2026-01-31 23:59:59' or "
                         "'2026-01-31 23:59:59.999'",
                         place());
      }
    } else {
      clone.as_of_gtid = now().text;
    }
    ++at_;
    return {};
  }

  Result<Statement> drop_tenant() {
    DropTenant tenant;
    tenant.if_exists = if_exists();
    ASSIGN_OR_RETURN(tenant.name, name("tenant"));
    tenant.force = take_word("FORCE");
    if (!tenant.force) take_word("PURGE");  // there is no recycle bin: all the same
    return Statement{std::move(tenant)};
  }

  Result<Statement> create_snapshot() {
    CreateSnapshot snapshot;
    if (!peek_word("FOR")) {
      ASSIGN_OR_RETURN(snapshot.name, name("snapshot"));
    }
    RETURN_IF_ERROR(for_tenant(snapshot.tenant));
    return Statement{std::move(snapshot)};
  }

  Result<Statement> drop_snapshot() {
    DropSnapshot snapshot;
    ASSIGN_OR_RETURN(snapshot.name, snapshot_name());
    RETURN_IF_ERROR(for_tenant(snapshot.tenant));
    return Statement{std::move(snapshot)};
  }

  Result<> for_tenant(std::string& tenant) {
    RETURN_IF_ERROR(need_word("FOR"));
    RETURN_IF_ERROR(need_word("TENANT"));
    ASSIGN_OR_RETURN(tenant, name_option("tenant"));
    return {};
  }

  Result<Statement> alter_system() {
    if (take_words("CANCEL CLONE")) {
      CancelClone cancel;
      ASSIGN_OR_RETURN(cancel.name, name("tenant"));
      return Statement{std::move(cancel)};
    }
    if (take_words("ACTIVATE STANDBY")) {
      ActivateStandby activate;
      RETURN_IF_ERROR(need_word("TENANT"));
      ASSIGN_OR_RETURN(activate.tenant, name_option("tenant"));
      return Statement{std::move(activate)};
    }
    if (peek_word("ARCHIVELOG") || peek_word("NOARCHIVELOG")) return set_log_mode();
    return refuse_or("ARCHIVELOG, NOARCHIVELOG, CANCEL CLONE or ACTIVATE STANDBY");
  }

  Result<Statement> set_log_mode() {
    SetLogMode mode;
    mode.archive = take_word("ARCHIVELOG");
    if (!mode.archive) ++at_;
    RETURN_IF_ERROR(need_word("TENANT"));
    take_sign("=");
    if (take_word("ALL")) return Statement{std::move(mode)};
    do {
      ASSIGN_OR_RETURN(std::string tenant, name("tenant"));
      mode.tenants.push_back(std::move(tenant));
    } while (take_sign(","));
    return Statement{std::move(mode)};
  }

  std::string_view text_;
  std::vector<SqlToken> tokens_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Statement>> parse_statements(std::string_view text) {
  ASSIGN_OR_RETURN(std::vector<SqlToken> tokens, read_sql_tokens(text));
  return Parser(text, std::move(tokens)).statements();
}

}  // namespace sluice
