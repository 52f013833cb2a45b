// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <utility>

#include "connector/relational_batch.h"

namespace sluice {
namespace {

constexpr std::string_view kDivisionByZero = "22012";

}  // namespace

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::connect(Context& context,
                                                                        const PostgresConnectOptions& options) {
  std::unique_ptr<PostgresConnection> connection(new PostgresConnection());
  RETURN_IF_ERROR(connection->open(context, options, Mode::kOrdinary));
  return connection;
}

Result<PostgresResult> PostgresConnection::query(Context& context, const std::string& sql,
                                                 const PostgresParameters& parameters) {
  SLUICE_CHECK(!pipeline_);
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) == 0) {
    return broken(context, "sending a statement");
  }
  ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
  const ExecStatusType status = PQresultStatus(result.get());
  RETURN_IF_ERROR(finish_command(context));
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return result;
  return error_of(result.get());
}

Result<> PostgresConnection::enter_pipeline() {
  if (pipeline_) return {};
  if (PQenterPipelineMode(connection_) == 0) return Error(ErrorCode::kInternal, "cannot enter pipeline mode");
  pipeline_ = true;
  return {};
}

Result<> PostgresConnection::send(const std::string& sql, std::span<const char* const> parameters, Sent sent) {
  RETURN_IF_ERROR(enter_pipeline());
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(parameters.size()), nullptr, parameters.data(),
                        nullptr, nullptr, 0) == 0) {
    return Error(ErrorCode::kConnect, fmt::format("{}: sending failed", sent.doing));
  }
  pending_.push_back(std::move(sent));
  return {};
}

Result<> PostgresConnection::send_prepare(const std::string& name, const std::string& sql) {
  RETURN_IF_ERROR(enter_pipeline());
  if (PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr) == 0) {
    return Error(ErrorCode::kConnect, "sending a statement to prepare failed");
  }
  pending_.push_back({IfMissing::kImpossible, "preparing a statement"});
  return {};
}

Result<> PostgresConnection::send_prepared(const std::string& name, std::span<const char* const> parameters,
                                           Sent sent) {
  RETURN_IF_ERROR(enter_pipeline());
  if (PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(parameters.size()), parameters.data(), nullptr,
                          nullptr, 0) == 0) {
    return Error(ErrorCode::kConnect, fmt::format("{}: sending failed", sent.doing));
  }
  pending_.push_back(std::move(sent));
  return {};
}

Result<> PostgresConnection::sync(Context& context) {
  if (!pipeline_) return {};
  if (PQpipelineSync(connection_) == 0) return broken(context, "sending to the server");
  std::optional<Error> error;
  size_t statement = 0;
  for (bool synced = false; !synced;) {
    ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
    if (result.get() == nullptr) {
      ++statement;  // between the answers of two statements
      continue;
    }
    const ExecStatusType status = PQresultStatus(result.get());
    if (PQstatus(connection_) == CONNECTION_BAD) return broken(context, "waiting for the server");
    synced = status == PGRES_PIPELINE_SYNC;
    if (status != PGRES_FATAL_ERROR || error) continue;
    const Sent& sent = statement < pending_.size() ? pending_[statement] : Sent{};
    error = error_of(result.get());
    if (last_state_ == kDivisionByZero && sent.if_missing != IfMissing::kImpossible) {
      error = sent.if_missing == IfMissing::kFenced
                  ? Error(ErrorCode::kFenced, "another process has taken the job over")
                  : missing_row({});
    }
    if (!sent.doing.empty()) (void)std::move(*error).context(sent.doing);  // in place
  }
  pending_.clear();
  if (PQexitPipelineMode(connection_) == 0) return Error(ErrorCode::kInternal, "cannot leave pipeline mode");
  pipeline_ = false;
  if (error) return std::move(*error);
  return {};
}

std::string PostgresConnection::counted(std::string_view statement, std::string_view rows) {
  return fmt::format("WITH done AS ({} RETURNING 1) SELECT 1 / (count(*) = {})::int FROM done", statement, rows);
}

Result<> PostgresConnection::begin_copy(Context& context, const std::string& sql) {
  SLUICE_CHECK(!pipeline_);
  if (PQsendQuery(connection_, sql.c_str()) == 0) return broken(context, "sending a statement");
  ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
  if (PQresultStatus(result.get()) == PGRES_COPY_IN) return {};
  Error error = error_of(result.get());
  (void)finish_command(context);
  return error;
}

Result<> PostgresConnection::copy_data(Context& context, std::string_view bytes) {
  for (;;) {
    const int sent = PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size()));
    if (sent == 1) return {};
    if (sent < 0) return broken(context, "copying rows");
    RETURN_IF_ERROR(wait(context, true));
    if (PQflush(connection_) < 0) return broken(context, "copying rows");
  }
}

Result<uint64_t> PostgresConnection::end_copy(Context& context) {
  for (;;) {
    const int sent = PQputCopyEnd(connection_, nullptr);
    if (sent == 1) break;
    if (sent < 0) return broken(context, "copying rows");
    RETURN_IF_ERROR(wait(context, true));
  }
  ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK) {
    Error error = error_of(result.get());
    (void)finish_command(context);
    return error;
  }
  RETURN_IF_ERROR(finish_command(context));
  return result.affected();
}

void PostgresConnection::Free::operator()(char* row) const { PQfreemem(row); }

Result<> PostgresConnection::begin_copy_out(Context& context, const std::string& sql) {
  SLUICE_CHECK(!pipeline_);
  if (PQsendQuery(connection_, sql.c_str()) == 0) return broken(context, "sending a statement");
  ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
  if (PQresultStatus(result.get()) == PGRES_COPY_OUT) return {};
  Error error = error_of(result.get());
  (void)finish_command(context);
  return error;
}

Result<std::optional<std::string_view>> PostgresConnection::next_copied(Context& context) {
  for (;;) {
    char* row = nullptr;
    const int length = PQgetCopyData(connection_, &row, 1);
    copied_.reset(row);
    if (length > 0) return std::optional(std::string_view(row, static_cast<size_t>(length)));
    if (length == -2) return broken(context, "reading copied rows");
    if (length == 0) {
      RETURN_IF_ERROR(wait(context, false));
      continue;
    }
    RETURN_IF_ERROR(finish_command(context));
    return std::optional<std::string_view>();
  }
}

Result<> PostgresConnection::begin_rows(Context& context, const std::string& sql,
                                        const PostgresParameters& parameters) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) == 0 ||
      PQsetSingleRowMode(connection_) == 0) {
    return broken(context, "sending a query");
  }
  return {};
}

Result<std::optional<PostgresResult>> PostgresConnection::next_row(Context& context) {
  for (;;) {
    ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
    if (result.get() == nullptr) return std::optional<PostgresResult>();
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_SINGLE_TUPLE) return std::optional<PostgresResult>(std::move(result));
    if (status != PGRES_TUPLES_OK) {
      Error error = error_of(result.get());
      (void)finish_command(context);
      return error;
    }
  }
}

std::string PostgresConnection::quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string PostgresConnection::quote_literal(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

std::string PostgresConnection::qualified(std::string_view schema, std::string_view table) {
  return schema.empty() ? quote_identifier(table) : quote_identifier(schema) + "." + quote_identifier(table);
}

}  // namespace sluice
