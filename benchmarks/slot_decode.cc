// SPDX-License-Identifier: Apache-2.0
// slot_decode KEY=VALUE...: reads the slot that the options of a PostgreSQL source name, from where it stands to the
// end of now, into batches, and throws them away. Prints the number of changes and the seconds, and ends when its input
// does: until then somebody may look at both processes.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <variant>

#include "base/clock.h"
#include "connectors/postgres/postgres_source.h"

namespace sluice {
namespace {

Result<> read_slot(Context& context, Source& source) {
  RETURN_IF_ERROR(source.open(context));
  ASSIGN_OR_RETURN(const auto tables, source.discover(context));
  ASSIGN_OR_RETURN(const Position until, source.current_position(context));
  LogStart start;
  ASSIGN_OR_RETURN(start.position, source.start_position(context));
  for (const SourceTable& table : tables) start.tables.emplace_back(table.schema->id, table.detail);
  ASSIGN_OR_RETURN(const auto reader, source.open_log_reader(context, std::move(start)));
  const MonotonicTime begun = monotonic_now();
  uint64_t changes = 0;
  std::vector<StreamElement> elements;
  for (;;) {
    elements.clear();
    RETURN_IF_ERROR(reader->poll(context, elements));
    for (const auto& element : elements) {
      if (const auto* batch = std::get_if<ChangeBatch>(&element)) {
        changes += static_cast<uint64_t>(
            std::ranges::count_if(batch->kinds, [](RowKind kind) { return kind != RowKind::kUpdateBefore; }));
      }
      const auto* end = std::get_if<GroupEnd>(&element);
      if (end == nullptr || !source.covers(end->position, until)) continue;
      fmt::print("{} {:.3f}\n", changes, std::chrono::duration<double>(monotonic_now() - begun).count());
      std::fflush(stdout);
      (void)std::getchar();
      return {};
    }
  }
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  sluice::Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    settings.entries.push_back({word.substr(0, equals), word.substr(equals + 1), {}});
  }
  sluice::Problems problems;
  const auto source = sluice::make_postgres_source(settings, problems);
  sluice::Context context;
  if (source == nullptr) {
    fmt::print(stderr, "slot_decode: {}\n", problems.text());
    return 2;
  }
  if (const auto read = sluice::read_slot(context, *source); !read) {
    fmt::print(stderr, "slot_decode: {}\n", read.error().describe());
    return 1;
  }
  return 0;
}
