#include "actors/runtime/metrics.hpp"
#include "tests/transport/api/fixture.hpp"
#include "transport/api/answer.hpp"
#include "transport/api/pending.hpp"

#include <atomic>
#include <future>
#include <thread>

using namespace plexus;
using namespace plexus::test;

namespace {

http::request with_headers(std::vector<std::pair<std::string, std::string>> headers, std::string query = "") {
  return {"POST", "/api/info", std::move(query), std::move(headers), "{}"};
}

std::string header(const http::response& answer, std::string_view name) {
  for (const auto& [n, value] : answer.headers)
    if (n == name) return value;
  return {};
}

/// The value of a line of the metrics.
double metric(const std::string& line) {
  const auto all = runtime::metrics::render({});
  const auto at = all.find("\n" + line + " ");
  return at == std::string::npos ? -1 : std::stod(all.substr(at + line.size() + 2));
}

} // namespace

TEST_CASE("the key is taken from its header, from Authorization and from the query") {
  api_node node;
  CHECK(node.ask(with_headers({{"x-api-key", "secret"}})).status == 200);
  CHECK(node.ask(with_headers({{"authorization", "apikey secret"}})).status == 200);
  CHECK(node.ask(with_headers({{"authorization", "ApiKey  secret"}})).status == 200);
  CHECK(node.ask(with_headers({}, "x=1&api_key=secret")).status == 200);
  CHECK(node.ask(with_headers({{"authorization", "Basic secret"}}, "api_key=secret")).status == 200);
}

TEST_CASE("a wrong or missing key is 401, whatever else is wrong") {
  api_node node;
  for (const auto* key : {"Secret", "secre", "secrets", "secret ", ""})
    CHECK(node.ask(with_headers({{"x-api-key", key}})).status == 401);
  CHECK(node.ask(with_headers({})).status == 401);
  CHECK(node.ask(with_headers({{"authorization", "Bearer secret"}})).status == 401);
  CHECK(node.ask(with_headers({{"authorization", "apikey"}})).status == 401);
  CHECK(node.ask(with_headers({}, "api_key=")).status == 401);
  CHECK(node.ask(with_headers({{"x-api-key", "wrong"}}, "api_key=secret")).status == 401);
  CHECK(node.ask({"GET", "/api/nothing", "", {}, ""}).status == 401);
}

TEST_CASE("without a configured key the API is off, also for those who send none") {
  auto all = api_settings();
  all.api.key.clear();
  api_node node(std::move(all));
  CHECK(node.ask(with_headers({})).status == 403);
  auto answer = node.ask(with_headers({{"x-api-key", "secret"}}));
  CHECK(answer.status == 403);
  CHECK(answer.body == "The HTTP API is off: no api.key is configured.\n");
}

TEST_CASE("a key that changed at a reload counts from the next request on") {
  api_node node;
  auto all = api_settings();
  all.api.key = "another";
  node.settings = std::make_shared<const config::settings>(std::move(all));
  CHECK(node.ask(with_headers({{"x-api-key", "secret"}})).status == 401);
  CHECK(node.ask(with_headers({{"x-api-key", "another"}})).status == 200);
}

TEST_CASE("what isn't a POST is 405") {
  api_node node;
  auto what = node.request("/api/info", "{}");
  what.method = "GET";
  auto answer = node.ask(what);
  CHECK(answer.status == 405);
  CHECK(header(answer, "Allow") == "POST");
}

TEST_CASE("a body that can't be read is 400 with a sentence, an unknown method 404") {
  api_node node;
  for (const auto* body : {"", "{", "[]", "null", "{} x", R"({"channel":1,"data":{}})"}) {
    CAPTURE(body);
    auto answer = node.ask(node.request("/api/publish", body));
    CHECK(answer.status == 400);
    CHECK(answer.content_type == "text/plain; charset=utf-8");
    CHECK(answer.body.size() > 10);
  }
  CHECK(node.ask(node.request("/api", "")).status == 400);
  CHECK(node.ask(node.request("/api/batch", "[")).status == 400);
  auto unknown = node.ask(node.request("/api/fly", "{}"));
  CHECK(unknown.status == 404);
  CHECK(unknown.body == "there is no method fly\n");
  CHECK(node.ask(node.request("/apipublish", "{}")).status == 404);
  CHECK(node.ask(node.request("/api", R"({"method":"fly","params":{}})")).status == 404);
}

