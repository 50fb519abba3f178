#include "transport/http/handshake.hpp"

#include "actors/connection/token.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace plexus::transport::http {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::vector<std::string> tokens(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (!one.empty()) out.emplace_back(one);
  }
  return out;
}

bool lists(std::string_view header, std::string_view wanted) {
  auto all = tokens(lower(header));
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

} // namespace

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded{};
  auto length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

std::string handshake_fault(const request& what, bool& wrong_version) {
  wrong_version = false;
  if (!lists(what.header("upgrade"), "websocket") || !lists(what.header("connection"), "upgrade"))
    return "This path speaks WebSocket: connect with a WebSocket client.";
  if (what.header("sec-websocket-version") != "13") {
    wrong_version = true;
    return "Only WebSocket version 13 is spoken here.";
  }
  auto key = what.header("sec-websocket-key");
  auto base64 = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/'; };
  if (key.size() != 24 || !key.ends_with("==") || !std::all_of(key.begin(), key.end() - 2, base64))
    return "Sec-WebSocket-Key must be 16 bytes in base64.";
  return {};
}

agreement agree(std::string_view offered, std::string_view format) {
  for (auto& one : tokens(offered)) {
    if (one == "centrifuge-json") return {std::move(one), protocol::format::json};
    if (one == "centrifuge-protobuf") return {std::move(one), protocol::format::protobuf};
  }
  return {{}, format == "protobuf" ? protocol::format::protobuf : protocol::format::json};
}

bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& allowed) {
  if (origin.empty()) return true;
  auto page = lower(origin);
  std::string_view page_host = page;
  if (auto scheme = page_host.find("://"); scheme != std::string_view::npos) page_host.remove_prefix(scheme + 3);
  if (allowed.empty()) return page_host == lower(host);
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& pattern) {
    auto wanted = lower(pattern);
    auto against = wanted.find("://") == std::string::npos ? page_host : std::string_view(page);
    return connection::glob_match(wanted, against);
  });
}

} // namespace plexus::transport::http
