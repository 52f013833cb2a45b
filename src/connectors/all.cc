// SPDX-License-Identifier: Apache-2.0
#include "connectors/all.h"

#include "connectors/file/file_connector.h"
#include "connectors/http/http_connector.h"
#include "connectors/kafka/kafka_connector.h"
#include "connectors/mysql/mysql_connector.h"
#include "connectors/postgres/postgres_connector.h"
#include "connectors/sqlite/sqlite_connector.h"
#include "connectors/values/values_connector.h"
#include "tenants/tenant_connector.h"

namespace sluice {

ConnectorRegistry all_connectors() {
  ConnectorRegistry registry;
  registry.add(mysql_connector());
  registry.add(postgres_connector());
  registry.add(sqlite_connector());
  registry.add(kafka_connector());
  registry.add(file_connector());
  registry.add(http_connector());
  registry.add(values_connector());
  registry.add(tenant_connector());
  return registry;
}

}  // namespace sluice
