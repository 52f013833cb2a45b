// SPDX-License-Identifier: Apache-2.0
// Kafka Connect's single message transforms: options `transforms`, `transforms.*`, `predicates`, `predicates.*` as a
// connector has them. They change one record after the other and belong to one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/event_record.h"
#include "config/setting.h"

namespace sluice {

class RecordTransform {
 public:
  virtual ~RecordTransform() = default;
  // False: the record is dropped.
  virtual Result<bool> apply(EventRecord& record) = 0;
};

class TransformChain {
 public:
  // Null without transforms, and after mistakes, which name the option.
  static std::unique_ptr<TransformChain> make(const Settings& settings, Problems& problems);
  ~TransformChain();
  // False: dropped.
  Result<bool> apply(EventRecord& record);

 private:
  TransformChain() = default;
  struct Step;
  std::vector<Step> steps_;
};

// "ExtractNewRecordState, RegexRouter, ...": those that are there.
std::vector<std::string_view> transform_names();

}  // namespace sluice
