// SPDX-License-Identifier: Apache-2.0
// What the parts of a batch cost, a row or a value each: filling and clearing columns, copying and comparing values,
// values as text and back, schemas as JSON. See docs/benchmarks.md for how to run it.
#include <benchmark/benchmark.h>

#include <string>

#include "data/change_batch.h"
#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int kRows = 4096;

// One representative a kind, in the text form of data/value_text.h.
struct Sample {
  const char* name;
  DataType type;
  std::string text;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {"int64", {.kind = TypeKind::kInt64}, "-1234567890123"},
      {"uint64", {.kind = TypeKind::kUInt64}, "18446744073709551615"},
      {"double", {.kind = TypeKind::kDouble}, "123456.789"},
      {"decimal", {.kind = TypeKind::kDecimal, .precision = 12, .scale = 2}, "1234567.89"},
      {"string32", {.kind = TypeKind::kString}, std::string(32, 'x')},
      {"string1000", {.kind = TypeKind::kString}, std::string(1000, 'x')},
      {"bytes32", {.kind = TypeKind::kBytes}, std::string(32, '\x7f')},
      {"date", {.kind = TypeKind::kDate}, "2024-02-29"},
      {"time6", {.kind = TypeKind::kTime, .precision = 6}, "-12:34:56.123456"},
      {"timestamp6", {.kind = TypeKind::kTimestamp, .precision = 6}, "2024-02-29 12:34:56.123456"},
  };
  return all;
}

// The row of the macro benchmarks: bigint key, int, text, decimal, timestamp, text.
TableSchemaPtr row_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"bench", "rows"};
  schema->columns = {{.name = "id", .type = {.kind = TypeKind::kInt64, .nullable = false}},
                     {.name = "n", .type = {.kind = TypeKind::kInt32}},
                     {.name = "a", .type = {.kind = TypeKind::kString, .length = 32}},
                     {.name = "price", .type = {.kind = TypeKind::kDecimal, .precision = 12, .scale = 2}},
                     {.name = "at", .type = {.kind = TypeKind::kTimestamp, .precision = 6}},
                     {.name = "b", .type = {.kind = TypeKind::kString, .length = 32}}};
  schema->key = {0};
  return schema;
}

void append_rows(ChangeBatch& batch) {
  static const std::string kText(32, 'x');
  for (int row = 0; row < kRows; ++row) {
    batch.kinds.push_back(RowKind::kInsert);
    batch.columns[0].append_int(row);
    batch.columns[1].append_int(row % 7);
    batch.columns[2].append_bytes(kText);
    batch.columns[3].append_bytes("1234567.89");
    batch.columns[4].append_int(1'700'000'000'000'000 + row);
    batch.columns[5].append_bytes(kText);
    batch.origins.push_back({.row = static_cast<uint32_t>(row), .sequence = static_cast<uint32_t>(row)});
  }
}

void count(benchmark::State& state, int64_t each = kRows) { state.SetItemsProcessed(state.iterations() * each); }

void append_kind(benchmark::State& state, const Sample& sample) {
  ColumnVector one(sample.type.kind);
  if (!append_parsed(one, sample.type, sample.text)) return state.SkipWithError("the sample does not parse");
  ColumnVector column(sample.type.kind);
  for (auto _ : state) {
    column.clear();
    switch (column.storage()) {
      case Storage::kInt64:
        for (int row = 0; row < kRows; ++row) column.append_int(row);
        break;
      case Storage::kDouble:
        for (int row = 0; row < kRows; ++row) column.append_double(row);
        break;
      case Storage::kBytes:
        for (int row = 0; row < kRows; ++row) column.append_bytes(one.bytes_at(0));
        break;
    }
    benchmark::DoNotOptimize(column);
  }
  count(state);
}

void append_from(benchmark::State& state, const Sample& sample) {
  ColumnVector one(sample.type.kind);
  if (!append_parsed(one, sample.type, sample.text)) return state.SkipWithError("the sample does not parse");
  ColumnVector column(sample.type.kind);
  for (auto _ : state) {
    column.clear();
    for (int row = 0; row < kRows; ++row) column.append_from(one, 0);
    benchmark::DoNotOptimize(column);
  }
  count(state);
}

void to_text(benchmark::State& state, const Sample& sample) {
  ColumnVector one(sample.type.kind);
  if (!append_parsed(one, sample.type, sample.text)) return state.SkipWithError("the sample does not parse");
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_value_text(one, sample.type, 0, out);
    benchmark::DoNotOptimize(out);
  }
  count(state, 1);
}

void from_text(benchmark::State& state, const Sample& sample) {
  ColumnVector column(sample.type.kind);
  for (auto _ : state) {
    column.clear();
    auto parsed = append_parsed(column, sample.type, sample.text);
    benchmark::DoNotOptimize(parsed);
  }
  count(state, 1);
}

void hash_and_compare(benchmark::State& state, const Sample& sample) {
  ColumnVector one(sample.type.kind);
  if (!append_parsed(one, sample.type, sample.text)) return state.SkipWithError("the sample does not parse");
  uint64_t hash = 0;
  for (auto _ : state) {
    hash = one.hash_at(0, hash);
    benchmark::DoNotOptimize(one.equal_at(0, one, 0));
  }
  benchmark::DoNotOptimize(hash);
  count(state, 1);
}

void batch_of_new_memory(benchmark::State& state) {
  const auto schema = row_schema();
  for (auto _ : state) {
    ChangeBatch batch(schema);
    append_rows(batch);
    ChangeBatch moved = std::move(batch);
    benchmark::DoNotOptimize(moved);
  }
  count(state);
}
BENCHMARK(batch_of_new_memory);

void batch_refilled(benchmark::State& state) {
  ChangeBatch batch(row_schema());
  for (auto _ : state) {
    batch.clear();
    append_rows(batch);
    benchmark::DoNotOptimize(batch);
  }
  count(state);
}
BENCHMARK(batch_refilled);

// Every third row, as a filter or a partitioner takes them.
void batch_rows_gathered(benchmark::State& state) {
  ChangeBatch from(row_schema());
  append_rows(from);
  ChangeBatch to(from.schema);
  for (auto _ : state) {
    to.clear();
    for (size_t row = 0; row < from.rows(); row += 3) to.append_row_from(from, row);
    benchmark::DoNotOptimize(to);
  }
  count(state, (kRows + 2) / 3);
}
BENCHMARK(batch_rows_gathered);

void schema_as_json(benchmark::State& state) {
  const auto schema = row_schema();
  for (auto _ : state) benchmark::DoNotOptimize(schema_to_json(*schema));
  count(state, 1);
}
BENCHMARK(schema_as_json);

void schema_of_json(benchmark::State& state) {
  const std::string json = schema_to_json(*row_schema());
  for (auto _ : state) benchmark::DoNotOptimize(schema_from_json(json));
  count(state, 1);
}
BENCHMARK(schema_of_json);

void register_samples() {
  for (const Sample& sample : samples()) {
    const auto add = [&sample](const char* what, void (*run)(benchmark::State&, const Sample&)) {
      benchmark::RegisterBenchmark((std::string(what) + "/" + sample.name).c_str(),
                                   [run, &sample](benchmark::State& state) { run(state, sample); });
    };
    add("append", append_kind);
    add("append_from", append_from);
    add("to_text", to_text);
    add("from_text", from_text);
    add("hash_and_compare", hash_and_compare);
  }
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  sluice::register_samples();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
