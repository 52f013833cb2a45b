// SPDX-License-Identifier: Apache-2.0
#include "tenants/session_questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "tenants/sql_error.h"
#include "tenants/statement_tokens.h"

namespace sluice {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

const std::map<std::string, std::string, std::less<>> kVariables = {
    {"auto_increment_increment", "1"},
    {"autocommit", "1"},
    {"character_set_client", "utf8mb4"},
    {"character_set_connection", "utf8mb4"},
    {"character_set_database", "utf8mb4"},
    {"character_set_results", "utf8mb4"},
    {"character_set_server", "utf8mb4"},
    {"character_set_system", "utf8mb4"},
    {"collation_connection", "utf8mb4_bin"},
    {"collation_database", "utf8mb4_bin"},
    {"collation_server", "utf8mb4_bin"},
    {"init_connect", ""},
    {"interactive_timeout", "28800"},
    {"license", "Apache-2.0"},
    {"lower_case_table_names", "0"},
    {"max_allowed_packet", "1048576"},
    {"net_write_timeout", "60"},
    {"performance_schema", "0"},
    {"query_cache_size", "0"},
    {"query_cache_type", "OFF"},
    {"sql_mode", ""},
    {"system_time_zone", "UTC"},
    {"time_zone", "+00:00"},
    {"transaction_isolation", "SERIALIZABLE"},
    {"tx_isolation", "SERIALIZABLE"},
    {"version", kServerVersion},
    {"version_comment", "Sluice's server of tenants"},
    {"wait_timeout", "28800"},
};

class Answerer {
 public:
  Answerer(const SessionQuestion& question, const std::vector<SqlToken>& tokens)
      : question_(question), tokens_(tokens) {}

  std::optional<Result<ViewRows>> answer() {
    if (take("set")) return set();
    if (take("show")) return show();
    if (take("select")) return select();
    return std::nullopt;
  }

 private:
  bool at_end() const {
    return tokens_[at_].kind == SqlTokenKind::kEnd ||
           (tokens_[at_].text == ";" && tokens_[at_ + 1].kind == SqlTokenKind::kEnd);
  }
  bool is(std::string_view word) const {
    const SqlToken& token = tokens_[at_];
    const bool plain = token.kind == SqlTokenKind::kWord || token.kind == SqlTokenKind::kSign;
    return plain && lower(token.text) == word;
  }
  bool take(std::string_view word) { return is(word) && ++at_ > 0; }

  // How a session wants to be spoken to; there is one way here. What would change the server goes to the parser.
  std::optional<Result<ViewRows>> set() {
    static constexpr std::array kOwn = {"names", "character", "autocommit", "session", "sql_mode", "time_zone", "@"};
    const bool own = std::ranges::any_of(kOwn, [&](const char* word) { return is(word); });
    const bool global = std::ranges::any_of(tokens_, [](const SqlToken& token) {
      return token.kind == SqlTokenKind::kWord && lower(token.text) == "global";
    });
    if (!own || global) return std::nullopt;
    while (tokens_[at_].kind != SqlTokenKind::kEnd && tokens_[at_].kind != SqlTokenKind::kVertical && !is(";")) ++at_;
    if (!at_end()) return std::nullopt;  // other statements follow
    return ViewRows{};
  }

  std::optional<Result<ViewRows>> show() {
    if (take("databases") && at_end()) return ViewRows{{"Database"}, {{"oceanbase"}}};
    if (!take("warnings") || !at_end()) return std::nullopt;
    ViewRows rows{{"Level", "Code", "Message"}, {}};
    for (const std::string& note : question_.notes) rows.rows.push_back({"Note", "1105", note});
    return rows;
  }

  // SELECT of variables and functions of the session alone.
  std::optional<Result<ViewRows>> select() {
    ViewRows rows{{}, {{}}};
    do {
      const size_t begin = tokens_[at_].begin;
      auto value = item();
      if (!value) return std::nullopt;
      if (!*value) return std::move(*value).error();
      std::string name = question_.text.substr(begin, tokens_[at_ - 1].end - begin);
      if (take("as")) {
        if (at_end()) return std::nullopt;
        name = tokens_[at_++].text;
      }
      rows.columns.push_back(std::move(name));
      rows.rows[0].push_back(std::move(**value));
    } while (take(","));
    if (take("limit") && tokens_[at_].kind == SqlTokenKind::kNumber) ++at_;
    if (!at_end()) return std::nullopt;
    return rows;
  }

  std::optional<Result<std::optional<std::string>>> item() {
    if (take("@")) return variable();
    const std::map<std::string, std::optional<std::string>, std::less<>> functions = {
        {"database", question_.database.empty() ? std::nullopt : std::optional(question_.database)},
        {"user", question_.user + "@localhost"},
        {"current_user", question_.user + "@localhost"},
        {"version", kServerVersion},
        {"connection_id", fmt::format("{}", question_.connection)},
    };
    const auto found = functions.find(lower(tokens_[at_].text));
    if (tokens_[at_].kind != SqlTokenKind::kWord || found == functions.end()) return std::nullopt;
    ++at_;
    if (!take("(") || !take(")")) return std::nullopt;
    return found->second;
  }

  std::optional<Result<std::optional<std::string>>> variable() {
    if (!take("@")) return std::nullopt;
    for (const char* scope : {"global", "session", "local"}) {
      if (take(scope) && !take(".")) return std::nullopt;
    }
    if (tokens_[at_].kind != SqlTokenKind::kWord) return std::nullopt;
    const std::string name = lower(tokens_[at_++].text);
    const auto found = kVariables.find(name);
    if (found == kVariables.end()) return sql_error(kUnknownVariable, "Unknown system variable '{}'", name);
    return std::optional(found->second);
  }

  const SessionQuestion& question_;
  const std::vector<SqlToken>& tokens_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Result<ViewRows>> answer_session_question(const SessionQuestion& question) {
  const auto tokens = read_sql_tokens(question.text);
  if (!tokens) return std::nullopt;
  return Answerer(question, *tokens).answer();
}

}  // namespace sluice
