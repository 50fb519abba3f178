#include "config/schema.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace plexus::config;

namespace {

// The tests lie in tests/config.
const std::filesystem::path page =
    std::filesystem::path(__FILE__).parent_path() / "../../docs/what-happens-when.md";

/// Whether something happens to somebody when the key's value is reached. By name: a new limit is called like
/// these.
bool is_limit(std::string_view path) {
  const auto name = path.substr(path.rfind('.') + 1);
  if (name == "lease" || name == "hold" || name == "burst" || name.starts_with("max_")) return true;
  for (const auto* of : {"_timeout", "_interval", "_delay", "_grace", "_ttl", "_size"})
    if (name.ends_with(of)) return true;
  return name.find("_per_second") != std::string_view::npos;
}

std::vector<std::string> limits() {
  std::vector<std::string> all;
  for (const auto& k : keys())
    if (is_limit(k.path) && !k.path.starts_with("channels.default.")) all.push_back(k.path);
  for (const auto& o : options())
    if (is_limit(o.path)) all.push_back(o.path);
  return all;
}

} // namespace

TEST_CASE("limits are told from other keys by their names") {
  CHECK(is_limit("client.max_channels"));
  CHECK(is_limit("listen.connects_per_second_per_address"));
  CHECK(is_limit("history_ttl"));
  CHECK_FALSE(is_limit("client.insecure"));
  CHECK_FALSE(is_limit("node.name"));
  CHECK(limits().size() > 25);
}

TEST_CASE("the page for users says of every limit what happens at it" *
          doctest::skip(!std::filesystem::exists(page))) {
  std::ifstream in(page);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto from = text.find("\n## Limits\n");
  REQUIRE(from != std::string::npos);
  text = text.substr(from, text.find("\n## ", from + 1) - from);
  for (const auto& path : limits()) CHECK_MESSAGE(text.find("`" + path + "`") != std::string::npos, path);
}
