// SPDX-License-Identifier: Apache-2.0
// What Kafka Connect keeps of where connectors stand, to go on from there. Read are
//   the file of a standalone worker, Debezium Server and the engine (FileOffsetBackingStore: a HashMap<byte[],byte[]>
//   as Java serializes it); a distributed worker's topic as text, a line for each record: key, tabulator, value
//   (kafka-console-consumer --topic connect-offsets --from-beginning --property print.key=true);
//   the answer of GET /connectors/NAME/offsets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/setting.h"

namespace sluice {

// One source partition of one connector; texts are JSON.
struct ConnectOffset {
  std::string connector;  // empty: not told
  std::string server;     // topic.prefix
  std::string offset;
};

// In the order of the text; of those with the same name the last one counts. kConfig if it is none of the forms.
Result<std::vector<ConnectOffset>> parse_connect_offsets(std::string_view bytes);

// The source's options that begin at the offset (scan.startup.*), or an error that says why it cannot be taken over:
// above all an initial snapshot that was not finished. `warning` tells what will come again; it may be empty.
struct TakenOver {
  std::vector<std::pair<std::string, std::string>> options;
  std::string warning;
};
Result<TakenOver> take_over(std::string_view offset, bool postgres);

}  // namespace sluice
