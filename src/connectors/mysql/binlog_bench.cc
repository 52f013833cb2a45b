// SPDX-License-Identifier: Apache-2.0
// How fast a log file of a server is decoded into batches, on one core: binlog_bench FILE [REPEATS]. The file must
// begin with the CREATE TABLE statements of its tables (FLUSH BINARY LOGS, create, fill). Not built by default.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "base/clock.h"
#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/binlog_table_map.h"
#include "connectors/mysql/ddl_apply.h"

namespace sluice::mysql {
namespace {

class Bench {
 public:
  Result<> run(Bytes file) {
    BinlogFormat format;
    for (size_t at = 4; at + kEventHeaderSize <= file.size();) {
      size_t size = load_little_endian<4>(file.data() + at + 9);
      if (size > file.size() - at) break;
      ASSIGN_OR_RETURN(Event event, parse_event(file.subspan(at, size), format));
      RETURN_IF_ERROR(handle(event, format));
      at += size;
    }
    return {};
  }
  uint64_t rows = 0;

 private:
  Result<> handle(const Event& event, BinlogFormat& format) {
    if (event.header.type == EventType::kFormatDescription) {
      ASSIGN_OR_RETURN(format, parse_format_description(event));
    } else if (event.header.type == EventType::kQuery) {
      ASSIGN_OR_RETURN(QueryEvent query, parse_query(event, format));
      DdlOptions options{.default_database = std::string(query.database), .mariadb = format.mariadb};
      ASSIGN_OR_RETURN(DdlStatement statement, parse_ddl(query.sql, options));
      RETURN_IF_ERROR(catalog_.apply(statement));
    } else if (event.header.type == EventType::kTableMap) {
      ASSIGN_OR_RETURN(uint64_t id, parse_table_id(event, format));
      Entry& entry = entries_[id];
      current_ = &entry;
      if (std::equal(entry.bytes.begin(), entry.bytes.end(), event.body.begin(), event.body.end())) return {};
      ASSIGN_OR_RETURN(TableMap map, parse_table_map(event, format));
      const MysqlTable* table = catalog_.find({map.database, map.table});
      if (table == nullptr) return Error(ErrorCode::kData, "the file has rows of a table that it does not create");
      ASSIGN_OR_RETURN(entry.decoder, RowDecoder::make(map, table->schema, table->columns));
      entry.batch = std::make_unique<ChangeBatch>(table->schema);
      entry.bytes = map.bytes;
    } else if (is_rows_event(event.header.type) && current_ != nullptr) {
      ASSIGN_OR_RETURN(uint32_t count, current_->decoder->decode(event, format, {}, *current_->batch));
      rows += count;
      if (current_->batch->rows() >= 4096) current_->batch->clear();
    }
    return {};
  }

  struct Entry {
    std::vector<uint8_t> bytes;
    std::unique_ptr<RowDecoder> decoder;
    std::unique_ptr<ChangeBatch> batch;
  };
  SchemaCatalog catalog_{TypeOptions{}};
  std::map<uint64_t, Entry> entries_;
  Entry* current_ = nullptr;
};

}  // namespace
}  // namespace sluice::mysql

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: binlog_bench FILE [REPEATS]\n");
    return 2;
  }
  std::ifstream stream(argv[1], std::ios::binary);
  std::vector<char> file((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  int repeats = argc > 2 ? std::atoi(argv[2]) : 5;
  for (int i = 0; i < repeats; ++i) {
    sluice::mysql::Bench bench;
    auto begin = sluice::monotonic_now();
    auto result = bench.run(sluice::mysql::as_bytes({file.data(), file.size()}));
    std::chrono::duration<double> seconds = sluice::monotonic_now() - begin;
    if (!result) {
      fmt::print(stderr, "{}\n", result.error().describe());
      return 1;
    }
    fmt::print("{} rows, {:.2f} M rows/s, {:.0f} MB/s\n", bench.rows,
               static_cast<double>(bench.rows) / seconds.count() / 1e6,
               static_cast<double>(file.size()) / seconds.count() / 1e6);
  }
  return 0;
}
