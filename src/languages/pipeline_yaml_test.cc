// SPDX-License-Identifier: Apache-2.0
#include "languages/pipeline_yaml.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string mistakes(std::string_view text) {
  Problems problems;
  const auto spec = parse_pipeline_yaml("shop.yaml", text, problems);
  EXPECT_TRUE(spec.has_value() || problems.has_errors());
  return problems.text();
}

JobSpec parse(std::string_view text) {
  Problems problems;
  auto spec = parse_pipeline_yaml("shop.yaml", text, problems);
  EXPECT_EQ(problems.text(), "");
  return spec.value_or(JobSpec());
}

// A complete job followed by more lines, which begin in line 3.
std::string job(std::string_view more) { return "source: {type: mysql}\nsink: {type: values}\n" + std::string(more); }

std::string value_of(const Settings& settings, std::string_view key) {
  for (const Setting& setting : settings.entries) {
    if (setting.key == key) return setting.value;
  }
  return "(none)";
}

TEST(PipelineYamlTest, reads_every_block) {
  const JobSpec spec = parse(R"(
source: {type: mysql, name: shop db, hostname: h, port: 3306, username: u, password: p, tables: 'shop.\.*', server-id: 5400-5404}
sink: {type: values, print.enabled: true, include.schema.changes: [create.table, column], exclude.schema.changes: [drop.column]}
transform: [{source-table: 'shop.orders', projection: '\*, price * qty AS total', filter: 'qty > 0', primary-keys: 'id, region'}]
route: [{source-table: 'shop.order_\.*', sink-table: 'dw.orders'}, {source-table: a.b, sink-table: c.<>, replace-symbol: <>, description: x}]
pipeline: {name: demo, parallelism: 2, schema.change.behavior: EVOLVE}
)");
  EXPECT_EQ(spec.file, "shop.yaml");
  EXPECT_EQ(spec.source.type, "mysql");
  EXPECT_EQ(spec.source.name, "shop db");
  EXPECT_EQ(spec.source.location.line, 2);
  EXPECT_EQ(value_of(spec.source.settings, "tables"), "shop.\\.*");
  EXPECT_EQ(value_of(spec.source.settings, "port"), "3306");
  EXPECT_EQ(value_of(spec.source.settings, "type"), "(none)");
  EXPECT_EQ(
      spec.sink.include_schema_changes,
      (std::vector<std::string>{"create.table", "add.column", "alter.column.type", "drop.column", "rename.column"}));
  EXPECT_EQ(spec.sink.exclude_schema_changes, std::vector<std::string>{"drop.column"});
  EXPECT_EQ(value_of(spec.sink.settings, "include.schema.changes"), "(none)");
  ASSERT_EQ(spec.transforms.size(), 1u);
  EXPECT_EQ(spec.transforms[0].projection, "*, price * qty AS total");
  EXPECT_EQ(spec.transforms[0].filter, "qty > 0");
  EXPECT_EQ(spec.transforms[0].primary_keys, (std::vector<std::string>{"id", "region"}));
  EXPECT_FALSE(spec.transforms[0].soft_delete);
  ASSERT_EQ(spec.routes.size(), 2u);
  EXPECT_EQ(spec.routes[1].replace_symbol, "<>");
  EXPECT_EQ(spec.pipeline.name, "demo");
  EXPECT_EQ(spec.pipeline.parallelism, 2);
  EXPECT_EQ(spec.pipeline.schema_behavior, SchemaBehavior::kEvolve);
  EXPECT_TRUE(spec.pipeline.exclude_given);
}

TEST(PipelineYamlTest, has_flink_cdcs_defaults_without_a_pipeline_block) {
  const JobSpec spec = parse(job(""));
  EXPECT_EQ(spec.pipeline.name, "");
  EXPECT_EQ(spec.pipeline.parallelism, 1);
  EXPECT_EQ(spec.pipeline.schema_behavior, SchemaBehavior::kLenient);
  EXPECT_FALSE(spec.pipeline.exclude_given);
  EXPECT_FALSE(spec.pipeline.route_first_match);
  EXPECT_FALSE(spec.pipeline.flink_semantics);
  EXPECT_EQ(spec.pipeline.local_time_zone, "");
  EXPECT_EQ(spec.pipeline.commit_interval.count(), 5);
  EXPECT_EQ(spec.pipeline.channel_bytes, 8 << 20);
  EXPECT_EQ(spec.pipeline.restart_delay_max.count(), 30000);
  EXPECT_EQ(spec.pipeline.restart_attempts, -1);
  EXPECT_EQ(spec.pipeline.verify_interval.count(), 0);
  EXPECT_EQ(spec.pipeline.lost_log, LostLog::kStop);
}

