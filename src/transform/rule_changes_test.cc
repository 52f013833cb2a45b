// SPDX-License-Identifier: Apache-2.0
#include "transform/rule_changes.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Changes = std::vector<std::string>;
const TableId kOrders{"shop", "orders"};
const TableId kPeople{"shop", "people"};

JobSpec job() {
  JobSpec spec;
  spec.file = "shop.yaml";
  TransformSpec transform;
  transform.source_table = "shop.orders";
  transform.projection = "id, UPPER(name) AS name";
  transform.filter = "id > 5";
  transform.location = {"shop.yaml", 7};
  spec.transforms.push_back(transform);
  spec.routes.push_back({"shop.(\\.*)", "dw.$1", "", {"shop.yaml", 9}});
  return spec;
}

Changes changes(const JobSpec& before, const JobSpec& now) {
  const TableId tables[] = {kOrders, kPeople};
  return changed_rules(describe_rules(before), now, tables).value();
}

TEST(RuleChanges, finds_none_where_the_rules_say_the_same) {
  EXPECT_EQ(changes(job(), job()), Changes{});
  JobSpec now = job();
  now.transforms[0].projection = "id ,\n UPPER( name )AS name";
  now.transforms[0].location.line = 70;
  EXPECT_EQ(changes(job(), now), Changes{});
  now.transforms[0].source_table = "shop.orders,shop.later";
  now.transforms.push_back({"shop.later", "*", "", {"k"}, true, {}});
  now.transforms.push_back({"shop.people", "*", "", {}, false, {}});
  now.routes[0].source_table = "shop.(orders|people|later)";
  EXPECT_EQ(changes(job(), now), Changes{}) << "rules for other tables, and one that does nothing";
}

TEST(RuleChanges, names_what_is_different_for_which_table) {
  JobSpec now = job();
  now.transforms[0].projection = "id, LOWER(name) AS name";
  EXPECT_EQ(changes(job(), now), Changes{"the projection of shop.orders (shop.yaml:7)"});
  now = job();
  now.transforms[0].filter = "id > 6";
  now.transforms[0].primary_keys = {"id"};
  now.transforms[0].soft_delete = true;
  EXPECT_EQ(changes(job(), now),
            (Changes{"the filter of shop.orders (shop.yaml:7)", "the primary key of shop.orders (shop.yaml:7)",
                     "the converter-after-transform of shop.orders (shop.yaml:7)"}));
  now = job();
  now.transforms.clear();
  EXPECT_EQ(changes(job(), now), (Changes{"the projection of shop.orders, which has no rule any more",
                                          "the filter of shop.orders, which has no rule any more"}));
  now = job();
  now.pipeline.flink_semantics = true;
  EXPECT_EQ(changes(job(), now), Changes{"the transform.semantics or local-time-zone of shop.orders (shop.yaml:7)"});
  now = job();
  now.routes[0].sink_table = "new.$1";
  EXPECT_EQ(changes(job(), now), (Changes{"the route of shop.orders, which led to dw.orders",
                                          "the route of shop.people, which led to dw.people"}));
}

TEST(RuleChanges, a_literal_is_not_a_name_and_keeps_its_blanks) {
  JobSpec before = job();
  JobSpec now = job();
  before.transforms[0].filter = "name = 'a b'";
  now.transforms[0].filter = "name = 'a  b'";
  EXPECT_EQ(changes(before, now).size(), 1U);
  now.transforms[0].filter = "name = `a b`";
  EXPECT_EQ(changes(before, now).size(), 1U);
}

TEST(RuleChanges, a_description_holds_no_literals_of_expressions) {
  JobSpec spec = job();
  spec.transforms[0].filter = "token = 'secret'";
  EXPECT_EQ(describe_rules(spec).find("secret"), std::string::npos);
}

TEST(RuleChanges, what_cannot_be_read_is_an_error) {
  for (const auto* text : {"", "{", "[]", R"({"v":2})", R"({"v":1})"}) {
    const auto result = changed_rules(text, job(), {});
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code(), ErrorCode::kState);
  }
}

}  // namespace
}  // namespace sluice
