// SPDX-License-Identifier: Apache-2.0
#include "api/metrics_text.h"

#include <gmock/gmock.h>

#include "base/clock.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsTextTest, shows_each_table_of_each_job) {
  Progress shop;
  shop.set_phase(JobPhase::kStreaming);
  shop.add_plan({"shop", "orders"}, 100, 2, 1);
  shop.add_copied({"shop", "orders"}, 40, 1000);
  shop.add_changes({"shop", "odd \"name\"\n"}, 3, 24);
  shop.add_commit(wall_clock_ms());
  shop.set_kept_log(5000, 300);
  shop.set_change_log_bytes(70);
  const std::string text = metrics_text({{"shop", shop.report()}, {"idle", Progress().report()}});
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_rows_copied_total counter\n"
                              "sluice_rows_copied_total{job=\"shop\",table=\"shop.odd \\\"name\\\"\\n\"} 0\n"
                              "sluice_rows_copied_total{job=\"shop\",table=\"shop.orders\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("sluice_job_phase{job=\"shop\",phase=\"streaming\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_job_phase{job=\"idle\",phase=\"streaming\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("sluice_commits_total{job=\"shop\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_commit_latency_seconds_bucket{job=\"shop\",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_commit_latency_seconds_count{job=\"shop\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_source_log_retained_bytes{job=\"shop\"} 5000\n"));
  EXPECT_THAT(text, HasSubstr("sluice_source_log_unacknowledged_bytes{job=\"shop\"} 300\n"));
  EXPECT_THAT(text, HasSubstr("sluice_change_log_bytes{job=\"shop\"} 70\n"));
  // Nor does one whose source drops its log by itself say how much it keeps.
  EXPECT_THAT(text, Not(HasSubstr("sluice_source_log_retained_bytes{job=\"idle\"}")));
  // A job that has no latency yet does not claim one of zero.
  EXPECT_THAT(text, Not(HasSubstr("sluice_lag_seconds{job=\"idle\"}")));
}

TEST(MetricsTextTest, shows_the_last_comparison_of_jobs_that_were_compared) {
  Progress shop;
  shop.add_verification({.rows = 5, .equal_tables = 1, .ended_ms = 1000});
  shop.add_verification({.rows = 70,
                         .equal_tables = 4,
                         .different_tables = 2,
                         .unsettled_tables = 1,
                         .differences = 9,
                         .ended_ms = 3000});
  const std::string text = metrics_text({{"shop", shop.report()}, {"idle", Progress().report()}});
  EXPECT_THAT(text, HasSubstr("sluice_verifications_total{job=\"shop\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_verifications_total{job=\"idle\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("sluice_verified_tables{job=\"shop\",result=\"equal\"} 4\n"
                              "sluice_verified_tables{job=\"shop\",result=\"different\"} 2\n"
                              "sluice_verified_tables{job=\"shop\",result=\"unsettled\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_verified_rows{job=\"shop\"} 70\n"));
  EXPECT_THAT(text, HasSubstr("sluice_verified_differences{job=\"shop\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("sluice_verified_timestamp_seconds{job=\"shop\"} 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("sluice_verified_rows{job=\"idle\"}")));
}

}  // namespace
}  // namespace sluice
