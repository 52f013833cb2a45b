// SPDX-License-Identifier: Apache-2.0
#include "config/properties.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string parsed(std::string_view text) {
  Problems problems;
  std::string out;
  for (const Setting& setting : parse_properties("p", text, problems).entries) {
    out += setting.key + "=[" + setting.value + "]" + std::to_string(setting.location.line) + '\n';
  }
  return out + problems.text();
}

TEST(PropertiesTest, keys_end_at_a_separator_and_comments_are_left_out) {
  EXPECT_EQ(parsed("# c\n ! c\na=1\n b : 2 \r\n\nc  three four\nd\ne=\n"),
            "a=[1]3\nb=[2 ]4\nc=[three four]6\nd=[]7\ne=[]8\n");
}

TEST(PropertiesTest, a_backslash_escapes_and_joins_lines) {
  EXPECT_EQ(parsed("a\\=b=c\nlist=one,\\\n    two\nnext=inv\\\\.t\nu=\\u00e4\\ud83d\\ude00\\t.\nlast=x\\"),
            "a=b=[c]1\nlist=[one,two]2\nnext=[inv\\.t]4\nu=[\xC3\xA4\xF0\x9F\x98\x80\t.]5\nlast=[x]6\n");
}

TEST(PropertiesTest, a_repeated_key_has_its_last_value) {
  EXPECT_EQ(parsed("a=1\na=2\n"),
            "a=[2]2\np:2: warning: key 'a' is given twice, first in line 1\n  hint: The last one counts.\n");
}

TEST(PropertiesTest, a_wrong_escape_is_an_error_with_its_line) {
  EXPECT_EQ(parsed("a=1\nb=\\u12\n"),
            "a=[1]1\np:2: 'b': '\\u' is not followed by four hexadecimal digits of a character\n"
            "  hint: Write \\\\u for a backslash and a 'u'.\n");
}

}  // namespace
}  // namespace sluice
