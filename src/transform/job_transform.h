// SPDX-License-Identifier: Apache-2.0
// Applies a job's `transform` and `route` blocks: rows and schema changes of source tables in, rows and schema changes
// of target tables out. One instance is used by one thread; instances made from the same spec behave alike.
#pragma once

#include <memory>
#include <vector>

#include "config/job_spec.h"
#include "config/setting.h"
#include "data/change_batch.h"

namespace sluice {

class JobTransform {
 public:
  // Compiles patterns and parses expressions; mistakes are added to `problems` (then the result is null).
  static std::unique_ptr<JobTransform> create(const JobSpec& spec, Problems& problems);
  virtual ~JobTransform() = default;

  // The target tables that rows of this source table go to, in the shape the rows will have (several with fan-out).
  // Types expressions against the schema: an unknown column or a type mistake is kConfig naming the rule's file:line.
  virtual Result<std::vector<TableSchemaPtr>> targets(const TableSchemaPtr& source) = 0;
  // Rows for each target, usually one batch; the input may be moved through unchanged. Rows keep their origins.
  virtual Result<> apply(ChangeBatch batch, std::vector<ChangeBatch>& out) = 0;
  // A mistake for every transform and route that is for none of these source tables.
  virtual void check_use(const std::vector<TableId>& tables, Problems& problems) const = 0;
  // The change as each target sees it; empty if it touches nothing that is projected.
  virtual Result<std::vector<SchemaChange>> apply(const SchemaChange& change) = 0;
};

}  // namespace sluice
