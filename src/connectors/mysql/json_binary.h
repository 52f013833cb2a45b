// SPDX-License-Identifier: Apache-2.0
// MySQL's binary JSON to the text that the server itself prints for it, and the differences that
// binlog_row_value_options = PARTIAL_JSON logs instead of whole documents.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/mysql/byte_reader.h"

namespace sluice::mysql {

// Appends the document's text. An empty document is the JSON literal null, as in the server.
Result<> append_json_text(Bytes document, std::string& out);

// Appends the text of `document` with the differences (the bytes behind the length in the row image) applied.
Result<> append_json_with_differences(Bytes document, Bytes differences, std::string& out);

// As the server prints a double in JSON: "1.0", "1e100", "0.00000000015".
void append_json_double(double value, std::string& out);

}  // namespace sluice::mysql
