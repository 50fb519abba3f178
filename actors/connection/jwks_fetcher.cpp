#include "actors/connection/jwks_fetcher.hpp"

#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>
#include <utility>

namespace plexus::connection {

namespace {

const runtime::metrics::counter fetches{
    "plexus_jwks_fetches_total", "Fetches of client.token.jwks_url.", "result", {"ok", "failed"}};

constexpr long max_redirects = 3;

void init_curl_once() {
  static const bool done = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  static_cast<void>(done);
}

std::size_t take(char* bytes, std::size_t, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + count > jwks_fetcher::max_size) return 0; // ends the transfer
  body.append(bytes, count);
  return count;
}

struct fetched {
  std::string body;
  std::string fault; ///< empty: all is well
};

} // namespace

struct jwks_fetcher::parts {
  std::string url;
  std::shared_ptr<jwks_board> board = std::make_shared<jwks_board>();
  CURLM* multi = nullptr;
  std::thread thread;

  fetched fetch() const;
  void prepare(CURL* one, fetched& to, char* error) const;
  /// A sentence when it failed.
  std::string fetch_once() const;
  void run() const;
};

void jwks_fetcher::parts::prepare(CURL* one, fetched& to, char* error) const {
  ::curl_easy_setopt(one, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(one, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(one, CURLOPT_ERRORBUFFER, error);
  ::curl_easy_setopt(one, CURLOPT_TIMEOUT_MS, static_cast<long>(time_limit.count()));
  ::curl_easy_setopt(one, CURLOPT_MAXFILESIZE, static_cast<long>(max_size));
  ::curl_easy_setopt(one, CURLOPT_WRITEFUNCTION, &take);
  ::curl_easy_setopt(one, CURLOPT_WRITEDATA, &to.body);
  ::curl_easy_setopt(one, CURLOPT_USERAGENT, "plexus");
  ::curl_easy_setopt(one, CURLOPT_FOLLOWLOCATION, 1L);
  ::curl_easy_setopt(one, CURLOPT_MAXREDIRS, max_redirects);
  // What was asked for over TLS is never taken from anywhere without.
  ::curl_easy_setopt(one, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(one, CURLOPT_REDIR_PROTOCOLS_STR, url.starts_with("https://") ? "https" : "http,https");
  // OpenSSL's own variable, which curl's library doesn't look at: for a certificate authority of one's own.
  if (const char* authorities = std::getenv("SSL_CERT_FILE")) ::curl_easy_setopt(one, CURLOPT_CAINFO, authorities);
}

fetched jwks_fetcher::parts::fetch() const {
  fetched out;
  CURL* one = ::curl_easy_init();
  if (one == nullptr || multi == nullptr) {
    ::curl_easy_cleanup(one);
    out.fault = "libcurl could not be started";
    return out;
  }
  std::array<char, CURL_ERROR_SIZE> error{};
  prepare(one, out, error.data());
  ::curl_multi_add_handle(multi, one);
  int running = 1;
  while (running > 0 && !board->stopped()) {
    if (::curl_multi_perform(multi, &running) != CURLM_OK) break;
    if (running > 0) ::curl_multi_poll(multi, nullptr, 0, 1000, nullptr); // `stop` wakes it
  }
  auto result = CURLE_ABORTED_BY_CALLBACK;
  int left = 0;
  while (const auto* message = ::curl_multi_info_read(multi, &left))
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  long status = 0;
  ::curl_easy_getinfo(one, CURLINFO_RESPONSE_CODE, &status);
  ::curl_multi_remove_handle(multi, one);
  ::curl_easy_cleanup(one);
  if (result == CURLE_WRITE_ERROR || result == CURLE_FILESIZE_EXCEEDED)
    out.fault = "the answer is larger than " + std::to_string(max_size) + " bytes";
  else if (result != CURLE_OK)
    out.fault = error[0] != 0 ? error.data() : ::curl_easy_strerror(result);
  else if (status != 200)
    out.fault = "the answer has status " + std::to_string(status);
  return out;
}

std::string jwks_fetcher::parts::fetch_once() const {
  const auto number = board->begin();
  auto got = fetch();
  if (!got.fault.empty()) return got.fault;
  auto set = keys_of_jwks(got.body);
  if (!set.fault.empty()) return "the answer is " + set.fault;
  if (set.keys.empty()) runtime::log::warn("token", "the key set has no usable key");
  runtime::log::debug("token", "key set fetched", {{"keys", set.keys.size()}});
  board->succeeded(number, std::move(set.keys));
  return {};
}

void jwks_fetcher::parts::run() const {
  std::chrono::seconds retry = first_retry;
  for (bool failing = false;;) {
    const auto fault = fetch_once();
    if (board->stopped()) return;
    const auto now = jwks_board::clock::now();
    fetches.add(1, fault.empty() ? 0 : 1);
    if (fault.empty()) {
      if (std::exchange(failing, false)) runtime::log::info("token", "the key set can be fetched again");
      retry = first_retry;
      if (!board->wait(now + pause, now + every)) return;
      continue;
    }
    // One line for an outage, however long; the counter has each try.
    if (!std::exchange(failing, true))
      runtime::log::warn("token", "the key set can't be fetched; the keys there are stay", {{"error", fault}});
    if (!board->wait(now + retry, now + retry)) return;
    retry = std::min(2 * retry, longest_retry);
  }
}

jwks_fetcher::jwks_fetcher(std::string url) : parts_(std::make_unique<parts>()) {
  init_curl_once();
  parts_->url = std::move(url);
  parts_->multi = ::curl_multi_init();
  parts_->thread = std::thread([p = parts_.get()] { p->run(); });
}

jwks_fetcher::~jwks_fetcher() {
  stop();
  parts_->thread.join();
  ::curl_multi_cleanup(parts_->multi);
}

const std::string& jwks_fetcher::url() const noexcept {
  return parts_->url;
}

std::shared_ptr<jwks_board> jwks_fetcher::board() const noexcept {
  return parts_->board;
}

void jwks_fetcher::stop() {
  parts_->board->stop();
  if (parts_->multi != nullptr) ::curl_multi_wakeup(parts_->multi);
}

} // namespace plexus::connection
