// SPDX-License-Identifier: Apache-2.0
// Writes the changes of one lane, or the rows of chunks one after the other, as events.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/debezium_event.h"
#include "codec/event_position.h"
#include "codec/record_transform.h"
#include "connector/marks_copies.h"
#include "connector/sink.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_tail.h"

namespace sluice {

class KafkaWriter : public SinkWriter, public MarksCopies {
 public:
  static Result<std::unique_ptr<KafkaWriter>> open(const KafkaSinkOptions& options, const KafkaTopicNames& names,
                                                   const Source& source, const std::string& job);

  Result<> begin(Context& context, const LedgerEntry& entry) override;
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;
  void mark_copies(std::string_view mark) override;
  Result<> truncate(Context& context, const Truncation& truncation) override;
  // Of a writer that is for this alone; durable when it returns. See EventSink.
  Result<> write_schema_change(Context& context, const SchemaChangeEvent& event, const Position& before);

 private:
  struct Target {
    KafkaTopic topic;
    std::optional<KafkaTail> tail;  // once something is written that may be there already
  };
  KafkaWriter(const KafkaSinkOptions& options, const KafkaTopicNames& names, const Source& source,
              const std::string& job)
      : options_(options),
        names_(names),
        source_(source),
        connector_(source.describe().connector),
        head_(position_head(job)),
        encoder_(options.events(source.describe(), job)) {}
  Result<Target*> target_of(Context& context, const std::string& topic);
  Result<KafkaTail*> tail_of(Context& context, Target& target);
  void note_first_change(const Transaction& transaction);
  Result<> send(Context& context, const std::string& topic, const ChangeBatch* batch, const DebeziumRecord& record);
  Result<> send_to(Context& context, const std::string& topic, int32_t partition, const DebeziumRecord& record);
  Result<> send_transformed(Context& context, const std::string& topic, int32_t partition,
                            const DebeziumRecord& record);
  Result<> send_new(Context& context, const std::string& topic, const KafkaRecord& record);
  void add_context_headers();
  Result<> delete_vanished(Context& context);
  void make_position(const ChangeBatch* batch, const DebeziumRecord& record);
  Result<> beat(Context& context);

  const KafkaSinkOptions& options_;
  const KafkaTopicNames& names_;
  const Source& source_;
  const std::string connector_;
  const std::string head_;  // of positions
  DebeziumEncoder encoder_;
  std::unique_ptr<KafkaProducer> producer_;
  std::unique_ptr<KafkaReader> reader_;         // from when tails are read
  std::map<std::string, Target> targets_;       // by topic
  Target* target_ = nullptr;                    // of the last record
  std::unique_ptr<TransformChain> transforms_;  // null: none
  RecordReader records_;                        // for them
  std::string key_text_;
  std::string value_text_;
  std::vector<std::string> header_texts_;
  std::string_view beside_ = "incremental";  // what copies beside the stream are
  bool copying_ = false;
  bool copied_row_ = false;          // is being sent
  std::string chunk_;                // whose rows are being written
  Position committed_;               // of the lane, before anything was written
  std::optional<int64_t> since_ms_;  // what may be there already was written at or behind this; zero: at any time
  std::string position_;             // of the record that is being sent; empty: it is no change
  MonotonicTime last_beat_ = monotonic_now();
  std::vector<KafkaHeader> headers_;
};

}  // namespace sluice
