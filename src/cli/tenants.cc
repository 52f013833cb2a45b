// SPDX-License-Identifier: Apache-2.0
#include "cli/tenants.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "tenants/rest_api.h"
#include "tenants/sql_endpoint.h"
#include "tenants/sql_error.h"
#include "tenants/tenant_server.h"

namespace sluice {
namespace {

constexpr int kRefused = 1;

std::string absolute_folder(const std::string& folder) {
  std::string path = std::filesystem::absolute(folder).lexically_normal();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

int report(const Error& error) {
  fmt::print(stderr, "{}\n", error.describe());
  return error_code_info(error.code()).exit_code;
}

std::string shown(const std::optional<std::string>& cell) { return cell.value_or("NULL"); }

// Characters, not bytes; all of them are taken to be one column wide.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void print_table(const ViewRows& rows) {
  std::vector<size_t> widths;
  for (const std::string& column : rows.columns) widths.push_back(width(column));
  for (const auto& row : rows.rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(shown(row[i])));
  }
  std::string line = "+";
  for (const size_t one : widths) line += std::string(one + 2, '-') + "+";
  const auto print_row = [&](const auto& cell) {
    std::string text = "|";
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string value = cell(i);
      text += " " + value + std::string(widths[i] - width(value), ' ') + " |";
    }
    fmt::print("{}\n", text);
  };
  fmt::print("{}\n", line);
  print_row([&](size_t i) { return rows.columns[i]; });
  fmt::print("{}\n", line);
  for (const auto& row : rows.rows) print_row([&](size_t i) { return shown(row[i]); });
  fmt::print("{}\n", line);
}

void print_vertical(const ViewRows& rows) {
  size_t widest = 0;
  for (const std::string& column : rows.columns) widest = std::max(widest, width(column));
  const std::string stars(27, '*');
  for (size_t row = 0; row < rows.rows.size(); ++row) {
    fmt::print("{} {}. row {}\n", stars, row + 1, stars);
    for (size_t i = 0; i < rows.columns.size(); ++i) {
      fmt::print("{}{}: {}\n", std::string(widest - width(rows.columns[i]), ' '), rows.columns[i],
                 shown(rows.rows[row][i]));
    }
  }
}

void print_result(const StatementResult& result) {
  if (result.rows.columns.empty()) {
    fmt::print("Query OK\n");
  } else if (result.rows.rows.empty()) {
    fmt::print("Empty set\n");
  } else if (result.vertical) {
    print_vertical(result.rows);
  } else {
    print_table(result.rows);
  }
  std::fflush(stdout);
  for (const std::string& note : result.notes) fmt::print(stderr, "note: {}\n", note);
}

std::string standard_input() {
  std::string text;
  char buffer[1 << 14];
  for (size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) text.append(buffer, got);
  return text;
}

}  // namespace

int server_command(const Command& command, Context& context) {
  auto server = TenantServer::open(context, absolute_folder(command.data_dir));
  if (!server) {
    return context.stop_requested() ? 0 : report(server.error());
  }
  std::unique_ptr<HttpServer> rest;
  if (command.rest) {
    auto started = serve_rest(**server, *command.rest);
    if (!started) {
      (*server)->stop();
      return report(started.error());
    }
    rest = std::move(*started);
  }
  const Result<> served = serve_statements(context, **server, command.listen);
  context.request_stop();
  rest.reset();
  (*server)->stop();
  return served ? 0 : report(served.error());
}

int sql_command(const Command& command) {
  const std::string text = command.statements.empty() ? standard_input() : command.statements;
  const Result<> sent = send_statements(absolute_folder(command.data_dir), text, print_result);
  if (sent) return 0;
  if (!sent.error().message().starts_with("ERROR ")) return report(sent.error());
  fmt::print(stderr, "{}\n", sent.error().message());
  return kRefused;
}

}  // namespace sluice
