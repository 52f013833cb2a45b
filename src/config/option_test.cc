// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;

struct ShopOptions {
  std::string hostname;
  int64_t port = 0;
  std::string password;
  std::string mode;
  milliseconds heartbeat{0};
  bool evolve = false;
  double factor = 0;
  std::optional<int64_t> limit;
  std::vector<std::string> metadata;
  std::map<std::string, std::string> properties;

  static std::span<const Option<ShopOptions>> options() {
    using O = Option<ShopOptions>;
    static const O kOptions[] = {
        {{.name = "hostname", .summary = "Server to read from."}, &ShopOptions::hostname},
        {{.name = "port",
          .summary = "TCP port.",
          .default_value = "3306",
          .min = 1,
          .max = 65535,
          .aliases = {"tcp-port"}},
         &ShopOptions::port},
        {{.name = "password", .summary = "Password of the user.", .secret = true}, &ShopOptions::password},
        {{.name = "mode",
          .summary = "Where to begin.",
          .default_value = "initial",
          .allowed = {"initial", "latest-offset"}},
         &ShopOptions::mode},
        {{.name = "heartbeat.interval", .summary = "Pause.", .default_value = "30 s", .min = 10},
         &ShopOptions::heartbeat},
        {{.name = "evolve", .summary = "Follow changes.", .default_value = "true"}, &ShopOptions::evolve},
        {{.name = "factor", .summary = "Factor.", .default_value = "0.05", .min = 0}, &ShopOptions::factor},
        {{.name = "limit", .summary = "Limit.", .optional = true}, &ShopOptions::limit},
        {{.name = "metadata.list", .summary = "Columns.", .optional = true, .allowed = {"op_ts", "ts"}},
         &ShopOptions::metadata},
        {{.name = "jdbc.properties.*", .summary = "Passed on."}, &ShopOptions::properties},
        {{.name = "fetch.size", .summary = "Rows.", .ignored_because = "Rows are streamed."}, std::monostate()},
    };
    return kOptions;
  }
};

struct Parsed {
  ShopOptions options;
  Problems problems;
};

Parsed parse(std::vector<std::pair<std::string, std::string>> given, bool complete = true) {
  Settings settings{{"shop.yaml", 2}, {}};
  int line = 3;
  if (complete) {
    settings.entries.push_back({"hostname", "db", {"shop.yaml", 1}});
    settings.entries.push_back({"password", "secret!", {"shop.yaml", 1}});
  }
  for (auto& [key, value] : given) settings.entries.push_back({key, value, {"shop.yaml", line++}});
  Parsed parsed;
  parsed.options = parse_options<ShopOptions>(settings, "shop source", parsed.problems);
  return parsed;
}

std::string mistakes(std::vector<std::pair<std::string, std::string>> given) {
  return parse(std::move(given)).problems.text();
}

TEST(OptionTest, fills_members_and_defaults) {
  const auto parsed = parse({{"tcp-port", "13306"},
                             {"mode", "LATEST-offset"},
                             {"limit", "5"},
                             {"metadata.list", "op_ts, TS"},
                             {"evolve", "False"},
                             {"jdbc.properties.useSSL", "no"}});
  EXPECT_EQ(parsed.problems.text(), "");
  EXPECT_EQ(parsed.options.hostname, "db");
  EXPECT_EQ(parsed.options.port, 13306);
  EXPECT_EQ(parsed.options.mode, "latest-offset");
  EXPECT_EQ(parsed.options.heartbeat, milliseconds(30000));
  EXPECT_EQ(parsed.options.factor, 0.05);
  EXPECT_EQ(parsed.options.limit, 5);
  EXPECT_FALSE(parsed.options.evolve);
  EXPECT_EQ(parsed.options.metadata, (std::vector<std::string>{"op_ts", "ts"}));
  EXPECT_EQ(parsed.options.properties, (std::map<std::string, std::string>{{"useSSL", "no"}}));
}

TEST(OptionTest, reports_every_mistake_and_not_only_the_first) {
  EXPECT_EQ(mistakes({{"hostnme", "x"}, {"port", "33o6"}, {"mode", "lastest-offset"}, {"evolve", "yes"}}),
            "shop.yaml:3: unknown option 'hostnme' of shop source\n  hint: Did you mean 'hostname'?\n"
            "shop.yaml:4: option 'port': '33o6' is not a whole number\n"
            "  hint: Write digits only, without unit or separator.\n"
            "shop.yaml:5: option 'mode': 'lastest-offset' is not one of the possible values\n"
            "  hint: Did you mean 'latest-offset'? Possible are initial or latest-offset.\n"
            "shop.yaml:6: option 'evolve': 'yes' is not a truth value\n  hint: Write true or false.\n");
}

TEST(OptionTest, reports_missing_required_options_at_the_block) {
  EXPECT_EQ(parse({}, false).problems.text(),
            "shop.yaml:2: required option 'hostname' of shop source is missing\n"
            "  hint: Add 'hostname': Server to read from.\n"
            "shop.yaml:2: required option 'password' of shop source is missing\n"
            "  hint: Add 'password': Password of the user.\n");
}

TEST(OptionTest, an_empty_password_is_a_password_and_an_empty_host_is_none) {
  Settings settings{{"a", 1}, {{"hostname", "", {"a", 2}}, {"password", "", {"a", 3}}}};
  Problems problems;
  parse_options<ShopOptions>(settings, "", problems);
  EXPECT_EQ(problems.text(), "a:2: option 'hostname' is empty\n  hint: Give it a value: Server to read from.\n");
}

