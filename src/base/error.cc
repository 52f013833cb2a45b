// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr std::array kCodes = {
    ErrorCodeInfo{ErrorCode::kConfig, "invalid configuration", ErrorAction::kNeedsPerson, 3,
                  "Run 'sluice validate' on the file; 'sluice connectors NAME' lists every option."},
    ErrorCodeInfo{ErrorCode::kConnect, "connection failed", ErrorAction::kRetry, 4,
                  "Check that the server is up and that host and port are right."},
    ErrorCodeInfo{ErrorCode::kAccess, "access denied", ErrorAction::kNeedsPerson, 4,
                  "Check user, password and privileges; 'sluice connectors NAME' says what is needed."},
    ErrorCodeInfo{ErrorCode::kTransient, "server asked to retry", ErrorAction::kRetry, 4, "The job retries by itself."},
    ErrorCodeInfo{ErrorCode::kSchemaChanged, "table definition changed", ErrorAction::kRetry, 4,
                  "The job copies the table again by itself."},
    ErrorCodeInfo{ErrorCode::kPositionLost, "source position lost", ErrorAction::kNeedsPerson, 5,
                  "Keep the source's log longer, then start the job anew with --reset to copy again."},
    ErrorCodeInfo{ErrorCode::kUnsupported, "unsupported", ErrorAction::kNeedsPerson, 6,
                  "Nothing was skipped: the job stops in front of it."},
    ErrorCodeInfo{ErrorCode::kData, "value cannot be represented", ErrorAction::kNeedsPerson, 6,
                  "Change the column's type in the target or the handling option named above."},
    ErrorCodeInfo{ErrorCode::kCorrupt, "damaged data", ErrorAction::kFailJob, 6,
                  "Check the server's disk and network; the job starts again from its last commit."},
    ErrorCodeInfo{ErrorCode::kTarget, "target refused", ErrorAction::kNeedsPerson, 7,
                  "Correct the target table or its privileges, then start the job again."},
    ErrorCodeInfo{ErrorCode::kFenced, "job taken over", ErrorAction::kFailJob, 8,
                  "Another process runs this job; only one may. Nothing was written by this one."},
    ErrorCodeInfo{ErrorCode::kState, "state directory", ErrorAction::kNeedsPerson, 9,
                  "Check that the directory given with --state exists, is writable and has space."},
    ErrorCodeInfo{ErrorCode::kStopped, "stopped", ErrorAction::kNone, 0, "Nothing to do."},
    ErrorCodeInfo{ErrorCode::kInternal, "internal error", ErrorAction::kBug, 70,
                  "This is a bug in Sluice: please report it with the log."},
};

}  // namespace

const ErrorCodeInfo& error_code_info(ErrorCode code) {
  const auto& info = kCodes[static_cast<size_t>(code)];
  SLUICE_CHECK(info.code == code);
  return info;
}

Error::Error(ErrorCode code, std::string message, std::string advice)
    : code_(code), message_(std::move(message)), advice_(std::move(advice)) {}

std::string_view Error::advice() const {
  return advice_.empty() ? error_code_info(code_).advice : std::string_view(advice_);
}

Error&& Error::context(std::string_view doing) && {
  message_.insert(0, std::string(doing) + ": ");
  return std::move(*this);
}

std::string Error::describe() const {
  std::string text(error_code_info(code_).name);
  text.append(": ").append(message_).append("\n  hint: ").append(advice());
  return text;
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace sluice
