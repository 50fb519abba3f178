#include "actors/node/health_command.hpp"

#include "actors/node/address_text.hpp"

#include <curl/curl.h>

#include <memory>

namespace plexus::node {

namespace {

std::size_t append(char* data, std::size_t, std::size_t size, void* to) {
  static_cast<std::string*>(to)->append(data, size);
  return size;
}

/// Where a node that listens on `address` can be reached from its own machine.
std::string reachable(const std::string& address) {
  if (address == "0.0.0.0" || address == "localhost") return "127.0.0.1";
  if (address == "::") return "[::1]";
  return before_port(address);
}

} // namespace

health_answer ask_health(const config::settings& of, bool ready, std::chrono::milliseconds timeout) {
  const auto internal = of.internal.on();
  const auto port = internal ? of.internal.port : of.listen.port;
  if (port == 0) return {false, "the port is 0, so only the kernel knows which one the node has"};
  const auto tls = !internal && !of.listen.tls_certificate.empty();
  const auto url = (tls ? "https://" : "http://") + reachable(internal ? of.internal.address : of.listen.address) +
                   ":" + std::to_string(port) + (ready ? "/health/ready" : "/health/live");
  std::unique_ptr<CURL, void (*)(CURL*)> one(::curl_easy_init(), ::curl_easy_cleanup);
  if (!one) return {false, "libcurl can't be used"};
  health_answer out;
  ::curl_easy_setopt(one.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(one.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  ::curl_easy_setopt(one.get(), CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(one.get(), CURLOPT_PROXY, "");
  ::curl_easy_setopt(one.get(), CURLOPT_WRITEFUNCTION, append);
  ::curl_easy_setopt(one.get(), CURLOPT_WRITEDATA, &out.said);
  // It is this machine's own node, by whatever name its certificate is.
  ::curl_easy_setopt(one.get(), CURLOPT_SSL_VERIFYPEER, 0L);
  ::curl_easy_setopt(one.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  // This machine may be among the trusted proxies; from others a header would be no HTTP.
  auto asked = [&](bool with_header) {
    out.said.clear();
    ::curl_easy_setopt(one.get(), CURLOPT_HAPROXYPROTOCOL, with_header ? 1L : 0L);
    return ::curl_easy_perform(one.get());
  };
  auto failed = asked(false);
  if (failed && !internal && of.listen.proxy_protocol) failed = asked(true);
  if (failed) {
    out.said = ::curl_easy_strerror(failed);
    return out;
  }
  long status = 0;
  ::curl_easy_getinfo(one.get(), CURLINFO_RESPONSE_CODE, &status);
  out.good = status == 200;
  return out;
}

} // namespace plexus::node
