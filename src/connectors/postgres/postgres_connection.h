// SPDX-License-Identifier: Apache-2.0
// One connection to a PostgreSQL server over libpq: statements, pipelines, COPY in, streamed results.
//
// Owned and used by one thread at a time. After a kConnect error, or any error inside a pipeline, throw it away.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "connectors/postgres/postgres_client.h"

namespace sluice {

class PostgresConnection : public PostgresClient {
 public:
  static Result<std::unique_ptr<PostgresConnection>> connect(Context& context, const PostgresConnectOptions& options);

  // One statement, with text parameters.
  Result<PostgresResult> query(Context& context, const std::string& sql, const PostgresParameters& parameters = {});

  // Pipelines: send, send, ..., then sync() reads all answers; the first error is the result. A statement that must
  // concern a certain row divides by zero if it does not (see counted()), which fails the transaction at the server
  // without another round trip; `if_missing` says what that means. `doing` names the work in errors.
  enum class IfMissing : uint8_t { kImpossible, kFenced, kMissingRow };
  struct Sent {
    IfMissing if_missing = IfMissing::kImpossible;
    std::string doing;
  };
  Result<> send(const std::string& sql, std::span<const char* const> parameters, Sent sent);
  Result<> send_prepare(const std::string& name, const std::string& sql);
  Result<> send_prepared(const std::string& name, std::span<const char* const> parameters, Sent sent);
  bool in_pipeline() const { return pipeline_; }
  Result<> sync(Context& context);
  // The statement (with RETURNING 1 added) made to fail unless it concerns `rows` rows.
  static std::string counted(std::string_view statement, std::string_view rows);

  // COPY … FROM STDIN: begin, any number of pieces, end; `end` returns the rows copied.
  Result<> begin_copy(Context& context, const std::string& sql);
  Result<> copy_data(Context& context, std::string_view bytes);
  Result<uint64_t> end_copy(Context& context);

  // COPY … TO STDOUT: begin, then rows in the text format, each valid until the next call; nullopt at the end.
  Result<> begin_copy_out(Context& context, const std::string& sql);
  Result<std::optional<std::string_view>> next_copied(Context& context);

  // A query whose rows arrive one result at a time; nullopt at the end.
  Result<> begin_rows(Context& context, const std::string& sql, const PostgresParameters& parameters);
  Result<std::optional<PostgresResult>> next_row(Context& context);

  static std::string quote_identifier(std::string_view name);
  static std::string quote_literal(std::string_view value);
  static std::string qualified(std::string_view schema, std::string_view table);

 private:
  PostgresConnection() = default;
  Result<> enter_pipeline();

  struct Free {
    void operator()(char* row) const;
  };

  bool pipeline_ = false;
  std::unique_ptr<char, Free> copied_;  // the row that next_copied() returned last
  std::vector<Sent> pending_;
};

}  // namespace sluice