TEST(OptionTest, reports_ranges) {
  EXPECT_EQ(mistakes({{"port", "0"}}),
            "shop.yaml:3: option 'port': '0' is out of range\n  hint: Use a value from 1 to 65535.\n");
  EXPECT_EQ(mistakes({{"heartbeat.interval", "9ms"}}),
            "shop.yaml:3: option 'heartbeat.interval': '9ms' is too small\n  hint: Use at least 10ms.\n");
  EXPECT_EQ(mistakes({{"factor", "-0.5"}}),
            "shop.yaml:3: option 'factor': '-0.5' is too small\n  hint: Use at least 0.\n");
  EXPECT_EQ(mistakes({{"port", "99999999999999999999"}}),
            "shop.yaml:3: option 'port': '99999999999999999999' does not fit into 64 bits\n"
            "  hint: Use a smaller number.\n");
}

TEST(OptionTest, reports_repeated_options_also_under_an_alias) {
  EXPECT_EQ(mistakes({{"port", "1"}, {"port", "2"}}),
            "shop.yaml:4: option 'port' is given twice, first in line 3\n  hint: Keep one of the two.\n");
  EXPECT_EQ(mistakes({{"port", "1"}, {"tcp-port", "2"}}),
            "shop.yaml:4: option 'tcp-port' is another name of 'port', which is given in line 3 too\n"
            "  hint: Keep one of the two.\n");
  EXPECT_EQ(mistakes({{"jdbc.properties.a", "1"}, {"jdbc.properties.b", "2"}}), "");
}

TEST(OptionTest, warns_of_an_option_without_effect) {
  const auto parsed = parse({{"fetch.size", "1024"}});
  EXPECT_FALSE(parsed.problems.has_errors());
  EXPECT_EQ(parsed.problems.text(),
            "shop.yaml:3: warning: option 'fetch.size' has no effect\n  hint: Rows are streamed.\n");
}

TEST(OptionTest, never_shows_a_value_that_is_secret_or_came_by_reference) {
  OptionInfo pin{.name = "pin", .summary = "Pin.", .secret = true};
  Problems problems;
  int64_t number = 0;
  EXPECT_FALSE(convert_option(pin, {"pin", "hunter2", {}}, problems, number));
  pin.secret = false;
  EXPECT_FALSE(convert_option(pin, {"pin", "hunter2", {}, true}, problems, number));
  pin.allowed = {"hunter3"};
  std::string text;
  EXPECT_FALSE(convert_option(pin, {"pin", "hunter2", {}, true}, problems, text));
  EXPECT_EQ(problems.all().size(), 3u);
  EXPECT_EQ(problems.text().find("hunter2"), std::string::npos);
  EXPECT_EQ(problems.text().find("Did you mean"), std::string::npos);
}

TEST(OptionTest, durations_are_read_as_flink_and_iso_write_them) {
  const std::pair<const char*, int64_t> good[] = {
      {"30 s", 30000},       {"2 min", 120000},    {"PT30S", 30000},     {"1h", 3600000}, {"100ms", 100}, {"250", 250},
      {"3 minutes", 180000}, {"1 d", 86400000},    {"P1DT1H", 90000000}, {"pt0.5s", 500}, {"2000us", 2},  {"0", 0},
      {"1 Second", 1000},    {"PT1H30M", 5400000}, {" 5 sec ", 5000},
  };
  for (const auto& [text, expected] : good) {
    Problems problems;
    milliseconds value{-1};
    EXPECT_TRUE(convert_option({.name = "t"}, {"t", text, {}}, problems, value)) << text << problems.text();
    EXPECT_EQ(value.count(), expected) << text;
  }
  for (const char* text : {"", "s", "-1s", "1 parsec", "1.5s", "PT", "P", "PT1D", "PT1S1M", "P1H", "1h 30m", "1500us",
                           "99999999999999999999d", "PT1.S", "PT1.5M", "msec"}) {
    Problems problems;
    milliseconds value{-1};
    EXPECT_FALSE(convert_option({.name = "t"}, {"t", text, {}}, problems, value)) << text;
    EXPECT_TRUE(problems.has_errors()) << text;
    EXPECT_EQ(value.count(), -1) << text;
  }
}

TEST(OptionTest, numbers_that_are_not_finite_are_refused) {
  for (const char* text : {"nan", "inf", "", "1,5", "0x10"}) {
    Problems problems;
    double value = 0;
    EXPECT_FALSE(convert_option({.name = "t"}, {"t", text, {}}, problems, value)) << text;
  }
}

TEST(OptionTest, lists_split_at_commas_that_are_not_escaped) {
  EXPECT_EQ(split_list(" a, b\\,c ,,d\\.e "), (std::vector<std::string>{"a", "b,c", "d\\.e"}));
  EXPECT_EQ(split_list(""), std::vector<std::string>());
}

TEST(OptionTest, help_names_the_kind_of_each_option) {
  const auto rows = option_help<ShopOptions>();
  ASSERT_EQ(rows.size(), 11u);
  EXPECT_EQ(rows[1].type, "integer");
  EXPECT_EQ(rows[4].type, "duration");
  EXPECT_EQ(rows[9].type, "map");
  EXPECT_EQ(rows[10].type, "ignored");
}

}  // namespace
}  // namespace sluice
