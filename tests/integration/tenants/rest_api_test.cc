// SPDX-License-Identifier: Apache-2.0
// Tenants over HTTP, from the first unit to the last clone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Answer {
  int status = 0;
  json body;
  int code() const { return body.value("/error/code"_json_pointer, 0); }
  std::string message() const { return body.value("/error/message"_json_pointer, std::string()); }
};

class RestApiTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start({}, {"--rest", "0"}));
    const std::string options = read_file(tenants_.data() + "/rest.cnf");
    const size_t port = options.find("127.0.0.1:") + 10, bearer = options.find("Bearer ") + 7;
    port_ = std::atoi(options.c_str() + port);
    secret_ = options.substr(bearer, options.find('"', bearer) - bearer);
  }

  Answer ask(const std::string& method, const std::string& path, const json& body = nullptr) const {
    httplib::Client client("127.0.0.1", port_);
    client.set_read_timeout(120);
    httplib::Request request;
    request.method = method;
    request.path = "/v1" + path;
    request.set_header("Authorization", "Bearer " + secret_);
    if (!body.is_null()) {
      request.set_header("Content-Type", "application/json");
      request.body = body.dump();
    }
    const auto answer = client.send(request);
    if (!answer) return {0, json::object()};
    return {answer->status, json::parse(answer->body, nullptr, false)};
  }
  json must(const std::string& method, const std::string& path, const json& body = nullptr) const {
    const Answer answer = ask(method, path, body);
    EXPECT_EQ(answer.status, 200) << method << " " << path << " " << answer.body;
    return answer.body;
  }
  void refused(const std::string& method, const std::string& path, const json& body, int status, int code) const {
    const Answer answer = ask(method, path, body);
    EXPECT_EQ(answer.status, status) << method << " " << path << " " << answer.body;
    EXPECT_EQ(answer.code(), code) << method << " " << path << " " << answer.body;
  }

  Tenants tenants_;
  int port_ = 0;
  std::string secret_;
};

TEST_F(RestApiTest, a_tenant_is_made_cloned_and_dropped) {
  must("POST", "/units", {{"name", "small"}, {"max_cpu", 1}, {"min_cpu", 0.1}, {"memory_size", "128M"}});
  must("POST", "/pools", {{"name", "shop_pool"}, {"unit", "small"}});
  const json shop = must("POST", "/tenants", {{"name", "shop"}, {"pool", "shop_pool"}});
  EXPECT_EQ(shop["rows"][0]["TENANT_NAME"], "shop");
  must("PATCH", "/tenants/shop", {{"archivelog", true}});
  EXPECT_EQ(must("GET", "/tenants/shop")["rows"][0]["LOG_MODE"], "ARCHIVELOG");
  ASSERT_OK(tenants_.connect("shop")->execute(
      "CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY); INSERT INTO s.t VALUES (7)"));

  const json snapshot = must("POST", "/tenants/shop/snapshots", {{"name", "before"}});
  EXPECT_EQ(snapshot["rows"][0]["SNAPSHOT_NAME"], "before");
  ASSERT_OK(tenants_.connect("shop")->execute("INSERT INTO s.t VALUES (8)"));
  must("POST", "/tenants/shop/clones", {{"name", "old"}, {"unit", "small"}, {"snapshot", "before"}});
  EXPECT_EQ(tenants_.tenant_value("old", "SELECT GROUP_CONCAT(a) FROM s.t"), "7");
  const json job = must("POST", "/tenants/shop/clones", {{"name", "now"}, {"unit", "small"}, {"async", true}});
  const std::string id = job["rows"][0]["CLONE_JOB_ID"];
  ASSERT_TRUE(wait_until([&] { return !must("GET", "/clone-jobs/" + id)["rows"][0]["CLONE_FINISHED_TIME"].is_null(); },
                         std::chrono::seconds(60)));
  EXPECT_EQ(must("GET", "/clone-jobs?history=true")["rows"].size(), 2U);
  EXPECT_EQ(must("GET", "/views/DBA_OB_CLONE_PROGRESS")["rows"].size(), 0U);
  EXPECT_EQ(tenants_.tenant_value("now", "SELECT GROUP_CONCAT(a) FROM s.t"), "7,8");
  must("POST", "/tenants/now/activate");
  ASSERT_OK(tenants_.connect("now")->execute("INSERT INTO s.t VALUES (9)"));

  const json results = must("POST", "/sql", {{"sql", "SELECT 1, 1; SHOW SNAPSHOTS"}})["results"];
  EXPECT_EQ(results[0]["rows"], json::parse(R"([["1", "1"]])"));
  must("DELETE", "/tenants/shop/snapshots/before");
  for (const char* tenant : {"old", "now", "shop"}) must("DELETE", fmt::format("/tenants/{}?force=true", tenant));
  must("DELETE", "/pools/shop_pool");
  must("DELETE", "/units/small");
  tenants_.expect_nothing_left({});
  EXPECT_EQ(tenants_.server().stop(), 0);
}

