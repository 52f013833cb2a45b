// SPDX-License-Identifier: Apache-2.0
#include "engine/job_parts.h"

namespace sluice {

Result<std::unique_ptr<JobTransform>> make_transform(const JobSpec& spec, const std::vector<SourceTable>& tables) {
  Problems problems;
  auto transform = JobTransform::create(spec, problems);
  SLUICE_CHECK(transform != nullptr);
  for (const auto& table : tables) {
    ASSIGN_OR_RETURN(const auto targets, transform->targets(table.schema));
  }
  return transform;
}

Result<> open_targets(JobParts& parts, const std::vector<SourceTable>& tables, const JobState& state) {
  for (const auto& table : tables) {
    const auto known = state.tables.find(table.schema->id);
    const bool opened_before = !state.lanes.empty() && known != state.tables.end() && known->second.copied();
    if (opened_before && !parts.policy.may_lack_columns()) continue;
    ASSIGN_OR_RETURN(const auto targets, parts.transform.targets(table.schema));
    for (const auto& target : targets) RETURN_IF_ERROR(parts.policy.open_target(parts.context, target));
  }
  return {};
}

}  // namespace sluice
