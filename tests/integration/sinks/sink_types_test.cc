// SPDX-License-Identifier: Apache-2.0
// Values of every type, and what types that were declared by others make of them.
#include <algorithm>

#include "integration/sinks/relational_sink_fixture.h"
#include "support/ok.h"

namespace sluice {
namespace {

const std::string kNastyBytes = std::string("\0\x01'\\\"\n\t\x7f\x80\xff\\x\\000", 17);

struct TypeCase {
  std::string name;
  DataType type;
  std::vector<std::string> values;
};

std::vector<TypeCase> type_cases() {
  const auto labels = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "it's", "cd"});
  return {
      {"boolean", {.kind = TypeKind::kBoolean}, {"true", "false"}},
      {"int8", {.kind = TypeKind::kInt8}, {"-128", "127", "0"}},
      {"int16", {.kind = TypeKind::kInt16}, {"-32768", "32767"}},
      {"int32", {.kind = TypeKind::kInt32}, {"-2147483648", "2147483647"}},
      {"int64", {.kind = TypeKind::kInt64}, {"-9223372036854775808", "9223372036854775807"}},
      {"uint64", {.kind = TypeKind::kUInt64}, {"0", "9223372036854775808", "18446744073709551615"}},
      {"float", {.kind = TypeKind::kFloat}, {"0", "1.5", "-3.4028235e+38", "1e-37", "0.1"}},
      {"double", {.kind = TypeKind::kDouble}, {"0.1", "-1.7976931348623157e+308", "5e-300", "123456789.12345679"}},
      {"decimal",
       {.kind = TypeKind::kDecimal, .precision = 65, .scale = 30},
       {"99999999999999999999999999999999999.999999999999999999999999999999", "-0.000000000000000000000000000001",
        "0.000000000000000000000000000000"}},
      {"decimal2", {.kind = TypeKind::kDecimal, .precision = 10, .scale = 2}, {"1.10", "-0.50", "99999999.99"}},
      {"wide",
       {.kind = TypeKind::kDecimal, .precision = 63, .scale = 57},
       {"-123456.000000000000000000000000000000000000000000000000000000001"}},
      {"text", {.kind = TypeKind::kString}, {"", kNastyText, "1.0", "  blanks  "}},
      {"varchar", {.kind = TypeKind::kString, .length = 100}, {"", kNastyText, "007"}},
      {"char", {.kind = TypeKind::kString, .length = 10, .fixed_length = true}, {"", "abc", "0"}},
      {"bytes", {.kind = TypeKind::kBytes}, {"", kNastyBytes}},
      {"binary", {.kind = TypeKind::kBytes, .length = 4, .fixed_length = true}, {std::string("ab\0\0", 4)}},
      {"varbinary", {.kind = TypeKind::kBytes, .length = 30}, {"", kNastyBytes}},
      {"date", {.kind = TypeKind::kDate}, {"1000-01-01", "1969-12-31", "2024-02-29", "9999-12-31"}},
      {"time0", {.kind = TypeKind::kTime}, {"00:00:00", "23:59:59"}},
      {"time6", {.kind = TypeKind::kTime, .precision = 6}, {"00:00:00.000001", "23:59:59.999999"}},
      {"timestamp",
       {.kind = TypeKind::kTimestamp, .precision = 6},
       {"1000-01-01 00:00:00.000000", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"}},
      {"timestamp0", {.kind = TypeKind::kTimestamp}, {"2024-03-31 02:30:00"}},
      {"timestamptz",
       {.kind = TypeKind::kTimestampTz, .precision = 3},
       {"1970-01-01 00:00:01.000", "2024-10-27 01:30:00.123", "2038-01-19 03:14:07.999"}},
      {"year", {.kind = TypeKind::kYear}, {"1901", "2155", "0"}},
      {"json", {.kind = TypeKind::kJson}, {"{\"a\": [1, 2.50, \"\\u00e9'\\\\\"], \"b\": null}", "1.0", "\"x\""}},
      {"enum", {.kind = TypeKind::kEnum, .labels = labels}, {"a", "it's"}},
      {"set", {.kind = TypeKind::kSet, .labels = labels}, {"", "a", "a,it's"}},
      {"bit", {.kind = TypeKind::kBit, .length = 12}, {std::string("\x0f\xa5", 2), std::string("\0\0", 2)}},
      {"uuid", {.kind = TypeKind::kUuid}, {"00112233-4455-6677-8899-aabbccddeeff"}},
  };
}

TEST_P(RelationalSinkTest, keeps_every_value_of_every_type_by_all_paths) {
  const auto cases = type_cases();
  std::vector<Column> columns{column("id", not_null({.kind = TypeKind::kInt32}))};
  size_t count = 1;
  for (const TypeCase& c : cases) {
    columns.push_back(column("c_" + c.name, c.type));
    count = std::max(count, c.values.size());
  }
  const auto row = [&](size_t id) {
    Row values{std::to_string(id)};
    for (const TypeCase& c : cases) values.push_back(id % 7 == 6 ? kNull : Cell(c.values[id % c.values.size()]));
    return values;
  };
  for (const std::string path : {"copy", "replace", "stream", "many"}) {
    SCOPED_TRACE(path);
    const auto schema = make_schema("types_" + path, columns, {0});
    create(schema);
    Batch batch(schema);
    const size_t rows = path == "many" ? 3000 : std::max<size_t>(count, 8);
    for (size_t id = 0; id < rows; ++id) {
      batch.add(path == "copy" || path == "replace" ? RowKind::kRead : RowKind::kInsert, row(id));
    }
    write(batch, path == "copy");
    commit(path);
    Rows expected;
    for (size_t id = 0; id < rows; ++id) expected.push_back(row(id));
    std::ranges::sort(expected);
    const Rows actual = table(schema);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      for (size_t c = 0; c < columns.size(); ++c) {
        ASSERT_EQ(actual[i][c], expected[i][c]) << "column " << columns[c].name << " row " << *expected[i][0];
      }
    }
  }
}

TEST_P(RelationalSinkTest, every_type_can_be_part_of_a_row_without_key) {
  const auto cases = type_cases();
  std::vector<Column> columns;
  for (const TypeCase& c : cases) {
    // Neither server compares JSON or floats reliably.
    if (c.type.kind != TypeKind::kFloat) columns.push_back(column("c_" + c.name, c.type));
  }
  const auto row = [&](size_t id) {
    Row values;
    for (const TypeCase& c : cases) {
      if (c.type.kind == TypeKind::kFloat) continue;
      values.push_back(id == 2 ? kNull : Cell(c.values[id % c.values.size()]));
    }
    return values;
  };
  const auto schema = make_schema("nokey", columns, {});
  create(schema);
  write(Batch(schema).insert(row(0)).insert(row(0)).insert(row(1)).insert(row(2)));
  write(Batch(schema).erase(row(0)).update(row(2), row(1)).update(row(0), row(2)));
  commit("p");
  Rows expected{row(1), row(1), row(2)};
  std::ranges::sort(expected);
  EXPECT_EQ(table(schema), expected);

  const auto missing = write_error(Batch(schema).erase(row(0)));
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->code(), ErrorCode::kData) << missing->describe();
}

}  // namespace
}  // namespace sluice
