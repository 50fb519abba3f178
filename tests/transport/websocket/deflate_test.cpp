#include "transport/websocket/deflate.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace plexus::transport::websocket;
using namespace std::string_literals;

namespace {

const std::string plain_answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

std::string answer_to(std::string_view offered) {
  auto got = agree_on_deflate(offered);
  CHECK_FALSE(got.malformed);
  CHECK((got.window != 0) == !got.answer.empty());
  return got.answer;
}

/// Bytes that repeat nothing.
std::string noise(std::size_t size) {
  std::string out(size, '\0');
  std::uint64_t state = size + 1;
  for (auto& c : out) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    c = static_cast<char>(state >> 56U);
  }
  return out;
}

std::string words(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; out.size() < size; ++i)
    out += "{\"number\":" + std::to_string(i * 7919) + ",\"text\":\"hello\"}";
  out.resize(size);
  return out;
}

std::string deflated(std::string_view message, window_bits bits = full_window) {
  std::string out = "before";
  REQUIRE(deflate_message(out, message, bits));
  REQUIRE(out.starts_with("before"));
  return out.substr(6);
}

inflated inflate(std::string& out, std::string_view payload, std::size_t max = 1'000'000) {
  return inflate_message(out, payload, max);
}

} // namespace

TEST_CASE("what clients offer is agreed to, neither side keeping its window") {
  CHECK(answer_to("permessage-deflate") == plain_answer);                         // Firefox
  CHECK(answer_to("permessage-deflate; client_max_window_bits") == plain_answer); // Chromium, npm's ws
  CHECK(answer_to("permessage-deflate;client_max_window_bits=8 ;server_no_context_takeover") == plain_answer);
  CHECK(answer_to("permessage-deflate; client_no_context_takeover; server_max_window_bits=10") ==
        plain_answer + "; server_max_window_bits=10");
  CHECK(answer_to("permessage-deflate; server_max_window_bits=\"15\"") ==
        plain_answer + "; server_max_window_bits=15");
  CHECK(answer_to("\tpermessage-deflate ; server_max_window_bits = \"1\\2\" ,") ==
        plain_answer + "; server_max_window_bits=12");
}

TEST_CASE("the window that was asked for is the one compressed with") {
  for (unsigned bits = 9; bits <= 15; ++bits)
    CHECK(agree_on_deflate("permessage-deflate; server_max_window_bits=" + std::to_string(bits)).window == bits);
  CHECK(agree_on_deflate("permessage-deflate").window == 15);
}

TEST_CASE("an offer with a wrong parameter is passed over, the next may do") {
  for (const auto* wrong : {"server_max_window_bits", "server_max_window_bits=8", "server_max_window_bits=7",
                            "server_max_window_bits=16", "server_max_window_bits=010", "server_max_window_bits=1x",
                            "server_max_window_bits=-9", "server_max_window_bits=1", "client_max_window_bits=7",
                            "client_max_window_bits=16", "client_max_window_bits=0", "client_max_window_bits=a",
                            "server_no_context_takeover=1", "client_no_context_takeover=true", "unknown", "mux=1",
                            "server_no_context_takeover; server_no_context_takeover",
                            "client_max_window_bits; client_max_window_bits=10", "Server_no_context_takeover"}) {
    CAPTURE(wrong);
    const auto offer = "permessage-deflate; "s + wrong;
    CHECK(answer_to(offer).empty());
    CHECK(answer_to(offer + ", permessage-deflate") == plain_answer);
    CHECK(answer_to("other; a=b, " + offer + ",permessage-deflate; server_max_window_bits=9") ==
          plain_answer + "; server_max_window_bits=9");
  }
  CHECK(answer_to("").empty());
  CHECK(answer_to(" , ,").empty());
  CHECK(answer_to("permessage-bzip2, x-webkit-deflate-frame").empty());
}

TEST_CASE("what isn't a list of extensions fails the handshake") {
  for (const auto* bad :
       {"permessage-deflate;", "permessage-deflate; ;x", "permessage-deflate x", "=", "a=b", "a;b=", "a;b=\"",
        "a;b=\"\"", "a;b=\"x y\"", "a;b=\"x", "a;b=\"x\\", "a;b=\"x\"y", "a;b=c d", "\x01", "a\xC3\xA9",
        "permessage-deflate; client_max_window_bits=\"9, permessage-deflate"}) {
    CAPTURE(bad);
    CHECK(agree_on_deflate(bad).malformed);
  }
}

