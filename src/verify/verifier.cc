// SPDX-License-Identifier: Apache-2.0
#include "verify/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "verify/row_digest.h"

namespace sluice {
namespace {

bool is_integer(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64;
}

// A range of a target table and the source chunks whose rows it holds.
struct Range {
  SnapshotChunk target;
  std::vector<std::pair<TableSchemaPtr, SnapshotChunk>> sources;
};

// What differed in the last round: key to both sides' rows (count 0: not there).
struct Difference {
  KeyedRow source;
  KeyedRow target;
  friend bool operator==(const Difference&, const Difference&) = default;
};
using Differences = std::unordered_map<Digest, Difference, DigestHash>;

class Verifier {
 public:
  Verifier(Context& context, Source& source, Sink& sink, JobTransform& transform, const VerifyOptions& options,
           const RepairSink& repair)
      : context_(context), source_(source), sink_(sink), transform_(transform), options_(options), repair_(repair) {}

  Result<std::vector<TableVerdict>> run();

 private:
  Result<std::vector<Range>> ranges_of(const TableSchemaPtr& target, const std::vector<TableSchemaPtr>& sources);
  Result<> verify_range(const TableSchemaPtr& target, const Range& range, TableVerdict& verdict);
  Result<> settle(const TableSchemaPtr& target, const Range& range, TableVerdict& verdict);
  Result<> repair_range(const TableSchemaPtr& target, const Range& range, const Differences& differences);
  Result<> read_source(ChunkReader& reader, const Range& range, const TableId& target,
                       const std::function<Result<>(const ChangeBatch&)>& each);
  Result<std::unique_ptr<ChunkReader>> fresh_reader();
  Result<> read_target(const Range& range, const TableSchemaPtr& schema,
                       const std::function<Result<>(const ChangeBatch&)>& each);
  Result<Differences> compare(const TableSchemaPtr& target, const Range& range);

