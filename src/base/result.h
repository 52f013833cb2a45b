// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. Every call that can fail because of the outside world returns one; no
// exception crosses a folder boundary. Member names follow std::expected so that it can replace this one day.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"

namespace sluice {

struct Ok {};

template <typename T = Ok>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result()
    requires std::is_same_v<T, Ok>
      : state_(Ok{}) {}
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &value(); }

  Error& error() & {
    SLUICE_CHECK(!has_value());
    return std::get<1>(state_);
  }
  const Error& error() const& {
    SLUICE_CHECK(!has_value());
    return std::get<1>(state_);
  }
  Error&& error() && {
    SLUICE_CHECK(!has_value());
    return std::get<1>(std::move(state_));
  }

  // Adds what was being done to the error, if there is one.
  Result&& context(std::string_view doing) && {
    if (!has_value()) static_cast<void>(std::move(std::get<1>(state_)).context(doing));  // in place
    return std::move(*this);
  }

 private:
  T& checked() {
    if (!has_value()) check_failed(std::get<1>(state_).message().c_str(), __FILE__, __LINE__);
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

}  // namespace sluice

#define SLUICE_CONCAT_(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_(a, b)

#define RETURN_IF_ERROR(expression)                                                                                \
  do {                                                                                                             \
    if (auto sluice_result_ = (expression); !sluice_result_.has_value()) return std::move(sluice_result_).error(); \
  } while (false)

#define ASSIGN_OR_RETURN_(temporary, target, expression)           \
  auto temporary = (expression);                                   \
  if (!temporary.has_value()) return std::move(temporary).error(); \
  target = std::move(temporary).value()
#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_(SLUICE_CONCAT(sluice_result_, __LINE__), target, expression)
