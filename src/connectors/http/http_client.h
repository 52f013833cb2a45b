// SPDX-License-Identifier: Apache-2.0
// POST over one connection that is kept (libcurl). Used by one thread at a time.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"

namespace sluice {

struct HttpAnswer {
  long status = 0;
  std::optional<std::chrono::seconds> retry_after;
};

// The URL without user, password and query, for messages. kConfig if it is none, or neither http nor https.
Result<std::string> shown_url(const std::string& url);

class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> open(const std::string& url, std::chrono::milliseconds timeout);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // One attempt; `headers` are whole lines. Redirects are not followed.
  Result<HttpAnswer> post(Context& context, std::string_view body, const std::vector<std::string>& headers);
  const std::string& shown() const { return shown_; }

 private:
  HttpClient() = default;
  static int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  static size_t drop(char*, size_t size, size_t count, void*) { return size * count; }

  CURL* handle_ = nullptr;
  std::string url_;
  std::string shown_;
  char problem_[CURL_ERROR_SIZE] = {};
};

}  // namespace sluice
