// SPDX-License-Identifier: Apache-2.0
#include "connectors/http/http_client.h"

#include <fmt/format.h>

namespace sluice {
namespace {

constexpr long kConnectTimeoutMs = 10'000;

struct UrlDelete {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct ListDelete {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct TextDelete {
  void operator()(char* text) const { curl_free(text); }
};
using Text = std::unique_ptr<char, TextDelete>;

bool start_library() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

}  // namespace

Result<std::string> shown_url(const std::string& url) {
  const std::unique_ptr<CURLU, UrlDelete> parsed(curl_url());
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0);
  if (code != CURLUE_OK) return Error(ErrorCode::kConfig, fmt::format("no URL: {}", curl_url_strerror(code)));
  const auto take = [&](CURLUPart part) {
    char* text = nullptr;
    return curl_url_get(parsed.get(), part, &text, 0) == CURLUE_OK ? Text(text) : Text();
  };
  const Text scheme = take(CURLUPART_SCHEME);
  const std::string_view name = scheme ? std::string_view(scheme.get()) : std::string_view();
  if (name != "http" && name != "https") return Error(ErrorCode::kConfig, "the URL is neither http nor https");
  const Text host = take(CURLUPART_HOST);
  const Text port = take(CURLUPART_PORT);
  return fmt::format("{}://{}{}{}", name, host ? host.get() : "", port ? ":" : "", port ? port.get() : "");
}

Result<std::unique_ptr<HttpClient>> HttpClient::open(const std::string& url, std::chrono::milliseconds timeout) {
  if (!start_library()) return Error(ErrorCode::kInternal, "libcurl cannot be used");
  std::unique_ptr<HttpClient> client(new HttpClient());
  ASSIGN_OR_RETURN(client->shown_, shown_url(url));
  client->url_ = url;
  client->handle_ = curl_easy_init();
  if (client->handle_ == nullptr) return Error(ErrorCode::kInternal, "libcurl cannot be used");
  CURL* const handle = client->handle_;
  curl_easy_setopt(handle, CURLOPT_URL, client->url_.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "sluice");
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, client->problem_);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  return client;
}

HttpClient::~HttpClient() {
  if (handle_ != nullptr) curl_easy_cleanup(handle_);
}

// Called at least once a second.
int HttpClient::on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Context*>(context)->stop_requested() ? 1 : 0;
}

Result<HttpAnswer> HttpClient::post(Context& context, std::string_view body, const std::vector<std::string>& headers) {
  std::unique_ptr<curl_slist, ListDelete> lines;
  const auto add = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(lines.get(), line.c_str());
    lines.release();
    lines.reset(longer);
  };
  for (const std::string& header : headers) add(header);
  add("Expect:");  // no wait for the receiver's consent before the body
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, lines.get());
  curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle_, CURLOPT_XFERINFODATA, &context);
  problem_[0] = '\0';
  const CURLcode code = curl_easy_perform(handle_);
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, nullptr);
  if (code == CURLE_ABORTED_BY_CALLBACK) return Error(ErrorCode::kStopped, "stopped while sending to " + shown_);
  if (code != CURLE_OK) {
    return Error(ErrorCode::kConnect,
                 fmt::format("sending to {}: {}", shown_, problem_[0] != '\0' ? problem_ : curl_easy_strerror(code)));
  }
  HttpAnswer answer;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t wait = 0;
  if (curl_easy_getinfo(handle_, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
    answer.retry_after = std::chrono::seconds(wait);
  }
  return answer;
}

}  // namespace sluice
