// SPDX-License-Identifier: Apache-2.0
// Any bytes as log events, one after the other: a length byte, then the event's bytes behind a made-up header.
#include <algorithm>
#include <vector>

#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/binlog_table_map.h"
#include "connectors/mysql/json_binary.h"

namespace sluice::mysql {
namespace {

void try_everything(const Event& event, const BinlogFormat& format) {
  std::vector<uint8_t> buffer;
  (void)parse_format_description(event);
  (void)parse_rotate(event);
  (void)parse_query(event, format);
  (void)parse_gtid(event);
  (void)parse_previous_gtids(event);
  (void)parse_mariadb_gtid(event);
  (void)parse_mariadb_gtid_list(event);
  (void)parse_xa_prepare(event);
  (void)parse_incident(event);
  (void)parse_heartbeat(event);
  (void)expand_compressed(event, format, buffer);
  if (auto reader = PayloadReader::open(event)) {
    Event inner;
    for (auto more = (*reader)->next(inner); more && *more; more = (*reader)->next(inner)) continue;
  }
  std::string text;
  (void)append_json_text(event.body, text);
}

// A schema that fits the map in the plainest way, so that rows get decoded.
TableSchemaPtr schema_for(const TableMap& map, std::vector<MysqlColumnInfo>& columns) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {map.database, map.table};
  for (size_t i = 0; i < map.columns(); ++i) {
    std::string_view type = "int";
    if (map.types[i] == BinlogType::kVarchar) type = "varchar(10)";
    if (map.types[i] == BinlogType::kBlob) type = "text";
    if (map.types[i] == BinlogType::kJson) type = "json";
    if (map.types[i] == BinlogType::kDate) type = "date";
    if (map.types[i] == BinlogType::kTiny) type = "tinyint";
    std::string name = map.names.size() > i ? map.names[i] : std::to_string(i);
    schema->columns.push_back({name, *mysql_data_type(type, "latin1", true, {}), "", {}});
    columns.push_back({"latin1", "", false, false});
  }
  return schema;
}

int try_input(const uint8_t* data, size_t size) {
  BinlogFormat format;
  std::unique_ptr<RowDecoder> decoder;
  Bytes rest(data, size);
  while (rest.size() > 2) {
    Event event;
    event.header.type = static_cast<EventType>(rest[0]);
    size_t length = std::min<size_t>(rest[1], rest.size() - 2);
    event.body = rest.subspan(2, length);
    rest = rest.subspan(2 + length);
    try_everything(event, format);
    if (event.header.type == EventType::kTableMap) {
      auto map = parse_table_map(event, format);
      if (!map) continue;
      std::vector<MysqlColumnInfo> columns;
      TableSchemaPtr schema = schema_for(*map, columns);
      auto made = RowDecoder::make(*map, schema, columns);
      if (made) decoder = *std::move(made);
    } else if (decoder && is_rows_event(event.header.type)) {
      ChangeBatch batch(decoder->schema());
      (void)decoder->decode(event, format, {}, batch);
    }
  }
  return 0;
}

}  // namespace
}  // namespace sluice::mysql

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return sluice::mysql::try_input(data, size); }
