// SPDX-License-Identifier: Apache-2.0
#include "codec/java_number.h"

#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>

namespace sluice {
namespace {

template <typename T>
void append_number(T value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) out += '-';
  value = std::abs(value);
  if (std::isinf(value)) {
    out += "Infinity";
    return;
  }
  const bool plain = value == 0 || (value >= T(1e-3) && value < T(1e7));
  char buffer[64];
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const std::string_view text(buffer,
                              static_cast<size_t>(std::to_chars(buffer, std::end(buffer), value, format).ptr - buffer));
  if (plain) {
    out += text;
    if (text.find('.') == std::string_view::npos) out += ".0";
    return;
  }
  const size_t exponent_at = text.find('e');
  const std::string_view digits = text.substr(0, exponent_at);
  out += digits;
  if (digits.find('.') == std::string_view::npos) out += ".0";
  std::string_view exponent = text.substr(exponent_at + 1);
  out += 'E';
  if (exponent.front() == '-') out += '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent.front() == '0') exponent.remove_prefix(1);
  out += exponent;
}

}  // namespace

void append_java_number(double value, std::string& out) { append_number(value, out); }
void append_java_number(float value, std::string& out) { append_number(value, out); }

}  // namespace sluice
