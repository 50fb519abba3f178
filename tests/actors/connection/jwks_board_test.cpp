#include "actors/connection/jwks_board.hpp"

#include "tests/actors/connection/keys.hpp"

#include <thread>

using namespace plexus::connection;
using namespace plexus::test;
using namespace std::chrono_literals;

namespace {

const jwks_board::clock::time_point start{};

/// True when somebody asked for a fetch.
bool is_wanted(jwks_board& board) {
  const auto before = jwks_board::clock::now();
  CHECK(board.wait(before, before + 20ms));
  return jwks_board::clock::now() < before + 20ms;
}

} // namespace

TEST_CASE("before the first fetch there are no keys, and asking for them wants one") {
  jwks_board board;
  CHECK_FALSE(is_wanted(board));
  CHECK(board.keys() == nullptr);
  CHECK(is_wanted(board));
  board.succeeded(board.begin(), {});
  REQUIRE(board.keys() != nullptr);
  CHECK(board.keys()->empty());
  CHECK_FALSE(is_wanted(board));
}

TEST_CASE("an unknown id is undecided until a fetch that began afterwards has succeeded") {
  jwks_board board;
  board.succeeded(board.begin(), {});
  const auto under_way = board.begin();
  CHECK(board.undecided("k", start));
  CHECK(is_wanted(board));
  board.succeeded(under_way, {}); // it may have been answered before the key was there
  CHECK(board.undecided("k", start + 1s));
  board.begin(); // one that fails
  CHECK(board.undecided("k", start + 2s));
  board.succeeded(board.begin(), {});
  CHECK_FALSE(board.undecided("k", start + 3s));
  CHECK_FALSE(is_wanted(board));
}

TEST_CASE("an id that turned out unknown is worth another fetch after a while") {
  jwks_board board;
  CHECK(board.undecided("k", start));
  board.succeeded(board.begin(), {});
  CHECK_FALSE(board.undecided("k", start + jwks_board::unknown_for - 1s));
  CHECK(board.undecided("k", start + jwks_board::unknown_for));
}

TEST_CASE("made-up ids take bounded room") {
  jwks_board board;
  for (std::size_t i = 0; i < 10 * jwks_board::max_unknown; ++i) CHECK(board.undecided(std::to_string(i), start));
  board.succeeded(board.begin(), {});
  std::size_t remembered = 0;
  for (std::size_t i = 0; i < 10 * jwks_board::max_unknown; ++i)
    if (!board.undecided(std::to_string(i), start)) ++remembered;
  CHECK(remembered <= jwks_board::max_unknown);
}

TEST_CASE("a set without a key drops it") {
  jwks_board board;
  const auto key = ed25519_key();
  board.succeeded(board.begin(), keys_of_jwks(key_set(jwk(key, "a"))).keys);
  CHECK(board.keys()->size() == 1);
  board.succeeded(board.begin(), keys_of_jwks(key_set("")).keys);
  CHECK(board.keys()->empty());
}

TEST_CASE("waiting ends when stopped") {
  jwks_board board;
  std::thread waits([&] {
    const auto never = jwks_board::clock::now() + 1h;
    CHECK_FALSE(board.wait(never, never));
  });
  board.stop();
  waits.join();
  CHECK(board.stopped());
}
