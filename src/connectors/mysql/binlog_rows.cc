// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "connectors/mysql/decimal_binary.h"
#include "connectors/mysql/json_binary.h"
#include "connectors/mysql/row_plan.h"
#include "connectors/mysql/row_values.h"

namespace sluice::mysql {
namespace {

// The part of a rows event in front of its rows.
struct RowsHead {
  bool before = false;  // images of the old rows: UPDATE, DELETE
  bool after = false;   // images of the new rows: UPDATE, INSERT
  bool partial = false;
  Bytes before_columns;
  Bytes after_columns;
  ByteReader rows{Bytes()};
};

Error damaged_rows(const Event& event, std::string_view table, size_t offset) {
  return Error(
      ErrorCode::kCorrupt,
      fmt::format("decoding {} of {} that ends at log position {}: damaged at byte {} of its {}",
                  event_type_name(event.header.type), table, event.header.next_position, offset, event.body.size()));
}

bool read_head(const Event& event, const BinlogFormat& format, size_t columns, RowsHead& head) {
  auto number = static_cast<uint8_t>(event.header.type);
  // 20 to 25 are versions 0 and 1, 30 to 32 and 39 version 2; each in the order write, update, delete.
  int verb = number == 39 ? 1 : number >= 30 ? number - 30 : (number - 20) % 3;
  head.before = verb != 0;
  head.after = verb != 2;
  head.partial = number == 39;
  ByteReader reader(event.body);
  reader.skip(format.post_header_lengths[number] == 6 ? 4 : 6);
  reader.skip(2);
  if (number >= 30) {
    uint16_t extra = reader.u16();
    if (extra < 2) return false;
    reader.skip(extra - 2u);
  }
  if (reader.packed() != columns) return false;
  Bytes first = reader.bytes((columns + 7) / 8);
  head.before_columns = first;
  head.after_columns = head.before && head.after ? reader.bytes((columns + 7) / 8) : first;
  head.rows = ByteReader(reader.rest());
  return !reader.failed();
}

bool bit_at(Bytes bits, size_t index) { return (bits[index / 8] >> (index % 8) & 1) != 0; }

size_t count_bits(Bytes bits, size_t columns) {
  size_t count = 0;
  for (size_t i = 0; i < columns; ++i) count += bit_at(bits, i) ? 1 : 0;
  return count;
}

template <typename Signed>
int64_t signed_at(const uint8_t* at) {
  return static_cast<Signed>(load_little_endian<sizeof(Signed)>(at));
}

}  // namespace

struct RowDecoder::Plan {
  TableSchemaPtr schema;
  std::string table;
  std::vector<ColumnPlan> columns;
  size_t json_columns = 0;
  std::string scratch;
  std::vector<Bytes> before_json;  // per column, documents of the old row in the log's form

  Error damaged(const Event& event, const ByteReader& rows) const {
    return damaged_rows(event, table, event.body.size() - rows.left());
  }
  Error bad_value(const ColumnPlan& column, ErrorCode code, std::string_view what, std::string_view advice = {}) const {
    return Error(code,
                 fmt::format("decoding rows of {}: column {} {}", table, schema->columns[column.target].name, what),
                 std::string(advice));
  }