TEST(PipelineYamlTest, reads_its_own_pipeline_keys_flat_or_nested) {
  const JobSpec spec = parse(job(R"(pipeline:
  route-mode: first_match
  local-time-zone: Asia/Tokyo
  apply: transactional
  log.lost.behavior: resynchronize
  transform.semantics: flink
  read-limit: {rows-per-second: 1000, bytes-per-second: 5000}
  channel.bytes: 65536
  commit.interval: 1 s
  restart:
    delay-max: PT1M
    attempts: 3
  verify:
    interval: 6 h
    hash: servers
    rows-per-second: 500
)"));
  EXPECT_EQ(spec.pipeline.apply, ApplyMode::kTransactional);
  EXPECT_EQ(spec.pipeline.lost_log, LostLog::kResynchronize);
  EXPECT_TRUE(spec.pipeline.route_first_match);
  EXPECT_EQ(spec.pipeline.local_time_zone, "Asia/Tokyo");
  EXPECT_TRUE(spec.pipeline.flink_semantics);
  EXPECT_EQ(spec.pipeline.rows_per_second, 1000);
  EXPECT_EQ(spec.pipeline.bytes_per_second, 5000);
  EXPECT_EQ(spec.pipeline.channel_bytes, 65536);
  EXPECT_EQ(spec.pipeline.commit_interval.count(), 1000);
  EXPECT_EQ(spec.pipeline.restart_delay_max.count(), 60000);
  EXPECT_EQ(spec.pipeline.restart_attempts, 3);
  EXPECT_EQ(spec.pipeline.verify_interval, std::chrono::hours(6));
  EXPECT_TRUE(spec.pipeline.verify_hash_in_servers);
  EXPECT_EQ(spec.pipeline.verify_rows_per_second, 500);
}

TEST(PipelineYamlTest, flattens_nested_connector_options_and_joins_lists) {
  const JobSpec spec = parse(R"(source:
  type: mysql
  debezium:
    snapshot: {mode: never}
    skip: true
  tables:
    - shop.a
    - 'shop.b{1,2}'
  password:
sink: {type: values}
)");
  EXPECT_EQ(value_of(spec.source.settings, "debezium.snapshot.mode"), "never");
  EXPECT_EQ(value_of(spec.source.settings, "debezium.skip"), "true");
  EXPECT_EQ(value_of(spec.source.settings, "tables"), "shop.a,shop.b{1\\,2}");
  EXPECT_EQ(value_of(spec.source.settings, "password"), "");
  EXPECT_EQ(spec.source.settings.entries[0].location.line, 4);
}

TEST(PipelineYamlTest, resolves_references_and_reports_those_it_cannot) {
  setenv("SLUICE_TEST_PASSWORD", "hunter2", 1);
  const JobSpec spec = parse("source: {type: a, password: '${env:SLUICE_TEST_PASSWORD}'}\nsink: {type: b}\n");
  EXPECT_EQ(value_of(spec.source.settings, "password"), "hunter2");
  EXPECT_TRUE(spec.source.settings.entries[0].from_reference);
  unsetenv("SLUICE_TEST_PASSWORD");
  EXPECT_EQ(
      mistakes("source: {type: a}\nsink:\n  type: b\n  password: ${env:SLUICE_TEST_PASSWORD}\n"),
      "shop.yaml:4: option 'password': reference ${env:SLUICE_TEST_PASSWORD} cannot be resolved: environment variable "
      "'SLUICE_TEST_PASSWORD' is not set\n"
      "  hint: References are ${env:NAME}, ${file:PATH} and ${file:PATH:KEY}; write $${ for a literal ${.\n");
}

TEST(PipelineYamlTest, keeps_what_it_understood_beside_mistakes) {
  Problems problems;
  const auto spec = parse_pipeline_yaml("shop.yaml", job("rout: []\n"), problems);
  EXPECT_TRUE(problems.has_errors());
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->source.type, "mysql");
}

