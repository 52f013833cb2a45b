// SPDX-License-Identifier: Apache-2.0
#include "verify/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/clock.h"
#include "verify/hash_range.h"
#include "verify/range_sums.h"
#include "verify/ranges.h"
#include "verify/settler.h"
#include "verify/suspect.h"

namespace sluice {
namespace {

// A snapshot holds up the server's clean-up and statements that alter its tables.
constexpr std::chrono::seconds kLongestSnapshot{60};

class Verifier {
 public:
  Verifier(Sides sides, std::string job, const VerifyOptions& options, Repair* repair)
      : sides_(sides),
        hash_in_servers_(options.hash_in_servers),
        settler_(sides_, std::move(job), tables_, options, repair) {}

  Result<std::vector<TableVerdict>> run();

 private:
  Result<> open_source();
  Result<> verify_range(const Range& range);
  Result<> settle();

  Sides sides_;
  const bool hash_in_servers_;
  std::vector<SourceTable> tables_;
  std::unique_ptr<ChunkReader> source_;
  MonotonicTime source_opened_;
  std::unique_ptr<TableReader> target_;
  std::deque<Range> ranges_;  // suspects point into it
  std::vector<Suspect> suspects_;
  uint64_t suspect_rows_ = 0;
  std::vector<TableVerdict> verdicts_;
  Settler settler_;
};

Result<std::vector<TableVerdict>> Verifier::run() {
  ASSIGN_OR_RETURN(target_, sides_.sink.open_table_reader(sides_.context));
  if (!target_) {
    return Error(ErrorCode::kUnsupported, "this sink cannot be read back", "Verify needs a database as target.");
  }
  ASSIGN_OR_RETURN(tables_, sides_.source.discover(sides_.context));
  RETURN_IF_ERROR(open_source());
  std::map<TableId, std::pair<TableSchemaPtr, std::vector<TableSchemaPtr>>> by_target;
  for (const auto& table : tables_) {
    ASSIGN_OR_RETURN(const auto targets, sides_.transform.targets(table.schema));
    for (const auto& target : targets) {
      by_target[target->id].first = target;
      by_target[target->id].second.push_back(table.schema);
    }
  }
  for (const auto& [id, entry] : by_target) {
    const auto& [target, sources] = entry;
    verdicts_.push_back({.target = id, .named = {}});
    ASSIGN_OR_RETURN(const auto existing, sides_.sink.find_table(sides_.context, id));
    if (!existing) {
      verdicts_.back().no_table = true;
      continue;
    }
    ASSIGN_OR_RETURN(auto ranges, sides_.ranges_of(target, sources));
    for (auto& range : ranges) {
      if (sides_.context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while verifying");
      ranges_.push_back(std::move(range));
      RETURN_IF_ERROR(verify_range(ranges_.back()));
    }
  }
  RETURN_IF_ERROR(settle());
  return std::move(verdicts_);
}

Result<> Verifier::open_source() {
  source_.reset();
  ASSIGN_OR_RETURN(source_, sides_.fresh_reader());
  source_opened_ = monotonic_now();
  return {};
}

Result<> Verifier::settle() {
  RETURN_IF_ERROR(settler_.settle(suspects_, verdicts_));
  suspects_.clear();
  ranges_.clear();
  suspect_rows_ = 0;
  return {};
}

Result<> Verifier::verify_range(const Range& range) {
  if (monotonic_now() - source_opened_ > kLongestSnapshot) RETURN_IF_ERROR(open_source());
  if (hash_in_servers_) {
    ASSIGN_OR_RETURN(const auto equal, rows_hashed_equal(sides_, *source_, *target_, range));
    if (equal) {
      verdicts_.back().rows += *equal;
      verdicts_.back().hashed += *equal;
      ranges_.pop_back();
      return {};
    }
  }
  ASSIGN_OR_RETURN(const RangeSums sums, sum_range(sides_, *source_, *target_, range));
  verdicts_.back().rows += sums.rows();
  Suspect suspect{.range = &range, .table = verdicts_.size() - 1, .buckets = sums.differing()};
  if (suspect.buckets.none()) {
    ranges_.pop_back();
    return {};
  }
  for (size_t i = 0; i < kBuckets; ++i) {
    if (suspect.buckets.test(i)) suspect_rows_ += sums.rows_of(i);
  }
  suspects_.push_back(std::move(suspect));
  return suspect_rows_ < kSuspectRows ? Result<>() : settle();
}

}  // namespace

Result<std::vector<TableVerdict>> verify_tables(Context& context, Source& source, Sink& sink, JobTransform& transform,
                                                const std::string& job, const VerifyOptions& options, Repair* repair) {
  const Sides sides{
      .context = context, .source = source, .sink = sink, .transform = transform, .limiter = options.limiter};
  return Verifier(sides, job, options, repair).run();
}

}  // namespace sluice