  Context& context_;
  Source& source_;
  Sink& sink_;
  JobTransform& transform_;
  const VerifyOptions& options_;
  const RepairSink& repair_;
  std::unique_ptr<ChunkReader> reader_;  // of the first comparison of all ranges
  std::unique_ptr<TableReader> target_reader_;
};

Result<std::vector<TableVerdict>> Verifier::run() {
  ASSIGN_OR_RETURN(target_reader_, sink_.open_table_reader(context_));
  if (!target_reader_) {
    return Error(ErrorCode::kUnsupported, "this sink cannot be read back", "Verify needs a database as target.");
  }
  ASSIGN_OR_RETURN(const auto tables, source_.discover(context_));
  ASSIGN_OR_RETURN(reader_, fresh_reader());
  std::map<TableId, std::pair<TableSchemaPtr, std::vector<TableSchemaPtr>>> by_target;
  for (const auto& table : tables) {
    ASSIGN_OR_RETURN(const auto targets, transform_.targets(table.schema));
    for (const auto& target : targets) {
      by_target[target->id].first = target;
      by_target[target->id].second.push_back(table.schema);
    }
  }
  std::vector<TableVerdict> verdicts;
  for (const auto& [id, entry] : by_target) {
    const auto& [target, sources] = entry;
    TableVerdict verdict{.target = id};
    ASSIGN_OR_RETURN(const auto existing, sink_.find_table(context_, id));
    if (!existing) {
      return Error(ErrorCode::kTarget, fmt::format("the target has no table {}", id.text()), "Run the job first.");
    }
    ASSIGN_OR_RETURN(const auto ranges, ranges_of(target, sources));
    for (const auto& range : ranges) {
      if (context_.stop_requested()) return Error(ErrorCode::kStopped, "stopped while verifying");
      RETURN_IF_ERROR(verify_range(target, range, verdict));
    }
    verdicts.push_back(verdict);
  }
  return verdicts;
}

// Ranges can be cut alike on both sides where the chunk key is an integer that passes through unchanged.
Result<std::vector<Range>> Verifier::ranges_of(const TableSchemaPtr& target,
                                               const std::vector<TableSchemaPtr>& sources) {
  Range whole;
  whole.target.table = target->id;
  std::vector<Range> ranges;
  for (const auto& schema : sources) {
    ASSIGN_OR_RETURN(const auto chunks, source_.split(context_, schema));
    const bool alike = sources.size() == 1 && !schema->key.empty() && !target->key.empty() &&
                       schema->columns[schema->key[0]] == target->columns[target->key[0]] &&
                       is_integer(schema->columns[schema->key[0]].type.kind);
    for (const auto& chunk : chunks) {
      if (alike) {
        Range range;
        range.target = chunk;
        range.target.table = target->id;
        range.sources.emplace_back(schema, chunk);
        ranges.push_back(std::move(range));
      } else {
        whole.sources.emplace_back(schema, chunk);
      }
    }
  }
  if (!whole.sources.empty()) ranges.push_back(std::move(whole));
  return ranges;
}

// Sees the rows of now.
Result<std::unique_ptr<ChunkReader>> Verifier::fresh_reader() { return source_.open_comparing_reader(context_); }

Result<> Verifier::read_source(ChunkReader& reader, const Range& range, const TableId& target,
                               const std::function<Result<>(const ChangeBatch&)>& each) {
  for (const auto& [schema, chunk] : range.sources) {
    RETURN_IF_ERROR(reader.begin(context_, chunk, schema));
    for (bool more = true; more;) {
      ChangeBatch batch(schema);
      ASSIGN_OR_RETURN(more, reader.next(context_, batch));
      std::vector<ChangeBatch> out;
      RETURN_IF_ERROR(transform_.apply(std::move(batch), out));
      for (const auto& rows : out) {
        if (rows.schema->id == target) RETURN_IF_ERROR(each(rows));
      }
    }
  }
  return {};
}

Result<> Verifier::read_target(const Range& range, const TableSchemaPtr& schema,
                               const std::function<Result<>(const ChangeBatch&)>& each) {
  RETURN_IF_ERROR(target_reader_->begin(context_, range.target, schema));
  for (bool more = true; more;) {
    ChangeBatch batch(schema);
    ASSIGN_OR_RETURN(more, target_reader_->next(context_, batch));
    RETURN_IF_ERROR(each(batch));
  }
  return {};
}

Result<> Verifier::verify_range(const TableSchemaPtr& target, const Range& range, TableVerdict& verdict) {
  DigestSum expected;
  DigestSum found;
  const auto add_to = [](DigestSum& sum) {
    return [&sum](const ChangeBatch& batch) -> Result<> {
      for (size_t row = 0; row < batch.rows(); ++row) sum.add(row_digest(batch, row));
      return {};
    };
  };
  RETURN_IF_ERROR(read_source(*reader_, range, target->id, add_to(expected)));
  RETURN_IF_ERROR(read_target(range, target, add_to(found)));
  verdict.rows += expected.rows;
  if (expected == found) return {};
  return settle(target, range, verdict);
}

Result<Differences> Verifier::compare(const TableSchemaPtr& target, const Range& range) {
  KeyedRows expected;
  KeyedRows found;
  ASSIGN_OR_RETURN(const auto reader, fresh_reader());
  RETURN_IF_ERROR(read_source(*reader, range, target->id, [&](const ChangeBatch& batch) -> Result<> {
    add_rows(batch, expected);
    return {};
  }));
  RETURN_IF_ERROR(read_target(range, target, [&](const ChangeBatch& batch) -> Result<> {
    add_rows(batch, found);
    return {};
  }));
  Differences differences;
  for (const auto& [key, row] : expected) {
    const auto other = found.find(key);
    if (other == found.end()) {
      differences[key].source = row;
    } else if (other->second != row) {
      differences[key] = {row, other->second};
    }
  }
  for (const auto& [key, row] : found) {
    if (!expected.contains(key)) differences[key].target = row;
  }
  return differences;
}

Result<> Verifier::settle(const TableSchemaPtr& target, const Range& range, TableVerdict& verdict) {
  ASSIGN_OR_RETURN(Differences before, compare(target, range));
  Differences settled;
  for (int round = 1; round < options_.rounds && !before.empty(); ++round) {
    if (!context_.wait_for(options_.pause)) return Error(ErrorCode::kStopped, "stopped while verifying");
    ASSIGN_OR_RETURN(Differences now, compare(target, range));
    settled.clear();
    for (const auto& [key, difference] : now) {
      const auto same = before.find(key);
      if (same != before.end() && same->second == difference) settled[key] = difference;
    }
    before = std::move(now);
  }
  for (const auto& [key, difference] : before) {
    if (!settled.contains(key)) {
      ++verdict.unsettled;
    } else if (difference.target.count == 0) {
      ++verdict.missing;
    } else if (difference.source.count == 0) {
      ++verdict.surplus;
    } else {
      ++verdict.different;
    }
  }
  if (settled.empty() || !repair_) return {};
  return repair_range(target, range, settled);
}

Result<> Verifier::repair_range(const TableSchemaPtr& target, const Range& range, const Differences& differences) {
  if (target->key.empty()) {
    log_warn("table {} has no key: its rows cannot be repaired one by one; run the job with --reset",
             target->id.text());
    return {};
  }
  const auto pick = [&](const ChangeBatch& batch, RowKind kind, auto wanted) -> Result<> {
    ChangeBatch rows(batch.schema);
    for (size_t row = 0; row < batch.rows(); ++row) {
      const auto found = differences.find(key_digest(batch, row));
      if (found == differences.end() || !wanted(found->second)) continue;
      rows.append_row_from(batch, row);
      rows.kinds.back() = kind;
    }
    return rows.rows() == 0 ? Result<>() : repair_(rows);
  };
  RETURN_IF_ERROR(read_target(range, target, [&](const ChangeBatch& batch) {
    return pick(batch, RowKind::kDelete, [](const Difference& difference) { return difference.source.count == 0; });
  }));
  ASSIGN_OR_RETURN(const auto reader, fresh_reader());
  return read_source(*reader, range, target->id, [&](const ChangeBatch& batch) {
    return pick(batch, RowKind::kInsert, [](const Difference& difference) { return difference.source.count != 0; });
  });
}

}  // namespace

Result<std::vector<TableVerdict>> verify_tables(Context& context, Source& source, Sink& sink, JobTransform& transform,
                                                const VerifyOptions& options, const RepairSink& repair) {
  return Verifier(context, source, sink, transform, options, repair).run();
}

}  // namespace sluice
