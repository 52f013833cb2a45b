// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_held_log.h"

#include <fmt/format.h>

#include "base/log.h"
#include "connector/reads_beside_copies.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_copied_changes.h"
#include "connectors/postgres/postgres_log_reader.h"
#include "connectors/postgres/postgres_slot.h"

namespace sluice {
namespace {

class PostgresHeldLog : public HeldLog, public ReadsBesideCopies {
 public:
  PostgresHeldLog(const PostgresSourceOptions& options, const PostgresCapturedTables& captured)
      : options_(options), captured_(captured) {}

  Result<KeptLog> look(Context& context) override {
    auto looked = look_once(context);
    if (!looked) connection_.reset();
    return looked;
  }

  Result<std::unique_ptr<LogReader>> open_reader(Context& context, LogStart start) override {
    return open_postgres_log_reader(context, options_, captured_, std::move(start));
  }

  Result<std::unique_ptr<LogReader>> open_reader_beside_copy(Context& context, LogStart start) override {
    return open_postgres_log_reader(context, options_, captured_, std::move(start), nullptr,
                                    UnknownTables::kAreCopiedLater);
  }
  Result<std::unique_ptr<CopiedChanges>> copied_changes(const std::vector<FinishedChunk>& chunks) const override {
    return make_postgres_copied_changes(options_, chunks);
  }

 private:
  Result<KeptLog> look_once(Context& context) {
    if (!connection_) {
      ASSIGN_OR_RETURN(connection_, PostgresConnection::connect(context, options_.connection()));
    }
    ASSIGN_OR_RETURN(const auto slot, read_slot(context, *connection_, options_.slot_name));
    if (!slot) return KeptLog{};
    const bool over =
        options_.retained_log_warning > 0 && slot->retained > static_cast<uint64_t>(options_.retained_log_warning);
    if (over && !over_limit_) {
      log_warn("the source server keeps {} MB of log for slot '{}' (slot.retained.warning: {} MB)",
               slot->retained >> 20, options_.slot_name, options_.retained_log_warning >> 20);
    }
    over_limit_ = over;
    return KeptLog{.acknowledged = slot->confirmed.position(),
                   .end = Lsn{slot->confirmed.value + slot->behind}.position(),
                   .unacknowledged = slot->behind,
                   .retained = slot->retained};
  }

  const PostgresSourceOptions options_;
  const PostgresCapturedTables& captured_;
  std::unique_ptr<PostgresConnection> connection_;
  bool over_limit_ = false;
};

}  // namespace

std::unique_ptr<HeldLog> make_postgres_held_log(const PostgresSourceOptions& options,
                                                const PostgresCapturedTables& captured) {
  return std::make_unique<PostgresHeldLog>(options, captured);
}

}  // namespace sluice
