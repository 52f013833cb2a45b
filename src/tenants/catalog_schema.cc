// SPDX-License-Identifier: Apache-2.0
// Tables of the catalog, and over them the views with the names and columns of OceanBase.
#include "tenants/catalog.h"

namespace sluice {

const char* const kCatalogSchema = R"sql(
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS unit_config (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, max_cpu REAL NOT NULL, min_cpu REAL NOT NULL,
  memory_size INTEGER NOT NULL, log_disk_size INTEGER NOT NULL, max_iops INTEGER NOT NULL, min_iops INTEGER NOT NULL,
  iops_weight INTEGER NOT NULL, created TEXT NOT NULL, modified TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS resource_pool (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit_id INTEGER NOT NULL REFERENCES unit_config (id),
  tenant_id INTEGER, job_id INTEGER, created TEXT NOT NULL, modified TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS tenant (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL, role TEXT NOT NULL, log_mode TEXT NOT NULL,
  port INTEGER NOT NULL UNIQUE, charset TEXT NOT NULL, collation TEXT NOT NULL, comment TEXT NOT NULL DEFAULT '',
  isolation TEXT NOT NULL DEFAULT 'none', running INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0,
  parent_id INTEGER, gtid TEXT, created TEXT NOT NULL, modified TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS tenant_snapshot (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, tenant_id INTEGER NOT NULL, tenant_name TEXT NOT NULL,
  status TEXT NOT NULL, type TEXT NOT NULL DEFAULT 'MANUAL', scn INTEGER NOT NULL DEFAULT 0, gtid TEXT NOT NULL DEFAULT '',
  owner_job_id INTEGER, clone_ref INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL, UNIQUE (tenant_id, name));

-- The mutex of a tenant: whoever makes a snapshot of it holds it.
CREATE TABLE IF NOT EXISTS snapshot_lock (tenant_id INTEGER PRIMARY KEY, owner_job_id INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS clone_job (
  id INTEGER PRIMARY KEY, status TEXT NOT NULL, type TEXT NOT NULL, source_id INTEGER NOT NULL, source_name TEXT NOT NULL,
  tenant_id INTEGER NOT NULL DEFAULT 0, clone_name TEXT NOT NULL, snapshot_id INTEGER NOT NULL DEFAULT 0,
  snapshot_name TEXT NOT NULL DEFAULT '', pool_id INTEGER NOT NULL DEFAULT 0, pool_name TEXT NOT NULL,
  unit_name TEXT NOT NULL, port INTEGER NOT NULL DEFAULT 0, restore_scn TEXT NOT NULL DEFAULT '18446744073709551615',
  gtid TEXT NOT NULL DEFAULT '', is_primary INTEGER NOT NULL, canceling INTEGER NOT NULL DEFAULT 0,
  retries INTEGER NOT NULL DEFAULT 0, step_started TEXT NOT NULL, step_ms TEXT NOT NULL DEFAULT '{}',
  started TEXT NOT NULL, finished TEXT, ret_code INTEGER, message TEXT);

-- What a job replays of its source's archive behind its snapshot.
CREATE TABLE IF NOT EXISTS clone_replay (
  job_id INTEGER PRIMARY KEY, round_id INTEGER NOT NULL, gtid TEXT NOT NULL, scn INTEGER NOT NULL);

-- Until when a tenant lives, and what was done to its data before anybody saw them.
CREATE TABLE IF NOT EXISTS tenant_term (
  tenant_id INTEGER PRIMARY KEY, expires_ms INTEGER NOT NULL DEFAULT 0, is_protected INTEGER NOT NULL DEFAULT 0,
  mask TEXT NOT NULL DEFAULT '', mask_sql TEXT NOT NULL DEFAULT '');

-- The same for the clone of a job.
CREATE TABLE IF NOT EXISTS clone_term (
  job_id INTEGER PRIMARY KEY, ttl_ms INTEGER NOT NULL, is_protected INTEGER NOT NULL, mask TEXT NOT NULL,
  mask_sql TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS mask (name TEXT PRIMARY KEY, sql TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;

-- Tenants that are made anew from their parents; snapshot 0: nothing is lost yet.
CREATE TABLE IF NOT EXISTS tenant_reset (
  tenant_id INTEGER PRIMARY KEY, snapshot_id INTEGER NOT NULL, own_snapshot INTEGER NOT NULL);

-- Those of them whose new data are whole and may be written to: what is left is to end the reset.
CREATE TABLE IF NOT EXISTS reset_placed (tenant_id INTEGER PRIMARY KEY);

-- Clones whose data are their parents' and wait for the mask; nobody may see them.
CREATE TABLE IF NOT EXISTS mask_pending (tenant_id INTEGER PRIMARY KEY);

-- A part of a tenant's history without a gap.
CREATE TABLE IF NOT EXISTS archive_round (
  id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, status TEXT NOT NULL, start_scn INTEGER NOT NULL,
  checkpoint_scn INTEGER NOT NULL, checkpoint_gtid TEXT NOT NULL DEFAULT '', comment TEXT NOT NULL DEFAULT '');

-- Its log files; those that are not closed grow.
CREATE TABLE IF NOT EXISTS archive_file (
  round_id INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, first_gtid TEXT NOT NULL,
  last_gtid TEXT NOT NULL DEFAULT '', first_scn INTEGER NOT NULL, last_scn INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (round_id, number));

CREATE TABLE IF NOT EXISTS event_log (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, tenant_id INTEGER NOT NULL, job_id INTEGER NOT NULL,
  detail TEXT NOT NULL);

DROP VIEW IF EXISTS DBA_OB_UNIT_CONFIGS;
CREATE VIEW DBA_OB_UNIT_CONFIGS AS SELECT
  id AS UNIT_CONFIG_ID, name AS NAME, created AS CREATE_TIME, modified AS MODIFY_TIME, max_cpu AS MAX_CPU,
  min_cpu AS MIN_CPU, memory_size AS MEMORY_SIZE, log_disk_size AS LOG_DISK_SIZE, max_iops AS MAX_IOPS,
  min_iops AS MIN_IOPS, iops_weight AS IOPS_WEIGHT FROM unit_config;

DROP VIEW IF EXISTS DBA_OB_RESOURCE_POOLS;
CREATE VIEW DBA_OB_RESOURCE_POOLS AS SELECT
  id AS RESOURCE_POOL_ID, name AS NAME, tenant_id AS TENANT_ID, created AS CREATE_TIME, modified AS MODIFY_TIME,
  1 AS UNIT_COUNT, unit_id AS UNIT_CONFIG_ID, 'zone1' AS ZONE_LIST, 'FULL' AS REPLICA_TYPE FROM resource_pool;

DROP VIEW IF EXISTS DBA_OB_TENANTS;
CREATE VIEW DBA_OB_TENANTS AS SELECT
  id AS TENANT_ID, name AS TENANT_NAME, 'USER' AS TENANT_TYPE, created AS CREATE_TIME, modified AS MODIFY_TIME,
  status AS STATUS, 'NO' AS IN_RECYCLEBIN, 'NO' AS LOCKED, role AS TENANT_ROLE, 'NORMAL' AS SWITCHOVER_STATUS,
  log_mode AS LOG_MODE, isolation AS ISOLATION, CASE running WHEN 1 THEN 'YES' ELSE 'NO' END AS RUNNING,
  restarts AS RESTARTS, '127.0.0.1' AS HOST, port AS PORT,
  (SELECT name FROM tenant parent WHERE parent.id = tenant.parent_id) AS PARENT_TENANT_NAME, gtid AS BIRTH_GTID,
  comment AS COMMENT, CASE WHEN e.expires_ms > 0 THEN strftime('%Y-%m-%d %H:%M:%f', e.expires_ms / 1000.0, 'unixepoch')
  END AS EXPIRES_AT, CASE e.is_protected WHEN 1 THEN 'YES' ELSE 'NO' END AS PROTECTED, NULLIF(e.mask, '') AS MASK
  FROM tenant LEFT JOIN tenant_term e ON e.tenant_id = id;

DROP VIEW IF EXISTS DBA_TENANT_LINEAGE;
CREATE VIEW DBA_TENANT_LINEAGE AS WITH RECURSIVE line (id, depth, path) AS (
    SELECT id, 0, CASE WHEN parent_id IS NULL THEN name ELSE '(dropped) > ' || name END FROM tenant
    WHERE parent_id IS NULL OR parent_id NOT IN (SELECT id FROM tenant)
    UNION ALL SELECT tenant.id, depth + 1, path || ' > ' || name FROM tenant JOIN line ON tenant.parent_id = line.id)
  SELECT tenant.id AS TENANT_ID, tenant.name AS TENANT_NAME, depth AS DEPTH, path AS LINEAGE, gtid AS BIRTH_GTID,
  created AS CREATE_TIME FROM tenant JOIN line ON line.id = tenant.id;

DROP VIEW IF EXISTS DBA_MASKS;
CREATE VIEW DBA_MASKS AS SELECT name AS MASK_NAME, sql AS STATEMENTS, created AS CREATE_TIME FROM mask;

DROP VIEW IF EXISTS DBA_OB_TENANT_SNAPSHOTS;
CREATE VIEW DBA_OB_TENANT_SNAPSHOTS AS SELECT
  tenant_id AS TENANT_ID, tenant_name AS TENANT_NAME, id AS SNAPSHOT_ID, name AS SNAPSHOT_NAME, status AS STATUS,
  scn AS SNAPSHOT_SCN, type AS TYPE, created AS CREATE_TIME, owner_job_id AS OWNER_JOB_ID, gtid AS GTID,
  clone_ref AS CLONE_REF FROM tenant_snapshot;

DROP VIEW IF EXISTS DBA_OB_ARCHIVELOG;
CREATE VIEW DBA_OB_ARCHIVELOG AS SELECT
  tenant_id AS TENANT_ID, 1 AS DEST_ID, id AS ROUND_ID, status AS STATUS, start_scn AS START_SCN,
  checkpoint_scn AS CHECKPOINT_SCN, printf('archive/%d/%d', tenant_id, id) AS PATH, comment AS COMMENT,
  (SELECT first_gtid FROM archive_file WHERE round_id = id ORDER BY number LIMIT 1) AS START_GTID,
  checkpoint_gtid AS CHECKPOINT_GTID, (SELECT COUNT(*) FROM archive_file WHERE round_id = id) AS FILES,
  (SELECT COALESCE(SUM(bytes), 0) FROM archive_file WHERE round_id = id) AS BYTES FROM archive_round;

DROP VIEW IF EXISTS DBA_ARCHIVE_FILES;
CREATE VIEW DBA_ARCHIVE_FILES AS SELECT
  tenant_id AS TENANT_ID, round_id AS ROUND_ID, name AS NAME, first_gtid AS FIRST_GTID, last_gtid AS LAST_GTID,
  first_scn AS FIRST_SCN, last_scn AS LAST_SCN, bytes AS BYTES, CASE closed WHEN 1 THEN 'YES' ELSE 'NO' END AS CLOSED
  FROM archive_file JOIN archive_round ON archive_round.id = round_id;

DROP VIEW IF EXISTS DBA_OB_CLONE_PROGRESS;
CREATE VIEW DBA_OB_CLONE_PROGRESS AS SELECT
  id AS CLONE_JOB_ID, printf('%016x', id) AS TRACE_ID, source_id AS SOURCE_TENANT_ID, source_name AS SOURCE_TENANT_NAME,
  tenant_id AS CLONE_TENANT_ID, clone_name AS CLONE_TENANT_NAME, snapshot_id AS TENANT_SNAPSHOT_ID,
  snapshot_name AS TENANT_SNAPSHOT_NAME, pool_id AS RESOURCE_POOL_ID, pool_name AS RESOURCE_POOL_NAME,
  unit_name AS UNIT_CONFIG_NAME, restore_scn AS RESTORE_SCN, status AS STATUS, type AS CLONE_JOB_TYPE,
  started AS CLONE_START_TIME, finished AS CLONE_FINISHED_TIME, ret_code AS RET_CODE, message AS ERROR_MESSAGE
  FROM clone_job WHERE finished IS NULL;

DROP VIEW IF EXISTS DBA_OB_CLONE_HISTORY;
CREATE VIEW DBA_OB_CLONE_HISTORY AS SELECT
  id AS CLONE_JOB_ID, printf('%016x', id) AS TRACE_ID, source_id AS SOURCE_TENANT_ID, source_name AS SOURCE_TENANT_NAME,
  tenant_id AS CLONE_TENANT_ID, clone_name AS CLONE_TENANT_NAME, snapshot_id AS TENANT_SNAPSHOT_ID,
  snapshot_name AS TENANT_SNAPSHOT_NAME, pool_id AS RESOURCE_POOL_ID, pool_name AS RESOURCE_POOL_NAME,
  unit_name AS UNIT_CONFIG_NAME, restore_scn AS RESTORE_SCN, status AS STATUS, type AS CLONE_JOB_TYPE,
  started AS CLONE_START_TIME, finished AS CLONE_FINISHED_TIME, ret_code AS RET_CODE, message AS ERROR_MESSAGE
  FROM clone_job WHERE finished IS NOT NULL;

DROP VIEW IF EXISTS DBA_CLONE_DETAIL;
CREATE VIEW DBA_CLONE_DETAIL AS SELECT
  id AS CLONE_JOB_ID, clone_name AS CLONE_TENANT_NAME, status AS STATUS, gtid AS SNAPSHOT_GTID,
  step_started AS STEP_STARTED, step_ms AS STEP_MS, 'LOCKFREE' AS METHOD, retries AS RETRIES, port AS PORT FROM clone_job;

DROP VIEW IF EXISTS DBA_EVENTS;
CREATE VIEW DBA_EVENTS AS SELECT
  id AS EVENT_ID, at AS EVENT_TIME, kind AS KIND, tenant_id AS TENANT_ID, job_id AS CLONE_JOB_ID, detail AS DETAIL
  FROM event_log;
)sql";

}  // namespace sluice
