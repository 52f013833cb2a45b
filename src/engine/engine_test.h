// SPDX-License-Identifier: Apache-2.0
// What single parts of the engine need around them in a test: a target in memory, a ledger, one table.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "engine/job_parts.h"
#include "engine/test_connectors.h"

namespace sluice {

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    auto opened = JobLedger::open(context_, sink_, "job", "");
    EXPECT_TRUE(opened.has_value());
    ledger_ = std::move(opened).value();
    Problems problems;
    transform_ = JobTransform::create(spec_, problems);
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", "t"};
    schema->columns.resize(1);
    schema_ = std::move(schema);
  }

  ChangeBatch one_row() const {
    ChangeBatch batch(schema_);
    batch.kinds.push_back(RowKind::kInsert);
    batch.columns[0].append_bytes("x");
    return batch;
  }
  JobParts parts_of(Source& source) {
    return {context_,  spec_,    source, sink_,  *ledger_,     policy_, *transform_,
            progress_, limiter_, pool_,  inbox_, coordinator_, 1};
  }

  JobSpec spec_;
  Context context_;
  MemorySink sink_;
  std::unique_ptr<JobLedger> ledger_;
  SchemaPolicy policy_{spec_, sink_};
  std::unique_ptr<JobTransform> transform_;
  Progress progress_;
  RateLimiter limiter_{0, 0};
  TaskPool pool_;
  struct Nobody : Task {
    NextStep step() override { return NextStep::never(); }
  } coordinator_;
  SignalInbox inbox_;
  TableSchemaPtr schema_;
};

}  // namespace sluice
