// SPDX-License-Identifier: Apache-2.0
#include "state/sqlite_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

// A writer that waits longer is told so, and the job tries again with its own backoff.
constexpr int kBusyAttempts = 30'000;
constexpr std::chrono::milliseconds kBusyWait{1};
constexpr int kProgressInstructions = 100'000;

ErrorCode code_of(int code, ErrorCode file_error) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorCode::kTransient;
    case SQLITE_INTERRUPT: return ErrorCode::kStopped;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::kCorrupt;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_IOERR:
    case SQLITE_FULL: return file_error;
    case SQLITE_CONSTRAINT: return code == SQLITE_CONSTRAINT_NOTNULL ? ErrorCode::kData : ErrorCode::kTarget;
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return ErrorCode::kData;
    default: return ErrorCode::kTarget;
  }
}

}  // namespace

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

SqliteStatement& SqliteStatement::operator=(SqliteStatement&& other) noexcept {
  if (this == &other) return *this;
  sqlite3_finalize(statement_);
  database_ = other.database_;
  statement_ = std::exchange(other.statement_, nullptr);
  return *this;
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

void SqliteStatement::bind_null(int parameter) { sqlite3_bind_null(statement_, parameter); }
void SqliteStatement::bind_int(int parameter, int64_t value) { sqlite3_bind_int64(statement_, parameter, value); }
void SqliteStatement::bind_double(int parameter, double value) { sqlite3_bind_double(statement_, parameter, value); }
void SqliteStatement::bind_text(int parameter, std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_text64(statement_, parameter, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}
void SqliteStatement::bind_blob(int parameter, std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_blob64(statement_, parameter, data, value.size(), SQLITE_STATIC);
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = database_->error(code);
  sqlite3_reset(statement_);
  return error;
}

Result<> SqliteStatement::run() {
  RETURN_IF_ERROR(step());
  sqlite3_reset(statement_);
  return {};
}

void SqliteStatement::reset() { sqlite3_reset(statement_); }

bool SqliteStatement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
bool SqliteStatement::is_blob(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_BLOB; }
int64_t SqliteStatement::int_at(int column) const { return sqlite3_column_int64(statement_, column); }
double SqliteStatement::double_at(int column) const { return sqlite3_column_double(statement_, column); }
std::string_view SqliteStatement::text_at(int column) const {
  const void* data = is_blob(column) ? sqlite3_column_blob(statement_, column)
                                     : static_cast<const void*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(Context& context, const std::string& path,
                                                             ErrorCode file_error) {
  // SQLite itself would create the file with the process's umask. An existing file is not opened here: closing it would
  // drop every POSIX lock that this process's other connections hold on it.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno != EEXIST) {
    return Error(file_error, fmt::format("cannot open {}: {}", path, std::strerror(errno)),
                 "Check that the directory exists and that this user may write to it.");
  }
  if (file >= 0) ::close(file);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase());
  database->file_error_ = file_error;
  database->path_ = path;
  database->use(context);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (const int code = sqlite3_open_v2(path.c_str(), &database->handle_, flags, nullptr); code != SQLITE_OK) {
    return database->error(code);
  }
  sqlite3_busy_handler(database->handle_, &on_busy, database.get());
  sqlite3_progress_handler(database->handle_, kProgressInstructions, &on_progress, database.get());
  for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA cache_size=-8192"}) {
    RETURN_IF_ERROR(database->execute(pragma));
  }
  return database;
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(handle_); }

Result<> SqliteDatabase::execute(const std::string& sql) {
  if (const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) {
    return error(code);
  }
  return {};
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  SqliteStatement statement;
  statement.database_ = this;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement.statement_, nullptr);
  if (code != SQLITE_OK) return error(code);
  return statement;
}

void SqliteDatabase::roll_back() {
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
int64_t SqliteDatabase::changes() const { return sqlite3_changes64(handle_); }

Error SqliteDatabase::error(int code) const {
  if (context_ != nullptr && context_->stop_requested()) return Error(ErrorCode::kStopped, "stopped by request");
  const char* text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  const bool full = (code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_IOERR;
  return Error(code_of(code, file_error_), fmt::format("{} (SQLite error {} in {})", text, code, path_),
               full ? "The disk may be full: free space there and start the job again." : "");
}

int SqliteDatabase::on_busy(void* self, int attempts) {
  Context* context = static_cast<SqliteDatabase*>(self)->context_;
  return attempts < kBusyAttempts && context->wait_for(kBusyWait) ? 1 : 0;
}

int SqliteDatabase::on_progress(void* self) {
  return static_cast<SqliteDatabase*>(self)->context_->stop_requested() ? 1 : 0;
}

std::string quote_sqlite_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

}  // namespace sluice
