// SPDX-License-Identifier: Apache-2.0
// What a test says of a Result that must not be an error: the error's text is the failure's.
#pragma once

#include <gtest/gtest.h>

#define ASSERT_OK(expression)                                                                             \
  do {                                                                                                    \
    auto&& assert_result_ = (expression);                                                                 \
    ASSERT_TRUE(assert_result_.has_value()) << (assert_result_ ? "" : assert_result_.error().describe()); \
  } while (false)
#define EXPECT_OK(expression)                                                                             \
  do {                                                                                                    \
    auto&& expect_result_ = (expression);                                                                 \
    EXPECT_TRUE(expect_result_.has_value()) << (expect_result_ ? "" : expect_result_.error().describe()); \
  } while (false)
