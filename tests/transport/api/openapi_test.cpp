#include "transport/api/openapi.hpp"

#include "tests/transport/api/fixture.hpp"

#include <set>

using namespace plexus;
using namespace plexus::test;

namespace {

const json& document() {
  static const auto parsed = json::parse(transport::api::openapi_document());
  return parsed;
}

/// What a reference leads to.
const json& resolved(const json& schema) {
  if (!schema.contains("$ref")) return schema;
  return document().at(json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
}

} // namespace

TEST_CASE("the description has the methods that the code has, and no others") {
  std::set<std::string> described, known;
  for (const auto& [path, item] : document()["paths"].items()) {
    described.insert(path);
    CHECK(item.size() == 1);
    CHECK(item.contains("post"));
  }
  for (const auto method : protocol::api_methods()) known.insert("/api/" + std::string(method));
  CHECK(described == known);
}

TEST_CASE("every described method is dispatched, and its example is understood") {
  api_node node;
  for (const auto& [path, item] : document()["paths"].items()) {
    INFO(path);
    const auto& content = item["post"]["requestBody"]["content"]["application/json"];
    REQUIRE(content.contains("example"));
    const auto answer = node.ask(node.request(path, content["example"].dump()));
    CHECK(answer.status == 200);
    const auto body = json::parse(answer.body);
    // Of the namespaces in the examples this node has none.
    if (body.contains("error")) CHECK((body["error"]["code"] == 102 || body["error"]["code"] == 108));
  }
}

TEST_CASE("the fields that are required are those that the code asks for") {
  api_node node;
  for (const auto& [path, item] : document()["paths"].items()) {
    INFO(path);
    const auto& content = item["post"]["requestBody"]["content"]["application/json"];
    const auto& schema = resolved(content["schema"]);
    for (const auto& field : schema.value("required", json::array())) {
      auto without = content["example"];
      without.erase(field.get<std::string>());
      const auto body = json::parse(node.ask(node.request(path, without.dump())).body);
      REQUIRE(body.contains("error"));
      CHECK(body["error"]["code"] == 107);
    }
    // A described field of the wrong type is refused: so the code reads it.
    const auto fields = schema.value("properties", json::object());
    for (const auto& [name, field] : fields.items()) {
      if (!resolved(field).contains("type") || name == "commands") continue;
      INFO(name);
      auto wrong = content["example"];
      wrong[name] = resolved(field)["type"] == "string" ? json(5) : json("x");
      CHECK(node.ask(node.request(path, wrong.dump())).status == 400);
    }
  }
}

TEST_CASE("the description is read with GET and without a key") {
  transport::api::openapi_handler handler;
  http::response got;
  handler.handle({"GET", "/api/openapi.json", "", {}, ""}, [&](http::response r) { got = std::move(r); });
  CHECK(got.status == 200);
  CHECK(got.content_type == "application/json");
  CHECK(got.body == transport::api::openapi_document());
  handler.handle({"POST", "/api/openapi.json", "", {}, ""}, [&](http::response r) { got = std::move(r); });
  CHECK(got.status == 405);
}
