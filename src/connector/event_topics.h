// SPDX-License-Identifier: Apache-2.0
// What a sink of events can do besides the contract of sink.h: tell what a job does in a topic, and read a topic in
// which users tell the job something. Found by dynamic_cast; used by the coordinator's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"

namespace sluice {

// Reads one topic. Others read it for themselves.
class TopicReader {
 public:
  struct Record {
    std::string key;
    std::string value;
    int64_t offset = 0;
  };
  virtual ~TopicReader() = default;
  // What has come since the last call; does not wait.
  virtual Result<std::vector<Record>> poll() = 0;
  // Tells the group that everything before the offset is done; does not wait.
  virtual Result<> commit(int64_t offset) = 0;
};

struct TopicToRead {
  std::string name;
  std::string servers;          // empty: those of the sink
  std::string group;            // whose committed offset is where to begin, else the first record
  std::optional<int64_t> from;  // the offset where to begin instead
};

class EventTopics {
 public:
  virtual ~EventTopics() = default;
  // The first part of the names of the job's topics.
  virtual std::string topic_prefix(const std::string& job) const = 0;
  // A record with the notification, which is JSON; returns when it is durable.
  virtual Result<> notify(Context& context, const std::string& topic, std::string_view id, std::string_view text) = 0;
  virtual Result<std::unique_ptr<TopicReader>> read_topic(const TopicToRead& topic) = 0;
};

}  // namespace sluice
