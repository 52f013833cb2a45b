// SPDX-License-Identifier: Apache-2.0
// The sink `type: kafka`: Debezium's change events into Kafka's topics, one for each table unless told otherwise.
//
// Every record is acknowledged by all replicas before the ledger (in the state directory) moves on, so none is lost; a
// broker that is away holds the source back. The ledger cannot move together with the records: what was written and not
// committed at a crash is found in the topics (kafka_tail.h) and not written again. Rows of the copy are the exception:
// a chunk that a crash broke off is read and written again.
#pragma once

#include "connector/registry.h"

namespace sluice {

ConnectorInfo kafka_connector();

}  // namespace sluice