TEST_CASE("the older form names the method in the body") {
  api_node node;
  auto answer = node.ask(node.request("/api", R"({"method":"publish","params":{"channel":"news","data":{}}})"));
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"result":{}})");
}

TEST_CASE("in transport mode an error is bare and has a status") {
  api_node node;
  const auto ask = [&](const std::string& method, const std::string& body) {
    auto what = node.request("/api/" + method, body);
    what.headers.emplace_back("x-centrifugo-error-mode", "transport");
    return node.ask(what);
  };
  auto unknown = ask("publish", R"({"channel":"no:such","data":1})");
  CHECK(unknown.status == 404);
  CHECK(unknown.content_type == "application/json");
  CHECK(unknown.body == R"({"code":102,"message":"unknown channel"})");
  auto missing = ask("publish", R"({"channel":"news"})");
  CHECK(missing.status == 400);
  CHECK(missing.body == R"({"code":107,"message":"data is needed"})");
  CHECK(ask("presence", R"({"channel":"news"})").status == 501);
  CHECK(ask("history", R"({"channel":"log:a","limit":1,"since":{"offset":1,"epoch":"other"}})").status == 416);
  CHECK(ask("publish", R"({"channel":"news","data":1})").body == R"({"result":{}})");
  auto batch = ask("batch", R"({"commands":[{"rpc":{"method":"m"}}]})");
  CHECK(batch.status == 200);
  CHECK(json::parse(batch.body)["replies"][0]["error"]["code"] == 108);
}

TEST_CASE("an RPC is answered with 108, as nothing handles it") {
  api_node node;
  CHECK(node.error("rpc", R"({"method":"anything","data":{}})") == 108);
}

TEST_CASE("a batch answers in the order of its commands, without `result`") {
  api_node node;
  for (const std::string parallel : {"false", "true"}) {
    const auto channel = "log:" + parallel;
    auto replies = json::parse(node.call(
        "batch", R"({"parallel":)" + parallel + R"(,"commands":[{"publish":{"channel":")" + channel +
                     R"(","data":1}},)" +
                     R"({"publish":{"channel":"no:such","data":1}},{"fly":{}},{"publish":{"channel":"x"}},)" +
                     R"({"publish":{"channel":")" + channel + R"(","data":2}},{"rpc":{"method":"m"}},)" +
                     R"({"history":{"channel":")" + channel + R"(","limit":-1}}]})"))["replies"];
    REQUIRE(replies.size() == 7);
    CHECK(replies[0]["publish"]["offset"] == 1);
    CHECK(replies[1]["error"]["code"] == 102);
    CHECK(replies[2]["error"]["code"] == 104);
    CHECK(replies[3]["error"]["code"] == 107);
    CHECK(replies[4]["publish"]["offset"] == 2);
    CHECK(replies[5]["error"]["code"] == 108);
    CHECK(replies[6]["history"]["publications"].size() == 2);
  }
  CHECK(node.call("batch", R"({"commands":[]})") == R"({"replies":[]})");
}

