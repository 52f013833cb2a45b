// SPDX-License-Identifier: Apache-2.0
// A connection to one SQLite file and its prepared statements, for the state directory and for the SQLite sink.
//
// Owned and used by one thread at a time. The file is in WAL mode and every commit is durable (synchronous=FULL).
// Waiting for another writer and long statements end soon after the context in use is asked to stop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/context.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice {

class SqliteDatabase;

// A prepared statement. Parameters count from 1, columns from 0. Bound views must live until the statement is reset;
// read views until the next step.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&& other) noexcept;
  ~SqliteStatement();
  explicit operator bool() const { return statement_ != nullptr; }

  void bind_null(int parameter);
  void bind_int(int parameter, int64_t value);
  void bind_double(int parameter, double value);
  void bind_text(int parameter, std::string_view value);
  void bind_blob(int parameter, std::string_view value);

  // True if there is a row.
  Result<bool> step();
  // Steps a statement without rows and resets it.
  Result<> run();
  void reset();

  bool is_null(int column) const;
  bool is_blob(int column) const;
  int64_t int_at(int column) const;
  double double_at(int column) const;
  std::string_view text_at(int column) const;  // also the bytes of a blob

 private:
  friend class SqliteDatabase;
  SqliteDatabase* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteDatabase {
 public:
  // Opens the file, creating it readable by its owner only. `file_error` is the code for a file that cannot be used.
  static Result<std::unique_ptr<SqliteDatabase>> open(Context& context, const std::string& path, ErrorCode file_error);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // Names the context that the following calls obey; it must outlive them.
  void use(Context& context) { context_ = &context; }

  Result<> execute(const std::string& sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  // Takes the write lock at once, so that a later statement cannot fail because somebody else wrote meanwhile.
  Result<> begin() { return execute("BEGIN IMMEDIATE"); }
  Result<> commit() { return execute("COMMIT"); }
  // Never fails: what cannot be rolled back is not there any more.
  void roll_back();
  bool in_transaction() const;
  // Rows changed by the last statement.
  int64_t changes() const;

  Error error(int code) const;

 private:
  SqliteDatabase() = default;
  static int on_busy(void* self, int attempts);
  static int on_progress(void* self);

  sqlite3* handle_ = nullptr;
  Context* context_ = nullptr;
  ErrorCode file_error_ = ErrorCode::kState;
  std::string path_;
};

// Rolls back unless it was told that the transaction ended well.
class SqliteTransaction {
 public:
  static Result<SqliteTransaction> begin(SqliteDatabase& database) {
    RETURN_IF_ERROR(database.begin());
    return SqliteTransaction(&database);
  }
  SqliteTransaction(SqliteTransaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction() {
    if (database_ != nullptr) database_->roll_back();
  }
  Result<> commit() {
    RETURN_IF_ERROR(database_->commit());
    database_ = nullptr;
    return {};
  }

 private:
  explicit SqliteTransaction(SqliteDatabase* database) : database_(database) {}
  SqliteDatabase* database_;
};

// "\"a\"\"b\"".
std::string quote_sqlite_identifier(std::string_view name);

}  // namespace sluice
