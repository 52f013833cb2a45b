// SPDX-License-Identifier: Apache-2.0
// One JSON object per change, as Debezium's readers expect it:
//   {"before":null,"after":{..},"source":{"db":"shop","table":"orders","ts_ms":..,"gtid":"..","file":"..","pos":..},"op":"c","ts_ms":..}
// op is r for rows of the snapshot, c, u or d. `source` has what is known: ts_ms is the commit's time, gtid, file, pos
// and lsn are the transaction's. ts_ms at the end is when the line was made. Values: integers, floats, decimals and
// years are numbers (decimals plain, all digits), booleans true and false, bytes, bits and geometries base64,
// timestamps "2020-07-17 18:00:22.123", with zone in UTC and a 'Z' behind, everything else a string. NaN and
// infinities, which JSON lacks, are strings. A value that the log did not carry is left out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "connectors/values/row_format.h"

namespace sluice {

std::unique_ptr<RowFormat> make_debezium_json_format();

// Appends the text as a JSON string with its quotes; bytes beyond ASCII are left as they are.
void append_json_string(std::string_view text, std::string& out);

}  // namespace sluice