  Result<> image(const Event& event, const RowsHead& head, bool is_after, ByteReader& rows, ChangeBatch& out);
  Result<> value(const ColumnPlan& column, const uint8_t* at, ColumnVector& out);
  Result<> sized_value(const ColumnPlan& column, Bytes bytes, ColumnVector& out);
  Result<> partial_json(const Event& event, size_t index, ByteReader& rows, ColumnVector& out);
};

RowDecoder::RowDecoder() : plan_(std::make_unique<Plan>()) {}
RowDecoder::~RowDecoder() = default;
const TableSchemaPtr& RowDecoder::schema() const { return plan_->schema; }

Result<std::unique_ptr<RowDecoder>> RowDecoder::make(const TableMap& map, TableSchemaPtr schema,
                                                     std::span<const MysqlColumnInfo> columns) {
  std::unique_ptr<RowDecoder> decoder(new RowDecoder);
  Plan& plan = *decoder->plan_;
  ASSIGN_OR_RETURN(plan.columns, plan_columns(map, *schema, columns));
  plan.table = schema->id.text();
  plan.json_columns = static_cast<size_t>(std::count(map.types.begin(), map.types.end(), BinlogType::kJson));
  plan.before_json.resize(plan.columns.size());
  plan.schema = std::move(schema);
  return decoder;
}

// Values of a size that the plan knows.
Result<> RowDecoder::Plan::value(const ColumnPlan& column, const uint8_t* at, ColumnVector& out) {
  const DataType& type = *column.type;
  switch (column.form) {
    case ValueForm::kInt8: out.append_int(signed_at<int8_t>(at)); break;
    case ValueForm::kInt16: out.append_int(signed_at<int16_t>(at)); break;
    case ValueForm::kInt24: out.append_int(static_cast<int32_t>(load_little_endian<3>(at) << 8) >> 8); break;
    case ValueForm::kInt32: out.append_int(signed_at<int32_t>(at)); break;
    case ValueForm::kInt64: out.append_int(signed_at<int64_t>(at)); break;
    case ValueForm::kUint8: out.append_int(*at); break;
    case ValueForm::kUint16: out.append_int(static_cast<int64_t>(load_little_endian<2>(at))); break;
    case ValueForm::kUint24: out.append_int(static_cast<int64_t>(load_little_endian<3>(at))); break;
    case ValueForm::kUint32: out.append_int(static_cast<int64_t>(load_little_endian<4>(at))); break;
    case ValueForm::kFloat:
      out.append_double(std::bit_cast<float>(static_cast<uint32_t>(load_little_endian<4>(at))));
      break;
    case ValueForm::kDouble: out.append_double(std::bit_cast<double>(load_little_endian<8>(at))); break;
    case ValueForm::kTruth:
      if (*at > 1) {
        return bad_value(
            column, ErrorCode::kData, "is TINYINT(1) and holds a number other than 0 and 1",
            "Set treat-tinyint1-as-boolean.enabled: false, drop the target table, and start the job with --reset.");
      }
      out.append_int(*at);
      break;
    case ValueForm::kYear: out.append_int(*at == 0 ? 0 : 1900 + *at); break;
    case ValueForm::kDecimal: {
      char buffer[kMaxDecimalText];
      std::string_view text = decimal_text(at, type.precision, type.scale, buffer);
      if (text.empty()) return bad_value(column, ErrorCode::kCorrupt, "holds a damaged DECIMAL");
      out.append_bytes(text);
      break;
    }
    case ValueForm::kBit: out.append_bytes({reinterpret_cast<const char*>(at), column.size}); break;
    case ValueForm::kEnum: {
      uint64_t index = load_little(at, column.size);
      if (index > type.labels->size())
        return bad_value(column, ErrorCode::kCorrupt, "holds an ENUM number without label");
      out.append_bytes(index == 0 ? std::string_view() : std::string_view((*type.labels)[index - 1]));
      break;
    }
    case ValueForm::kSet:
      if (!join_labels(load_little(at, column.size), *type.labels, scratch)) {
        return bad_value(column, ErrorCode::kCorrupt, "holds a SET bit without label");
      }
      out.append_bytes(scratch);
      break;
    case ValueForm::kDate: append_date(at, type, out); break;
    case ValueForm::kTime2: out.append_int(time2_micros(at, type.precision)); break;
    case ValueForm::kDatetime2: append_datetime2(at, type.precision, type, out); break;
    case ValueForm::kTimestamp2: append_timestamp2(at, type.precision, type, out); break;
    case ValueForm::kTimeOld: out.append_int(old_time_micros(at, type.precision)); break;
    case ValueForm::kDatetimeOld: append_old_datetime(at, type.precision, type, out); break;
    case ValueForm::kTimestampOld: append_old_timestamp(at, type.precision, type, out); break;
    case ValueForm::kText:
    case ValueForm::kBytes:
    case ValueForm::kPadded:
    case ValueForm::kJson:
    case ValueForm::kUuid:
    case ValueForm::kInet4:
    case ValueForm::kInet6:
    case ValueForm::kCompressed: break;  // sized_value()
  }
  return {};
}

// Values with their length in front.
Result<> RowDecoder::Plan::sized_value(const ColumnPlan& column, Bytes bytes, ColumnVector& out) {
  std::string_view text = as_text(bytes);
  bool good = true;
  if (column.form == ValueForm::kCompressed) {
    if (!expand_column(text, column.expanded))
      return bad_value(column, ErrorCode::kCorrupt, "holds a damaged compressed value");
    text = column.expanded;
  }
  if (column.converter != nullptr) {
    scratch.clear();
    Result<> converted = column.converter->append_utf8(text, scratch);
    if (!converted) return bad_value(column, converted.error().code(), converted.error().message());
    text = scratch;
  }
  if (column.form == ValueForm::kPadded) {
    scratch.assign(text);
    scratch.resize(std::max<size_t>(scratch.size(), column.type->length), '\0');
    out.append_bytes(scratch);
  } else if (column.form == ValueForm::kJson) {
    scratch.clear();
    Result<> converted = append_json_text(bytes, scratch);
    if (!converted) return bad_value(column, converted.error().code(), converted.error().message());
    out.append_bytes(scratch);
  } else if (column.form == ValueForm::kUuid) {
    good = append_uuid(text, out);
  } else if (column.form == ValueForm::kInet4) {
    good = append_inet4(text, out);
  } else if (column.form == ValueForm::kInet6) {
    good = append_inet6(text, out);
  } else {
    out.append_bytes(text);
  }
  if (!good) return bad_value(column, ErrorCode::kCorrupt, "holds a value that is too long for its type");
  return {};
}

Result<> RowDecoder::Plan::partial_json(const Event& event, size_t index, ByteReader& rows, ColumnVector& out) {
  const ColumnPlan& column = columns[index];
  Bytes differences = rows.bytes(rows.u32());
  if (rows.failed()) return damaged(event, rows);
  if (before_json[index].data() == nullptr) {
    return bad_value(column, ErrorCode::kUnsupported, "was logged as differences without the document they apply to",
                     "Set binlog_row_value_options = '' (or binlog_row_image = FULL) on the source.");
  }
  scratch.clear();
  Result<> applied = append_json_with_differences(before_json[index], differences, scratch);
  if (!applied) return bad_value(column, applied.error().code(), applied.error().message());
  out.append_bytes(scratch);
  return {};
}

// One image of one row.
Result<> RowDecoder::Plan::image(const Event& event, const RowsHead& head, bool is_after, ByteReader& rows,
                                 ChangeBatch& out) {
  Bytes present = is_after ? head.after_columns : head.before_columns;
  Bytes partial;
  constexpr uint64_t kPartialJson = 1;
  if (is_after && head.partial && (rows.packed() & kPartialJson) != 0) partial = rows.bytes((json_columns + 7) / 8);
  Bytes nulls = rows.bytes((count_bits(present, columns.size()) + 7) / 8);
  if (rows.failed()) return damaged(event, rows);
  size_t ordinal = 0;
  size_t json_ordinal = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnPlan& column = columns[i];
    if (column.hidden) {
      if (bit_at(present, i) && !bit_at(nulls, ordinal++)) rows.skip(column.size);
      if (rows.failed()) return damaged(event, rows);
      continue;
    }
    ColumnVector& vector = out.columns[column.target];
    bool is_json = column.form == ValueForm::kJson;
    bool differences = is_json && !partial.empty() && bit_at(partial, json_ordinal++);
    if (is_json && !is_after) before_json[i] = {};
    if (!bit_at(present, i)) {
      vector.append_absent();
      continue;
    }
    if (bit_at(nulls, ordinal++)) {
      vector.append_null();
      continue;
    }
    if (differences) {
      RETURN_IF_ERROR(partial_json(event, i, rows, vector));
      continue;
    }
    size_t size = column.size;
    if (column.length_size != 0) {
      Bytes length = rows.bytes(column.length_size);
      if (rows.failed()) return damaged(event, rows);
      size = load_little(length.data(), column.length_size);
    }
    Bytes bytes = rows.bytes(size);
    if (rows.failed()) return damaged(event, rows);
    if (is_json && !is_after) before_json[i] = bytes;
    if (column.length_size == 0) {
      RETURN_IF_ERROR(value(column, bytes.data(), vector));
    } else if (column.plain) {
      vector.append_bytes(as_text(bytes));
    } else {
      RETURN_IF_ERROR(sized_value(column, bytes, vector));
    }
  }
  return {};
}

