// SPDX-License-Identifier: Apache-2.0
// Decimals as Kafka Connect's Decimal holds them: the number without its point, in two's complement, big-endian, in as
// few bytes as its sign allows (Java's BigInteger.toByteArray), in Base64.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

// `text` is plain ("-0.50"); the scale is that of the text. kData for NaN and infinities.
Result<> append_unscaled(std::string_view text, std::string& out);
// {"scale":1,"value":"BQ=="}, without zeros at the end of the fraction.
Result<> append_variable_decimal(std::string_view text, std::string& out);

}  // namespace sluice
