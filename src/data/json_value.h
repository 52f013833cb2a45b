// SPDX-License-Identifier: Apache-2.0
// Values as JSON: integers, floats, decimals and years are numbers (decimals plain, all digits), booleans true and
// false, bytes, bits and geometries Base64, timestamps "2020-07-17 18:00:22.123", with zone in UTC and a 'Z' behind,
// everything else a string. NaN and infinities, which JSON lacks, are strings.
#pragma once

#include <string>
#include <string_view>

#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

// Appends one present value.
void append_json_value(const ColumnVector& column, const DataType& type, size_t row, std::string& out);

// Appends the text as a JSON string with its quotes; bytes beyond ASCII are left as they are.
void append_json_string(std::string_view text, std::string& out);

// Appends the bytes in Base64 with padding.
void append_base64(std::string_view bytes, std::string& out);
// Replaces `out`. The padding may be missing; false if there is any other character.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace sluice
