// SPDX-License-Identifier: Apache-2.0
// What a job is made of: the graph that its file asks for, and the groups of tasks that carry it out. `explain` prints
// it, and Job runs it: how many readers, writers and lanes there are is decided here and nowhere else.
#pragma once

#include <string>
#include <vector>

#include "config/job_spec.h"
#include "connector/sink.h"
#include "connector/source.h"

namespace sluice {

// So many tasks, each of which does all of these steps on a batch, one after the other.
struct PlanStage {
  size_t tasks;
  std::vector<std::string> nodes;
};

// Stages with channels between them; they begin and end together.
struct TaskGroup {
  std::string name;
  std::vector<PlanStage> stages;
  // At most.
  size_t source_connections;
  size_t target_connections;
  size_t threads;  // that work at once; what waits needs none
};

struct JobPlan {
  std::vector<std::string> graph;  // from the source to the target, without what would do nothing
  std::vector<TaskGroup> groups;   // the copy first
  size_t parallelism = 0;          // readers and writers of the copy: what is asked for, as far as the sink allows
  size_t lanes = 0;                // of the stream, each with an entry in the ledger
  size_t writers = 0;              // of the stream

  std::string text() const;
};

// Nothing needs to be open.
JobPlan make_plan(const JobSpec& spec, const Source& source, const Sink& sink);

}  // namespace sluice