Result<uint32_t> RowDecoder::decode(const Event& original, const BinlogFormat& format, const RowsOrigin& origin,
                                    ChangeBatch& out) {
  std::vector<uint8_t> buffer;
  ASSIGN_OR_RETURN(Event event, expand_compressed(original, format, buffer));
  Plan& plan = *plan_;
  RowsHead head;
  if (!is_rows_event(event.header.type) || !read_head(event, format, plan.columns.size(), head)) {
    return damaged_rows(event, plan.table, 0);
  }
  ByteReader& rows = head.rows;
  uint32_t count = 0;
  auto add = [&](RowKind kind, bool is_after) -> Result<> {
    RETURN_IF_ERROR(plan.image(event, head, is_after, rows, out));
    out.kinds.push_back(kind);
    out.origins.push_back({origin.transaction, origin.event, count, origin.first_sequence + count, origin.place});
    return {};
  };
  while (!rows.at_end()) {
    size_t before = rows.left();
    if (head.before) RETURN_IF_ERROR(add(head.after ? RowKind::kUpdateBefore : RowKind::kDelete, false));
    if (head.after) RETURN_IF_ERROR(add(head.before ? RowKind::kUpdateAfter : RowKind::kInsert, true));
    if (rows.left() == before) return plan.damaged(event, rows);  // a table without columns has no rows
    ++count;
  }
  return count;
}

}  // namespace sluice::mysql
