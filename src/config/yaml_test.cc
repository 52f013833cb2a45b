// SPDX-License-Identifier: Apache-2.0
#include "config/yaml.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string mistakes(std::string_view text) {
  Problems problems;
  parse_yaml("a.yaml", text, problems);
  return problems.text();
}

TEST(YamlTest, keeps_order_lines_and_scalar_text) {
  Problems problems;
  const auto root = parse_yaml("a.yaml", "z: 007\na:\n  - 'true'\n  - ~\n  - {x: 1.50, y: \"*\"}\n", problems);
  ASSERT_TRUE(root);
  EXPECT_EQ(problems.text(), "");
  ASSERT_EQ(root->entries.size(), 2u);
  EXPECT_EQ(root->entries[0].key, "z");
  EXPECT_EQ(root->entries[0].value.text, "007");
  const YamlNode* list = root->find("a");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(root->entries[1].line, 2);
  ASSERT_EQ(list->items.size(), 3u);
  EXPECT_EQ(list->items[0].line, 3);
  EXPECT_EQ(list->items[1].kind, YamlNode::Kind::kNull);
  EXPECT_EQ(list->items[2].find("x")->text, "1.50");
  EXPECT_EQ(list->items[2].find("y")->text, "*");
  EXPECT_EQ(root->find("b"), nullptr);
}

TEST(YamlTest, an_alias_is_a_copy) {
  Problems problems;
  const auto root = parse_yaml("a.yaml", "a: &x {k: v}\nb: *x\n", problems);
  ASSERT_TRUE(root) << problems.text();
  EXPECT_EQ(root->find("b")->find("k")->text, "v");
}

TEST(YamlTest, an_empty_document_is_nothing) {
  Problems problems;
  EXPECT_EQ(parse_yaml("a.yaml", "# only a comment\n", problems)->kind, YamlNode::Kind::kNull);
  EXPECT_EQ(parse_yaml("a.yaml", "", problems)->kind, YamlNode::Kind::kNull);
  EXPECT_EQ(problems.text(), "");
}

TEST(YamlTest, repeated_keys_are_mistakes) {
  EXPECT_EQ(mistakes("a: 1\nb: 2\na: 3\n"),
            "a.yaml:3:1: key 'a' is given twice, first in line 1\n  hint: Keep one of the two.\n");
}

TEST(YamlTest, syntax_errors_name_line_and_column) {
  EXPECT_EQ(mistakes("a: [1, 2\nb: 3\n").substr(0, 41), "a.yaml:2:2: this is not valid YAML: end o");
  EXPECT_NE(mistakes("a:\n\t- b\n").find("Indent with spaces, not with tabs."), std::string::npos)
      << mistakes("a:\n\t- b\n");
  const std::string star = mistakes("projection: *, x\n");
  EXPECT_EQ(star.substr(0, 12), "a.yaml:1:14:");
  EXPECT_NE(star.find("write \\* for it"), std::string::npos) << star;
  EXPECT_NE(mistakes("? [a, b]\n: c\n").find("a key must be a plain word, not a list"), std::string::npos);
  EXPECT_NE(mistakes("a: 1\n---\nb: 2\n").find("there is a second document"), std::string::npos);
}

TEST(YamlTest, does_not_let_aliases_or_nesting_explode) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j > 0 ? ", " : "") + before;
    bomb += "]\n";
  }
  EXPECT_NE(mistakes(bomb).find("the document has more than 200000 nodes"), std::string::npos);
  EXPECT_NE(mistakes(std::string(20000, '[')), "");
}

}  // namespace
}  // namespace sluice
