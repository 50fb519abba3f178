// What is left for a client when an actor throws: an answer, and a way back.
#include "actors/runtime/metrics.hpp"
#include "tests/actors/connection/bench.hpp"

using namespace plexus;
using namespace plexus::connection::testing;

namespace {

double figure(const std::string& name) {
  const auto text = runtime::metrics::render({});
  const auto at = text.find("\n" + name + " ");
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + name.size() + 2));
}

constexpr auto failures = "plexus_actor_failures_total";

} // namespace

TEST_CASE("a connection actor that fails closes its client with 3004, which is counted") {
  bench b;
  const auto failed = figure(failures), closed = figure("plexus_client_disconnects_total{code=\"3004\"}");
  b.say(R"({"id":1,"connect":{}})");
  CHECK(b.clients.on(b.home()).clients() == 1);
  b.port.broken = true;
  CHECK(b.say(R"({"id":2,"unsubscribe":{"channel":"x"}})") == "close 3004\n");
  CHECK(b.clients.on(b.home()).clients() == 0);
  CHECK(figure(failures) == failed + 1);
  CHECK(figure("plexus_client_disconnects_total{code=\"3004\"}") == closed + 1);
}

TEST_CASE("a channel actor that fails answers what is in its hands and its mailbox, and the next one serves") {
  bench b;
  b.say(R"({"id":1,"connect":{}})");
  b.plane.throws = "subscribe";
  const auto got = b.say(R"({"id":2,"subscribe":{"channel":"x"}}
{"id":3,"publish":{"channel":"x","data":1}}
{"id":4,"history":{"channel":"x"}})");
  for (const auto* id : {"2", "3", "4"})
    CHECK(got.find(std::string(R"({"id":)") + id + R"(,"error":{"code":100)") != std::string::npos);
  CHECK(b.say(R"({"id":5,"subscribe":{"channel":"x"}})").find(R"({"id":5,"subscribe":{)") != std::string::npos);
}

TEST_CASE("a channel actor that fails sends its subscribers away, who may subscribe again") {
  bench b;
  b.say(R"({"id":1,"connect":{}})");
  b.say(R"({"id":2,"subscribe":{"channel":"x"}})");
  b.plane.throws = "append";
  const auto got = b.say(R"({"id":3,"publish":{"channel":"x","data":1}})");
  CHECK(got.find(R"({"id":3,"error":{"code":100)") != std::string::npos);
  CHECK(got.find(R"("unsubscribe":{"code":2500)") != std::string::npos);
  CHECK(b.say(R"({"id":4,"subscribe":{"channel":"x"}})").find(R"({"id":4,"subscribe":{)") != std::string::npos);
}

TEST_CASE("a presence actor that fails takes its channel along, and questions to it are answered") {
  bench b;
  const auto failed = figure(failures);
  b.say(R"({"id":1,"connect":{}})");
  b.plane.throws = "enter";
  const auto got = b.say(R"({"id":2,"subscribe":{"channel":"x"}}
{"id":3,"presence":{"channel":"x"}})");
  CHECK(got.find(R"({"id":2,"subscribe":{)") != std::string::npos);
  CHECK(got.find(R"({"id":3,"error":{"code":100)") != std::string::npos);
  CHECK(got.find(R"("unsubscribe":{"code":2500)") != std::string::npos);
  CHECK(figure(failures) == failed + 1);
  CHECK(b.say(R"({"id":4,"subscribe":{"channel":"x"}})").find(R"({"id":4,"subscribe":{)") != std::string::npos);
}
