// SPDX-License-Identifier: Apache-2.0
#include "cli/connectors.h"

#include <gtest/gtest.h>

#include "cli/test_connector.h"

namespace sluice {
namespace {

TEST(ConnectorsTest, lists_what_each_connector_can_be) {
  EXPECT_EQ(connectors_table(test_connectors()),
            "CONNECTOR  SOURCE  SINK  MEANING\n"
            "shop       yes     yes   Reads and writes shops.\n"
            "printer    -       yes   Prints.\n"
            "\n'sluice connectors NAME' lists the options of one, 'sluice connectors pipeline' those of a job.\n");
}

TEST(ConnectorsTest, describes_every_option_required_ones_first) {
  EXPECT_EQ(
      connector_text(test_connectors(), "printer"),
      "printer: Prints.\n"
      "\nAs a sink:\n"
      "\n  hostname  string, required\n      Server.\n"
      "\n  heartbeat  duration, default 30s, at least 10ms\n      Pause.\n      Also called: heartbeat.interval.\n"
      "\n  refuse  string\n      Side.\n      One of: open, discover.\n"
      "\n  password  string\n      Pass|word.\n      Never printed; best given as ${env:NAME} or ${file:PATH}.\n"
      "\n  fetch.size  ignored\n      Rows.\n      No effect: Rows are streamed.\n");
}

TEST(ConnectorsTest, renders_a_page_of_the_documentation) {
  const auto page = connector_markdown(test_connectors(), "shop");
  ASSERT_TRUE(page);
  EXPECT_NE(page->find(
                "# shop\n\nReads and writes shops.\n\n## As a source\n\n| option | type | default | meaning |\n"
                "|---|---|---|---|\n| `hostname` | string | required | Server. |\n"
                "| `heartbeat` | duration | `30s` | Pause. Also called: heartbeat.interval. Range: at least 10ms. |\n"),
            std::string::npos)
      << *page;
  EXPECT_NE(page->find("Pass\\|word."), std::string::npos);
  EXPECT_NE(page->find("## As a sink"), std::string::npos);
}

TEST(ConnectorsTest, describes_the_pipeline_block) {
  const auto text = connector_text(test_connectors(), "pipeline");
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("  commit.interval  duration, default 5ms, 0ms to 1h\n"), std::string::npos) << *text;
}

TEST(ConnectorsTest, does_not_know_other_names) {
  EXPECT_EQ(connector_text(test_connectors(), "shp"), std::nullopt);
  Command command;
  command.connector = "shp";
  testing::internal::CaptureStderr();
  EXPECT_EQ(connectors_command(command, test_connectors()), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "unknown connector 'shp'\n  hint: Did you mean 'shop'?\n");
}

}  // namespace
}  // namespace sluice
