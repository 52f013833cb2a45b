// SPDX-License-Identifier: Apache-2.0
#include "transform/decimal.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace sluice {
namespace {

std::string compute(DecimalOp op, std::string_view a, std::string_view b, DecimalShape shape,
                    DecimalRounding rounding = DecimalRounding::kHalfUp) {
  std::string out;
  switch (decimal_arithmetic(op, a, b, shape, rounding, out)) {
    case DecimalStatus::kOk: return out;
    case DecimalStatus::kOverflow: return "overflow";
    case DecimalStatus::kDivisionByZero: return "division by zero";
    case DecimalStatus::kNotFinite: return "not finite";
  }
  return {};
}

TEST(DecimalTest, adds_and_subtracts_with_the_shape_of_the_result) {
  EXPECT_EQ(compute(DecimalOp::kAdd, "1.50", "2.505", {10, 3}), "4.005");
  EXPECT_EQ(compute(DecimalOp::kSubtract, "0.10", "0.20", {10, 2}), "-0.10");
  EXPECT_EQ(compute(DecimalOp::kSubtract, "0.10", "0.10", {10, 2}), "0.00");
  EXPECT_EQ(compute(DecimalOp::kAdd, "99", "1", {2, 0}), "overflow");
}

TEST(DecimalTest, keeps_all_65_digits) {
  const std::string nines(65, '9');
  EXPECT_EQ(compute(DecimalOp::kSubtract, nines, "1", {65, 0}), std::string(64, '9') + "8");
  EXPECT_EQ(compute(DecimalOp::kAdd, nines, "1", {65, 0}), "overflow");
  EXPECT_EQ(compute(DecimalOp::kMultiply, std::string(32, '9'), std::string(32, '9'), {65, 0}),
            std::string(31, '9') + "8" + std::string(31, '0') + "1");
  EXPECT_EQ(compute(DecimalOp::kDivide, nines, nines, {65, 30}), "1." + std::string(30, '0'));
}

TEST(DecimalTest, divides_and_rounds_half_up_away_from_zero) {
  EXPECT_EQ(compute(DecimalOp::kDivide, "1", "3", {10, 6}), "0.333333");
  EXPECT_EQ(compute(DecimalOp::kDivide, "2", "3", {10, 6}), "0.666667");
  EXPECT_EQ(compute(DecimalOp::kDivide, "-1", "8", {10, 2}), "-0.13");
  EXPECT_EQ(compute(DecimalOp::kDivide, "-1", "8", {10, 2}, DecimalRounding::kDown), "-0.12");
  EXPECT_EQ(compute(DecimalOp::kDivide, "1.000", "0.00", {10, 2}), "division by zero");
  EXPECT_EQ(compute(DecimalOp::kModulo, "-7.5", "2", {10, 1}), "-1.5");
}

TEST(DecimalTest, rounds_in_every_direction) {
  const auto round = [](std::string_view text, int digits, DecimalShape shape, DecimalRounding rounding) {
    std::string out;
    EXPECT_EQ(decimal_round(text, digits, shape, rounding, out), DecimalStatus::kOk);
    return out;
  };
  EXPECT_EQ(round("2.345", 2, {10, 2}, DecimalRounding::kHalfUp), "2.35");
  EXPECT_EQ(round("-2.345", 2, {10, 2}, DecimalRounding::kHalfUp), "-2.35");
  EXPECT_EQ(round("-2.1", 0, {10, 0}, DecimalRounding::kFloor), "-3");
  EXPECT_EQ(round("-2.9", 0, {10, 0}, DecimalRounding::kCeiling), "-2");
  EXPECT_EQ(round("1250.75", -2, {10, 2}, DecimalRounding::kHalfUp), "1300.00");
  EXPECT_EQ(round("7", 3, {10, 3}, DecimalRounding::kHalfUp), "7.000");
}

TEST(DecimalTest, compares_across_scales_and_signs) {
  EXPECT_EQ(decimal_compare("1.0", "1.000"), 0);
  EXPECT_EQ(decimal_compare("-0.00", "0"), 0);
  EXPECT_LT(decimal_compare("-10", "-9.99"), 0);
  EXPECT_GT(decimal_compare("10", "9.99"), 0);
  EXPECT_LT(decimal_compare("0.1", "0.10000001"), 0);
  EXPECT_LT(decimal_compare("-1", "1"), 0);
}

TEST(DecimalTest, reads_what_people_write) {
  EXPECT_EQ(decimal_from_text(" +1.5e3 "), "1500");
  EXPECT_EQ(decimal_from_text("-.5"), "-0.5");
  EXPECT_EQ(decimal_from_text("5."), "5");
  EXPECT_EQ(decimal_from_text("12e-3"), "0.012");
  EXPECT_EQ(decimal_from_text("-0"), "0");
  for (const auto* bad : {"", " ", "-", ".", "1e", "1e999", "1x", "1 2", "0x10"})
    EXPECT_FALSE(decimal_from_text(bad)) << bad;
}

TEST(DecimalTest, converts_to_machine_integers_only_what_fits) {
  EXPECT_EQ(decimal_to_int64("-9223372036854775808.9"), INT64_MIN);
  EXPECT_EQ(decimal_to_int64("9223372036854775808"), std::nullopt);
  EXPECT_EQ(decimal_to_uint64("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(decimal_to_uint64("18446744073709551616"), std::nullopt);
  EXPECT_EQ(decimal_to_uint64("-1"), std::nullopt);
  EXPECT_EQ(decimal_to_double("-0.125"), -0.125);
  EXPECT_EQ(decimal_to_double("-1" + std::string(400, '0')), -std::numeric_limits<double>::infinity());
}

TEST(DecimalTest, takes_no_letter_of_nan_and_infinity_for_a_digit) {
  for (const auto* word : {"NaN", "Infinity", "-Infinity"}) {
    std::string out;
    EXPECT_EQ(compute(DecimalOp::kAdd, word, "1", {10, 0}), "not finite") << word;
    EXPECT_EQ(compute(DecimalOp::kDivide, "1", word, {10, 0}), "not finite") << word;
    EXPECT_EQ(decimal_round(word, 0, {10, 0}, DecimalRounding::kHalfUp, out), DecimalStatus::kNotFinite) << word;
    EXPECT_EQ(decimal_to_int64(word), std::nullopt) << word;
    EXPECT_EQ(decimal_to_uint64(word), std::nullopt) << word;
    EXPECT_FALSE(decimal_is_zero(word)) << word;
  }
  const std::vector<std::string_view> ordered{"-Infinity", "-99999999999", "0", "99999999999", "Infinity", "NaN"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j) {
      EXPECT_EQ(decimal_compare(ordered[i], ordered[j]) < 0, i < j) << ordered[i] << " and " << ordered[j];
      EXPECT_EQ(decimal_compare(ordered[i], ordered[j]) == 0, i == j) << ordered[i] << " and " << ordered[j];
    }
  }
}

}  // namespace
}  // namespace sluice