TEST_CASE("a long batch doesn't run over the stack") {
  api_node node;
  std::string body = R"({"commands":[)";
  for (int i = 0; i < 50'000; ++i) body += R"({"x":{}},)";
  body += R"({"rpc":{"method":"m"}}]})";
  std::optional<http::response> answer;
  node.api.handle(node.request("/api/batch", body), [&](http::response what) { answer = std::move(what); });
  for (int i = 0; i < 50'000 && !answer; ++i) node.loops.at(0).turn(false);
  REQUIRE(answer);
  CHECK(json::parse(answer->body)["replies"].size() == 50'001);
}

TEST_CASE("requests and errors are counted by method and code") {
  api_node node;
  const auto rpcs = metric(R"(plexus_api_requests_total{method="rpc"})");
  const auto batches = metric(R"(plexus_api_requests_total{method="batch"})");
  const auto others = metric(R"(plexus_api_requests_total{method="other"})");
  const auto refused = metric(R"(plexus_api_errors_total{code="108"})");
  const auto unauthorized = metric(R"(plexus_api_errors_total{code="101"})");
  REQUIRE(rpcs >= 0);
  REQUIRE(refused >= 0);
  node.call("rpc", R"({"method":"m"})");
  node.call("batch", R"({"commands":[{"rpc":{"method":"m"}}]})");
  node.ask(node.request("/api/fly", "{}"));
  node.ask(with_headers({}));
  CHECK(metric(R"(plexus_api_requests_total{method="rpc"})") == rpcs + 2);
  CHECK(metric(R"(plexus_api_requests_total{method="batch"})") == batches + 1);
  CHECK(metric(R"(plexus_api_requests_total{method="other"})") == others + 1);
  CHECK(metric(R"(plexus_api_errors_total{code="108"})") == refused + 2);
  CHECK(metric(R"(plexus_api_errors_total{code="101"})") == unauthorized + 1);
}

TEST_CASE("a promise that nobody keeps is answered with 100, unless the handler is gone") {
  runtime::runtime loops(1);
  auto open = std::make_shared<const int>(0);
  const transport::api::caller from{loops.at(0), nullptr, open};
  std::vector<int> codes;
  const auto note = [&](const protocol::api_answer& what) {
    codes.push_back(static_cast<int>(std::get<protocol::api_error>(what).code));
  };
  std::make_shared<transport::api::pending>(from, note);
  loops.at(0).turn(false);
  CHECK(codes == std::vector{100});
  auto late = std::make_shared<transport::api::pending>(from, note);
  open.reset();
  late.reset();
  loops.at(0).turn(false);
  CHECK(codes.size() == 1);
}

TEST_CASE("with several loops each request is answered on the loop that asked") {
  runtime::runtime loops(2);
  const auto settings = std::make_shared<const config::settings>(api_settings());
  api_listener listener;
  backplane::memory_backplane plane(
      std::make_shared<backplane::memory_store>(), "node", listener,
      [&](std::string_view channel, backplane::backplane::task work) { loops.of(channel).post(work); },
      [] { return backplane::milliseconds{1'000'000}; });
  auto channels = std::make_unique<channel::channel_router>(loops, plane, settings);
  connection::directory clients(2);
  cluster::cluster nodes(loops, plane, "name");
  transport::api::api_handler api(loops, *channels, clients, plane, nodes, [&] { return settings; },
                                  {"uid", "name", "1.0"});
  loops.start();

  std::string body = R"({"data":{},"channels":["log:0")";
  std::size_t on_second = loops.of("log:0").index();
  for (int i = 1; i < 40; ++i) {
    const auto name = "log:" + std::to_string(i);
    body += ",\"" + name + "\"";
    on_second += loops.of(name).index();
  }
  body += "]}";
  REQUIRE(on_second > 0); // both loops have channels
  REQUIRE(on_second < 40);

  const auto ask = [&](runtime::loop& from, const std::string& method, const std::string& text) {
    auto answered = std::make_shared<std::promise<std::pair<bool, std::string>>>();
    auto future = answered->get_future();
    from.post([&api, &from, answered, method, text] {
      api.handle({"POST", "/api/" + method, "", {{"x-api-key", "secret"}}, text}, [&from, answered](auto answer) {
        answered->set_value({runtime::loop::current() == &from, answer.body});
      });
    });
    REQUIRE(future.wait_for(10s) == std::future_status::ready);
    auto [at_home, text_back] = future.get();
    CHECK(at_home);
    return text_back;
  };
  for (unsigned i = 0; i < 2; ++i) {
    auto responses = json::parse(ask(loops.at(i), "broadcast", body))["result"]["responses"];
    REQUIRE(responses.size() == 40);
    for (const auto& each : responses) CHECK(each["result"]["offset"] == i + 1);
    CHECK(ask(loops.at(i), "channels", "{}") == R"({"result":{"channels":{}}})");
    CHECK(json::parse(ask(loops.at(i), "info", "{}"))["result"]["nodes"].size() == 1);
    CHECK(ask(loops.at(i), "disconnect", R"({"user":"nobody"})") == R"({"result":{}})");
  }

  // The channels' actors end on their loops before the router goes.
  std::promise<void> ended;
  loops.on_each(
      [&](runtime::loop& on) {
        for (const auto& [name, entry] : channels->table(on).all())
          caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
      },
      [&] { ended.set_value(); });
  REQUIRE(ended.get_future().wait_for(10s) == std::future_status::ready);
  std::atomic<std::size_t> left{1};
  for (int i = 0; i < 1000 && left > 0; ++i) {
    std::promise<void> counted;
    left = 0;
    loops.on_each([&](runtime::loop& on) { left += channels->table(on).all().size(); },
                  [&] { counted.set_value(); });
    REQUIRE(counted.get_future().wait_for(10s) == std::future_status::ready);
  }
  CHECK(left == 0);
  loops.stop();
}
