// SPDX-License-Identifier: Apache-2.0
// Any SELECT of a user over the views, in a connection of its own that SQLite's authorizer keeps to them.
#include <sqlite3.h>

#include <memory>

#include "tenants/catalog.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr size_t kMaxRows = 100'000, kMaxBytes = size_t{64} << 20;
constexpr int kMaxCell = 1 << 20;
// Instructions of SQLite's machine: some seconds. A join that never ends would hold a thread for ever.
constexpr int kProgressEvery = 1'000'000;
constexpr int kMaxProgress = 300;

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION: {
      const std::string_view name = second == nullptr ? "" : second;
      return name == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    }
    default: (void)first; return SQLITE_DENY;
  }
}

int count_progress(void* counter) { return ++*static_cast<int*>(counter) > kMaxProgress ? 1 : 0; }

Error refused(sqlite3* database) {
  return sql_error(kSyntaxError, "{}", database == nullptr ? "out of memory" : sqlite3_errmsg(database));
}

}  // namespace

Result<ViewRows> read_views(const std::string& catalog_file, const std::string& sql) {
  // An empty main database, in memory by its name alone (a flag would be inherited by what is attached), with the
  // catalog beside it, so that oceanbase.DBA_OB_TENANTS and DBA_OB_TENANTS are both found.
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(":memory:", &opened, flags, nullptr);
  const std::unique_ptr<sqlite3, CloseDatabase> database(opened);
  if (code != SQLITE_OK) return refused(opened);
  sqlite3_busy_timeout(opened, 5000);
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxCell);
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(opened, "ATTACH ?1 AS oceanbase", -1, &prepared, nullptr) != SQLITE_OK) return refused(opened);
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement(prepared);
  sqlite3_bind_text(prepared, 1, catalog_file.c_str(), -1, SQLITE_STATIC);
  if (sqlite3_step(prepared) != SQLITE_DONE) return refused(opened);
  if (sqlite3_exec(opened, "PRAGMA query_only = 1", nullptr, nullptr, nullptr) != SQLITE_OK) return refused(opened);
  sqlite3_set_authorizer(opened, &authorize, nullptr);
  int progress = 0;
  sqlite3_progress_handler(opened, kProgressEvery, &count_progress, &progress);

  if (sqlite3_prepare_v2(opened, sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK) return refused(opened);
  statement.reset(prepared);
  if (prepared == nullptr || sqlite3_stmt_readonly(prepared) == 0) {
    return sql_error(kNotSupported, "statements that write are not supported here");
  }
  ViewRows result;
  size_t bytes = 0;
  const int columns = sqlite3_column_count(prepared);
  for (int i = 0; i < columns; ++i) result.columns.emplace_back(sqlite3_column_name(prepared, i));
  for (;;) {
    const int step = sqlite3_step(prepared);
    if (step == SQLITE_DONE) return result;
    if (step != SQLITE_ROW) return refused(opened);
    if (result.rows.size() == kMaxRows || bytes > kMaxBytes) {
      return sql_error(kIncorrectArguments, "the result has more than {} rows or {} MB: add a LIMIT", kMaxRows,
                       kMaxBytes >> 20);
    }
    auto& row = result.rows.emplace_back();
    for (int i = 0; i < columns; ++i) {
      const void* text = sqlite3_column_text(prepared, i);
      if (text == nullptr) {
        row.emplace_back();
      } else {
        row.emplace_back(
            std::string(static_cast<const char*>(text), static_cast<size_t>(sqlite3_column_bytes(prepared, i))));
        bytes += row.back()->size();
      }
    }
  }
}

}  // namespace sluice
