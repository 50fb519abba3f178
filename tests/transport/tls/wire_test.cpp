#include "tests/transport/tls/peer.hpp"

#include <doctest/doctest.h>

using namespace plexus::transport;
using namespace plexus::transport::tls::testing;
using input = tls::wire::input;

namespace {

std::string numbered(std::size_t size) {
  std::string out;
  out.reserve(size + 8);
  for (std::size_t i = 0; out.size() < size; ++i) out += std::to_string(i) + ",";
  out.resize(size);
  return out;
}

segment piece(std::string text) {
  chunk_ptr c{new chunk};
  c->bytes = std::move(text);
  auto size = static_cast<std::uint32_t>(c->bytes.size());
  return {std::move(c), 0, size};
}

} // namespace

TEST_CASE("text goes both ways, with TLS 1.2 and 1.3, however the bytes are cut") {
  auto context = make_context();
  for (auto version : {TLS1_2_VERSION, TLS1_3_VERSION})
    for (std::size_t step : {1UL, 5UL, 100UL, 100'000UL}) {
      CAPTURE(version);
      CAPTURE(step);
      client c(version);
      node n(context);
      REQUIRE(shake_hands(c, n, step));
      CHECK(!n.wire.resumed());
      SSL_write(c.ssl, "hello", 5);
      CHECK(n.take(c.output()) == input::empty);
      CHECK(n.got == "hello");
      n.queue.append("welcome");
      CHECK(n.write() == outbound::result::drained);
      c.input(n.arrived());
      CHECK(c.read() == "welcome");
    }
}

TEST_CASE("nothing that is queued goes out before the handshake is over") {
  client c;
  node n(make_context());
  n.queue.append("secret");
  CHECK(n.write() == outbound::result::drained);
  CHECK(n.arrived().empty());
  CHECK(n.queue.size() == 6);
  REQUIRE(shake_hands(c, n));
  CHECK(n.queue.empty()); // with the handshake's last message
}

TEST_CASE("many pieces are joined to few records and one send") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  std::string all;
  for (int i = 0; i < 300; ++i) {
    auto text = "frame " + std::to_string(i) + ";";
    all += text;
    n.queue.append(piece(text)); // shared ones are not joined in the queue
  }
  n.sends = 0;
  CHECK(n.write() == outbound::result::drained);
  CHECK(n.sends == 1);
  auto bytes = n.arrived();
  CHECK(records(bytes).size() == 1);
  c.input(bytes);
  CHECK(c.read() == all);
}

TEST_CASE("a large piece is cut into records of 16 kB") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  auto text = numbered(40'000);
  n.queue.append(piece(text));
  CHECK(n.write() == outbound::result::drained);
  auto bytes = n.arrived();
  CHECK(records(bytes).size() == 3);
  c.input(bytes);
  CHECK(c.read() == text);
}

TEST_CASE("a socket that takes no more blocks, and everything arrives in order when it does again") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  auto text = numbered(2'000'000);
  n.queue.append(text.substr(0, 1'000'000));
  n.queue.append(piece(text.substr(1'000'000)));
  std::string got;
  auto how = n.write();
  CHECK(how == outbound::result::blocked);
  CHECK(n.wire.owes());
  for (int i = 0; i < 10'000 && how != outbound::result::drained; ++i) {
    c.input(n.arrived(7777));
    got += c.read();
    how = n.write();
  }
  c.input(n.arrived());
  got += c.read();
  CHECK(how == outbound::result::drained);
  CHECK(!n.wire.owes());
  CHECK(got == text);
}

