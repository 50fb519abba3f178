#include "transport/asset.hpp"

#include <cstdint>

namespace plexus::transport {

asset describe_asset(std::string_view path, std::string_view content_type, std::string_view bytes) {
  // FNV-1a: a change of the file has to change the tag, nobody has to be kept from making two files with one tag.
  std::uint64_t hash = 14695981039346656037ULL;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string tag = "\"";
  for (int shift = 60; shift >= 0; shift -= 4) tag += "0123456789abcdef"[(hash >> shift) & 15];
  return {path, content_type, bytes, tag + '"'};
}

http::response answer_with(const asset& what, const http::request& to, std::string_view policy) {
  std::vector<std::pair<std::string, std::string>> headers{
      {"Cache-Control", "no-cache"}, {"ETag", what.tag}, {"Content-Security-Policy", std::string(policy)}};
  // Proxies that compress make the tag a weak one, W/"...": the part within is the same.
  const auto known = to.header("if-none-match");
  if (known == "*" || known.find(what.tag) != std::string_view::npos)
    return {304, std::string(what.content_type), {}, std::move(headers)};
  return {200, std::string(what.content_type), std::string(what.bytes), std::move(headers)};
}

} // namespace plexus::transport
