// SPDX-License-Identifier: Apache-2.0
// binlog_decode [--no-crc] FILE...: decodes every row of the benchmark's table in binary log files into batches, built
// as the log reader builds them, and prints how many there were and the sum of their ids.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "connector/group_builder.h"
#include "connectors/mysql/binlog_rows.h"

namespace sluice::mysql {
namespace {

constexpr size_t kGroupBytes = 1 << 20;
constexpr size_t kBlockBytes = 4 << 20;

// Hands out the events of one file from blocks read in order.
class EventFile {
 public:
  explicit EventFile(const char* path) : descriptor_(::open(path, O_RDONLY | O_CLOEXEC)) {
    if (fill(4)) begin_ += 4;  // the file's magic number
  }
  ~EventFile() { ::close(descriptor_); }
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  // Empty at the end.
  Bytes next() {
    if (!fill(kEventHeaderSize)) return {};
    const size_t size = load_little_endian<4>(block_.data() + begin_ + 9);
    if (size < kEventHeaderSize || !fill(size)) return {};
    const Bytes event(block_.data() + begin_, size);
    begin_ += size;
    return event;
  }

 private:
  bool fill(size_t wanted) {
    if (end_ - begin_ >= wanted) return true;
    block_.erase(block_.begin(), block_.begin() + static_cast<ptrdiff_t>(begin_));
    end_ -= begin_;
    begin_ = 0;
    block_.resize(std::max(wanted, kBlockBytes));
    while (end_ < wanted) {
      const ssize_t got = ::read(descriptor_, block_.data() + end_, block_.size() - end_);
      if (got <= 0) return false;
      end_ += static_cast<size_t>(got);
    }
    return true;
  }

  int descriptor_;
  std::vector<uint8_t> block_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

Result<TableSchemaPtr> bench_schema(std::vector<MysqlColumnInfo>& infos) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"bench", "rows"};
  schema->key = {0};
  for (const auto& [name, type, charset] :
       {std::tuple{"id", "bigint(20)", ""}, std::tuple{"kind", "int(11)", ""},
        std::tuple{"code", "varchar(32)", "utf8mb4"}, std::tuple{"amount", "decimal(12,2)", ""},
        std::tuple{"at", "timestamp", ""}, std::tuple{"note", "varchar(32)", "utf8mb4"}}) {
    ASSIGN_OR_RETURN(DataType data_type, mysql_data_type(type, charset, false, {}));
    schema->columns.push_back({.name = name, .type = std::move(data_type)});
    infos.push_back({.charset = charset});
  }
  return TableSchemaPtr(std::move(schema));
}

struct Totals {
  uint64_t rows = 0;
  uint64_t id_sum = 0;
  uint64_t bytes = 0;

  void add(const std::vector<StreamElement>& elements) {
    for (const auto& element : elements) {
      const auto& batch = std::get<ChangeBatch>(element);
      rows += batch.rows();
      bytes += batch.byte_size();
      for (size_t row = 0; row < batch.rows(); ++row) id_sum += static_cast<uint64_t>(batch.columns[0].int_at(row));
    }
  }
};

class Decoding {
 public:
  explicit Decoding(bool verify_checksum) : verify_checksum_(verify_checksum) {}

  Result<> run(const char* path) {
    if (!schema_) {
      ASSIGN_OR_RETURN(schema_, bench_schema(infos_));
    }
    EventFile file(path);
    for (Bytes bytes = file.next(); !bytes.empty(); bytes = file.next()) {
      ASSIGN_OR_RETURN(const Event event, parse_event(bytes, format_, verify_checksum_));
      RETURN_IF_ERROR(handle(event));
      if (group_.bytes() >= kGroupBytes) hand_on();
    }
    hand_on();
    return {};
  }
  const Totals& totals() const { return totals_; }

 private:
  Result<> handle(const Event& event) {
    if (event.header.type == EventType::kFormatDescription) {
      ASSIGN_OR_RETURN(format_, parse_format_description(event));
    } else if (event.header.type == EventType::kMariadbGtid) {
      group_.begin_transaction();
    } else if (event.header.type == EventType::kTableMap) {
      ASSIGN_OR_RETURN(const TableMap map, parse_table_map(event, format_));
      const bool is_known = decoder_ && map.bytes == map_bytes_;
      decoding_ = map.database == "bench" && map.table == "rows";
      if (!decoding_ || is_known) return {};
      map_bytes_ = map.bytes;
      ASSIGN_OR_RETURN(decoder_, RowDecoder::make(map, schema_, infos_));
    } else if (is_rows_event(event.header.type) && decoding_) {
      ASSIGN_OR_RETURN(const uint32_t rows,
                       decoder_->decode(event, format_, group_.next_event(transaction_, 0), group_.batch(schema_)));
      group_.add_rows(rows, event.body.size());
    }
    return {};
  }

  void hand_on() {
    std::vector<StreamElement> elements;
    group_.take(elements);
    totals_.add(elements);
  }

  const bool verify_checksum_;
  BinlogFormat format_;
  TableSchemaPtr schema_;
  std::vector<MysqlColumnInfo> infos_;
  std::unique_ptr<RowDecoder> decoder_;
  std::vector<uint8_t> map_bytes_;
  bool decoding_ = false;
  Transaction transaction_;
  GroupBuilder group_;
  Totals totals_;
};

}  // namespace
}  // namespace sluice::mysql

int main(int argc, char** argv) {
  const bool verify_checksum = argc < 2 || std::string_view(argv[1]) != "--no-crc";
  sluice::mysql::Decoding decoding(verify_checksum);
  for (int i = verify_checksum ? 1 : 2; i < argc; ++i) {
    if (const auto decoded = decoding.run(argv[i]); !decoded) {
      fmt::print(stderr, "binlog_decode: {}: {}\n", argv[i], decoded.error().describe());
      return 1;
    }
  }
  const auto& totals = decoding.totals();
  fmt::print("{} {} {}\n", totals.rows, totals.id_sum, totals.bytes);
  return 0;
}
