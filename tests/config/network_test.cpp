#include "config/network.hpp"
#include "tests/config/fixture.hpp"

#include <doctest/doctest.h>

using namespace plexus::config;
using namespace plexus::config::testing;

namespace {

bool in(const char* network, const char* address) {
  const auto n = parse_network(network);
  const auto a = parse_address(address);
  REQUIRE(n);
  REQUIRE(a);
  return n->contains(*a);
}

} // namespace

TEST_CASE("addresses are read and written back in their usual form") {
  for (const auto* text : {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "2001:db8::a:1", "fe80::1"})
    CHECK(to_string(parse_address(text).value()) == text);
  CHECK(to_string(parse_address("2001:0DB8:0:0::1").value()) == "2001:db8::1");
  CHECK(to_string(parse_address("::ffff:10.1.2.3").value()) == "10.1.2.3");
  CHECK(parse_address("::ffff:10.1.2.3") == parse_address("10.1.2.3"));
}

TEST_CASE("what is no address is none") {
  for (const auto* text : {"", " ", "localhost", "10.0.0", "10.0.0.256", "10.0.0.1 ", "010.0.0.1.5", "1:2",
                           ":::", "fe80::1%eth0", "[::1]", "10.0.0.1:80", "10.0.0.1/8", "unknown"}) {
    CAPTURE(text);
    CHECK(!parse_address(text));
  }
  CHECK(!parse_address(std::string_view("10.0.0.1\0x", 10)));
  CHECK(!parse_address(std::string(500, '1')));
}

TEST_CASE("a network has the addresses of its prefix") {
  CHECK(in("10.0.0.0/8", "10.255.1.2"));
  CHECK(!in("10.0.0.0/8", "11.0.0.0"));
  CHECK(in("192.0.2.128/25", "192.0.2.128"));
  CHECK(!in("192.0.2.128/25", "192.0.2.127"));
  CHECK(in("192.0.2.7", "192.0.2.7"));
  CHECK(!in("192.0.2.7", "192.0.2.8"));
  CHECK(in("192.0.2.7/32", "192.0.2.7"));
  CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK(!in("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(in("::1", "::1"));
}

TEST_CASE("IPv4 in its IPv6 form is the same client") {
  CHECK(in("10.0.0.0/8", "::ffff:10.9.9.9"));
  CHECK(in("::ffff:10.0.0.0/104", "10.9.9.9"));
  CHECK(in("0.0.0.0/0", "203.0.113.1"));
  CHECK(!in("0.0.0.0/0", "2001:db8::1"));
  CHECK(in("::/0", "2001:db8::1"));
  CHECK(in("::/0", "203.0.113.1"));
}

TEST_CASE("a network with bits behind its prefix, or no network at all, is refused") {
  for (const auto* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/8/8",
                           "2001:db8::1/32", "::/129", "10.*", "", "/8", "example.com", "10.0.0.0/ 8"}) {
    CAPTURE(text);
    CHECK(!parse_network(text));
  }
}

TEST_CASE("a fault names the key, what stands there and what could") {
  CHECK(
      faults_of(R"({"listen":{"trusted_proxies":["10.0.0.0/8","10.0.0.1/8"]}})") ==
      lines{
          R"(plexus.json: listen.trusted_proxies: found ["10.0.0.0/8","10.0.0.1/8"], expected a list of networks )"
          R"(such as ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"], no bit set behind the prefix)"});
  CHECK(faults_of("", {}, {"listen.trusted_proxies=10.0.0.0/8"}).size() == 1);
  CHECK(faults_of("", {}, {R"(listen.trusted_proxies=["::1","10.0.0.0/8"])"}).empty());
}
