// SPDX-License-Identifier: Apache-2.0
#include "connectors/http/http_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/http/http_connector.h"

namespace sluice {
namespace {

// RFC 4231, test case 2.
TEST(HttpSignatureTest, is_the_hmac_of_the_body) {
  EXPECT_EQ(http_signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(ShownUrlTest, leaves_out_what_may_be_secret) {
  EXPECT_EQ(*shown_url("https://me:secret@host:8443/hooks/token?token=x#y"), "https://host:8443");
  EXPECT_EQ(*shown_url("http://[::1]/a"), "http://[::1]");
  EXPECT_FALSE(shown_url("ftp://host/"));
  EXPECT_FALSE(shown_url("host name"));
}

TEST(HttpConnectorTest, names_the_mistakes_in_its_options) {
  Problems problems;
  const Settings settings{{},
                          {{"url", "file:///etc/passwd", {}, false},
                           {"headers.X", "a\nb", {}, false},
                           {"batch.max-size", "0", {}, false},
                           {"signature.secret", "", {}, false}}};
  EXPECT_EQ(http_connector().make_sink(settings, problems), nullptr);
  EXPECT_THAT(problems.text(),
              testing::AllOf(testing::HasSubstr("neither http nor https"), testing::HasSubstr("headers.X"),
                             testing::HasSubstr("batch.max-size"), testing::HasSubstr("the secret is empty")));
}

}  // namespace
}  // namespace sluice
