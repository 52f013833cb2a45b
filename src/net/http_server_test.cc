// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <gmock/gmock.h>
#include <httplib.h>

namespace sluice {
namespace {

HttpReply greeting(const HttpRequest&) { return {.content_type = "text/plain", .body = "hello"}; }

TEST(HttpServerTest, a_handler_of_everything_gets_what_was_asked_and_says_the_status) {
  auto server = HttpServer::start(
      "0",
      [](const HttpRequest& request) {
        const auto flag = request.query.find("flag");
        return HttpReply{.content_type = "text/plain",
                         .body = request.method + " " + request.path + " " + request.authorization + " " +
                                 (flag == request.query.end() ? "none" : flag->second) + " " + request.body,
                         .status = 418};
      },
      2);
  ASSERT_TRUE(server) << server.error().message();
  httplib::Client client("127.0.0.1", (*server)->port());
  const auto got = client.Get("/a%20b/c?flag=x", {{"Authorization", "me"}});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 418);
  EXPECT_EQ(got->body, "GET /a b/c me x ");
  EXPECT_EQ(client.Patch("/p?flag=x", "{\"y\":1}", "application/json")->body, "PATCH /p  none {\"y\":1}");
  EXPECT_EQ(client.Post("/p", std::string((size_t{1} << 20) + 1, 'x'), "text/plain")->status, 413);
}

TEST(HttpServerTest, requests_to_other_names_than_loopback_are_refused) {
  auto server = HttpServer::start("0", greeting, 1);
  ASSERT_TRUE(server) << server.error().message();
  httplib::Client client("127.0.0.1", (*server)->port());
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:1", "127.1.2.3", "localhost", "LocalHost:9400", "[::1]", "[::1]:1"}) {
    const auto got = client.Post("/", {{"Host", host}}, "{}", "application/json");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 200) << host;
  }
  for (const char* host : {"example.org", "example.org:9400", "127.example.org", "127.0.0.1.example.org", "10.0.0.1",
                           "localhost.example.org", "[::2]:1", "localhost:1:1", "[::1", ":1"}) {
    const auto got = client.Post("/", {{"Host", host}}, "{}", "application/json");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 403) << host;
    EXPECT_THAT(got->body, testing::HasSubstr("Host"));
  }
}

TEST(HttpServerTest, a_port_in_use_is_an_error) {
  auto first = HttpServer::start("127.0.0.1:0", greeting, 1);
  ASSERT_TRUE(first);
  const auto second = HttpServer::start("127.0.0.1:" + std::to_string((*first)->port()), greeting, 1);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), testing::HasSubstr("cannot listen at 127.0.0.1:"));
}

TEST(HttpServerTest, other_addresses_than_loopback_are_refused) {
  for (const char* address : {"0.0.0.0:80", "example.org:80", "[::]:80"}) {
    const auto server = HttpServer::start(address, greeting, 1);
    ASSERT_FALSE(server) << address;
    EXPECT_THAT(server.error().message(), testing::HasSubstr("is not a loopback address"));
  }
  for (const char* address : {"", "x", "1:2:x", "127.0.0.1:", "70000", "-1"}) {
    EXPECT_FALSE(HttpServer::start(address, greeting, 1)) << address;
  }
}

}  // namespace
}  // namespace sluice