TEST_F(RestApiTest, errors_have_the_numbers_of_the_statements) {
  must("POST", "/units", {{"name", "small"}, {"max_cpu", 1}, {"min_cpu", 0.1}, {"memory_size", "128M"}});
  refused("POST", "/units", {{"name", "small"}, {"max_cpu", 1}, {"memory_size", "128M"}}, 409, 4649);
  refused("POST", "/units", {{"name", "tiny"}, {"max_cpu", 1}, {"memory_size", "1M"}}, 400, 4659);
  refused("POST", "/units", {{"name", "huge"}, {"max_cpu", 1}, {"memory_size", "128M"}, {"colour", 1}}, 400, 1210);
  refused("POST", "/pools", {{"name", "p"}, {"unit", "none"}}, 404, 4648);
  refused("GET", "/tenants/none", nullptr, 404, 5160);
  refused("DELETE", "/tenants/none", nullptr, 404, 5160);
  refused("POST", "/tenants", {{"name", "a b"}, {"pool", "p"}}, 400, 1210);
  refused("POST", "/tenants/none/switchover", nullptr, 501, 1235);
  refused("DELETE", "/clone-jobs/17", nullptr, 409, 4179);
  refused("GET", "/clone-jobs/17", nullptr, 404, 1047);
  refused("GET", "/nothing", nullptr, 404, 1047);
  refused("POST", "/sql", {{"sql", "SELECT 1; CREATE NONSENSE"}}, 400, 1064);
  const Answer half = ask("POST", "/sql", {{"sql", "SELECT 1; DROP TENANT none"}});
  EXPECT_EQ(half.status, 404);
  EXPECT_EQ(half.body["results"].size(), 1U);
  // What is asked for in the middle of it is said with the statement that the request stands for.
  const Answer wrong = ask("POST", "/tenants", {{"name", "t"}, {"pool", "p"}, {"charset", "9"}});
  EXPECT_THAT(wrong.body["error"]["statement"], HasSubstr("CREATE TENANT 't'"));
}

TEST_F(RestApiTest, nobody_is_let_in_without_the_secret_that_its_owner_alone_can_read) {
  struct stat info{};
  ASSERT_EQ(::stat((tenants_.data() + "/rest.cnf").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0U);
  EXPECT_EQ(ask("GET", "/tenants").status, 200);
  const std::string secret = std::exchange(secret_, "guess");
  for (const std::string& guess : {std::string(), std::string("guess"), secret + "x", secret.substr(1)}) {
    secret_ = guess;
    refused("POST", "/sql", {{"sql", "SELECT 1"}}, 401, 1227);
    refused("GET", "/nothing", nullptr, 401, 1227);
  }
  httplib::Client stranger("127.0.0.1", port_);
  EXPECT_EQ(stranger.Get("/v1/tenants")->status, 401);
  EXPECT_EQ(tenants_.server().stop(), 0);
}

}  // namespace
}  // namespace sluice::support
