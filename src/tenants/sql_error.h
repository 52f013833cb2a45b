// SPDX-License-Identifier: Apache-2.0
// What a statement is refused with: a number of MySQL's or OceanBase's in an Error, so that it travels in a Result. An
// Error without a number (a disk, a server) is shown as 1105, "unknown error".
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

enum SqlCode : int {
  kIncorrectArguments = 1210,
  kNoSuchRequest = 1047,
  kSyntaxError = 1064,
  kUnknownError = 1105,
  kUnknownVariable = 1193,
  kAccessDenied = 1227,
  kNotSupported = 1235,
  kCanceled = 4072,
  kNotAllowed = 4179,
  kPoolAlreadyGranted = 4626,
  kUnitIsReferenced = 4634,
  kNameTooLong = 4646,
  kUnitNotExist = 4648,
  kUnitExists = 4649,
  kPoolNotExist = 4650,
  kPoolExists = 4651,
  kValueTooSmall = 4659,
  kDuplicateOption = 4679,
  kResourcesNotEnough = 4733,
  kInProcedure = 4770,
  kTenantExists = 5156,
  kTenantNotExist = 5160,
  kSnapshotNotExist = 12000,
  kSnapshotExists = 12001,
  kCloneFailed = 12004,
  kSnapshotFailed = 12005,
};

Error sql_error_text(int code, std::string message);
template <typename... Args>
Error sql_error(int code, fmt::format_string<Args...> format, Args&&... args) {
  return sql_error_text(code, fmt::format(format, std::forward<Args>(args)...));
}
// The number; kUnknownError if the error has none.
int sql_error_code(const Error& error);
// "HY000", for the wire.
std::string_view sql_error_state(int code);
// The text without the number.
std::string sql_error_message(const Error& error);
// "ERROR 4179 (HY000): ...", as the stock client prints it.
std::string sql_error_line(const Error& error);

}  // namespace sluice
