// SPDX-License-Identifier: Apache-2.0
// One JSON object per change, as Debezium's readers expect it:
//   {"before":null,"after":{..},"source":{"db":"shop","table":"orders","ts_ms":..,"gtid":"..","file":"..","pos":..},"op":"c","ts_ms":..}
// op is r for rows of the snapshot, c, u or d. `source` has what is known: ts_ms is the commit's time, gtid, file, pos
// and lsn are the transaction's. ts_ms at the end is when the line was made. Values are those of data/json_value.h. A
// value that the log did not carry is left out.
#pragma once

#include <memory>

#include "codec/row_format.h"

namespace sluice {

std::unique_ptr<RowFormat> make_debezium_json_format();

}  // namespace sluice