TEST_CASE("what was deflated is inflated, in every window and size") {
  for (unsigned bits = 9; bits <= 15; ++bits) {
    for (std::size_t size : {256U, 257U, 1000U, 16'384U, 70'000U}) {
      const auto text = words(size);
      const auto packed = deflated(text, static_cast<window_bits>(bits));
      CHECK(packed.size() < text.size());
      std::string out;
      REQUIRE(inflate(out, packed) == inflated::whole);
      CHECK(out == text);
    }
  }
}

TEST_CASE("a message is compressed alike whatever came before it") {
  const auto first = deflated(words(5000));
  (void)deflated(words(300));
  CHECK(deflated(words(5000)) == first);
}

TEST_CASE("short messages are the same for every window, and so can be shared") {
  CHECK(window_for(512, 9) == full_window);
  CHECK(window_for(513, 9) == 9);
  CHECK(window_for(32'768, 15) == full_window);
  CHECK(window_for(1'000'000, 15) == full_window);
}

TEST_CASE("what isn't worth it goes out as it is") {
  std::string out = "before";
  CHECK_FALSE(deflate_message(out, words(least_compressed - 1), full_window));
  CHECK_FALSE(deflate_message(out, noise(100'000), full_window));
  CHECK_FALSE(deflate_message(out, "", full_window));
  CHECK(out == "before");
}

TEST_CASE("the examples of RFC 7692") {
  std::string out;
  const std::vector<std::string> hellos{
      "\xf2\x48\xcd\xc9\xc9\x07\x00"s,                         // one block
      "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s,         // not compressed
      "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s,                     // the last block, as such
      "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s, // two blocks
  };
  for (const auto& payload : hellos) {
    CHECK(inflate(out, payload) == inflated::whole);
    CHECK(out == "Hello");
  }
  CHECK(inflate(out, "\0"s) == inflated::whole);
  CHECK(out.empty());
}

TEST_CASE("lenient: a last block without the byte behind it, and nothing at all") {
  std::string out;
  CHECK(inflate(out, "\xf3\x48\xcd\xc9\xc9\x07\x00"s) == inflated::whole);
  CHECK(out == "Hello");
  CHECK(inflate(out, "") == inflated::whole);
  CHECK(out.empty());
}

TEST_CASE("blocks that end a stream may follow one another") {
  std::string out, many;
  for (int i = 0; i < 1000; ++i) many += "\xf3\x48\xcd\xc9\xc9\x07\x00"s;
  CHECK(inflate(out, many) == inflated::whole);
  CHECK(out.size() == 5000);
}

TEST_CASE("bytes that no compressor wrote are broken, wherever it is cut") {
  std::string out;
  CHECK(inflate(out, "\xff\xff\xff\xff"s) == inflated::broken);
  CHECK(inflate(out, "\x07"s) == inflated::broken);
  CHECK(inflate(out, "Hello") == inflated::broken);
  CHECK(inflate(out, "\xf2\x48\xcd\xc9\xc9\x07\x00 and more"s) == inflated::broken);
  // Looks further back than its beginning: a window kept would be needed.
  CHECK(inflate(out, "\xf2\x00\x11\x00\x00"s) == inflated::broken);
  const auto packed = deflated(words(2000));
  for (std::size_t cut = 1; cut < packed.size(); ++cut) {
    CAPTURE(cut);
    // Cut within a block it can't have the whole; never does it end well with all of the text.
    if (inflate(out, std::string_view(packed).substr(0, cut)) == inflated::whole) CHECK(out.size() < 2000);
  }
  CHECK(inflate(out, packed) == inflated::whole); // and nothing of it stays
}

TEST_CASE("a bomb is put out at the limit") {
  const std::string zeros(10'000'000, '\0');
  const auto packed = deflated(zeros);
  CHECK(packed.size() < 50'000);
  std::string out;
  CHECK(inflate(out, packed, 65'536) == inflated::too_big);
  CHECK(out.capacity() <= 2 * 65'536);
  CHECK(inflate(out, packed, 9'999'999) == inflated::too_big);
  CHECK(inflate(out, packed, 10'000'000) == inflated::whole);
  CHECK(out == zeros);
  CHECK(inflate(out, packed, 0) == inflated::too_big);
  CHECK(inflate(out, packed, static_cast<std::size_t>(-1)) == inflated::whole);
}
