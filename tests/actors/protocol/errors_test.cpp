#include "actors/protocol/errors.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

using namespace plexus::protocol;

namespace {

// The tests lie in tests/actors/protocol.
const std::filesystem::path docs = std::filesystem::path(__FILE__).parent_path() / "../../../docs";

} // namespace

TEST_CASE("every error code is in the table, in order and without holes") {
  REQUIRE(errors().size() == 14);
  std::uint16_t next = 100;
  for (const auto& e : errors()) {
    CHECK(static_cast<std::uint16_t>(e.code) == next++);
    CHECK_FALSE(e.name.empty());
    CHECK(&entry(e.code) == &e);
  }
}

TEST_CASE("only errors that pass by themselves are temporary") {
  std::set<error_code> temporary;
  for (const auto& e : errors())
    if (e.temporary) temporary.insert(e.code);
  CHECK(temporary ==
        std::set{error_code::internal, error_code::too_many_requests, error_code::concurrent_pagination});
}

TEST_CASE("clients read the standard sentences") {
  CHECK(entry(error_code::internal).name == "internal server error");
  CHECK(entry(error_code::permission_denied).name == "permission denied");
  CHECK(entry(error_code::unrecoverable_position).name == "unrecoverable position");
  CHECK(reason(disconnect_code::normal) == "connection closed");
  CHECK(reason(disconnect_code::bad_request) == "bad request");
  CHECK(reason(disconnect_code::force_no_reconnect) == "force disconnect");
  CHECK(reason(disconnect_code::too_many_errors) == "too many errors");
  CHECK(reason(unsubscribe_code::server) == "server unsubscribe");
  CHECK(reason(unsubscribe_code::insufficient) == "insufficient state");
  CHECK(reason(unsubscribe_code::expired) == "subscription expired");
}

TEST_CASE("a code that isn't in the table has an answer all the same") {
  CHECK(entry(static_cast<error_code>(99)).code == error_code::internal);
  CHECK(entry(static_cast<error_code>(4000)).code == error_code::internal);
  CHECK(reason(static_cast<disconnect_code>(4242)) == "connection closed");
}

TEST_CASE("every close code has its own reason and stands where clients expect it") {
  std::set<std::string_view> reasons;
  for (const auto& d : disconnects()) {
    const auto code = static_cast<unsigned>(d.code);
    CHECK(((code >= 3000 && code <= 3013) || (code >= 3500 && code <= 3509)));
    CHECK(reason(d.code) == d.reason);
    reasons.insert(d.reason);
  }
  CHECK(disconnects().size() == 21);
  CHECK(reasons.size() == disconnects().size());
}

// A row of the page begins with `| CODE |`; other rows that begin so are of WebSocket's codes, the back end's
// and HTTP.
TEST_CASE("the page for users lists the same codes" * doctest::skip(!std::filesystem::exists(docs))) {
  std::set<unsigned> known{2000, 2500, 2501};
  for (const auto& e : errors()) known.insert(static_cast<unsigned>(e.code));
  for (const auto& d : disconnects()) known.insert(static_cast<unsigned>(d.code));
  std::set<unsigned> written;
  std::ifstream in(docs / "what-happens-when.md");
  for (std::string line; std::getline(in, line);) {
    if (line.size() < 6 || line[0] != '|' || line.find_first_of("0123456789") != 2) continue;
    std::size_t digits = 0;
    const auto code = static_cast<unsigned>(std::stoul(line.substr(2), &digits));
    const bool alone = line.substr(2 + digits, 2) == " |";
    if (alone && (code < 1000 || code >= 2000)) written.insert(code);
  }
  CHECK(written == known);
}
