// SPDX-License-Identifier: Apache-2.0
// What went wrong, in terms an operator can act on. An Error is a value: it carries a code (which decides
// whether to retry, and the exit code), a message and an advice. It never carries a password or a cell value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

enum class ErrorCode : uint8_t {
  kConfig,         // the configuration is wrong
  kConnect,        // a server cannot be reached, or the connection broke
  kAccess,         // a server refused our credentials or a privilege is missing
  kTransient,      // the server asked us to try again (deadlock, lock wait, restart)
  kSchemaChanged,  // a table's definition changed while it was being copied
  kPositionLost,   // the source no longer has the log we need
  kUnsupported,    // the source sent something this version cannot represent; never skipped
  kData,           // a value cannot be represented in the target
  kCorrupt,        // bytes are damaged (checksum, length, structure)
  kTarget,         // the target refused a statement
  kFenced,         // another process has taken the job over
  kState,          // the local state directory cannot be read or written
  kStopped,        // we were asked to stop; not a failure
  kInternal,       // a bug of ours
};

enum class ErrorAction : uint8_t { kRetry, kNeedsPerson, kFailJob, kBug, kNone };

// One row per code; retry loops, the command line and the docs read this table and nothing else.
struct ErrorCodeInfo {
  ErrorCode code;
  std::string_view name;
  ErrorAction action;
  int exit_code;
  std::string_view advice;  // used when the error brings none of its own
};
const ErrorCodeInfo& error_code_info(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message, std::string advice = {});

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  // The error's own advice, or its code's.
  std::string_view advice() const;
  bool retryable() const { return error_code_info(code_).action == ErrorAction::kRetry; }

  // Puts what was being done in front of the message: "reading shop.orders: connection reset".
  Error&& context(std::string_view doing) &&;

  // "source position lost: <message>\n  hint: <advice>"
  std::string describe() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::string advice_;
};

// Prints the broken invariant and aborts. For our own mistakes only, never for data from outside.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace sluice

#define SLUICE_CHECK(condition) \
  (static_cast<bool>(condition) ? (void)0 : ::sluice::check_failed(#condition, __FILE__, __LINE__))