TEST_CASE("what is encrypted and waits for the socket counts as memory of the queues") {
  const auto before = chunk::held;
  {
    client c;
    node n(make_context());
    REQUIRE(shake_hands(c, n));
    CHECK(chunk::held == before); // idle
    n.queue.append(piece(numbered(2'000'000)));
    REQUIRE(n.write() == outbound::result::blocked);
    CHECK(n.wire.unsent() > 10'000);
    CHECK(chunk::held - before >= static_cast<std::int64_t>(n.wire.unsent()));
    CHECK(chunk::held - before < 200'000);
    n.queue.drop_unsent();
    while (n.write() == outbound::result::blocked) n.arrived();
    CHECK(chunk::held == before);
    n.queue.append(piece(numbered(1'000'000)));
    REQUIRE(n.write() == outbound::result::blocked);
  }
  CHECK(chunk::held == before); // whoever goes with something unsent takes it along
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  n.queue.append(piece(numbered(1'000'000)));
  REQUIRE(n.write() == outbound::result::blocked);
  const auto held = chunk::held;
  n.wire.drop_unsent();
  CHECK(held - chunk::held > 10'000); // at once, though the object may stay a while
  CHECK_FALSE(n.wire.owes());
}

TEST_CASE("what is dropped of a blocked queue leaves whole frames behind it") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  std::string all;
  for (int i = 0; i < 100; ++i) {
    auto text = "<" + std::string(20'000, static_cast<char>('a' + i % 26)) + ">";
    all += text;
    n.queue.append(piece(text));
  }
  REQUIRE(n.write() == outbound::result::blocked);
  auto before = n.queue.size();
  CHECK(n.queue.drop_unsent() > before / 2);
  n.queue.append("<end>");
  std::string got;
  while (n.write() == outbound::result::blocked) {
    c.input(n.arrived());
    got += c.read();
  }
  c.input(n.arrived());
  got += c.read();
  CHECK(got.ends_with("><end>"));
  auto frames = got.substr(0, got.size() - 5);
  CHECK(frames.size() % 20'002 == 0);
  CHECK(all.starts_with(frames));
}

TEST_CASE("a second connection resumes with the ticket of the first, where the certificate is the same") {
  for (auto version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    auto context = make_context();
    client first(version);
    node n(context);
    REQUIRE(shake_hands(first, n));
    auto* session = SSL_get1_session(first.ssl);
    REQUIRE(SSL_SESSION_has_ticket(session) == 1);
    client second(version, session), third(version, session);
    node again(context), renewed(make_context());
    REQUIRE(shake_hands(second, again));
    CHECK(again.wire.resumed());
    CHECK(SSL_session_reused(second.ssl) == 1);
    REQUIRE(shake_hands(third, renewed)); // a full handshake, no failure
    CHECK(!renewed.wire.resumed());
    SSL_SESSION_free(session);
  }
}

TEST_CASE("versions before 1.2 are refused, and told so") {
  for (auto version : {TLS1_VERSION, TLS1_1_VERSION}) {
    client c(version);
    node n(make_context());
    CHECK(!shake_hands(c, n));
    CHECK(n.wire.fault() == std::string("unsupported protocol"));
    c.read();
    CHECK(c.error == SSL_ERROR_SSL); // the alert
  }
}

TEST_CASE("of the protocols a client offers http/1.1 is taken, and others alone are refused") {
  auto context = make_context();
  const std::string h2("\x02h2"), both("\x02h2\x08http/1.1");
  client c(TLS1_3_VERSION, nullptr, both);
  node n(context);
  REQUIRE(shake_hands(c, n));
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(c.ssl, &chosen, &size);
  CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
  client other(TLS1_3_VERSION, nullptr, h2);
  node refusing(context);
  CHECK(!shake_hands(other, refusing));
}

TEST_CASE("what isn't TLS is a fault") {
  for (std::string_view text :
       {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\x01 too long a record", "hello, node\n"}) {
    node n(make_context());
    CHECK(n.take(text) == input::failed);
    CHECK(!n.wire.established());
    CHECK(n.got.empty());
    n.write();
  }
}

TEST_CASE("a record that was changed on its way ends the connection") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  SSL_write(c.ssl, "hello", 5);
  auto bytes = c.output();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  CHECK(n.take(bytes) == input::failed);
  CHECK(n.got.empty());
}

TEST_CASE("a renegotiation is refused") {
  client c(TLS1_2_VERSION);
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  SSL_renegotiate(c.ssl);
  SSL_do_handshake(c.ssl);
  auto how = n.take(c.output());
  n.write();
  c.input(n.arrived());
  CHECK(how != input::bytes);
  CHECK(SSL_do_handshake(c.ssl) != 1);
  CHECK(SSL_get_error(c.ssl, -1) == SSL_ERROR_SSL);
}

TEST_CASE("who asks for answers and reads none of them costs no more than the bound") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  auto how = input::empty;
  int asked = 0;
  for (; asked < 20'000 && how == input::empty; ++asked) {
    SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(c.ssl);
    how = n.take(c.output()); // and the socket takes nothing
  }
  std::size_t owed = 0;
  do {
    n.write();
    owed += n.arrived().size();
  } while (n.wire.owes());
  CAPTURE(asked);
  CHECK(owed <= 140'000);
}

TEST_CASE("both ends say goodbye") {
  client c;
  node n(make_context());
  REQUIRE(shake_hands(c, n));
  n.queue.append("last words");
  CHECK(n.write() == outbound::result::drained);
  n.wire.say_end();
  CHECK(n.wire.owes());
  CHECK(n.write() == outbound::result::drained);
  c.input(n.arrived());
  CHECK(c.read() == "last words");
  CHECK(c.error == SSL_ERROR_ZERO_RETURN);
  SSL_shutdown(c.ssl);
  CHECK(n.take(c.output()) == input::ended);
}
