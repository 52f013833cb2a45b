// SPDX-License-Identifier: Apache-2.0
// What it costs to give the rows of a batch to lanes. See docs/benchmarks.md for how to run it.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/partitioner.h"

namespace sluice {
namespace {

constexpr int kRows = 4096;

ChangeBatch keyed_batch() {
  auto schema = std::make_shared<TableSchema>();
  schema->id = {"bench", "rows"};
  schema->columns = {{.name = "id", .type = {.kind = TypeKind::kInt64, .nullable = false}},
                     {.name = "text", .type = {.kind = TypeKind::kString}}};
  schema->key = {0};
  ChangeBatch batch(schema);
  const std::string text(80, 'x');
  for (int row = 0; row < kRows; ++row) {
    batch.kinds.push_back(RowKind::kInsert);
    batch.columns[0].append_int(row);
    batch.columns[1].append_bytes(text);
    batch.origins.push_back({.row = static_cast<uint32_t>(row), .sequence = static_cast<uint32_t>(row)});
  }
  return batch;
}

void partition(benchmark::State& state) {
  Partitioner partitioner(static_cast<size_t>(state.range(0)), true);
  const ChangeBatch batch = keyed_batch();
  for (auto _ : state) {
    state.PauseTiming();
    ChangeBatch copy = batch;
    state.ResumeTiming();
    auto parts = partitioner.split(std::move(copy));
    benchmark::DoNotOptimize(parts);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(partition)->Arg(1)->Arg(4)->Arg(16);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
