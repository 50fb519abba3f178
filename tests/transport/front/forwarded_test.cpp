#include "transport/front/forwarded.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::transport::front;

namespace {

const std::vector<config::ip_network> trusted{*config::parse_network("10.0.0.0/8"),
                                              *config::parse_network("fd00::/8")};

std::string client(const char* peer, const std::vector<std::string>& lists) {
  header_list headers{{"host", "x"}};
  for (auto& l : lists) headers.emplace_back("x-forwarded-for", l);
  headers.emplace_back("x-real-ip", "6.6.6.6"); // nobody's word
  return config::to_string(client_of(headers, *config::parse_address(peer), trusted));
}

} // namespace

TEST_CASE("the rightmost address that isn't a trusted proxy's is the client's") {
  CHECK(client("10.0.0.1", {"203.0.113.9"}) == "203.0.113.9");
  CHECK(client("10.0.0.1", {"203.0.113.9, 10.0.0.2"}) == "203.0.113.9");
  CHECK(client("10.0.0.1", {"6.6.6.6, 203.0.113.9,10.0.0.3 , 10.0.0.2"}) == "203.0.113.9");
  CHECK(client("fd00::1", {"2001:db8::9"}) == "2001:db8::9");
  CHECK(client("::ffff:10.0.0.1", {"203.0.113.9"}) == "203.0.113.9");
}

TEST_CASE("from anybody else the header is nothing") {
  CHECK(client("203.0.113.1", {"6.6.6.6"}) == "203.0.113.1");
}

TEST_CASE("several headers are one list") {
  CHECK(client("10.0.0.1", {"6.6.6.6", "203.0.113.9", "10.0.0.2"}) == "203.0.113.9");
  CHECK(client("10.0.0.1", {"203.0.113.9, 10.0.0.3", "10.0.0.2"}) == "203.0.113.9");
}

TEST_CASE("proxies all the way: the one furthest away") {
  CHECK(client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}) == "10.0.0.3");
  CHECK(client("10.0.0.1", {}) == "10.0.0.1");
}

TEST_CASE("what is no address ends the list") {
  CHECK(client("10.0.0.1", {"unknown"}) == "10.0.0.1");
  CHECK(client("10.0.0.1", {""}) == "10.0.0.1");
  CHECK(client("10.0.0.1", {"203.0.113.9, "}) == "10.0.0.1");
  CHECK(client("10.0.0.1", {"203.0.113.9, garbage, 10.0.0.2"}) == "10.0.0.2");
  CHECK(client("10.0.0.1", {"[2001:db8::9"}) == "10.0.0.1");
  CHECK(client("10.0.0.1", {"[2001:db8::9]x"}) == "10.0.0.1");
  CHECK(client("10.0.0.1", {std::string(10'000, ',')}) == "10.0.0.1");
}

TEST_CASE("ports are left out") {
  CHECK(client("10.0.0.1", {"203.0.113.9:4711"}) == "203.0.113.9");
  CHECK(client("10.0.0.1", {"[2001:db8::9]:4711"}) == "2001:db8::9");
  CHECK(client("10.0.0.1", {"[2001:db8::9]"}) == "2001:db8::9");
}