TEST(PipelineYamlTest, create_table_is_among_included_changes_and_soft_delete_is_read) {
  const JobSpec spec = parse(R"(source: {type: mysql}
sink: {type: values, include.schema.changes: ADD}
transform: [{source-table: a.b, projection: "*, '\\*' AS star", converter-after-transform: soft_delete, primary-keys: [id, x]}]
)");
  EXPECT_EQ(spec.sink.include_schema_changes, (std::vector<std::string>{"add.column", "create.table"}));
  EXPECT_TRUE(spec.transforms[0].soft_delete);
  EXPECT_EQ(spec.transforms[0].projection, "*, '\\*' AS star");
  EXPECT_EQ(spec.transforms[0].primary_keys, (std::vector<std::string>{"id", "x"}));
}

struct Wrong {
  const char* name;
  std::string text;
  const char* expected;
};

class WrongFileTest : public testing::TestWithParam<Wrong> {};

TEST_P(WrongFileTest, gets_exactly_this_answer) { EXPECT_EQ(mistakes(GetParam().text), GetParam().expected); }

const Wrong kWrongFiles[] = {
    {"empty", "", "shop.yaml:1: the file is empty\n  hint: A job needs at least the blocks 'source' and 'sink'.\n"},
    {"list", "- a\n",
     "shop.yaml:1: a job must be a map, not a list\n  hint: A job needs at least the blocks 'source' and 'sink'.\n"},
    {"no_sink", "source: {type: mysql}\n",
     "shop.yaml:1: block 'sink' is missing\n  hint: Add 'sink:' with at least 'type'.\n"},
    {"no_type", "source: {hostname: x}\nsink:\n  type:\n",
     "shop.yaml:1: 'source' has no 'type'\n  hint: 'sluice connectors' lists every type.\n"
     "shop.yaml:3: 'sink' has no 'type'\n  hint: 'sluice connectors' lists every type.\n"},
    {"block_is_scalar", "source: mysql\nsink: [values]\n",
     "shop.yaml:1: 'source' must be a map, not a value\nshop.yaml:2: 'sink' must be a map, not a list\n"},
    {"unknown_block", job("routes: []\n"), "shop.yaml:3: unknown key 'routes'\n  hint: Did you mean 'route'?\n"},
    {"unknown_block_far", job("elephant: 1\n"),
     "shop.yaml:3: unknown key 'elephant'\n  hint: Possible are source, sink, route, transform, pipeline.\n"},
    {"duplicate", job("sink: {type: values}\n"),
     "shop.yaml:3:1: key 'sink' is given twice, first in line 2\n  hint: Keep one of the two.\n"},
    {"route_is_map", job("route: {source-table: a.b, sink-table: c.d}\n"),
     "shop.yaml:3: 'route' must be a list, not a map\n  hint: Begin each rule with '- '.\n"},
    {"route_keys", job("route:\n  - source-tabel: a.b\n    sink-table: [x]\n  - text\n"),
     "shop.yaml:4: unknown key 'source-tabel' in route\n  hint: Did you mean 'source-table'?\n"
     "shop.yaml:4: 'route' needs 'source-table'\n"
     "shop.yaml:5: 'sink-table' must be a value, not a list\n"
     "shop.yaml:6: a rule of 'route' must be a map, not a value\n"},
    {"replace_symbol", job("route:\n  - {source-table: a.b, sink-table: c.d, replace-symbol: <>}\n"),
     "shop.yaml:4: warning: 'sink-table' does not contain the 'replace-symbol' '<>'\n"
     "  hint: Every table of this route goes to one and the same target.\n"},
    {"transform_keys", job("transform:\n  - projektion: x\n    converter-after-transform: HARD\n"),
     "shop.yaml:4: unknown key 'projektion' in transform\n  hint: Did you mean 'projection'?\n"
     "shop.yaml:4: 'transform' needs 'source-table'\n"
     "shop.yaml:5: 'converter-after-transform': unknown converter 'HARD'\n  hint: The only one is SOFT_DELETE.\n"},
    {"transform_without_effect",
     job("transform:\n  - source-table: a.b\n    partition-keys: x\n    table-options: a=b\n    "
         "table-options.delimiter: ;\n"),
     "shop.yaml:5: warning: 'partition-keys' has no effect\n"
     "  hint: Target tables are created without partitions; the rows are the same.\n"
     "shop.yaml:6: warning: 'table-options' has no effect\n"
     "  hint: Target tables are created with the server's own settings; the rows are the same.\n"},
    {"tags", "source: {type: a}\nsink:\n  type: b\n  include.schema.changes: [add.colum, everything]\n",
     "shop.yaml:4: 'include.schema.changes': unknown schema change 'add.colum'\n  hint: Did you mean 'add.column'?\n"
     "shop.yaml:4: 'include.schema.changes': unknown schema change 'everything'\n"
     "  hint: Possible are add.column, alter.column.type, alter.table.comment, create.table, drop.column, drop.table, "
     "rename.column, truncate.table, add, all, alter, column, create, drop, rename, table, truncate.\n"},
    {"pipeline_values",
     job("pipeline:\n  paralelism: 2\n  schema.change.behavior: evolv\n  commit.interval: soon\n  "
         "parallelism: 0\n"),
     "shop.yaml:4: unknown option 'paralelism' of the pipeline\n  hint: Did you mean 'parallelism'?\n"
     "shop.yaml:5: option 'schema.change.behavior': 'evolv' is not one of the possible values\n"
     "  hint: Did you mean 'evolve'? Possible are exception, evolve, try_evolve, lenient or ignore.\n"
     "shop.yaml:6: option 'commit.interval': 'soon' is not a duration\n"
     "  hint: Write a number and a unit, such as 500ms, 30s, 2min, 1h or 1d; ISO 8601 such as PT30S works too.\n"
     "shop.yaml:7: option 'parallelism': '0' is out of range\n  hint: Use a value from 1 to 256.\n"},
    {"batch", job("pipeline: {execution.runtime-mode: batch}\n"),
     "shop.yaml:3: 'execution.runtime-mode' BATCH needs a source that ends\n"
     "  hint: Set 'scan.startup.mode: snapshot' in the source, or leave the runtime mode away.\n"},
    {"batch_snapshot",
     "source: {type: a, scan.startup.mode: snapshot}\nsink: {type: b}\npipeline: {execution.runtime-mode: BATCH}\n",
     ""},
    {"without_effect",
     job("pipeline:\n  schema-operator.rpc-timeout: 3 min\n  sink.partitioning.strategy: primary_key\n  "
         "transform.decimal.precision.mode: UP_TO_19\n"),
     "shop.yaml:4: warning: option 'schema-operator.rpc-timeout' has no effect\n"
     "  hint: Schema changes are applied in the order of the log, without calls between processes.\n"
     "shop.yaml:5: warning: 'sink.partitioning.strategy' PRIMARY_KEY has no effect\n"
     "  hint: Changes of one key always stay in order; the sink decides how keys are spread.\n"
     "shop.yaml:6: warning: 'transform.decimal.precision.mode' UP_TO_19 has no effect\n"
     "  hint: Computed decimals keep all their digits instead of becoming NULL beyond 19.\n"},
    {"functions",
     job("transform: [{source-table: a.b, projection: 'id, MyFunc(x) AS y'}]\npipeline:\n  user-defined-function:\n"
         "    - {name: myfunc, classpath: a.B}\n    - {name: Func, python-code: x}\n    - {classpath: c}\n"
         "  model:\n    - {model-name: GPT}\n"),
     "shop.yaml:6: user-defined function 'myfunc' cannot be called: Java classes and Python code are not supported\n"
     "  hint: Write the expression with built-in functions.\n"
     "shop.yaml:7: warning: user-defined function 'Func' has no effect\n  hint: No transform calls it.\n"
     "shop.yaml:8: a user-defined function needs 'name'\n"
     "shop.yaml:10: warning: model 'GPT' has no effect\n  hint: No transform calls it.\n"},
    {"nested_list", "source: {type: a, tables: [[x]]}\nsink: {type: b}\n",
     "shop.yaml:1: 'tables' must be a list of values, but an item is a list\n"},
};

INSTANTIATE_TEST_SUITE_P(Files, WrongFileTest, testing::ValuesIn(kWrongFiles),
                         [](const auto& file) { return std::string(file.param.name); });

}  // namespace
}  // namespace sluice
