// SPDX-License-Identifier: Apache-2.0
#include "connectors/http/http_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/http/http_client.h"

namespace sluice {

// tidy: a table
std::span<const Option<HttpSinkOptions>> HttpSinkOptions::options() {
  using O = Option<HttpSinkOptions>;
  static const auto kOptions = with_event_options<HttpSinkOptions>(
      {
          O{{.name = "url", .summary = "Where events are posted to, http or https.", .secret = true},
            &HttpSinkOptions::url},
          O{{.name = "headers.*",
             .summary = "Further headers of each request, such as headers.Authorization.",
             .secret = true},
            &HttpSinkOptions::headers},
          O{{.name = "signature.secret",
             .summary = "Key of the header Sluice-Signature: sha256= and the HMAC-SHA256 of the body in hexadecimal "
                        "digits. Without it requests are not signed.",
             .optional = true,
             .secret = true},
            &HttpSinkOptions::signature_secret},
          O{{.name = "batch.max-size", .summary = "Most events in a request.", .default_value = "200", .min = 1},
            &HttpSinkOptions::batch_events},
          O{{.name = "batch.max-bytes",
             .summary = "A request that would be larger is divided; a larger event goes alone.",
             .default_value = "1048576",
             .min = 1},
            &HttpSinkOptions::batch_bytes},
          O{{.name = "timeout",
             .summary = "How long an answer is waited for.",
             .default_value = "60s",
             .min = 1,
             .aliases = {"timeout.ms"}},
            &HttpSinkOptions::timeout},
          O{{.name = "retries",
             .summary = "How often a request that failed is sent again before the job begins again from where it "
                        "stands, which it does as often as it takes.",
             .default_value = "5",
             .min = 0},
            &HttpSinkOptions::retries},
          O{{.name = "retry.interval",
             .summary = "The pause before the first of these; the further ones are twice as long each, up to 30 s, "
                        "and as long as the receiver's Retry-After says, up to a minute.",
             .default_value = "1s",
             .min = 1,
             .aliases = {"retry.interval.ms"}},
            &HttpSinkOptions::retry_interval},
          O{{.name = "connections",
             .summary = "How many requests are under way at once. The events of a key stay in order; with 1, those of "
                        "all tables do.",
             .default_value = "1",
             .min = 1,
             .max = 64},
            &HttpSinkOptions::connections},
      },
      "false");
  return kOptions;
}

void HttpSinkOptions::check(const Settings& settings, Problems& problems) {
  check_events(settings, problems);
  if (const auto shown = shown_url(url); !url.empty() && !shown) {
    problems.error(settings.location, "url", shown.error().message(), "url: https://HOST[:PORT]/PATH");
  }
  if (signature_secret && signature_secret->empty()) {
    problems.error(settings.location, "signature.secret", "the secret is empty", "Leave it out, or give one.");
  }
  for (const auto& [name, value] : headers) {
    const bool broken = name.empty() || name.find_first_of(": \r\n") != std::string::npos ||
                        value.find_first_of("\r\n") != std::string::npos;
    if (!broken) continue;
    problems.error(settings.location, "headers." + name, "no header of a request", "headers.NAME: VALUE, in one line.");
  }
}

}  // namespace sluice
