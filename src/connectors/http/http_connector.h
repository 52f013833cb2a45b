// SPDX-License-Identifier: Apache-2.0
// The sink `type: http`: Debezium's change events, posted as JSON arrays:
//   [{"id":"v2;...","topic":"shop.shop.orders","key":{..},"value":{..}}, ...]
//
// A request is sent until the receiver has taken it; then the next one is. After a crash, or an answer that was lost,
// events come again, each with the id that it had (codec/event_position.h), so that a receiver that keeps ids drops
// them. Rows of the copy that a crash broke off are read again later and have other ids; what was deleted in between is
// not told. Tombstones make no events.
#pragma once

#include "connector/registry.h"

namespace sluice {

ConnectorInfo http_connector();

}  // namespace sluice
